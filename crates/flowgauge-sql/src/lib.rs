//! SQL over what the store holds: the only crate that knows the query engine.
//!
//! A statement runs in a process of its own that opens no database and may read segments only
//! (decisions D7, D26). Flow: `wire` (frames) → `policy` (what may be asked) → `dialect` (what clients of
//! Postgres write) → `table` → `function` → `catalog` → `worker`.

pub mod catalog;
pub mod dialect;
pub mod encode;
pub mod policy;
pub mod schema;
pub mod session;
pub mod wire;
pub mod worker;

mod function;
mod sandbox;
mod table;
