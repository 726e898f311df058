//! HTTP API, live stream and embedded pages.

pub mod assets;
