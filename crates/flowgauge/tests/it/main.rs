//! Behaviour of the whole program, one binary so that it links once; a module per topic.

mod api;
mod commands;
mod config;
mod demo;
mod durability;
mod replay;
