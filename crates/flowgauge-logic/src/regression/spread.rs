//! The variance of each side's mean when points depend on their neighbours, days repeat, and there are few of them.
//!
//! Several estimates, each honest under other circumstances; the largest is taken:
//! - an AR(1) process, its coefficient pooled over both sides after removing the step, corrected for bias and drawn towards
//!   a typical one where points are few: seven points cannot tell independence from strong dependence;
//! - overlapping windows, which assume no model;
//! - for a short side beside a long one: how much windows of its length vary within the long one.

use super::clock::Cycle;
use super::dependence::{self, MOST, lag1, mean_variance, window_variance};
use super::moments::{mean, residuals};

/// The dependence to expect before seeing the data: the strongest for which false alarms are promised (regression 7).
const EXPECTED: f64 = 0.6;
/// How many points that expectation is worth, as chosen; `tests/comparison.rs` holds what follows from it to the level.
const WEIGHT: f64 = 20.0;
/// Points of a day, where points are hours.
const DAY: usize = 24;
/// From this many points on, days are removed: a week of hours.
const WEEK: usize = 7 * DAY;
/// Fewest windows for an estimate without a model, as chosen.
const WINDOWS: usize = 7;
/// A long side is long if it holds this many windows of the short side's length, as chosen.
const LONG: usize = 4;
/// Variance that a hidden cycle gives the mean of a side, in variances of a point; and what smaller part of it short sides
/// get, which lie closer together in a week: all of it from so many points on both together, but at least this part where a
/// day may hide. Chosen so that days and weeks of 1.5 deviations (sine) and weekends of 2 keep the level from 7 to 167 points
/// a side (`examples/compare_calibration`, `grid`).
const HIDDEN: f64 = 0.7;
const APART: f64 = 96.0;
const WITHIN_A_DAY: f64 = 0.6;
/// Weeks are matched only if that more than halves the variance, as chosen, so that a week is not taken out of what has none.
const CLEARLY: f64 = 0.5;

/// Means, variances of means, and how sure these are.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spread {
    pub(super) base: Side,
    pub(super) current: Side,
    pub(super) df: f64,
    /// How far neighbours depend on each other, as measured.
    pub(super) phi: f64,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Side {
    pub(super) mean: f64,
    /// Of the mean.
    pub(super) variance: f64,
    /// Independent points it is worth.
    pub(super) effective: f64,
    /// Differences from the mean, days removed.
    pub(super) residuals: Vec<f64>,
    /// Degrees of freedom of `variance`.
    df: f64,
}

/// Both sides; `None` where a side is empty.
pub(super) fn spread(base_values: &[f64], current_values: &[f64], cycle: Cycle) -> Option<Spread> {
    let weeks = base_values.len() >= WEEK && current_values.len() >= WEEK;
    let weekly = weeks && matches!(cycle, Cycle::Hidden { .. });
    let (base_mean, base_rest) = without_days(base_values, weekly)?;
    let (current_mean, current_rest) = without_days(current_values, weekly)?;
    let phi = pooled(&[&base_rest, &current_rest]);
    let mut base = side(base_mean, base_rest, phi, weekly);
    let mut current = side(current_mean, current_rest, phi, weekly);
    let (long, short) = if base.residuals.len() >= current.residuals.len() {
        (&base, &mut current)
    } else {
        (&current, &mut base)
    };
    let known = stand_in(long, short);
    if let Cycle::Hidden { points, .. } = cycle {
        hide(&mut base, &mut current, points, known);
    }
    let total = base.variance + current.variance;
    // Satterthwaite for the sum, with the coefficient's own error, which both share.
    let mut doubt = total * total * phi.doubt;
    for part in [&base, &current] {
        doubt += part.variance * part.variance * 2.0 / part.df;
    }
    let df = (2.0 * total * total / doubt).clamp(1.0, 1e6);
    let mut found = Spread { base, current, df, phi: phi.measured };
    if let Cycle::Matched { uneven, free } = cycle {
        found.base.variance *= uneven;
        found.current.variance *= uneven;
        found.df = (found.df * free).max(1.0);
    }
    if weekly && whole_weeks(base_values, current_values) {
        found.match_weeks(base_values, current_values);
    }
    Some(found)
}

fn whole_weeks(base: &[f64], current: &[f64]) -> bool {
    base.len().is_multiple_of(WEEK) && current.len().is_multiple_of(WEEK)
}

impl Spread {
    /// Where weeks repeat, hours of the week are compared with the same hours: their differences hold no cycle. It is not
    /// known with which day each side begins, so the best of seven ways counts; whichever it is, differences over whole
    /// weeks have the same mean, and a wrong one leaves the cycle in as noise.
    fn match_weeks(&mut self, base: &[f64], current: &[f64]) {
        let total = self.base.variance + self.current.variance;
        let (before, after) = (folded(base), folded(current));
        let ways = (0..WEEK / DAY).map(|day| {
            let shifted = after.iter().cycle().skip(day * DAY);
            let apart: Vec<f64> = shifted.zip(&before).map(|(c, b)| c - b).collect();
            let rest = residuals(&apart);
            let phi = pooled(&[&rest]);
            let paired = side(0.0, rest, phi, true);
            (paired.variance, 2.0 / (2.0 / paired.df + phi.doubt))
        });
        let Some((variance, df)) = ways.min_by(|a, b| a.0.total_cmp(&b.0)) else { return };
        if variance < total * CLEARLY {
            self.base.variance *= variance / total;
            self.current.variance *= variance / total;
            self.df = df.max(1.0);
        }
    }
}

/// The mean week.
fn folded(values: &[f64]) -> Vec<f64> {
    let hour = |at: usize| mean(&values.iter().skip(at).step_by(WEEK).copied().collect::<Vec<_>>());
    (0..WEEK).map(|at| hour(at).unwrap_or(0.0)).collect()
}

/// Mean and residuals; with days removed, each hour of the day weighs the same, so that a part of a day tips nothing.
fn without_days(values: &[f64], weekly: bool) -> Option<(f64, Vec<f64>)> {
    if !weekly {
        return Some((mean(values)?, residuals(values)));
    }
    let mut hours = [0.0; DAY];
    for (hour, at) in hours.iter_mut().enumerate() {
        let of_hour: Vec<f64> = values.iter().skip(hour).step_by(DAY).copied().collect();
        *at = mean(&of_hour)?;
    }
    // What removing 24 means instead of one took from the variance is given back.
    let n = values.len() as f64;
    let scale = ((n - 1.0) / (n - DAY as f64)).sqrt();
    let rest = values.iter().enumerate().map(|(at, v)| (v - hours[at % DAY]) * scale).collect();
    Some((mean(&hours)?, rest))
}

/// The coefficient of both sides together, and what its error does to a variance.
#[derive(Debug, Clone, Copy)]
struct Phi {
    /// As measured, not below 0.
    measured: f64,
    /// Drawn towards the expected one.
    drawn: f64,
    /// Relative variance it brings into variances of means.
    doubt: f64,
}

fn pooled(sides: &[&[f64]]) -> Phi {
    let (mut lagged, mut size, mut plain, mut points) = (0.0, 0.0, 0.0, 0.0);
    for side in sides {
        if let Some(r) = lag1(side) {
            let n = side.len() as f64;
            plain += n * r;
            points += n;
            // E r = φ − (1 + 4φ)/n for residuals of a mean (Kendall 1954).
            lagged += n * r + 1.0;
            size += n - 4.0;
        }
    }
    let measured = if points > 0.0 { (plain / points).clamp(0.0, MOST) } else { 0.0 };
    let size: f64 = f64::max(size, 0.0);
    let drawn = ((lagged + WEIGHT * EXPECTED) / (size + WEIGHT)).clamp(0.0, MOST);
    let share = size / (size + WEIGHT);
    // Var φ = (1 − φ²)/N; the derivative of ln((1+φ)/(1−φ)) is 2/(1 − φ²).
    let doubt = 4.0 * share * share / ((1.0 - drawn * drawn) * f64::max(size, 1.0));
    Phi { measured, drawn, doubt }
}

fn side(mean: f64, residuals: Vec<f64>, phi: Phi, weekly: bool) -> Side {
    let n = residuals.len();
    let size = n as f64;
    let squares: f64 = residuals.iter().map(|e| e * e).sum();
    let share = mean_variance(n, phi.drawn);
    // Residuals of a dependent series are smaller than its deviations: E Σe² = nσ²(1 − share).
    let variance = squares / size / (1.0 - share).max(f64::EPSILON) * share;
    let squared = phi.drawn * phi.drawn;
    let df = (size * (1.0 - squared) / (1.0 + squared) - 1.0).max(1.0);
    let effective = dependence::effective_size(n, phi.measured);
    let mut side = Side { mean, variance, effective, residuals, df };
    let length = if weekly { DAY } else { block_length(n) };
    if n >= WINDOWS * length
        && let Some(of_window) = window_variance(&side.residuals, length)
    {
        side.widen(of_window * length as f64 / size, window_df(n, length));
    }
    side
}

/// Blocks of about the cube root of n: the rate that is best for variances (Hall, Horowitz and Jing 1995).
pub(super) fn block_length(n: usize) -> usize {
    let mut length = 1;
    while (length + 1) * (length + 1) * (length + 1) <= n {
        length += 1;
    }
    length
}

/// Adds what a cycle longer than the sides may have put between them: nobody can see in two parts of a cycle that they are
/// parts of one. A side that is `known` has been seen to vary like windows of its length do over whole cycles.
fn hide(base: &mut Side, current: &mut Side, cycle: f64, known: bool) {
    let (squares, points) =
        [&*base, &*current].iter().fold((0.0, 0.0), |(squares, points), side| {
            let own: f64 = side.residuals.iter().map(|e| e * e).sum();
            (squares + own, points + side.residuals.len() as f64 - 1.0)
        });
    let spread = squares / f64::max(points, 1.0);
    let (n, m) = (base.residuals.len(), current.residuals.len());
    let long = n.max(m);
    let reach = ((n + m) as f64 / APART).min(1.0);
    let share = if long < DAY { reach.max(WITHIN_A_DAY) } else { reach };
    for side in [base, current] {
        let n = side.residuals.len();
        if known && n < long && long as f64 >= cycle {
            continue;
        }
        let part = (n as f64 / cycle).min(1.0);
        side.variance += HIDDEN * share * spread * (1.0 - part * part);
    }
}

/// A short side varies at least as much as windows of its length do within a long side. Whether that could be told.
fn stand_in(long: &Side, short: &mut Side) -> bool {
    let (n, length) = (long.residuals.len(), short.residuals.len());
    if n >= LONG * length
        && let Some(variance) = window_variance(&long.residuals, length)
    {
        short.widen(variance, window_df(n, length));
        return true;
    }
    false
}

/// Overlapping windows are worth half as many again as windows side by side (Meketon and Schmeiser 1984).
fn window_df(n: usize, length: usize) -> f64 {
    (1.5 * (n as f64 / length as f64 - 1.0)).max(1.0)
}

impl Side {
    fn widen(&mut self, variance: f64, df: f64) {
        if variance > self.variance {
            self.variance = variance;
            self.df = df;
        }
    }
}
