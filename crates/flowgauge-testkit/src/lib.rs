//! Scripted upstreams and what else tests and benchmarks need. Never part of the program.

pub mod processes;
pub mod upstream;
pub mod wedge;
