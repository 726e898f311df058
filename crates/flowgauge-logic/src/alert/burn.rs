//! Burn rates of an error budget (alerting 13): how fast what may go wrong is being used up.
//!
//! Owns the arithmetic and the default windows. Refuses to read anything.
//! Source of the windows: B. Beyer et al., The Site Reliability Workbook (2018), chapter 5.

use super::guard::{count, wilson_lower};
use super::rule::Severity;
use crate::unit::{Micros, Ratio};

/// So many bad calls are enough where they are also three times as many as allowed.
const FEWEST_BAD: u64 = 3;

/// Of one bad call in a quiet night nobody wants to be woken, however sure the arithmetic is: one
/// in ten has a lower bound of 2.3 %, at an objective of 99.9 % a burn of 23.
const FEWEST_SURE: u64 = 2;

/// The short window is this part of the long one: it ends an alert soon after the fault ends.
const SHORT_PART: u64 = 12;

const HOUR: u64 = 3_600_000_000;

/// A rule of two windows: both must burn faster than the factor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Windows {
    /// How bad it is.
    pub severity: Severity,
    /// The long window.
    pub long: Micros,
    /// The short window.
    pub short: Micros,
    /// The factor.
    pub factor: f64,
    /// Share of the period's budget that is spent when it fires.
    pub spent: f64,
}

/// The period of [`DEFAULTS`].
pub const DEFAULT_PERIOD: Micros = Micros(30 * 24 * HOUR);

/// Windows for a period of 30 days (alerting 13.2).
pub const DEFAULTS: [Windows; 3] = [
    Windows {
        severity: Severity::Critical,
        long: Micros(HOUR),
        short: Micros(HOUR / 12),
        factor: 14.4,
        spent: 0.02,
    },
    Windows {
        severity: Severity::Critical,
        long: Micros(6 * HOUR),
        short: Micros(HOUR / 2),
        factor: 6.0,
        spent: 0.05,
    },
    Windows {
        severity: Severity::Warning,
        long: Micros(72 * HOUR),
        short: Micros(6 * HOUR),
        factor: 1.0,
        spent: 0.10,
    },
];

/// The share that may be bad, β. Nothing where the objective leaves none or is no share.
#[must_use]
pub fn allowed(objective: f64) -> Option<f64> {
    (0.0..1.0).contains(&objective).then(|| 1.0 - objective)
}

/// How many times faster than allowed the budget is used: `bad / total / β`.
#[must_use]
pub fn rate(bad: u64, total: u64, objective: f64) -> Option<f64> {
    Some(Ratio::of(bad, total)?.0 / allowed(objective)?)
}

/// How fast money is spent: `(cost / window) ÷ (budget / period)`.
#[must_use]
pub fn spend_rate(cost: f64, window: Micros, budget: f64, period: Micros) -> Option<f64> {
    let even = budget / count(period.0);
    (window.0 > 0 && period.0 > 0 && budget > 0.0).then(|| cost / count(window.0) / even)
}

/// Share of the budget that is left; below zero where more is gone than there was.
#[must_use]
pub fn remaining(bad: u64, total: u64, objective: f64) -> Option<f64> {
    Some(1.0 - rate(bad, total, objective)?)
}

/// How long a full budget lasts at a constant burn. Nothing where nothing burns.
#[must_use]
pub fn exhaustion(period: Micros, burn: f64) -> Option<Micros> {
    (burn > 0.0).then(|| whole(count(period.0) / burn))
}

/// The factor that spends a share of the period's budget within a window.
#[must_use]
pub fn factor(share: f64, period: Micros, window: Micros) -> Option<f64> {
    (window.0 > 0).then(|| share * count(period.0) / count(window.0))
}

/// The share of the period's budget that is spent when a rule fires.
#[must_use]
pub fn spent(factor: f64, long: Micros, period: Micros) -> Option<f64> {
    (period.0 > 0).then(|| factor * count(long.0) / count(period.0))
}

/// How long after a sudden share of errors a rule fires; nothing where it never does.
#[must_use]
pub fn detection(long: Micros, factor: f64, objective: f64, errors: f64) -> Option<Micros> {
    let limit = factor * allowed(objective)?;
    (errors > limit).then(|| whole(count(long.0) * limit / errors))
}

/// The largest burn there can be: everything bad.
#[must_use]
pub fn largest(objective: f64) -> Option<f64> {
    allowed(objective).map(|share| 1.0 / share)
}

/// Whether a rule of this factor can ever fire. A hair's breadth below the largest burn counts as
/// the largest: 1 / (1 − 0.9) is 10.000000000000002.
#[must_use]
pub fn can_fire(objective: f64, factor: f64) -> bool {
    largest(objective).is_some_and(|most| factor < most * (1.0 - 1e-9))
}

/// Windows that can fire at an objective where the default factor cannot: half the largest burn,
/// and the long window in which that spends the same share of the budget.
#[must_use]
pub fn suggested(objective: f64, default: &Windows, period: Micros) -> Option<Windows> {
    if can_fire(objective, default.factor) {
        return Some(*default);
    }
    let factor = largest(objective)? / 2.0;
    let minutes = default.spent * count(period.0) / factor / 60e6;
    let long = Micros(whole(minutes.round()).0 * 60_000_000);
    let short = Micros((long.0 / SHORT_PART / 60_000_000).max(1) * 60_000_000);
    Some(Windows { long, short, factor, ..*default })
}

/// Whether so few bad calls are enough to say so (alerting 13.3): three, and three times as many
/// as allowed, or at least two and a burn whose lower bound is beyond the factor.
#[must_use]
pub fn enough(bad: u64, total: u64, objective: f64, factor: f64, z: f64) -> bool {
    let Some(share) = allowed(objective) else { return false };
    // 3 · (1 − 0.999) · 1000 is 3.0000000000000027: a hair above a whole number is that number.
    let needed = (3.0 * share * count(total) * (1.0 - 1e-9)).ceil();
    let sure = || wilson_lower(bad, total, z) / share > factor;
    (bad >= FEWEST_BAD && count(bad) >= needed) || (bad >= FEWEST_SURE && sure())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes the nearest integer the type holds"
)]
fn whole(us: f64) -> Micros {
    Micros(us.max(0.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::super::guard::z_of;
    use super::*;

    fn near(got: Option<f64>, want: f64) -> bool {
        got.is_some_and(|got| (got - want).abs() < 1e-9 * want.abs().max(1.0))
    }

    #[test]
    fn the_default_factors_spend_the_shares_of_the_table() {
        // The Site Reliability Workbook, table 5-8.
        for w in &DEFAULTS {
            assert!(near(factor(w.spent, DEFAULT_PERIOD, w.long), w.factor), "{w:?}");
            assert!(near(spent(w.factor, w.long, DEFAULT_PERIOD), w.spent), "{w:?}");
            assert_eq!(w.short.0 * SHORT_PART, w.long.0, "{w:?}");
        }
    }

    #[test]
    fn a_burn_of_one_lasts_exactly_the_period() {
        assert!(near(rate(1, 1000, 0.999), 1.0));
        assert!(near(remaining(1, 2000, 0.999), 0.5));
        assert!(remaining(3, 1000, 0.999).is_some_and(|left| left < -1.9));
        assert_eq!(exhaustion(DEFAULT_PERIOD, 1.0), Some(DEFAULT_PERIOD));
        assert_eq!(exhaustion(DEFAULT_PERIOD, 0.0), None);
        assert_eq!(rate(0, 0, 0.999), None);
        assert_eq!(rate(1, 1, 1.0), None);
    }

    #[test]
    fn everything_failing_is_found_within_a_minute() {
        // 1 h · 14.4 · 0.1 % / 100 % = 51.84 s.
        let t = detection(Micros(HOUR), 14.4, 0.999, 1.0).unwrap();
        assert_eq!(t, Micros(51_840_000));
        assert_eq!(detection(Micros(HOUR), 14.4, 0.999, 0.0144), None);
    }

    #[test]
    fn a_factor_beyond_the_largest_burn_can_never_fire() {
        assert!(can_fire(0.999, 14.4) && can_fire(0.99, 14.4));
        assert!(!can_fire(0.9, 14.4) && !can_fire(0.9, 10.0) && can_fire(0.9, 6.0));
        assert!(!can_fire(0.8, 14.4) && !can_fire(0.8, 6.0) && can_fire(0.8, 1.0));
        assert!(!can_fire(1.0, 1.0) && !can_fire(f64::NAN, 1.0));
    }

    #[test]
    fn where_the_default_cannot_fire_longer_windows_are_suggested() {
        for objective in [0.9, 0.8] {
            for default in &DEFAULTS {
                let w = suggested(objective, default, DEFAULT_PERIOD).unwrap();
                assert!(can_fire(objective, w.factor), "{objective} {w:?}");
                let share = spent(w.factor, w.long, DEFAULT_PERIOD).unwrap();
                assert!((share - default.spent).abs() < 0.001, "{objective} {w:?} {share}");
                assert!(w.short < w.long);
            }
        }
    }

    #[test]
    fn one_failure_in_a_quiet_hour_is_not_enough() {
        // Alerting 13.3: SLO 99.9 %, 10 requests an hour, one failure = burn 100.
        let z = z_of(0.95);
        assert!(near(rate(1, 10, 0.999), 100.0));
        assert!(!enough(1, 10, 0.999, 14.4, z));
        assert!(enough(2, 10, 0.999, 14.4, z), "the lower bound of 2 in 10 is 7 %: burn 70");
        assert!(!enough(1, 100, 0.999, 14.4, z));
        assert!(!enough(2, 1000, 0.999, 14.4, z));
        assert!(enough(3, 1000, 0.999, 14.4, z));
        assert!(!enough(29, 10_000, 0.999, 14.4, z), "three times as many as allowed are 30");
    }

    #[test]
    fn a_runaway_caller_burns_money_many_times_too_fast() {
        let (month, hour) = (Micros(30 * 24 * HOUR), Micros(HOUR));
        // $1000 a month is $1.39 an hour; $20 in an hour burns 14.4 times as fast.
        assert!(near(spend_rate(20e9, hour, 1000e9, month), 14.4));
        assert_eq!(spend_rate(1.0, hour, 0.0, month), None);
    }
}
