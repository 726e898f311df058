//! What each optimiser looked at and made of it, in shadow and in earnest, since the start.

use crate::logic::control::rollout::Mechanism;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of the four optimisers, without a lock.
#[derive(Debug, Default)]
pub struct Tally([Counters; 4]);

#[derive(Debug, Default)]
struct Counters {
    looked: AtomicU64,
    changed: AtomicU64,
    saved: AtomicU64,
}

/// Counts of one optimiser.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// Requests it looked at.
    pub looked: u64,
    /// Requests it changed, or would have.
    pub changed: u64,
    /// Tokens of input that went, or would have.
    pub saved: u64,
}

impl Tally {
    /// An optimiser looked at a request.
    pub fn looked(&self, mechanism: Mechanism, saved: u64, changed: bool) {
        let Some(counters) = self.of_counters(mechanism) else { return };
        counters.looked.fetch_add(1, Ordering::Relaxed);
        counters.changed.fetch_add(u64::from(changed), Ordering::Relaxed);
        counters.saved.fetch_add(saved, Ordering::Relaxed);
    }

    /// Counts of one optimiser.
    #[must_use]
    pub fn of(&self, mechanism: Mechanism) -> Looked {
        let read = |c: &Counters| Looked {
            looked: c.looked.load(Ordering::Relaxed),
            changed: c.changed.load(Ordering::Relaxed),
            saved: c.saved.load(Ordering::Relaxed),
        };
        self.of_counters(mechanism).map(read).unwrap_or_default()
    }

    fn of_counters(&self, mechanism: Mechanism) -> Option<&Counters> {
        let place = Mechanism::ALL.iter().position(|m| *m == mechanism)?;
        self.0.get(place)
    }
}
