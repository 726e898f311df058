//! Integration tests: one binary, one module per topic.

mod import;
mod otlp;
mod otlp_wire;
