//! The dead-man's switch: somebody outside is told every minute that evaluation, store and outbox
//! work, and notices when that stops coming.
//!
//! Refuses to say so by being alive: a beat needs a tick, a commit and a look at the outbox that are
//! no older than they may be. It is exempt from silences.

use super::Way;
use super::board::Board;
use super::ways::Outcome;
use crate::judge::engine::Proof;
use crate::logic::unit::{Micros, UnixMicros};
use crate::serve::clock::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// The name under which it is known (alerting 9).
const NAME: &str = "flowgauge_watchdog";
/// Ticks that may be late before evaluation counts as stalled: as many as a restart may miss (D20).
const LATE_TICKS: u64 = 3;
/// Least patience with any stage: a disk that is slow for seconds is no stall.
const PATIENCE: Micros = Micros::from_millis(30_000);

/// Between two looks at a start that is not over yet.
const STARTING: Duration = Duration::from_millis(50);

/// How old each proof may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of evaluation and commit.
    pub engine: Micros,
    /// Of the look at the outbox.
    pub outbox: Micros,
}

impl Limits {
    /// Those of an engine with this tick.
    #[must_use]
    pub fn of(tick: Micros) -> Self {
        let engine = Micros(tick.0.saturating_mul(LATE_TICKS)).max(PATIENCE);
        Self { engine, outbox: PATIENCE }
    }

    /// Which stage has stalled; nothing where all of them work.
    #[must_use]
    pub fn stalled(
        &self,
        proof: Proof,
        looked: Option<UnixMicros>,
        now: UnixMicros,
    ) -> Option<&'static str> {
        let stale =
            |at: Option<UnixMicros>, limit: Micros| at.is_none_or(|at| now.since(at) > limit);
        if stale(proof.ticked, self.engine) {
            Some("evaluation")
        } else if stale(proof.committed, self.engine) {
            Some("store")
        } else if stale(looked, self.outbox) {
            Some("outbox")
        } else {
            None
        }
    }
}

/// Beats.
#[derive(Debug)]
pub struct Heart<W> {
    /// Where to.
    pub url: String,
    /// How often.
    pub every: Micros,
    /// How old a proof may be.
    pub limits: Limits,
    /// Environment of this flowgauge.
    pub environment: String,
    /// The way out.
    pub ways: Arc<W>,
    /// What the engine has proved.
    pub proof: watch::Receiver<Proof>,
    /// When the outbox was looked at.
    pub board: Arc<Board>,
    /// What time it is.
    pub clock: Clock,
}

impl<W: Way> Heart<W> {
    /// Beats until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => return,
            () = self.begin() => {}
        }
        let mut ticks = interval(Duration::from_micros(self.every.0.max(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                beaten = self.beat() => match beaten {
                    Ok(()) => silent = false,
                    Err(why) if silent => tracing::debug!(why, "no heartbeat"),
                    Err(why) => {
                        silent = true;
                        tracing::error!(why, "no heartbeat");
                    }
                },
            }
        }
    }

    /// Waits until every stage has worked once: a start is no fault. One that never does is.
    async fn begin(&self) {
        let begun = self.clock.monotonic();
        while self.proof.borrow().committed.is_none() || self.board.looked().is_none() {
            if self.clock.monotonic().saturating_sub(begun) > PATIENCE {
                return;
            }
            tokio::time::sleep(STARTING).await;
        }
    }

    /// Beats once.
    ///
    /// # Errors
    /// A stage has stalled, or the switch did not take it.
    pub async fn beat(&self) -> Result<(), String> {
        let now = self.clock.now();
        let proof = *self.proof.borrow();
        if let Some(stage) = self.limits.stalled(proof, self.board.looked(), now) {
            return Err(format!("{stage} has stalled"));
        }
        let body = serde_json::json!({
            "alert": NAME,
            "status": "alive",
            "environment": self.environment,
            "time": now.to_rfc3339(),
            "tick": proof.ticked.map(UnixMicros::to_rfc3339),
        });
        let sent = self.ways.beat(&self.url, &body).await;
        match sent.outcome {
            Outcome::Delivered | Outcome::PartlyRefused { .. } => Ok(()),
            Outcome::Later { .. }
            | Outcome::Ambiguous
            | Outcome::Refused { .. }
            | Outcome::Gone => {
                Err(format!("the dead-man's switch did not take it: {}", sent.answer))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMicros = UnixMicros(1_700_000_000_000_000);

    fn ago(seconds: i64) -> Option<UnixMicros> {
        Some(UnixMicros(NOW.0 - seconds * 1_000_000))
    }

    #[test]
    fn any_stalled_stage_stops_the_heartbeat() {
        let limits = Limits::of(Micros::from_millis(20_000));
        let of = |ticked, committed, looked| {
            limits.stalled(
                Proof { ticked: ago(ticked), committed: ago(committed) },
                ago(looked),
                NOW,
            )
        };
        assert_eq!(of(60, 60, 30), None);
        assert_eq!(of(61, 0, 0), Some("evaluation"));
        assert_eq!(of(0, 61, 0), Some("store"));
        assert_eq!(of(0, 0, 31), Some("outbox"));
        assert_eq!(limits.stalled(Proof::default(), ago(0), NOW), Some("evaluation"));
        let proof = Proof { ticked: ago(0), committed: ago(0) };
        assert_eq!(limits.stalled(proof, None, NOW), Some("outbox"));
    }

    #[test]
    fn a_fast_tick_leaves_the_disk_some_patience() {
        assert_eq!(Limits::of(Micros::from_millis(100)).engine, PATIENCE);
    }
}
