//! When points were: hours of a week are compared with the same hours, days with the same weekdays, so that a cycle cannot
//! pass for a change, however large it is.
//!
//! Where the clock is not known, or the periods share no hours, it says how long the cycle is that may hide in them.

use crate::unit::UnixMicros;
use std::collections::BTreeMap;

const WEEK: i64 = 7 * UnixMicros::DAY;
/// Points of the longest cycle where nothing says when they were: the hours of a week, since hours are the usual points.
const HOURS_OF_WEEK: f64 = 168.0;

/// What is known of cycles in two series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cycle {
    /// Like was compared with like. Variances grow by `uneven`, since like points are not equally many on both sides, and
    /// of the degrees of freedom `free` are left.
    Matched { uneven: f64, free: f64 },
    /// A cycle of so many points may hide; 1 for none.
    Hidden { points: f64, clock: bool },
}

/// Values of a side, and when they were.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timed<'a> {
    pub(super) values: &'a [f64],
    pub(super) times: Option<&'a [UnixMicros]>,
    /// Time between two values, where only that is known.
    pub(super) step: Option<i64>,
}

/// Two sides ready to be compared.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ready {
    pub(super) base: Vec<f64>,
    pub(super) current: Vec<f64>,
    pub(super) cycle: Cycle,
}

/// Matches the sides by the clock where that leaves `fewest` points a side, and at least half of the shorter one.
pub(super) fn ready(base: Timed<'_>, current: Timed<'_>, fewest: usize) -> Ready {
    let as_given =
        |cycle| Ready { base: base.values.to_vec(), current: current.values.to_vec(), cycle };
    let (Some(before), Some(after)) = (base.times, current.times) else {
        let step = base.step.zip(current.step).map(|(before, after)| before.min(after));
        let points = step.filter(|s| *s > 0).map_or(HOURS_OF_WEEK, points_of_week);
        return as_given(Cycle::Hidden { points, clock: false });
    };
    let Some(step) = step(before).into_iter().chain(step(after)).min() else {
        return as_given(Cycle::Hidden { points: HOURS_OF_WEEK, clock: false });
    };
    let hidden = Cycle::Hidden { points: points_of_week(step), clock: true };
    if step > UnixMicros::DAY {
        return as_given(hidden);
    }
    let matched = matched(kinds(base, before, step), kinds(current, after, step), fewest);
    matched.unwrap_or_else(|| as_given(hidden))
}

/// Points of a week; points further apart than a day hold no cycle.
fn points_of_week(step: i64) -> f64 {
    if step > UnixMicros::DAY { 1.0 } else { WEEK as f64 / step as f64 }
}

/// The shortest time between two points.
fn step(times: &[UnixMicros]) -> Option<i64> {
    times
        .windows(2)
        .map(|pair| pair[1].0.saturating_sub(pair[0].0))
        .filter(|apart| *apart > 0)
        .min()
}

/// Each value with its place in the week.
fn kinds(side: Timed<'_>, times: &[UnixMicros], step: i64) -> Vec<(i64, f64)> {
    let place = |t: &UnixMicros| t.0.rem_euclid(WEEK) / step;
    times.iter().map(place).zip(side.values.iter().copied()).collect()
}

/// Relative to a value, less than this is what additions and subtractions round off.
const ROUNDED: f64 = 1e-12;

/// Values of one place in the week: how many on each side, and their sums.
#[derive(Debug, Clone, Copy, Default)]
struct Kind {
    base: (f64, f64),
    current: (f64, f64),
}

impl Kind {
    /// What the difference of its means is worth.
    fn weight(&self) -> f64 {
        self.base.0 * self.current.0 / (self.base.0 + self.current.0)
    }
}

/// Takes the places' own levels out, fitted together with the step (least squares), so that the difference of the means of
/// what is left is that of like with like.
fn matched(base: Vec<(i64, f64)>, current: Vec<(i64, f64)>, fewest: usize) -> Option<Ready> {
    let mut kinds: BTreeMap<i64, Kind> = BTreeMap::new();
    for (kind, value) in &base {
        let of = &mut kinds.entry(*kind).or_default().base;
        *of = (of.0 + 1.0, of.1 + value);
    }
    for (kind, value) in &current {
        let of = &mut kinds.entry(*kind).or_default().current;
        *of = (of.0 + 1.0, of.1 + value);
    }
    kinds.retain(|_, k| k.base.0 > 0.0 && k.current.0 > 0.0);
    let shorter = base.len().min(current.len());
    let keep = |side: Vec<(i64, f64)>| -> Vec<(i64, f64)> {
        side.into_iter().filter(|(kind, _)| kinds.contains_key(kind)).collect()
    };
    let (base, current) = (keep(base), keep(current));
    let (n, m, places) = (base.len() as f64, current.len() as f64, kinds.len() as f64);
    let fewer = base.len().min(current.len());
    if fewer < fewest || 2 * fewer < shorter || n + m - places - 1.0 < 1.0 {
        return None;
    }
    let weight: f64 = kinds.values().map(Kind::weight).sum();
    let weighted =
        |of: fn(&Kind) -> f64| kinds.values().map(|k| k.weight() * of(k)).sum::<f64>() / weight;
    let level = weighted(|k| k.base.1 / k.base.0);
    let change = weighted(|k| k.current.1 / k.current.0) - level;
    // Residuals shrink by what the places took of their freedom; it is given back.
    let left = (n + m - places - 1.0) / (n + m - 2.0);
    let grown = left.sqrt().recip();
    let rest = |(kind, value): (i64, f64), above: f64| {
        let own = kinds.get(&kind).map_or(0.0, |k| {
            (k.base.1 + k.current.1 - k.current.0 * change) / (k.base.0 + k.current.0)
        });
        let left = (value - own - above) * grown;
        // Two weeks alike to the last digit leave what arithmetic rounds off; that has no spread to judge by.
        level + above + if left.abs() > ROUNDED * value.abs() { left } else { 0.0 }
    };
    Some(Ready {
        base: base.into_iter().map(|p| rest(p, 0.0)).collect(),
        current: current.into_iter().map(|p| rest(p, change)).collect(),
        cycle: Cycle::Matched { uneven: (n * m / (n + m) / weight).max(1.0), free: left },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(from: i64, n: i64) -> Vec<UnixMicros> {
        (from..from + n).map(|h| UnixMicros(h * UnixMicros::HOUR)).collect()
    }

    fn week(times: &[UnixMicros]) -> Vec<f64> {
        times.iter().map(|t| (t.0 / UnixMicros::HOUR % 168) as f64).collect()
    }

    #[test]
    fn the_same_hours_of_two_weeks_hold_no_cycle() {
        let (before, after) = (hours(0, 168), hours(168 + 60, 24));
        let (base, current) = (week(&before), week(&after));
        let found = ready(
            Timed { values: &base, times: Some(&before), step: None },
            Timed { values: &current, times: Some(&after), step: None },
            7,
        );
        assert!(matches!(found.cycle, Cycle::Matched { .. }), "{found:?}");
        let apart = |a: &[f64]| a.iter().fold(0.0_f64, |most, v| most.max((v - a[0]).abs()));
        assert!(apart(&found.base) < 1e-9 && (found.base[0] - found.current[0]).abs() < 1e-9);
        assert_eq!((found.base.len(), found.current.len()), (24, 24));
    }

    #[test]
    fn a_week_that_repeats_itself_to_the_last_digit_leaves_nothing_to_judge_by() {
        let (before, after) = (hours(0, 40), hours(168, 40));
        let values: Vec<f64> = (0..40).map(|i| 90.0 + f64::from(i * 37 % 41) / 17.0).collect();
        let found = ready(
            Timed { values: &values, times: Some(&before), step: None },
            Timed { values: &values, times: Some(&after), step: None },
            7,
        );
        let first = found.base[0].to_bits();
        assert!(found.base.iter().chain(&found.current).all(|v| v.to_bits() == first), "{found:?}");
    }

    #[test]
    fn hours_that_the_other_side_does_not_have_are_not_matched() {
        let (before, after) = (hours(0, 30), hours(30, 7));
        let (base, current) = (week(&before), week(&after));
        let found = ready(
            Timed { values: &base, times: Some(&before), step: None },
            Timed { values: &current, times: Some(&after), step: None },
            7,
        );
        assert_eq!(found.cycle, Cycle::Hidden { points: 168.0, clock: true });
    }
}
