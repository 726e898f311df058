//! Like with like: the calls of a window in cells of endpoint, intent, model and cache outcome.
//!
//! A traffic kind (endpoint and intent) is what users ask for; model and cache outcome are what the
//! system does with it. Comparisons hold the former fixed and explain by the latter.

use super::finding::whole;
use super::test_of_difference::Moments;
use crate::call::{CacheOutcome, Text};
use crate::quantile::{Histogram, bucket_range};
use crate::rollup::{Dist, Rollup};
use std::collections::BTreeMap;

/// What the cache did, as far as comparisons care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lookup {
    /// Answered from memory.
    Hit,
    /// Looked up, not found.
    Miss,
    /// Not looked up.
    None,
}

impl From<CacheOutcome> for Lookup {
    fn from(outcome: CacheOutcome) -> Self {
        match outcome {
            CacheOutcome::HitExact | CacheOutcome::HitSemantic => Self::Hit,
            CacheOutcome::Miss => Self::Miss,
            CacheOutcome::Bypass | CacheOutcome::Disabled => Self::None,
        }
    }
}

/// What calls of one cell share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellKey {
    /// Route.
    pub endpoint: Text,
    /// Purpose.
    pub intent: Text,
    /// Model.
    pub model: Text,
    /// Cache outcome.
    pub lookup: Lookup,
}

impl CellKey {
    /// Endpoint and intent.
    #[must_use]
    pub fn kind(&self) -> (&Text, &Text) {
        (&self.endpoint, &self.intent)
    }
}

/// One cell of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// What its calls share.
    pub key: CellKey,
    /// What is known of them.
    pub rollup: Rollup,
}

/// The cells of a window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cells {
    cells: BTreeMap<CellKey, Rollup>,
}

impl FromIterator<Cell> for Cells {
    fn from_iter<I: IntoIterator<Item = Cell>>(cells: I) -> Self {
        let mut out = Self::default();
        for cell in cells {
            out.cells.entry(cell.key).or_default().merge(&cell.rollup);
        }
        out
    }
}

/// A figure per call that has a mean and a spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Latency of successes, µs.
    Latency,
    /// Time to first token, µs.
    Ttft,
    /// Time per output token, µs.
    Tpot,
    /// flowgauge's own share, µs.
    Overhead,
    /// Input tokens.
    Input,
    /// Output tokens.
    Output,
    /// Input and output tokens.
    Tokens,
    /// Nano-dollars.
    Cost,
}

impl Cells {
    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = (&CellKey, &Rollup)> {
        self.cells.iter()
    }

    /// The rollup of a cell.
    #[must_use]
    pub fn get(&self, key: &CellKey) -> Option<&Rollup> {
        self.cells.get(key)
    }

    /// All calls.
    #[must_use]
    pub fn whole(&self) -> Rollup {
        let mut whole = Rollup::default();
        self.cells.values().for_each(|r| whole.merge(r));
        whole
    }

    /// Calls in all.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.cells.values().map(Rollup::requests).sum()
    }

    /// Keys of this and another window, each once.
    #[must_use]
    pub fn keys_with<'a>(&'a self, other: &'a Self) -> Vec<&'a CellKey> {
        let mut keys: Vec<&CellKey> = self.cells.keys().chain(other.cells.keys()).collect();
        keys.sort();
        keys.dedup();
        keys
    }

    /// Only the cells that pass.
    #[must_use]
    pub fn only(&self, pass: impl Fn(&CellKey) -> bool) -> Self {
        let cells = self.cells.iter().filter(|(k, _)| pass(k));
        Self { cells: cells.map(|(k, r)| (k.clone(), r.clone())).collect() }
    }
}

impl Figure {
    /// Calls that have it.
    #[must_use]
    pub fn n(self, rollup: &Rollup) -> u64 {
        match self {
            Self::Tokens => rollup.input.count().max(rollup.output.count()),
            Self::Cost => rollup.priced,
            Self::Latency
            | Self::Ttft
            | Self::Tpot
            | Self::Overhead
            | Self::Input
            | Self::Output => self.dist(rollup).map_or(0, Dist::count),
        }
    }

    /// Its sum.
    #[must_use]
    pub fn sum(self, rollup: &Rollup) -> f64 {
        match self {
            Self::Tokens => whole(rollup.input.sum) + whole(rollup.output.sum),
            #[expect(
                clippy::cast_precision_loss,
                reason = "a statistic; money itself stays an integer"
            )]
            Self::Cost => rollup.cost_nanos as f64,
            Self::Latency
            | Self::Ttft
            | Self::Tpot
            | Self::Overhead
            | Self::Input
            | Self::Output => self.dist(rollup).map_or(0.0, |d| whole(d.sum)),
        }
    }

    /// Its mean.
    #[must_use]
    pub fn mean(self, rollup: &Rollup) -> Option<f64> {
        let n = self.n(rollup);
        (n > 0).then(|| self.sum(rollup) / whole(n))
    }

    /// Its distribution, where one is kept.
    #[must_use]
    pub fn dist(self, rollup: &Rollup) -> Option<&Dist> {
        match self {
            Self::Latency => Some(&rollup.latency),
            Self::Ttft => Some(&rollup.ttft),
            Self::Tpot => Some(&rollup.tpot),
            Self::Overhead => Some(&rollup.overhead),
            Self::Input => Some(&rollup.input),
            Self::Output => Some(&rollup.output),
            Self::Tokens | Self::Cost => None,
        }
    }

    /// Mean and spread. That of tokens takes input and output as moving together, and that of cost
    /// is as wide, relative to its mean, as the wider of the two: both err towards no claim.
    #[must_use]
    pub fn moments(self, rollup: &Rollup) -> Option<Moments> {
        if let Some(dist) = self.dist(rollup) {
            return Moments::of(&dist.histogram, dist.sum);
        }
        let input = Moments::of(&rollup.input.histogram, rollup.input.sum)?;
        let output = Moments::of(&rollup.output.histogram, rollup.output.sum);
        let deviation = |m: &Moments| m.variance.sqrt();
        let mean = self.mean(rollup)?;
        let spread = match self {
            Self::Cost => {
                let relative = |m: &Moments| if m.mean > 0.0 { deviation(m) / m.mean } else { 0.0 };
                mean * relative(&input).max(output.as_ref().map_or(0.0, relative))
            }
            _ => deviation(&input) + output.as_ref().map_or(0.0, deviation),
        };
        Some(Moments { n: whole(self.n(rollup)), mean, variance: spread * spread })
    }
}

/// The quantile of several histograms, each weighed: what a window would have shown with another mix.
#[must_use]
pub fn weighed_quantile(parts: &[(f64, &Histogram)], q: f64) -> Option<f64> {
    let mut buckets: BTreeMap<u16, f64> = BTreeMap::new();
    let mut all = 0.0;
    for (weight, histogram) in parts {
        let n = whole(histogram.count());
        if n <= 0.0 || *weight <= 0.0 {
            continue;
        }
        all += weight;
        for (bucket, count) in histogram.buckets() {
            *buckets.entry(*bucket).or_default() += weight * whole(*count) / n;
        }
    }
    let mut seen = 0.0;
    for (bucket, weight) in buckets {
        seen += weight;
        if seen >= q * all {
            let (low, span) = bucket_range(bucket);
            return Some(whole(low) + whole(span - 1) / 2.0);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weighed_quantile_of_equal_parts_is_the_plain_one() {
        let mut histogram = Histogram::default();
        (1..=200).for_each(|v| histogram.record(v));
        let q = weighed_quantile(&[(0.3, &histogram), (0.7, &histogram)], 0.95).unwrap();
        assert!((q - 190.0).abs() <= 1.0, "{q}");
        assert_eq!(weighed_quantile(&[(0.0, &histogram)], 0.95), None);
    }
}
