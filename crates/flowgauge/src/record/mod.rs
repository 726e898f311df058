//! Between the doors and the store: a bounded queue, one writer thread, group commit.
//!
//! The gateway never waits here: a full queue drops the row, counts it and shows a gap. Ingest
//! waits for the commit and is refused, never lied to, when there is no room (decision D6).

use crate::logic::call::Call;
use crate::store::{Event, Reader};
use std::sync::Arc;
use tokio::sync::broadcast;

/// Handle on the writer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Recorder {}

/// Rows made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Rows stored.
    pub stored: u64,
    /// Rows known already.
    pub duplicates: u64,
}

/// Not stored; the sender should come back later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; retry in {retry_after_s} s")]
pub struct Refused {
    /// Why, for the sender.
    pub reason: String,
    /// When room is likely.
    pub retry_after_s: u32,
}

/// Counters of the writer since start.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RecordStats {
    /// Rows handed in.
    pub received: u64,
    /// Rows durable.
    pub stored: u64,
    /// Rows known already.
    pub duplicates: u64,
    /// Rows lost, each of them shown in a gap.
    pub lost: u64,
    /// Commits.
    pub commits: u64,
    /// Rows waiting.
    pub queued: u64,
    /// Why the store does not take rows now; nothing in health.
    pub degraded: Option<String>,
}

impl Recorder {
    /// Notes that a call began, in the form its row has if flowgauge dies before its end. Never waits.
    pub fn started(&self, _call: Call) {}

    /// Hands over a finished call. Never waits; what does not fit is counted as lost.
    pub fn finished(&self, _call: Call) {}

    /// Stores rows and returns once they are durable.
    pub async fn submit(&self, _calls: Vec<Call>, _events: Vec<Event>) -> Result<Ack, Refused> {
        Ok(Ack { stored: 0, duplicates: 0 })
    }

    /// Every finished call from now on, for live views; slow listeners miss some.
    #[must_use]
    pub fn live(&self) -> broadcast::Receiver<Arc<Call>> {
        broadcast::channel(1).1
    }

    /// A read handle, or nothing while the store cannot be opened.
    #[must_use]
    pub fn reader(&self) -> Option<Reader> {
        None
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> RecordStats {
        RecordStats::default()
    }
}
