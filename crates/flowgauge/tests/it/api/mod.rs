//! The HTTP API of a served flowgauge, over a real socket.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of a test that fails may panic like the test"
)]

mod access;
mod answers;
mod client;
mod doors;
mod lifecycle;
mod live;
