//! What people and machines are shown.

pub mod page;
