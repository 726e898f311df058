//! The tree of a condition: what the text of `condition:` means, and what is printed back.
//!
//! Numbers stay as written together with their unit, so that printing gives the same text again;
//! [`Quantity::base`] is what the evaluator compares. Refuses to know files and places.

use super::metric::Metric;
use crate::call::Text;
use crate::rollup::Dim;
use crate::unit::Micros;
use serde::{Deserialize, Serialize};

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

/// A number with its unit, as written.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    /// The number.
    pub number: f64,
    /// Its unit.
    pub unit: Written,
}

/// Units as they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Written {
    /// No unit: counts and ratings only.
    #[serde(rename = "")]
    Bare,
    /// Microseconds.
    #[serde(rename = "us")]
    Micros,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Millis,
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Minutes.
    #[serde(rename = "m")]
    Minutes,
    /// Hours.
    #[serde(rename = "h")]
    Hours,
    /// Percent.
    #[serde(rename = "%")]
    Percent,
    /// Tokens.
    #[serde(rename = "tokens")]
    Tokens,
    /// Thousands.
    #[serde(rename = "k")]
    Kilo,
    /// Millions.
    #[serde(rename = "M")]
    Mega,
    /// Billions.
    #[serde(rename = "G")]
    Giga,
    /// `$` in front.
    #[serde(rename = "$")]
    Dollar,
    /// `USD` behind.
    #[serde(rename = "USD")]
    Usd,
    /// Hundredths of a dollar.
    #[serde(rename = "cents")]
    Cents,
    /// Per minute.
    #[serde(rename = "rpm")]
    PerMinute,
    /// Per second.
    #[serde(rename = "rps")]
    PerSecond,
    /// Bytes.
    #[serde(rename = "B")]
    Bytes,
    /// 10³ bytes.
    #[serde(rename = "KB")]
    KiloBytes,
    /// 10⁶ bytes.
    #[serde(rename = "MB")]
    MegaBytes,
    /// 10⁹ bytes.
    #[serde(rename = "GB")]
    GigaBytes,
    /// 2¹⁰ bytes.
    #[serde(rename = "KiB")]
    KibiBytes,
    /// 2²⁰ bytes.
    #[serde(rename = "MiB")]
    MebiBytes,
    /// 2³⁰ bytes.
    #[serde(rename = "GiB")]
    GibiBytes,
    /// Of five.
    #[serde(rename = "/5")]
    OfFive,
}

impl Written {
    /// What one of it is in the evaluator's base unit: µs, ratio, count, nano-dollars, per minute,
    /// bytes, rating.
    #[must_use]
    pub const fn base(self) -> f64 {
        match self {
            Self::Bare
            | Self::Micros
            | Self::Tokens
            | Self::PerMinute
            | Self::Bytes
            | Self::OfFive => 1.0,
            Self::Millis | Self::Kilo | Self::KiloBytes => 1e3,
            Self::Seconds | Self::Mega | Self::MegaBytes => 1e6,
            Self::Minutes | Self::PerSecond => {
                60.0 * if matches!(self, Self::Minutes) { 1e6 } else { 1.0 }
            }
            Self::Hours => 3.6e9,
            Self::Percent => 0.01,
            Self::Giga | Self::GigaBytes | Self::Dollar | Self::Usd => 1e9,
            Self::Cents => 1e7,
            Self::KibiBytes => 1024.0,
            Self::MebiBytes => 1_048_576.0,
            Self::GibiBytes => 1_073_741_824.0,
        }
    }
}

impl Quantity {
    /// In the evaluator's base unit.
    #[must_use]
    pub fn base(self) -> f64 {
        if self.unit == Written::Percent {
            // 0.07 × 100 is 7.000000000000001; the division is exact where the number is.
            return self.number / 100.0;
        }
        self.number * self.unit.base()
    }
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
