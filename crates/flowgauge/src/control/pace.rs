//! How closely the application is watched meanwhile something is wrong: quicker than usual, until a moment.
//!
//! Refuses to slow anything down.

use crate::logic::unit::{Micros, UnixMicros};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// Meanwhile so many times as many answers are scored: the error of a mean is halved.
const MORE_SAMPLES: f64 = 4.0;

/// A closer watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closer {
    /// How often.
    pub every: Micros,
    /// Until when.
    pub until: UnixMicros,
}

/// The pace of those who look at set times.
#[derive(Debug, Default)]
pub struct Pace {
    closer: Mutex<Option<Closer>>,
    changed: Notify,
}

impl Pace {
    /// Name under which it is remembered.
    pub const NOTE: &str = "pace";

    /// As it was remembered.
    #[must_use]
    pub fn of(closer: Option<Closer>) -> Self {
        Self { closer: Mutex::new(closer), changed: Notify::new() }
    }

    /// Watches so closely until then.
    pub fn quicken(&self, every: Micros, until: UnixMicros) {
        *self.closer.lock() = Some(Closer { every, until });
        self.changed.notify_waiters();
    }

    /// What was asked for last; it may be over.
    #[must_use]
    pub fn get(&self) -> Option<Closer> {
        *self.closer.lock()
    }

    /// How often those look who are asked to look more closely at a moment.
    #[must_use]
    pub fn closer(&self, now: UnixMicros) -> Option<Micros> {
        self.get().filter(|c| now < c.until).map(|c| c.every)
    }

    /// The pace of one who looks every `usual`.
    #[must_use]
    pub fn of_one(&self, usual: Micros, now: UnixMicros) -> Micros {
        self.closer(now).map_or(usual, |every| every.min(usual))
    }

    /// How many times as many answers are scored.
    #[must_use]
    pub fn sampling(&self, now: UnixMicros) -> f64 {
        if self.closer(now).is_some() { MORE_SAMPLES } else { 1.0 }
    }

    /// Returns when it changes.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closer_watch_is_never_slower_and_ends_by_itself() {
        let pace = Pace::default();
        let (minute, second) = (Micros::from_millis(60_000), Micros::from_millis(1_000));
        pace.quicken(Micros::from_millis(10_000), UnixMicros(100));
        assert_eq!(pace.of_one(minute, UnixMicros(99)), Micros::from_millis(10_000));
        assert_eq!(pace.of_one(second, UnixMicros(99)), second);
        assert_eq!(pace.of_one(minute, UnixMicros(100)), minute);
        assert!(pace.sampling(UnixMicros(99)) > 3.9 && pace.sampling(UnixMicros(100)) < 1.1);
    }
}
