//! What one evaluation of one instance came to.

use super::facts::Labels;
use serde::{Deserialize, Serialize};

/// One evaluation of one instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What the state machine is told.
    pub verdict: Verdict,
    /// The figures behind it.
    pub evidence: Evidence,
}

/// What the state machine is told (alerting 8.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// T: the condition holds.
    True,
    /// F, not C: it does not hold, but is not clear either.
    False,
    /// C: the clear condition holds, and so the condition does not.
    Clear,
    /// U: not known.
    Unknown(Why),
    /// E: it could not be evaluated.
    Failed(String),
}

/// Why it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// No data in the window.
    NoData,
    /// Fewer samples than it takes.
    Thin,
    /// Nothing was received because flowgauge itself was away.
    OwnGap,
    /// The mechanism behind the metric is off.
    Disabled,
    /// The baseline is not learned yet.
    WarmingUp,
    /// A budget, target or capacity is not configured.
    NotConfigured,
}

/// The figures behind an evaluation, in the evaluator's base units.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The value compared, where there is one.
    pub value: Option<f64>,
    /// What it was compared with.
    pub threshold: Option<f64>,
    /// The reference behind the threshold.
    pub reference: Option<f64>,
    /// Samples in the window.
    pub n: u64,
    /// How many were beyond the threshold, where that is what was counted.
    pub exceed: Option<u64>,
    /// The window in µs.
    pub window_us: u64,
    /// Read from histograms, right within 0.5 %.
    pub approx: bool,
    /// The decision in words, where value and decision could seem to disagree.
    pub sentence: Option<String>,
}

/// One instance's evaluation.
pub type Evaluated = (Labels, Sample);
