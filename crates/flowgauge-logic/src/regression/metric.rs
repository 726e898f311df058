//! The four metrics that are compared, which way each gets worse, and how much of it matters.

use serde::{Deserialize, Serialize};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// p95 latency, any unit of time.
    Latency,
    /// Tokens per request.
    Tokens,
    /// Cost per request.
    Cost,
    /// Quality, 0–100.
    Quality,
}

impl Metric {
    /// All, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Latency, Self::Tokens, Self::Cost, Self::Quality];

    /// Its key in the output.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Latency => "latency_regression",
            Self::Tokens => "token_regression",
            Self::Cost => "cost_regression",
            Self::Quality => "quality_regression",
        }
    }

    /// Its key in the input.
    #[must_use]
    pub const fn series(self) -> &'static str {
        match self {
            Self::Latency => "latency_p95",
            Self::Tokens => "token_count",
            Self::Cost => "cost",
            Self::Quality => "quality_score",
        }
    }

    /// `1` where more is worse, `-1` where less is.
    #[must_use]
    pub const fn adverse(self) -> f64 {
        match self {
            Self::Quality => -1.0,
            Self::Latency | Self::Tokens | Self::Cost => 1.0,
        }
    }

    /// The relative change the whole interval must exceed before anything is called worse: 5 %, for quality 2 points.
    /// `None` where points cannot be related to a baseline.
    #[must_use]
    pub fn delta_min(self, baseline_mean: f64) -> Option<f64> {
        /// Below this, a change is within what releases do to each other anyway.
        const SHARE: f64 = 0.05;
        /// Raters of the same answer differ by about as much.
        const POINTS: f64 = 2.0;
        match self {
            Self::Quality => {
                Some(POINTS / baseline_mean).filter(|d| d.is_finite() && baseline_mean > 0.0)
            }
            Self::Latency | Self::Tokens | Self::Cost => Some(SHARE),
        }
    }

    /// The point estimate from which a regression is worth an alert.
    #[must_use]
    pub const fn min_effect(self) -> f64 {
        match self {
            Self::Quality => 0.05,
            Self::Latency | Self::Tokens | Self::Cost => 0.10,
        }
    }

    /// Fewest requests a value of it needs, as for alert rules: a distribution-free bound of a 95th percentile takes 59, a
    /// mean of skewed values about 30, ratings on a bounded scale fewer.
    #[must_use]
    pub const fn min_samples(self) -> u64 {
        match self {
            Self::Latency => 100,
            Self::Tokens | Self::Cost => 30,
            Self::Quality => 20,
        }
    }

    /// Whether its values are quantiles of requests, which are biased where requests are few.
    pub(super) const fn is_quantile(self) -> bool {
        matches!(self, Self::Latency)
    }
}
