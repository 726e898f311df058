//! What is usual at a moment of the week (alerting 10.1).
//!
//! Owns which moments are comparable, the median and the spread, and the cap on drift. Refuses to
//! read values: the caller leaves out windows inside episodes, incidents, holdout traffic and
//! windows with too few samples.

use super::facts::Baseline;
use crate::known::{Known, Reason};
use crate::quantile::exact;
use crate::unit::UnixMicros;
use chrono::{Datelike, Timelike};
use chrono_tz::Tz;

/// Weeks that are looked back.
pub const WEEKS: i64 = 4;

/// Fewer values say nothing of what is usual.
pub const FEWEST: usize = 3;

/// From this age of data on, hours of the week are told apart: each was seen three times.
const WEEKLY_AFTER: i64 = 21 * UnixMicros::DAY;

/// From this age of data on, hours of the day are told apart.
const DAILY_AFTER: i64 = 3 * UnixMicros::DAY;

/// 1.4826 · MAD estimates the standard deviation of a normal distribution (F. R. Hampel, JASA 69
/// (1974) 383–393).
const MAD_TO_SIGMA: f64 = 1.4826;

/// A baseline may move so much a week against the last pinned one, so that a slow slide is seen.
const DRIFT_PER_WEEK: f64 = 0.10;

const HOURS_PER_DAY: i64 = 24;
const HOURS_PER_WEEK: i64 = 7 * HOURS_PER_DAY;

/// The value of a metric over one window of the past.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlotValue {
    /// The end of its window.
    pub at: UnixMicros,
    /// The value, base unit.
    pub value: f64,
}

/// Which moments are compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slots {
    /// The same hour of the week, one hour before and after included.
    HourOfWeek,
    /// The same hour of the day, likewise.
    HourOfDay,
    /// All.
    Plain,
}

impl Slots {
    const fn of_age(age: i64) -> Self {
        if age >= WEEKLY_AFTER {
            Self::HourOfWeek
        } else if age >= DAILY_AFTER {
            Self::HourOfDay
        } else {
            Self::Plain
        }
    }

    const fn period(self) -> Option<i64> {
        match self {
            Self::HourOfWeek => Some(HOURS_PER_WEEK),
            Self::HourOfDay => Some(HOURS_PER_DAY),
            Self::Plain => None,
        }
    }

    fn join(self, a: UnixMicros, b: UnixMicros, zone: Tz) -> bool {
        let Some(period) = self.period() else { return true };
        let (Some(a), Some(b)) = (hour_of_week(a, zone), hour_of_week(b, zone)) else {
            return false;
        };
        let apart = (a - b).rem_euclid(period);
        apart.min(period - apart) <= 1
    }
}

/// The baseline at a moment from values of the past: their median in comparable slots of the last
/// four weeks. Fewer than three values are none yet.
#[must_use]
pub fn learn(values: &[SlotValue], at: UnixMicros, zone: Tz) -> Known<Baseline> {
    let past = |v: &&SlotValue| v.at < at && v.value.is_finite();
    let Some(first) = values.iter().filter(past).map(|v| v.at).min() else {
        return Known::Unknown(Reason::TooFew);
    };
    let slots = Slots::of_age(at.0.saturating_sub(first.0));
    let from = oldest(at);
    let mut chosen: Vec<f64> = values
        .iter()
        .filter(past)
        .filter(|v| v.at >= from && slots.join(v.at, at, zone))
        .map(|v| v.value)
        .collect();
    if chosen.len() < FEWEST {
        return Known::Unknown(Reason::TooFew);
    }
    let n = u32::try_from(chosen.len()).unwrap_or(u32::MAX);
    let baseline = exact(&mut chosen, 0.5).and_then(|median| {
        chosen.iter_mut().for_each(|v| *v = (*v - median).abs());
        let spread = MAD_TO_SIGMA * exact(&mut chosen, 0.5)?;
        Some(Baseline { value: median, spread, n })
    });
    Known::from_option(baseline, Reason::TooFew)
}

/// Ends of the windows whose values [`learn`] would use at a moment, newest first, where the first
/// data is of `since`: what a caller has to compute, and no more.
#[must_use]
pub fn moments(at: UnixMicros, since: UnixMicros, zone: Tz) -> Vec<UnixMicros> {
    let slots = Slots::of_age(at.0.saturating_sub(since.0));
    let from = oldest(at).max(since);
    (1..=WEEKS * HOURS_PER_WEEK)
        .map(|hours| UnixMicros(at.0.saturating_sub(hours * UnixMicros::HOUR)))
        .take_while(|moment| *moment >= from)
        .filter(|moment| slots.join(*moment, at, zone))
        .collect()
}

/// A learned value held within 10 % a week of the last pinned one.
#[must_use]
pub fn capped(learned: Baseline, pinned: f64, pinned_at: UnixMicros, at: UnixMicros) -> Baseline {
    #[expect(clippy::cast_precision_loss, reason = "times stay below 2^53 µs")]
    let weeks = at.since(pinned_at).0 as f64 / (7.0 * 86_400e6);
    let room = pinned.abs() * DRIFT_PER_WEEK * weeks;
    Baseline { value: learned.value.clamp(pinned - room, pinned + room), ..learned }
}

/// Where four weeks begin; one hour more, for the hour before the slot.
const fn oldest(at: UnixMicros) -> UnixMicros {
    UnixMicros(at.0.saturating_sub(WEEKS * 7 * UnixMicros::DAY + UnixMicros::HOUR))
}

/// Hours since Monday midnight on the wall.
fn hour_of_week(at: UnixMicros, zone: Tz) -> Option<i64> {
    let local = chrono::DateTime::from_timestamp_micros(at.0)?.with_timezone(&zone);
    let day = i64::from(local.weekday().num_days_from_monday());
    Some(day * HOURS_PER_DAY + i64::from(local.hour()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Monday, 2025-01-06 09:00 UTC.
    const AT: UnixMicros = UnixMicros(1_736_154_000_000_000);

    fn hourly(hours: i64, value: impl Fn(i64) -> f64) -> Vec<SlotValue> {
        (1..=hours)
            .map(|h| SlotValue { at: UnixMicros(AT.0 - h * UnixMicros::HOUR), value: value(h) })
            .collect()
    }

    fn value(values: &[SlotValue]) -> Option<f64> {
        learn(values, AT, Tz::UTC).value().map(|b| b.value)
    }

    #[test]
    fn fewer_than_three_values_are_warming_up() {
        assert_eq!(learn(&[], AT, Tz::UTC), Known::Unknown(Reason::TooFew));
        assert_eq!(learn(&hourly(2, |_| 1.0), AT, Tz::UTC), Known::Unknown(Reason::TooFew));
        assert_eq!(value(&hourly(3, |_| 1.0)), Some(1.0));
    }

    #[test]
    fn below_three_days_all_hours_count() {
        assert_eq!(value(&hourly(71, |_| 5.0)), Some(5.0));
        let b = learn(&hourly(71, |h| if h % 2 == 0 { 1.0 } else { 3.0 }), AT, Tz::UTC);
        assert_eq!(b.value().map(|b| (b.value, b.n)), Some((3.0, 71)));
    }

    #[test]
    fn below_three_weeks_the_hour_of_the_day_counts() {
        // Busy at 08, 09 and 10 o'clock, quiet else.
        let busy = |h: i64| (h % 24 <= 1 || h % 24 == 23).then_some(100.0).unwrap_or(1.0);
        assert_eq!(value(&hourly(10 * 24, busy)), Some(100.0));
        assert_eq!(value(&hourly(2 * 24, busy)), Some(1.0));
    }

    #[test]
    fn from_three_weeks_on_the_hour_of_the_week_counts() {
        let near = |h: i64| h % 168 <= 1 || h % 168 == 167;
        let monday = |h: i64| if near(h) { 100.0 } else { 1.0 };
        assert_eq!(value(&hourly(28 * 24, monday)), Some(100.0));
        assert_eq!(value(&hourly(20 * 24, monday)), Some(1.0));
    }

    #[test]
    fn the_spread_is_that_of_the_median_deviation() {
        // Median of 1, 2, 4, 8, 16 is 4; deviations 3, 2, 0, 4, 12 have the median 3.
        let values = hourly(5, |h| f64::from(1 << (h - 1)));
        let b = learn(&values, AT, Tz::UTC).value().unwrap();
        assert!((b.value - 4.0).abs() < 1e-12 && (b.spread - 3.0 * 1.4826).abs() < 1e-12);
    }

    #[test]
    fn one_outage_does_not_move_the_median() {
        let spoilt = |h: i64| if h <= 3 { 1e9 } else { 10.0 };
        assert_eq!(value(&hourly(28 * 24, spoilt)), Some(10.0));
    }

    #[test]
    fn the_same_hour_on_the_wall_counts_across_a_clock_change() {
        // New York, Monday 2026-03-09 09:00 local, the day after the clocks went forward.
        let at = UnixMicros(1_773_061_200_000_000);
        let week = |k: i64| at.0 - k * 7 * UnixMicros::DAY + UnixMicros::HOUR;
        let values: Vec<SlotValue> =
            (1..=4).map(|k| SlotValue { at: UnixMicros(week(k)), value: 7.0 }).collect();
        let b = learn(&values, at, Tz::America__New_York).value().unwrap();
        assert_eq!((b.value, b.n), (7.0, 4));
    }

    #[test]
    fn drift_is_held_to_ten_percent_a_week() {
        let learned = |value| Baseline { value, spread: 1.0, n: 12 };
        let week = |w: i64| UnixMicros(AT.0 + w * 7 * UnixMicros::DAY);
        assert!((capped(learned(200.0), 100.0, AT, week(1)).value - 110.0).abs() < 1e-9);
        assert!((capped(learned(50.0), 100.0, AT, week(2)).value - 80.0).abs() < 1e-9);
        assert!((capped(learned(105.0), 100.0, AT, week(1)).value - 105.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn the_moments_asked_for_are_those_that_are_used(
            days in 1i64..40, zone in prop::sample::select(&chrono_tz::TZ_VARIANTS[..]),
        ) {
            let since = UnixMicros(AT.0 - days * UnixMicros::DAY);
            let all: Vec<SlotValue> = (1..=days * 24)
                .map(|h| SlotValue { at: UnixMicros(AT.0 - h * UnixMicros::HOUR), value: 1.0 })
                .collect();
            let asked = moments(AT, since, zone);
            let used = learn(&all, AT, zone).value().map_or(0, |b| b.n);
            prop_assert!(asked.len().abs_diff(used as usize) <= 1, "{} {used}", asked.len());
        }
    }
}
