//! What people do about alerts: silence, acknowledge, look; and the alerts others post here.
//!
//! Silences and acknowledgements are durable before they are answered. Refuses to evaluate and to
//! send: the engine reads this desk at every tick and is rung when something changed.

pub mod matching;

mod drill;
mod external;
mod jobs;
mod link;
mod silence;

pub use external::{Posted, PostedAlert, RESOLVE_AFTER};
pub use silence::NewSilence;

use super::seen::Seen;
use crate::logic::alert::episode::{Ack, Episode, EpisodeId};
use crate::logic::alert::plan::Settings;
use crate::logic::alert::silence::Silence;
use crate::logic::call::Text;
use crate::logic::unit::UnixMicros;
use crate::serve::clock::Clock;
use crate::store::StoreError;
use crate::store::alerts::AlertStore;
use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::Notify;

/// Longest name of a person, characters.
const MAX_BY: usize = 200;
/// Longest note, characters: a paragraph.
const MAX_NOTE: usize = 4_000;

/// The desk.
#[derive(Debug)]
pub struct Desk {
    store: Arc<AlertStore>,
    clock: Clock,
    secret: link::Secret,
    seen: ArcSwap<Seen>,
    silences: ArcSwap<Vec<Silence>>,
    /// One change at a time: what is shown follows what is stored, in its order.
    changing: Mutex<()>,
    acks: Mutex<Vec<(EpisodeId, Ack)>>,
    external: external::External,
    reached: ArcSwapOption<String>,
    bell: Arc<Notify>,
    reload: Arc<Notify>,
    urgent: Arc<Notify>,
    settings: ArcSwap<Settings>,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// A part of what was asked makes no sense.
    #[error("{place} {value:?}: {detail}")]
    Refused {
        /// Which part.
        place: &'static str,
        /// What stood there.
        value: String,
        /// What would be accepted.
        detail: String,
    },
    /// There is no silence of this id.
    #[error("no silence {0:?}; it was never made, or expired long ago")]
    NoSilence(String),
    /// The episode has ended.
    #[error("episode {0} is over since {1}; there is nothing to acknowledge")]
    Over(EpisodeId, String),
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Desk {
    /// Over a store. `secret` signs links; `bell` is rung when a silence or an acknowledgement came.
    ///
    /// # Errors
    /// When the silences cannot be read.
    pub fn new(
        store: Arc<AlertStore>,
        clock: Clock,
        secret: [u8; 32],
        bell: Arc<Notify>,
    ) -> Result<Arc<Self>, StoreError> {
        let silences = store.silences()?;
        let posted = store.posted()?;
        Ok(Arc::new(Self {
            store,
            clock,
            secret: link::Secret::new(secret),
            seen: ArcSwap::from_pointee(Seen::default()),
            silences: ArcSwap::from_pointee(silences),
            changing: Mutex::new(()),
            acks: Mutex::new(Vec::new()),
            external: external::External::of(posted),
            reached: ArcSwapOption::empty(),
            bell,
            reload: Arc::default(),
            urgent: Arc::default(),
            settings: ArcSwap::from_pointee(Settings::default()),
        }))
    }

    /// Where people reach this flowgauge, for links: `https://flowgauge.example`.
    pub fn reached_at(&self, base: &str) {
        let base = base.trim_end_matches('/').to_owned();
        self.reached.store(Some(Arc::new(base)));
    }

    /// The address of [`Self::reached_at`], without a slash at its end.
    #[must_use]
    pub fn base(&self) -> Option<Arc<String>> {
        self.reached.load_full()
    }

    /// Rung when rule files are to be read again.
    #[must_use]
    pub fn reload_bell(&self) -> Arc<Notify> {
        Arc::clone(&self.reload)
    }

    /// Rung when an alert was posted that waits for no tick.
    #[must_use]
    pub fn urgent_bell(&self) -> Arc<Notify> {
        Arc::clone(&self.urgent)
    }

    /// How alerting stands.
    #[must_use]
    pub fn seen(&self) -> Arc<Seen> {
        self.seen.load_full()
    }

    /// Replaces how alerting stands: the engine, after every tick. Gives back what was shown before.
    pub fn show(&self, seen: Seen) -> Arc<Seen> {
        self.seen.swap(Arc::new(seen))
    }

    /// The time by its clock.
    #[must_use]
    pub fn now(&self) -> UnixMicros {
        self.clock.now()
    }

    /// The store behind it, for questions about the past.
    #[must_use]
    pub fn store(&self) -> &Arc<AlertStore> {
        &self.store
    }

    /// Every silence, the expired too while they are kept.
    #[must_use]
    pub fn silences(&self) -> Arc<Vec<Silence>> {
        self.silences.load_full()
    }

    /// Makes a silence, or changes the one of its id as Alertmanager does: in place while its matchers
    /// stay and it has not expired, else as a new one. Blocks until it is durable.
    ///
    /// # Errors
    /// When it makes no sense, names an id that is not there, or cannot be kept.
    pub fn silence(&self, wanted: NewSilence) -> Result<Silence, DeskError> {
        let _one = self.changing.lock();
        let now = self.clock.now();
        let planned = silence::plan(wanted, &self.silences.load(), now)?;
        // The new one first: between the two everything stays hidden that was.
        self.store.put_silence(&planned.silence)?;
        if let Some(replaced) = &planned.expire {
            self.store.expire_silence(replaced, now)?;
        }
        self.silences.store(Arc::new(self.store.silences()?));
        self.bell.notify_one();
        Ok(planned.silence)
    }

    /// Ends a silence now. Ending one that is over already changes nothing. Blocks until it is
    /// durable.
    ///
    /// # Errors
    /// When there is none of this id or the store refuses.
    pub fn expire(&self, id: &str) -> Result<(), DeskError> {
        let _one = self.changing.lock();
        if !self.silences.load().iter().any(|s| s.id == id) {
            return Err(DeskError::NoSilence(id.to_owned()));
        }
        self.store.expire_silence(id, self.clock.now())?;
        self.silences.store(Arc::new(self.store.silences()?));
        self.bell.notify_one();
        Ok(())
    }

    /// Acknowledges an open episode; nothing where there is none of this id. The first one counts:
    /// whoever comes later sees it. Blocks until it is durable.
    ///
    /// # Errors
    /// When the episode is over, a text is too long or the store refuses.
    pub fn acknowledge(
        &self,
        id: EpisodeId,
        by: &str,
        note: Option<&str>,
    ) -> Result<Option<Episode>, DeskError> {
        let by = bounded("by", by, MAX_BY)?;
        let by = if by.is_empty() { "unnamed" } else { by };
        let note = note.map(|n| bounded("note", n, MAX_NOTE)).transpose()?;
        let note = note.filter(|n| !n.is_empty()).map(str::to_owned);
        let _one = self.changing.lock();
        let Some(episode) = self.store.episode(id)? else { return Ok(None) };
        if let Some((at, _)) = episode.ended {
            return Err(DeskError::Over(id, at.to_rfc3339()));
        }
        if episode.acked.is_some() {
            return Ok(Some(episode));
        }
        let ack = Ack { at: self.clock.now(), by: Text::from(by), note };
        let Some(episode) = self.store.acknowledge(id, &ack)? else { return Ok(None) };
        self.acks.lock().push((id, ack));
        self.show_acked(&episode);
        self.bell.notify_one();
        Ok(Some(episode))
    }

    /// Acknowledgements since the last call, for the engine: it holds open episodes itself and
    /// commits them with what is taken here.
    #[must_use]
    pub fn take_acks(&self) -> Vec<(EpisodeId, Ack)> {
        std::mem::take(&mut self.acks.lock())
    }

    /// Who looks before the next tick sees it too.
    fn show_acked(&self, episode: &Episode) {
        self.seen.rcu(|seen| {
            let mut seen = Seen::clone(seen);
            for open in seen.open.iter_mut().filter(|open| open.id == episode.id) {
                let mut shown = Episode::clone(open);
                shown.acked.clone_from(&episode.acked);
                *open = Arc::new(shown);
            }
            seen
        });
    }

    /// Signed address that acknowledges an episode; none before it is known where people reach this
    /// flowgauge.
    #[must_use]
    pub fn ack_link(&self, id: EpisodeId) -> Option<String> {
        let base = self.reached.load_full()?;
        Some(format!("{base}/alerts/ack/{}", self.secret.token(id)))
    }

    /// The episode a signed token is about.
    #[must_use]
    pub fn check_link(&self, token: &str) -> Option<EpisodeId> {
        self.secret.check(token)
    }

    /// Deletes what was over before a moment; how many rows that were. Blocks.
    ///
    /// # Errors
    /// When the store refuses; nothing is deleted then.
    pub fn forget(&self, before: UnixMicros) -> Result<u64, DeskError> {
        let _one = self.changing.lock();
        let gone = self.store.forget(before)?;
        // Silences may be among it: what is shown follows what is stored.
        self.silences.store(Arc::new(self.store.silences()?));
        Ok(gone)
    }

    /// Puts a dead letter back into the queue; its channel, or nothing where there is none of this
    /// number. Rings no bell: the worker would still leave the channel alone. Whoever asks makes the
    /// channel be used again first.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn retry(&self, seq: i64) -> Result<Option<Text>, DeskError> {
        Ok(self.store.retry_dead(seq, self.clock.now())?)
    }

    /// Takes alerts that others post; how many were refused because there is no room. Blocks until
    /// they are durable.
    ///
    /// # Errors
    /// When the store refuses: their sender says them again.
    pub fn post(&self, alerts: Vec<PostedAlert>) -> Result<usize, DeskError> {
        let now = self.clock.now();
        let taken = self.external.post(alerts, now);
        self.store.put_posted(&taken.posted, now)?;
        if taken.urgent {
            self.urgent.notify_one();
        }
        Ok(taken.refused)
    }

    /// All that are kept, those that ended of late too.
    #[must_use]
    pub fn posted_kept(&self) -> Vec<Arc<Posted>> {
        self.external.all()
    }

    /// Alerts of others that have not ended, by fingerprint.
    #[must_use]
    pub fn posted(&self) -> Vec<Arc<Posted>> {
        self.external.list(self.clock.now())
    }
}

fn bounded<'a>(place: &'static str, text: &'a str, most: usize) -> Result<&'a str, DeskError> {
    let text = text.trim();
    if text.chars().count() > most {
        let detail = format!("longer than {most} characters");
        let value = text.chars().take(40).collect();
        return Err(DeskError::Refused { place, value, detail });
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
