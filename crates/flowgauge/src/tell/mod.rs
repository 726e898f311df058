//! What people and machines are shown.

pub mod deliver;
pub mod page;
pub mod reporter;
