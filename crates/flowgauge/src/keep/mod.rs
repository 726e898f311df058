//! What is done at set times, whoever asks: uptime checks.
//!
//! Refuses the request path: everything here runs on the control runtime.

pub mod checks;

pub use checks::Watch;
