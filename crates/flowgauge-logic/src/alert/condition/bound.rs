//! Right side of a comparison: an amount, a part of something that is not written in the rule, or that
//! moved by an amount; and the guards behind it. Refuses to find out what a reference stands at.

use super::Series;
use super::quantity::Quantity;
use crate::call::Text;
use crate::unit::Micros;
use serde::{Deserialize, Serialize};

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cmp {
    /// `>` or `is above`.
    #[serde(rename = ">")]
    Above,
    /// `>=`
    #[serde(rename = ">=")]
    AtLeast,
    /// `<` or `is below`.
    #[serde(rename = "<")]
    Below,
    /// `<=`
    #[serde(rename = "<=")]
    AtMost,
    /// `==`
    #[serde(rename = "==")]
    Equal,
    /// `!=`
    #[serde(rename = "!=")]
    NotEqual,
}

/// Right side of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// `2500ms`.
    Quantity(Quantity),
    /// `110% of baseline`.
    PercentOf {
        /// May pass 100.
        percent: f64,
        /// Of what.
        of: Reference,
    },
    /// `baseline + 20%`.
    Reference {
        /// Which.
        reference: Reference,
        /// More or less than it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        offset: Option<Offset>,
    },
}

/// `+ 20%` or `- 100ms`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Offset {
    /// Whether it is taken away.
    pub minus: bool,
    /// `20%` of the reference, or an amount in the metric's dimension.
    pub amount: Quantity,
}

/// What a value is compared with that is not written in the rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// `baseline` or `baseline("2025-w40")`.
    Baseline(#[serde(default)] Option<Text>),
    /// `budget` or `budget("name")`.
    Budget(#[serde(default)] Option<Text>),
    /// `target`: the KPI's.
    Target,
    /// `capacity`: of the cache.
    Capacity,
    /// `previous 1h`: the window before, moved back by so much.
    Previous(Micros),
    /// The same window one day earlier.
    Yesterday,
    /// The same window one week earlier.
    LastWeek,
    /// Another metric.
    Metric(Series),
}

/// Small-sample guards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Guards {
    /// `with 95% confidence`, as 0.95.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// `min 200 samples`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_samples: Option<u64>,
}
