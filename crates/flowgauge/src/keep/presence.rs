//! Notes that flowgauge is running, so that a report later tells an hour without requests from one in which nobody looked.
//!
//! Refuses to stop anything: a note that cannot be written is said in the log, and the stretch is told as an absence.

use crate::serve::clock::Clock;
use crate::store::{Presence, StoreError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Between two notes: a crash hides at most so much of its own time.
const EVERY: Duration = Duration::from_secs(20);

/// The run that goes on.
#[derive(Debug)]
pub struct Here {
    presence: Arc<Presence>,
    clock: Clock,
}

impl Here {
    /// Begins a run.
    ///
    /// # Errors
    /// The database cannot be opened or written.
    pub fn begin(dir: &Path, clock: Clock) -> Result<Self, StoreError> {
        Ok(Self { presence: Arc::new(Presence::begin(dir, clock.now())?), clock })
    }

    /// Notes on until told to stop, and once more then.
    pub async fn run(self, stop: CancellationToken) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let last = tokio::select! {
                () = stop.cancelled() => true,
                _ = ticks.tick() => false,
            };
            let (presence, now) = (Arc::clone(&self.presence), self.clock.now());
            let noted = tokio::task::spawn_blocking(move || presence.seen(now)).await;
            match noted {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "it is not noted that flowgauge runs"),
                Err(error) => tracing::warn!(%error, "it is not noted that flowgauge runs"),
            }
            if last {
                break;
            }
        }
    }
}
