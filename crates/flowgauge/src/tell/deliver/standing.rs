//! Alertmanagers that take over must be told again and again: an alert that is not repeated within
//! `endsAt` ends there by itself (alerting 17.5).
//!
//! Only what was delivered once is repeated. A repeat that fails is made good by the next one, so
//! nothing of it is kept.

use super::Way;
use super::board::Board;
use super::ways::Outcome;
use crate::config::alerts::ChannelKind;
use crate::logic::alert::notice::Message;
use crate::logic::unit::{Micros, UnixMicros};
use crate::serve::clock::Clock;
use crate::store::{AlertStore, StoreError};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Half of the minute that is allowed: one that is late or fails leaves time for another.
const EVERY: Duration = Duration::from_secs(30);
/// So long an alert that is over is told again, as Prometheus does.
const OVER: Micros = Micros::from_millis(15 * 60_000);

/// Repeats to Alertmanagers how alerts stand.
#[derive(Debug)]
pub struct Standing<W> {
    /// What was told.
    pub store: Arc<AlertStore>,
    /// The way out.
    pub ways: Arc<W>,
    /// The channels in force.
    pub board: Arc<Board>,
    /// What time it is.
    pub clock: Clock,
}

impl<W: Way> Standing<W> {
    /// Repeats until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.repeat() => {}
            }
        }
    }

    /// Repeats once.
    pub async fn repeat(&self) {
        let since = UnixMicros(self.clock.now().0.saturating_sub(OVER.0.cast_signed()));
        let channels = self.board.channels.load_full();
        for (name, route) in channels.iter().filter(|(_, route)| route.open) {
            let ChannelKind::Alertmanager { urls } = &route.channel.kind else { continue };
            let (store, channel) = (Arc::clone(&self.store), name.clone());
            let told = move || store.told_last(&channel, since);
            let told = match tokio::task::spawn_blocking(told).await {
                Ok(told) => told,
                Err(error) => Err(StoreError::io("reading what was told")(error)),
            };
            let messages = match told {
                Ok(rows) => latest(rows.into_iter().map(|row| row.notice.message).collect()),
                Err(error) => {
                    tracing::error!(%error, channel = %name, "alerts were not repeated");
                    continue;
                }
            };
            if messages.is_empty() {
                continue;
            }
            let sent = self.ways.forward(urls, &messages).await;
            if sent.outcome != Outcome::Delivered {
                tracing::warn!(channel = %name, answer = sent.answer, "alerts were not repeated");
            }
        }
    }
}

/// Of episodes of one alert only the last counts: to an Alertmanager they are the same alert, and
/// the end of the one before would end it.
fn latest(messages: Vec<Message>) -> Vec<Message> {
    let mut seen = HashSet::new();
    let newest = messages.into_iter().rev();
    let mut kept: Vec<Message> = newest.filter(|m| seen.insert(m.fingerprint.clone())).collect();
    kept.reverse();
    kept
}
