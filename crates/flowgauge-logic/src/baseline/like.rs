//! Like with like: how much of a change comes from another mix of traffic (regression 3.2).
//!
//! Direct standardisation: the current cells, weighed by the baseline's shares, say what would have been
//! seen had the mix stayed. The rest of the change is the mix. Requests of cells that only one side has
//! cannot be compared and count as mix.

use super::cell::Cell;
use crate::quantile::bucket_range;
use crate::regression::{Comparison, Metric, Verdict};
use std::collections::BTreeMap;

/// The share of a change that a changed mix explains, relative to the baseline and signed like
/// `magnitude`. Nothing where the sides have no cell in common, or a value is not known.
#[must_use]
pub fn mix_effect(metric: Metric, base: &[Cell], current: &[Cell]) -> Option<f64> {
    let common: Vec<(&Cell, &Cell)> = base
        .iter()
        .filter(|b| weight(metric, b) > 0.0)
        .filter_map(|b| Some((b, current.iter().find(|c| same(b, c) && weight(metric, c) > 0.0)?)))
        .collect();
    let before = value(metric, base.iter().map(|c| (weight(metric, c), c)))?;
    let after = value(metric, current.iter().map(|c| (weight(metric, c), c)))?;
    let kept = value(metric, common.iter().map(|(b, c)| (weight(metric, b), *c)))?;
    let mix = (after - kept) / before;
    mix.is_finite().then_some(mix)
}

/// A comparison of which the part that the mix explains is taken away: only what remains can be a
/// regression.
#[must_use]
pub fn without_mix(metric: Metric, found: Comparison, mix: Option<f64>) -> Comparison {
    let Some(mix) = mix else { return found };
    let adverse = metric.adverse() * mix;
    let less = |v: Option<f64>| v.map(|v| v - adverse);
    let mut found = Comparison {
        effect: less(found.effect),
        ci_low: less(found.ci_low),
        ci_high: less(found.ci_high),
        mix_effect: Some(adverse),
        ..found
    };
    if found.verdict == Verdict::InsufficientData {
        return found;
    }
    let (Some(low), Some(high), Some(least)) = (found.ci_low, found.ci_high, found.delta_min)
    else {
        return found;
    };
    found.verdict = match () {
        () if low > least => Verdict::Regressed,
        () if high < least => Verdict::Fine,
        () => Verdict::Inconclusive,
    };
    found.regression = found.verdict == Verdict::Regressed;
    found.improvement = high < -least;
    found
}

fn same(a: &Cell, b: &Cell) -> bool {
    (&a.endpoint, &a.intent, &a.model) == (&b.endpoint, &b.intent, &b.model)
}

/// What a cell counts with: its share of what the metric is a mean of.
fn weight(metric: Metric, cell: &Cell) -> f64 {
    count(match metric {
        Metric::Latency => cell.rollup.latency.count(),
        Metric::Tokens => cell.rollup.input.count().max(cell.rollup.output.count()),
        Metric::Cost => cell.rollup.priced,
        Metric::Quality => cell.quality.n,
    })
}

/// The metric over cells, each with a weight: a weighed mean, of latency the weighed 95th percentile.
fn value<'a>(metric: Metric, cells: impl Iterator<Item = (f64, &'a Cell)>) -> Option<f64> {
    if metric == Metric::Latency {
        return weighed_p95(cells);
    }
    let (mut sum, mut weights) = (0.0, 0.0);
    for (weight, cell) in cells {
        if let Some(mean) = mean(metric, cell).filter(|_| weight > 0.0) {
            sum += weight * mean;
            weights += weight;
        }
    }
    (weights > 0.0).then(|| sum / weights)
}

fn mean(metric: Metric, cell: &Cell) -> Option<f64> {
    let of = |sum: f64, n: u64| (n > 0).then(|| sum / count(n));
    match metric {
        Metric::Latency => cell.rollup.latency.mean(),
        Metric::Tokens => {
            let sum = cell.rollup.input.sum.saturating_add(cell.rollup.output.sum);
            of(count(sum), cell.rollup.input.count().max(cell.rollup.output.count()))
        }
        Metric::Cost => of(count(cell.rollup.cost_nanos.max(0).unsigned_abs()), cell.rollup.priced),
        Metric::Quality => cell.quality.mean(),
    }
}

fn weighed_p95<'a>(cells: impl Iterator<Item = (f64, &'a Cell)>) -> Option<f64> {
    /// The guide's headline percentile.
    const P95: f64 = 0.95;
    let mut buckets: BTreeMap<u16, f64> = BTreeMap::new();
    for (weight, cell) in cells.filter(|(weight, _)| *weight > 0.0) {
        let each = weight / count(cell.rollup.latency.count().max(1));
        for (bucket, n) in cell.rollup.latency.histogram.buckets() {
            *buckets.entry(*bucket).or_default() += each * count(*n);
        }
    }
    let total: f64 = buckets.values().sum();
    let mut below = 0.0;
    let found = buckets.iter().find(|(_, weight)| {
        below += **weight;
        below >= P95 * total
    });
    found.map(|(bucket, _)| {
        let (low, span) = bucket_range(*bucket);
        count(low) + (count(span) - 1.0) / 2.0
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts and sums stay below 2^53")]
fn count(n: u64) -> f64 {
    n as f64
}
