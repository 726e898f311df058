//! What handles and writer share: counters that add up, losses not yet written, the read handle.

use super::{Heard, RecordStats};
use crate::logic::id::CallId;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::store::{Gap, Reader};
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Gaps kept in memory while the store takes none; beyond it losses widen the last one.
const MAX_GAPS: usize = 256;
/// Calls whose end found no room and that listeners are still to be told of; those beyond it stay
/// in flight for listeners until they forget them by age.
const MAX_UNHEARD: usize = 65_536;
/// Losses for one reason this close together are one gap, µs.
const SAME_GAP_US: i64 = 10_000_000;

#[derive(Debug, Default)]
pub(super) struct Shared {
    received: AtomicU64,
    stored: AtomicU64,
    duplicates: AtomicU64,
    lost: AtomicU64,
    refused: AtomicU64,
    commits: AtomicU64,
    waiting: AtomicU64,
    interrupted: AtomicU64,
    degraded: RwLock<Option<String>>,
    reader: RwLock<Option<Reader>>,
    gaps: Mutex<Vec<Gap>>,
    listeners: RwLock<Vec<Arc<dyn Heard>>>,
    heard: AtomicBool,
    unheard: Mutex<Vec<CallId>>,
}

impl Shared {
    pub(super) fn listen(&self, listener: Arc<dyn Heard>) {
        self.listeners.write().push(listener);
        self.heard.store(true, Relaxed);
    }

    /// Whether anybody listens: a look without a lock, for the path of requests.
    pub(super) fn is_heard(&self) -> bool {
        self.heard.load(Relaxed)
    }

    pub(super) fn tell(&self, of: impl Fn(&dyn Heard)) {
        if self.is_heard() {
            self.listeners.read().iter().for_each(|l| of(l.as_ref()));
        }
    }

    /// A call ended whose row found no room.
    pub(super) fn unheard(&self, call: CallId) {
        let mut unheard = self.unheard.lock();
        if self.is_heard() && unheard.len() < MAX_UNHEARD {
            unheard.push(call);
        }
    }

    pub(super) fn take_unheard(&self) -> Vec<CallId> {
        std::mem::take(&mut *self.unheard.lock())
    }

    pub(super) fn received(&self, rows: u64) {
        self.received.fetch_add(rows, Relaxed);
    }

    pub(super) fn refused(&self, rows: u64) {
        self.refused.fetch_add(rows, Relaxed);
    }

    pub(super) fn interrupted(&self, calls: u64) {
        self.interrupted.fetch_add(calls, Relaxed);
    }

    pub(super) fn committed(&self, stored: u64, duplicates: u64) {
        self.stored.fetch_add(stored, Relaxed);
        self.duplicates.fetch_add(duplicates, Relaxed);
        self.commits.fetch_add(1, Relaxed);
    }

    /// Takes room for submitted rows, if there is any. A batch larger than all room may go alone.
    pub(super) fn admit(&self, rows: u64, room: u64) -> bool {
        let fits = |n: u64| (n == 0 || n.saturating_add(rows) <= room).then(|| n + rows);
        self.waiting.fetch_update(Relaxed, Relaxed, fits).is_ok()
    }

    pub(super) fn release(&self, rows: u64) {
        self.waiting.fetch_sub(rows, Relaxed);
    }

    pub(super) fn waiting(&self) -> u64 {
        self.waiting.load(Relaxed)
    }

    /// Counts lost rows and shows them in a gap.
    pub(super) fn lost(&self, at: UnixMicros, rows: u64, reason: &str) {
        self.lost_between(at, at, rows, reason);
    }

    /// As [`Shared::lost`], over a stretch of time.
    pub(super) fn lost_between(&self, from: UnixMicros, to: UnixMicros, rows: u64, reason: &str) {
        self.lost.fetch_add(rows, Relaxed);
        let mut gaps = self.gaps.lock();
        let full = gaps.len() >= MAX_GAPS;
        let near =
            |g: &Gap| full || (g.reason == reason && from.0.saturating_sub(g.to.0) <= SAME_GAP_US);
        match gaps.last_mut().filter(|g| near(g)) {
            Some(gap) => {
                gap.from = gap.from.min(from);
                gap.to = gap.to.max(to);
                gap.lost += rows;
            }
            None => gaps.push(Gap { from, to, lost: rows, reason: reason.to_owned() }),
        }
    }

    /// Gaps that are not on disk yet.
    pub(super) fn gaps_within(&self, window: Window) -> Vec<Gap> {
        let touches = |g: &&Gap| g.from < window.to && g.to >= window.from;
        self.gaps.lock().iter().filter(touches).cloned().collect()
    }

    /// The oldest gap not on disk yet.
    pub(super) fn first_gap(&self) -> Option<Gap> {
        self.gaps.lock().first().cloned()
    }

    /// Notes that this much of the oldest gap is on disk; what was added since stays.
    pub(super) fn gap_written(&self, written: &Gap) {
        let mut gaps = self.gaps.lock();
        if let Some(gap) = gaps.first_mut() {
            gap.lost = gap.lost.saturating_sub(written.lost);
            if gap.lost == 0 {
                gaps.remove(0);
            }
        }
    }

    pub(super) fn degraded(&self) -> Option<String> {
        self.degraded.read().clone()
    }

    pub(super) fn set_degraded(&self, why: Option<String>) {
        *self.degraded.write() = why;
    }

    pub(super) fn reader(&self) -> Option<Reader> {
        self.reader.read().clone()
    }

    pub(super) fn set_reader(&self, reader: Reader) {
        *self.reader.write() = Some(reader);
    }

    pub(super) fn stats(&self) -> RecordStats {
        let [stored, duplicates, lost, refused] =
            [&self.stored, &self.duplicates, &self.lost, &self.refused].map(|n| n.load(Relaxed));
        // Read last, so that a row on its way counts as waiting and not as more than received.
        let received = self.received.load(Relaxed);
        let queued = received.saturating_sub(stored + duplicates + lost + refused);
        RecordStats {
            received,
            stored,
            duplicates,
            lost,
            refused,
            commits: self.commits.load(Relaxed),
            queued,
            interrupted: self.interrupted.load(Relaxed),
            degraded: self.degraded(),
        }
    }
}
