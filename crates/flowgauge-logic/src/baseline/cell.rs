//! One cell of a baseline: sums and histograms over its window, and its course in points.

use crate::call::Text;
use crate::kpi::{Context, Kpi, measure};
use crate::rollup::Rollup;
use crate::score::ScoreSums;
use crate::unit::UnixMicros;
use serde::{Deserialize, Serialize};

/// What is known of an endpoint × intent × model; empty names stand for everything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Route.
    pub endpoint: Text,
    /// Purpose.
    pub intent: Text,
    /// Model.
    pub model: Text,
    /// Counts, sums and histograms of its calls.
    pub rollup: Rollup,
    /// What the evaluator said of them.
    pub quality: Quality,
    /// Its course, oldest first; stretches without calls have no point.
    pub points: Vec<Point>,
}

/// Sums of qualities, 0–100 each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Evaluations.
    pub n: u64,
    /// Σ quality.
    pub sum: f64,
    /// Σ quality².
    pub squares: f64,
}

/// One stretch of a cell's course. What is not known is missing, never 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Its first moment.
    pub at: UnixMicros,
    /// Successful calls.
    pub requests: u64,
    /// 95th percentile of latency, ms.
    pub latency_p95: Option<f64>,
    /// Mean tokens of a successful call.
    pub tokens: Option<f64>,
    /// Mean cost of a priced call, dollars.
    pub cost: Option<f64>,
    /// Mean quality, 0–100.
    pub quality: Option<f64>,
    /// Evaluations behind it.
    pub scored: u64,
}

impl Cell {
    /// Its figures over the whole window.
    #[must_use]
    pub fn figures(&self) -> Point {
        Point::of(UnixMicros(0), &self.rollup, &self.quality)
    }

    /// Adds sums of another cell; the course is not added up: percentiles of parts are not those of
    /// the whole.
    pub fn merge(&mut self, other: &Self) {
        self.rollup.merge(&other.rollup);
        self.quality.merge(&other.quality);
    }
}

impl Quality {
    /// Adds others.
    pub fn merge(&mut self, other: &Self) {
        self.n = self.n.saturating_add(other.n);
        self.sum += other.sum;
        self.squares += other.squares;
    }

    /// Of sums.
    #[must_use]
    pub const fn of(sums: &ScoreSums) -> Self {
        Self { n: sums.evaluations, sum: sums.quality, squares: sums.squares }
    }

    /// Mean, 0–100.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let sums = ScoreSums { evaluations: self.n, quality: self.sum, ..ScoreSums::default() };
        sums.mean_quality()
    }
}

impl Point {
    /// A stretch of calls.
    #[must_use]
    pub fn of(at: UnixMicros, rollup: &Rollup, quality: &Quality) -> Self {
        Self {
            at,
            requests: rollup.success,
            latency_p95: rollup.latency.histogram.quantile(0.95).map(|us| us / US_PER_MS),
            tokens: kpi("tokens_per_request", rollup),
            cost: kpi("cost_per_request", rollup),
            quality: quality.mean(),
            scored: quality.n,
        }
    }
}

/// Latency is in ms at the edges (D4).
const US_PER_MS: f64 = 1_000.0;

/// The KPI of the catalogue, so that a baseline and a page never differ; without calls it is nothing.
fn kpi(name: &str, rollup: &Rollup) -> Option<f64> {
    let kpi = Kpi::find(name).filter(|_| rollup.success > 0)?;
    // Neither of them depends on the length of the window.
    measure(kpi, rollup, Context { minutes: 1.0 }).value.value()
}
