//! One figure of a report: what it is called by machines, its value with unit or why there is none, and what it rests on.
//!
//! Refuses numbers that are none: what is not finite becomes unknown when the figure is made.

use crate::known::{Known, Reason};
use crate::kpi::{Kpi, Measured, State, Unit};
use crate::unit::{Micros, NanoUsd};
use serde::{Deserialize, Serialize};

/// A number with its unit. Inside, as everywhere: shares are 0–1, quality is 0–100, money is whole nano-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// A latency, in milliseconds.
    Ms(f64),
    /// A span of time people count in minutes, hours or days.
    Lasting(Micros),
    /// Tokens, or a mean of them.
    Tokens(f64),
    /// Money.
    Usd(NanoUsd),
    /// A share between 0 and 1, or a relative change.
    Share(f64),
    /// A quality score, 0–100.
    Quality(f64),
    /// A difference of two qualities or of two shares, in points of a hundred.
    Points(f64),
    /// How many.
    Count(u64),
    /// A rating from 1 to 5.
    Rating(f64),
    /// Requests per minute.
    PerMinute(f64),
    /// Bytes.
    Bytes(u64),
    /// A multiple, e.g. of the allowed burn rate.
    Times(f64),
    /// Months, e.g. until a change has paid for itself.
    Months(f64),
}

impl Quantity {
    /// The name of the unit in JSON and CSV.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Ms(_) => "ms",
            Self::Lasting(_) => "s",
            Self::Tokens(_) => "tokens",
            Self::Usd(_) => "usd",
            Self::Share(_) => "share",
            Self::Quality(_) => "quality",
            Self::Points(_) => "points",
            Self::Count(_) => "count",
            Self::Rating(_) => "rating",
            Self::PerMinute(_) => "per_minute",
            Self::Bytes(_) => "bytes",
            Self::Times(_) => "times",
            Self::Months(_) => "months",
        }
    }

    /// The number in that unit, for machines and for charts. Money: `NanoUsd` is the exact one.
    #[must_use]
    pub fn number(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        let whole = |n: u64| n as f64;
        match self {
            Self::Ms(v)
            | Self::Tokens(v)
            | Self::Share(v)
            | Self::Quality(v)
            | Self::Points(v)
            | Self::Rating(v)
            | Self::PerMinute(v)
            | Self::Times(v)
            | Self::Months(v) => v,
            Self::Lasting(d) => whole(d.0) / 1e6,
            Self::Usd(m) => m.as_usd_f64(),
            Self::Count(n) | Self::Bytes(n) => whole(n),
        }
    }

    /// The value of a KPI in its own unit.
    #[must_use]
    pub fn of_kpi(kpi: &Kpi, value: f64) -> Known<Self> {
        if !value.is_finite() {
            return Known::Unknown(Reason::NoData);
        }
        Known::Value(match kpi.unit {
            Unit::Ms => Self::Ms(value),
            Unit::Percent if kpi.name == "quality_score" => Self::Quality(value),
            // Twelve digits of a share are enough; a division by a hundred leaves worse ones.
            Unit::Percent => Self::Share((value * 1e10).round() / 1e12),
            Unit::Tokens => Self::Tokens(value),
            Unit::Usd => Self::Usd(nano_usd(value)),
            Unit::PerMinute => Self::PerMinute(value),
            Unit::Count => Self::Count(whole(value)),
            Unit::Rating => Self::Rating(value),
        })
    }
}

/// Dollars as the nearest whole nano-dollar.
#[must_use]
pub fn nano_usd(dollars: f64) -> NanoUsd {
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates; NaN becomes 0")]
    let nanos = (dollars * 1e9).round() as i64;
    NanoUsd(nanos)
}

fn whole(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, and a count is not negative"
    )]
    let n = value.round().max(0.0) as u64;
    n
}

/// A range that holds the true value with a stated confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: Quantity,
    /// Upper end.
    pub high: Quantity,
    /// Confidence, 0–1.
    pub level: f64,
}

impl Interval {
    /// Whether both ends and the confidence are numbers.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.low.number().is_finite() && self.high.number().is_finite() && self.level.is_finite()
    }
}

/// A named figure and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    name: String,
    value: Known<Quantity>,
    n: Option<u64>,
    method: Option<String>,
    interval: Option<Interval>,
}

impl Figure {
    /// A figure; what is not finite is unknown.
    #[must_use]
    pub fn new(name: impl Into<String>, value: Known<Quantity>) -> Self {
        let value = match value {
            Known::Value(q) if !q.number().is_finite() => Known::Unknown(Reason::NoData),
            v => v,
        };
        Self { name: name.into(), value, n: None, method: None, interval: None }
    }

    /// A figure that is known.
    #[must_use]
    pub fn known(name: impl Into<String>, value: Quantity) -> Self {
        Self::new(name, Known::Value(value))
    }

    /// A figure of the KPI catalogue, named after it, with its unit where the name would not tell.
    #[must_use]
    pub fn of_kpi(kpi: &Kpi, measured: Measured) -> Self {
        let value = match measured.value {
            Known::Value(v) => Quantity::of_kpi(kpi, v),
            Known::Unknown(r) => Known::Unknown(r),
        };
        Self::new(field_name(kpi), value).over(measured.n).by(kpi.meaning)
    }

    /// Says how many samples it rests on.
    #[must_use]
    pub fn over(self, n: u64) -> Self {
        Self { n: Some(n), ..self }
    }

    /// The same figure where its number of samples is already said.
    #[must_use]
    pub fn without_n(self) -> Self {
        Self { n: None, ..self }
    }

    /// Says how it was computed.
    #[must_use]
    pub fn by(self, method: impl Into<String>) -> Self {
        Self { method: Some(method.into()), ..self }
    }

    /// Says how sure it is.
    #[must_use]
    pub fn within(self, interval: Interval) -> Self {
        Self { interval: interval.is_finite().then_some(interval), ..self }
    }

    /// The same figure under another name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The name machines use, e.g. `p95_latency_ms`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value, finite, or why there is none.
    #[must_use]
    pub const fn value(&self) -> Known<Quantity> {
        self.value
    }

    /// Samples behind it.
    #[must_use]
    pub const fn n(&self) -> Option<u64> {
        self.n
    }

    /// How it was computed.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    /// How sure it is.
    #[must_use]
    pub const fn interval(&self) -> Option<Interval> {
        self.interval
    }
}

/// The machine name of a KPI's figure: its name, and its unit where that is not plain.
#[must_use]
pub fn field_name(kpi: &Kpi) -> String {
    let unit = match kpi.unit {
        Unit::Ms => "_ms",
        Unit::Usd => "_usd",
        Unit::PerMinute => "_per_minute",
        Unit::Percent | Unit::Tokens | Unit::Count | Unit::Rating => "",
    };
    format!("{}{unit}", kpi.name)
}

/// How a figure stands against its target. Always shown as a word with an icon, never by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Meets the target.
    Met,
    /// No value.
    NoData,
    /// Between target and alert.
    OffTarget,
    /// Beyond the alert limit.
    Alert,
}

impl Status {
    /// The guide's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::OffTarget => "off target",
            Self::Alert => "alert",
            Self::NoData => "no data",
        }
    }

    /// A sign beside the word, told apart by shape.
    #[must_use]
    pub const fn icon(self) -> &'static str {
        match self {
            Self::Met => "✓",
            Self::OffTarget => "▲",
            Self::Alert => "■",
            Self::NoData => "○",
        }
    }

    /// What the KPI catalogue says; nothing where there is no target.
    #[must_use]
    pub const fn of(state: State) -> Option<Self> {
        match state {
            State::Met => Some(Self::Met),
            State::OffTarget => Some(Self::OffTarget),
            State::Alert | State::Critical => Some(Self::Alert),
            State::NoData => Some(Self::NoData),
            State::NoTarget => None,
        }
    }
}

/// On which side of a limit the target is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// `<`.
    Below,
    /// `>`.
    Above,
    /// `≤`.
    AtMost,
    /// `≥`.
    AtLeast,
}

impl Side {
    /// The sign before the limit.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Below => "<",
            Self::Above => ">",
            Self::AtMost => "≤",
            Self::AtLeast => "≥",
        }
    }
}

/// What a figure should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// On which side.
    pub side: Side,
    /// Of what.
    pub limit: Quantity,
    /// Against what, where the limit alone does not say, e.g. `week on week`.
    pub note: Option<String>,
}

/// What a change means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Tested, and worse.
    Worse,
    /// Tested, and better.
    Better,
    /// Tested, and no more than chance.
    NotSignificant,
    /// Not tested.
    Untested,
}

/// A figure against an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// The relative change as a share, or the difference in points; or why there is none.
    pub by: Known<Quantity>,
    /// How sure it is.
    pub interval: Option<Interval>,
    /// What it means.
    pub meaning: Meaning,
}

impl Shift {
    /// No comparison, and why.
    #[must_use]
    pub const fn unknown(reason: Reason) -> Self {
        Self { by: Known::Unknown(reason), interval: None, meaning: Meaning::Untested }
    }

    /// A relative change, untested; unknown where the earlier figure is none or zero.
    #[must_use]
    pub fn relative(now: Known<Quantity>, earlier: Known<Quantity>) -> Self {
        let (now, earlier) = match (now, earlier) {
            (Known::Value(n), Known::Value(e)) => (n.number(), e.number()),
            (Known::Unknown(r), _) | (_, Known::Unknown(r)) => return Self::unknown(r),
        };
        let by = now / earlier - 1.0;
        if !by.is_finite() || earlier <= 0.0 {
            return Self::unknown(Reason::NoData);
        }
        Self { by: Known::Value(Quantity::Share(by)), interval: None, meaning: Meaning::Untested }
    }

    /// A difference in points of a hundred, of two qualities or two shares, untested.
    #[must_use]
    pub fn points(now: Known<Quantity>, earlier: Known<Quantity>) -> Self {
        let by = match (now, earlier) {
            (Known::Value(Quantity::Quality(n)), Known::Value(Quantity::Quality(e))) => n - e,
            (Known::Value(Quantity::Share(n)), Known::Value(Quantity::Share(e))) => (n - e) * 100.0,
            (Known::Unknown(r), _) | (_, Known::Unknown(r)) => return Self::unknown(r),
            _ => return Self::unknown(Reason::NotConfigured),
        };
        Self { by: Known::Value(Quantity::Points(by)), interval: None, meaning: Meaning::Untested }
    }
}
