//! The doors through which calls become known.

pub mod gateway;
pub mod ingest;
