//! The HTTP API of a served flowgauge, over a real socket.

mod access;
mod answers;
pub(crate) mod client;
mod conditional;
mod control;
mod doors;
mod figures;
mod lifecycle;
mod live;
mod notes;
mod providers;
mod session;
