//! HTTP API, live stream and embedded pages.
