//! Integration tests, one binary; a module per behaviour a user sees.

mod gateway;
