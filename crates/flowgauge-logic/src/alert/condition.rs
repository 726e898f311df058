//! The tree of a condition: what the text of `condition:` means, and what is printed back.
//!
//! Numbers stay as written together with their unit, so that printing gives the same text again;
//! [`Quantity::base`] is what the evaluator compares. Refuses to know files and places.

mod bound;
mod quantity;

use super::metric::Metric;
use crate::call::Text;
use crate::rollup::Dim;
use crate::unit::Micros;
use serde::{Deserialize, Serialize};

pub use bound::{Bound, Cmp, Guards, Offset, Reference};
pub use quantity::{Quantity, Written};

/// What a rule waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one per rule, read once and never moved in a loop")]
pub enum Condition {
    /// A state: true for so long.
    When {
        /// What must hold.
        #[serde(rename = "is")]
        expr: Expr,
        /// For how long.
        #[serde(default, rename = "for", skip_serializing_if = "Hold::is_none")]
        hold: Hold,
    },
    /// An event per period.
    Schedule(Schedule),
}

/// For how long a condition must hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// At every tick for at least so long.
    pub length: Micros,
    /// `(k of n)`: at least `k` of the last `n` ticks are enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Tolerance>,
}

impl Hold {
    /// Whether the first true tick fires.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.length.0 == 0 && self.tolerance.is_none()
    }
}

/// `(k of n)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tolerance {
    /// So many true ticks …
    pub k: u32,
    /// … of so many.
    pub n: u32,
}

/// Predicates joined; `not` binds closest, then `and`, then `or`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one per rule, read once and never moved in a loop")]
pub enum Expr {
    /// All of them; at least two.
    And(Vec<Self>),
    /// Any of them; at least two.
    Or(Vec<Self>),
    /// Not this one.
    Not(Box<Self>),
    /// A predicate.
    Is(Predicate),
}

/// One thing that is true, false or unknown at a tick.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predicate {
    /// `p95_latency > 2500ms`.
    Compare(Comparison),
    /// `no data for 10m from throughput`.
    NoData {
        /// Of what.
        from: Series,
        /// For how long.
        length: Micros,
    },
    /// `absent(throughput)`: no data in the window of the series.
    Absent(Series),
    /// `burn_rate(availability) > 14.4 over 1h and 5m`.
    BurnRate {
        /// Name of the SLO.
        slo: Text,
        /// The factor.
        factor: f64,
        /// The long window.
        long: Micros,
        /// The short window.
        short: Micros,
    },
    /// `regression(quality_score vs baseline) > 5%`; decided by the regression detector.
    Regression {
        /// Of what.
        of: Series,
        /// Against what; the baseline where unset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        against: Option<Reference>,
        /// More than so many percent, where written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        beyond: Option<(Cmp, f64)>,
        /// Small-sample guards.
        #[serde(default)]
        guards: Guards,
    },
    /// `forecast(monthly_cost) > 100% of budget`.
    Forecast {
        /// Of what.
        of: Series,
        /// How far ahead; the end of the metric's period where unset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ahead: Option<Micros>,
        /// How it is compared.
        cmp: Cmp,
        /// With what.
        bound: Bound,
    },
}

/// `operand cmp bound guards`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Left side.
    pub operand: Operand,
    /// How it is compared.
    pub cmp: Cmp,
    /// Right side.
    pub bound: Bound,
    /// Small-sample guards.
    #[serde(default)]
    pub guards: Guards,
}

/// Left side of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operand {
    /// A metric.
    Of(Series),
    /// `increase of daily_tokens over 7d vs last_week`: a signed ratio `new / old − 1`, its sign
    /// turned for `decrease` and dropped for `change`.
    Change {
        /// In which direction.
        kind: ChangeKind,
        /// Of what.
        of: Series,
        /// Against what.
        against: Reference,
    },
}

impl Operand {
    /// The series it reads.
    #[must_use]
    pub const fn series(&self) -> &Series {
        match self {
            Self::Of(series) | Self::Change { of: series, .. } => series,
        }
    }
}

/// A direction of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// `increase of`.
    Increase,
    /// `decrease of`.
    Decrease,
    /// `change of`, whichever way.
    Change,
}

/// A metric, narrowed, over a window, one value per combination of labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Series {
    /// Which metric.
    pub metric: Metric,
    /// `{model=~"gpt-.*"}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub selector: Vec<Matcher>,
    /// `{calendar="day"}`: the calendar day so far in the place of the trailing 24 hours.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub calendar_day: bool,
    /// `over 1h`; the metric's own window where unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Micros>,
    /// `by (model)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<Dim>,
}

/// One term of a selector.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Matcher {
    /// Which dimension.
    pub dim: Dim,
    /// How.
    pub op: MatchOp,
    /// With what; an anchored regular expression for [`MatchOp::Matches`] and its opposite.
    pub value: Text,
}

/// How a selector compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MatchOp {
    /// `=`
    #[serde(rename = "=")]
    Equal,
    /// `!=`
    #[serde(rename = "!=")]
    NotEqual,
    /// `=~`
    #[serde(rename = "=~")]
    Matches,
    /// `!~`
    #[serde(rename = "!~")]
    NotMatches,
}

/// When an event is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// How often.
    pub every: Cadence,
    /// Local time of day, minutes after midnight; the configured hour (08:00) where unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u16>,
    /// Zone; the configured one where unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<chrono_tz::Tz>,
}

/// How often an event is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cadence {
    /// Every day.
    Daily,
    /// Every week on this day, 1 = Monday … 7 = Sunday.
    Weekly(u8),
    /// Every month on this day of the month, or its last where it has none such.
    Monthly(u8),
    /// A cron expression of five fields.
    Cron(Text),
}
