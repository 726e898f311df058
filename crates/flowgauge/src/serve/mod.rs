//! Builds, wires, runs and stops all parts.

pub mod clock;
pub mod keys;
