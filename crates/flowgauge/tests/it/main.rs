//! Behaviour of the whole program: one binary so that it links once, a module per topic.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests write wire formats and ranks of small numbers"
)]

mod api;
mod commands;
mod config;
mod demo;
mod durability;
mod gateway;
mod import;
mod otlp;
mod otlp_wire;
mod replay;
