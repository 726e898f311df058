//! OTLP and files: calls that others saw.
//!
//! Owns the OTLP doors and the file importer. Refuses silence: what is not stored is refused with
//! its number and reason, and what is answered with success is on disk.

pub mod import;
pub mod otlp;

pub use otlp::{Ingest, Signal};
