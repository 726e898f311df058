//! An optimiser that makes requests fail rests.
//!
//! Owns when it rests and for how long: at once where the provider refused a changed request and took the original,
//! after a few where it was too slow. Refuses to rest for faults of others: what the provider refuses either way is the
//! application's.

use crate::unit::{Micros, UnixMicros};
use serde::{Deserialize, Serialize};

/// The first rest: long enough to be seen, short enough not to lose a day's savings to one odd request.
const FIRST_REST: Micros = Micros::from_millis(5 * 60_000);
/// The longest; each rest is twice the one before.
const LONGEST_REST: Micros = Micros::from_millis(4 * 3_600_000);
/// Overruns in a row before it rests: one may be the machine's.
const OVERRUNS: u32 = 5;
/// Changed requests that must pass before a rest is forgotten.
const FORGET_AFTER: u32 = 1_000;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The provider refused the changed request (400, 413, 422) and took the original.
    Refused,
    /// It panicked.
    Panicked,
    /// It took longer than its budget.
    Overran,
}

/// The breaker of one optimiser on one route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    rests_until: Option<UnixMicros>,
    rests: u32,
    overruns: u32,
    passed: u32,
}

impl Breaker {
    /// Whether the optimiser may act.
    #[must_use]
    pub fn allows(&self, now: UnixMicros) -> bool {
        self.rests_until.is_none_or(|until| until <= now)
    }

    /// Until when it rests.
    #[must_use]
    pub const fn rests_until(&self) -> Option<UnixMicros> {
        self.rests_until
    }

    /// A changed request was answered, in time.
    pub fn passed(&mut self) {
        self.overruns = 0;
        self.passed = self.passed.saturating_add(1);
        if self.passed >= FORGET_AFTER {
            self.rests = 0;
        }
    }

    /// Something went wrong; whether it rests from now on.
    pub fn fault(&mut self, fault: Fault, now: UnixMicros) -> bool {
        if fault == Fault::Overran {
            self.overruns += 1;
            if self.overruns < OVERRUNS {
                return false;
            }
        }
        // Requests that were under way when it began to rest do not prolong it.
        if !self.allows(now) {
            return false;
        }
        let rest = FIRST_REST.0.saturating_mul(1 << self.rests.min(16)).min(LONGEST_REST.0);
        self.rests += 1;
        (self.overruns, self.passed) = (0, 0);
        self.rests_until = Some(now.after(Micros(rest)));
        true
    }
}

/// Whether a refused request is worth sending once more as it came.
#[must_use]
pub const fn may_be_our_fault(status: u16) -> bool {
    matches!(status, 400 | 413 | 422)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = UnixMicros::MINUTE;

    #[test]
    fn a_refusal_rests_at_once_and_each_rest_is_twice_the_one_before() {
        let mut breaker = Breaker::default();
        let mut now = 0;
        for minutes in [5, 10, 20, 40, 80, 160, 240, 240] {
            assert!(breaker.allows(UnixMicros(now)));
            assert!(breaker.fault(Fault::Refused, UnixMicros(now)));
            assert!(!breaker.fault(Fault::Refused, UnixMicros(now + 1)));
            now += minutes * MINUTE;
            assert!(!breaker.allows(UnixMicros(now - 1)));
        }
    }

    #[test]
    fn slowness_must_repeat_and_a_thousand_good_requests_forget() {
        let (mut breaker, now) = (Breaker::default(), UnixMicros(0));
        for _ in 0..3 {
            for _ in 0..4 {
                assert!(!breaker.fault(Fault::Overran, now));
            }
            breaker.passed();
        }
        assert!((0..5).any(|_| breaker.fault(Fault::Overran, now)));
        (0..1_000).for_each(|_| breaker.passed());
        let later = UnixMicros(10 * MINUTE);
        assert!(breaker.fault(Fault::Panicked, later));
        assert_eq!(breaker.rests_until(), Some(UnixMicros(15 * MINUTE)));
        assert!(may_be_our_fault(400) && !may_be_our_fault(429));
    }
}
