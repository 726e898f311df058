//! Notifications on their way out: what waits in the outbox is sent, and what came of it is kept.
//!
//! The decisions are in `logic::alert::queue`; this acts on them. Refuses to lose a message: a row
//! leaves the outbox only when a receiver has it, or as a dead letter that people see.

pub mod ways;

mod board;
mod breaker;
mod heartbeat;
mod outbox;
mod rehearse;
mod standing;
mod worker;

#[cfg(test)]
mod tests;

pub use board::{Board, Channels, Counts};
pub use breaker::{Breaker, Open};
pub use heartbeat::{Heart, Limits};
pub use rehearse::Rehearsal;
pub use standing::Standing;
pub use worker::Deliver;

use crate::config::alerts::Channel;
use crate::logic::alert::notice::{Message, Notice};
use crate::store::WayNote;
use std::fmt::Debug;
use std::future::Future;
use ways::{Sent, Ways};

/// How a notice gets out. Tests and drills bring their own.
pub trait Way: Debug + Send + Sync + 'static {
    /// Sends a notice once.
    fn send(&self, channel: &Channel, notice: &Notice) -> impl Future<Output = Sent> + Send;
    /// Tells every one of several Alertmanagers how alerts stand.
    fn forward(&self, urls: &[String], messages: &[Message]) -> impl Future<Output = Sent> + Send;
    /// What it remembers of messages and the disk does not know yet: kept with what came of them.
    fn notes(&self) -> Vec<WayNote> {
        Vec::new()
    }
    /// These could not be kept.
    fn unkept(&self, _notes: &[WayNote]) {}
    /// Tells a dead-man's switch that flowgauge is alive.
    fn beat(&self, url: &str, body: &serde_json::Value) -> impl Future<Output = Sent> + Send;
}

impl Way for Ways {
    async fn send(&self, channel: &Channel, notice: &Notice) -> Sent {
        Self::send(self, channel, notice).await
    }

    async fn forward(&self, urls: &[String], messages: &[Message]) -> Sent {
        Self::forward(self, urls, messages).await
    }

    fn notes(&self) -> Vec<WayNote> {
        Self::notes(self)
    }

    fn unkept(&self, notes: &[WayNote]) {
        Self::unkept(self, notes);
    }

    async fn beat(&self, url: &str, body: &serde_json::Value) -> Sent {
        Self::beat(self, url, body).await
    }
}
