//! The one place that reads a clock (decision D17). Everything else holds a [`Clock`].

use crate::logic::unit::{Micros, UnixMicros};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A handle on time: the machine's, or one that a test moves.
#[derive(Debug, Clone)]
pub struct Clock(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Real { started: Instant },
    Frozen(Arc<AtomicI64>),
}

/// Moves a frozen clock.
#[derive(Debug, Clone)]
pub struct Hand(Arc<AtomicI64>);

impl Hand {
    /// Lets time pass.
    pub fn advance(&self, by: Micros) {
        self.0.fetch_add(i64::try_from(by.0).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
    pub fn real() -> Self {
        Self(Kind::Real { started: Instant::now() })
    }

    /// A clock that stands still until its hand is moved.
    #[must_use]
    pub fn frozen(at: UnixMicros) -> (Self, Hand) {
        let t = Arc::new(AtomicI64::new(at.0));
        (Self(Kind::Frozen(Arc::clone(&t))), Hand(t))
    }

    /// Wall-clock time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
    pub fn now(&self) -> UnixMicros {
        match &self.0 {
            Kind::Real { .. } => {
                let d = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                UnixMicros(i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
            }
            Kind::Frozen(t) => UnixMicros(t.load(Ordering::SeqCst)),
        }
    }

    /// Time on a clock that never steps, for durations. Only differences mean anything.
    #[must_use]
    pub fn monotonic(&self) -> Micros {
        match &self.0 {
            Kind::Real { started } => {
                Micros(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX))
            }
            Kind::Frozen(t) => Micros(u64::try_from(t.load(Ordering::SeqCst)).unwrap_or(0)),
        }
    }
}
