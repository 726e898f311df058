//! Notifications on their way out.

pub mod ways;
