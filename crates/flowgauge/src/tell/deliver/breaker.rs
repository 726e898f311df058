//! A channel that refuses for good is left alone, but for a trial now and then, so that an address
//! which is put right at its other end works again by itself.

use crate::logic::unit::{Micros, UnixMicros};

/// The first trial: a mistake is often put right within minutes.
const FIRST_TRIAL: Micros = Micros::from_millis(60_000);
/// Trials are never further apart; each one costs a message its time, and may annoy the receiver.
const LAST_TRIAL: Micros = Micros::from_millis(15 * 60_000);

/// Whether a channel is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breaker {
    open: Option<Open>,
}

/// Why and since when a channel is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Since when.
    pub since: UnixMicros,
    /// What its receiver said.
    pub why: String,
    /// When it is tried again; nothing where the receiver wants nothing more, ever.
    pub trial: Option<UnixMicros>,
    /// Refusals in a row.
    pub times: u32,
}

impl Breaker {
    /// The channel refused; `gone` where it wants nothing more, ever.
    pub fn trip(&mut self, why: String, gone: bool, now: UnixMicros) {
        let times = self.open.as_ref().map_or(0, |open| open.times).saturating_add(1);
        let since = self.open.as_ref().map_or(now, |open| open.since);
        let pause = FIRST_TRIAL.0.saturating_mul(1 << (times - 1).min(16)).min(LAST_TRIAL.0);
        let trial = (!gone).then(|| now.after(Micros(pause)));
        self.open = Some(Open { since, why, trial, times });
    }

    /// The channel took something, or was changed.
    pub fn close(&mut self) {
        self.open = None;
    }

    /// Why the channel is left alone now; nothing where it is used, or a trial is due.
    #[must_use]
    pub fn shut(&self, now: UnixMicros) -> Option<&Open> {
        self.open.as_ref().filter(|open| open.trial.is_none_or(|trial| trial > now))
    }

    /// Why it was left alone last, a trial due or not.
    #[must_use]
    pub const fn open(&self) -> Option<&Open> {
        self.open.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMicros = UnixMicros(1_700_000_000_000_000);

    fn trial(breaker: &Breaker) -> Option<u64> {
        breaker.open().unwrap().trial.map(|at| at.since(NOW).0 / 1_000_000)
    }

    #[test]
    fn trials_grow_apart_up_to_a_quarter_of_an_hour_until_something_is_taken() {
        let mut breaker = Breaker::default();
        assert!(breaker.shut(NOW).is_none());
        for seconds in [60, 120, 240, 480, 900, 900] {
            breaker.trip("no_service".to_owned(), false, NOW);
            assert_eq!(trial(&breaker), Some(seconds));
        }
        let before = NOW.after(Micros(899_999_999));
        assert!(breaker.shut(before).is_some());
        assert!(breaker.shut(NOW.after(Micros(900_000_000))).is_none(), "a trial is due");
        breaker.close();
        breaker.trip("no_service".to_owned(), false, NOW);
        assert_eq!(trial(&breaker), Some(60));
    }

    #[test]
    fn a_receiver_that_wants_nothing_more_is_not_tried_again() {
        let mut breaker = Breaker::default();
        breaker.trip("410".to_owned(), true, NOW);
        assert_eq!(trial(&breaker), None);
        assert!(breaker.shut(UnixMicros(i64::MAX)).is_some());
    }
}
