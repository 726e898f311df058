//! Integration tests, one binary; a module per behaviour a user sees.

mod api;
mod demo;
mod replay;
//! Behaviour of the whole program, one binary so that it links once.

mod durability;
