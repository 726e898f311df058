//! What is compared with what, and by which rules. The defaults are the one setting that is calibrated.

use crate::unit::UnixMicros;
use serde::Serialize;

/// A series in time order: one value per hour or day.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Points {
    /// The values.
    pub values: Vec<f64>,
    /// Requests behind each value, where known; as long as `values`.
    pub counts: Option<Vec<u64>>,
    /// When each value was, where known; as long as `values`, rising. UTC: a cycle has the same hours in every zone.
    pub times: Option<Vec<UnixMicros>>,
    /// Time between two values in microseconds, where only that is known: it tells how long a week is.
    pub step: Option<i64>,
}

impl Points {
    /// Values without counts.
    #[must_use]
    pub const fn of(values: Vec<f64>) -> Self {
        Self { values, counts: None, times: None, step: None }
    }
}

/// How p-value and interval are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Holds its error rate for autocorrelated, skewed, cyclic and unequal series.
    #[default]
    MovingBlockBootstrap,
    /// Equal variances, independent points: the classic, kept for comparison.
    Student,
    /// Unequal variances, independent points.
    Welch,
}

/// How p-values of one report are corrected for being several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Adjustment {
    /// Holm: the chance of any false finding (Holm 1979).
    #[default]
    Holm,
    /// Benjamini–Hochberg: the share of false findings (1995).
    Bh,
    /// Benjamini–Yekutieli: the same under any dependence (2001).
    By,
}

/// The rules of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Confidence of intervals; `1 - confidence` is the level of tests. Between 0.5 and 1, both excluded.
    pub confidence: f64,
    /// How it is tested.
    pub method: Method,
    /// How several tests are corrected.
    pub adjustment: Adjustment,
    /// Fewest points a side.
    pub min_points: usize,
    /// Fewest requests behind a point, where counts are known: points with fewer are dropped. The metric's own where
    /// `None`.
    pub min_samples: Option<u64>,
}

impl Settings {
    /// The level of a test.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        1.0 - self.confidence
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            confidence: 0.95,
            method: Method::default(),
            adjustment: Adjustment::default(),
            // A week of days.
            min_points: 7,
            min_samples: None,
        }
    }
}
