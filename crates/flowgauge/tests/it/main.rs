//! Behaviour of the whole program, one binary so that it links once; a module per topic.

mod api;
mod commands;
mod config;
mod demo;
mod durability;
//! Integration tests: one binary, one module per topic.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests write wire formats and ranks of small numbers"
)]

#[cfg(test)]
mod import;
#[cfg(test)]
mod otlp;
#[cfg(test)]
mod otlp_wire;
mod replay;
//! Integration tests, one binary; a module per behaviour a user sees.

mod gateway;
