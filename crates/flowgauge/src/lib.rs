//! flowgauge: measures, judges, reports on and controls the performance of an LLM application.
//!
//! The flow, in the order of the modules: `receive` sees a call (gateway, OTLP, import), `record`
//! queues it and makes it durable in the `store`, `control` holds what is switched how, `query` answers questions from rollups, `judge`
//! evaluates rules, `tell` shows and sends (HTTP API, page, notifications), `keep` does what is due at set times, `serve` builds and runs all of
//! it, `cli` is the command line, `demo` a pretend application.

pub use flowgauge_logic as logic;
pub use flowgauge_store as store;

pub mod cli;
pub mod config;
pub mod control;
pub mod demo;
pub mod judge;
pub mod keep;
pub mod query;
pub mod receive;
pub mod record;
pub mod serve;
pub mod tell;
