//! Thresholds that are not written as a number: baseline, budget, target, capacity, the past,
//! another metric.
//!
//! Owns how a reference and a bound become a number for one label set at one moment.

use super::read::{Found, Maybe, Reader, baseline, why};
use super::span::{Back, Span};
use super::tick::Tick;
use crate::alert::condition::{Bound, Offset, Quantity, Reference, Written};
use crate::alert::facts::{BudgetPeriod, Gauge};
use crate::alert::metric::Metric;
use crate::alert::sample::Why;
use crate::call::Text;
use crate::known::Known;
use crate::unit::Micros;

/// A reference, ready to be read.
#[derive(Debug, Clone)]
pub(super) enum Refer {
    /// The baseline of the operand.
    Baseline(Option<Text>),
    /// The budget of the metric's period.
    Budget(BudgetPeriod),
    /// The KPI's target, where it has one.
    Target(Option<f64>),
    /// What the cache may hold: everything, for a share.
    Capacity {
        /// Whether the metric is a share of it.
        share: bool,
    },
    /// The same window in the past.
    Past(Back),
    /// Another metric.
    Metric(Box<Reader>),
}

/// A bound, ready to be resolved.
#[derive(Debug, Clone)]
pub(super) enum Limit {
    /// Known at load.
    Fixed(f64),
    /// A part of a reference.
    Part(f64, Refer),
    /// A reference, moved by an amount.
    Moved(Refer, Option<Offset>),
}

/// A resolved bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Threshold {
    /// What is compared with.
    pub value: f64,
    /// The reference behind it.
    pub reference: Option<f64>,
}

impl Refer {
    /// `other` makes a reader of another metric.
    pub(super) fn of(
        reference: &Reference,
        metric: Metric,
        other: impl FnOnce(&crate::alert::condition::Series) -> Reader,
    ) -> Self {
        match reference {
            Reference::Baseline(name) => Self::Baseline(name.clone()),
            Reference::Budget(_) if metric == Metric::DailyCost => Self::Budget(BudgetPeriod::Day),
            Reference::Budget(_) => Self::Budget(BudgetPeriod::Month),
            Reference::Target => Self::Target(metric.target()),
            Reference::Capacity => Self::Capacity { share: metric == Metric::CacheMemoryUsage },
            Reference::Previous(length) => Self::Past(Back::By(*length)),
            Reference::Yesterday => Self::Past(Back::Days(1)),
            Reference::LastWeek => Self::Past(Back::Days(7)),
            Reference::Metric(series) => Self::Metric(Box::new(other(series))),
        }
    }

    /// Whether the metric is measured against its own past, so that switching off what moved it
    /// must move it.
    pub(super) const fn is_own_past(&self) -> bool {
        matches!(self, Self::Baseline(_) | Self::Past(_))
    }

    /// The number behind it.
    pub(super) fn value(&self, tick: &Tick<'_>, operand: &Reader, found: &Found) -> Maybe<f64> {
        match self {
            Self::Baseline(name) => baseline(tick, &operand.series, tick.labels, name.as_deref()),
            Self::Budget(period) => Ok(tick
                .facts
                .budget(tick.budget, *period)
                .map(|b| money(b.limit.0))
                .ok_or(Why::NotConfigured)),
            Self::Target(target) => Ok(target.ok_or(Why::NotConfigured)),
            Self::Capacity { share: true } => Ok(Ok(1.0)),
            Self::Capacity { share: false } => Ok(match tick.facts.gauge(Gauge::CacheCapacity) {
                Known::Value(bytes) => Ok(bytes),
                Known::Unknown(reason) => Err(why(reason)),
            }),
            Self::Past(back) => {
                // The window as it has grown, so that like is compared with like.
                let at = back.from(tick.at, tick.zone);
                let past = operand.look_over(tick, at, found.step)?;
                known(operand, tick, &past)
            }
            Self::Metric(reader) => {
                let other = reader.look(tick, tick.at)?;
                known(reader, tick, &other)
            }
        }
    }

    /// How far into the past it looks.
    pub(super) const fn back(&self) -> Option<Micros> {
        match self {
            Self::Past(back) => Some(back.length()),
            _ => None,
        }
    }

    /// What must be configured first, in words.
    pub(super) fn needs(&self, tick: &Tick<'_>) -> Option<String> {
        match self {
            Self::Budget(period) if tick.facts.budget(tick.budget, *period).is_none() => {
                let period = if *period == BudgetPeriod::Day { "day" } else { "month" };
                Some(match tick.budget {
                    Some(name) => format!("needs budget {name:?} for the {period}"),
                    None => format!("needs a budget for the {period}"),
                })
            }
            Self::Target(None) => Some("needs a target".to_owned()),
            Self::Capacity { share: false }
                if tick.facts.gauge(Gauge::CacheCapacity).value().is_none() =>
            {
                Some("needs the capacity of the response cache".to_owned())
            }
            _ => None,
        }
    }
}

fn known(reader: &Reader, tick: &Tick<'_>, found: &Found) -> Maybe<f64> {
    match reader.gap(found) {
        Some(why) => Ok(Err(why)),
        None => reader.value(tick, found),
    }
}

impl Limit {
    pub(super) fn of(bound: &Bound, refer: impl FnOnce(&Reference) -> Refer) -> Self {
        match bound {
            Bound::Quantity(quantity) => Self::Fixed(quantity.base()),
            Bound::PercentOf { percent, of } => Self::Part(percent / 100.0, refer(of)),
            Bound::Reference { reference, offset } => Self::Moved(refer(reference), *offset),
        }
    }

    /// What it refers to.
    pub(super) const fn refer(&self) -> Option<&Refer> {
        match self {
            Self::Fixed(_) => None,
            Self::Part(_, refer) | Self::Moved(refer, _) => Some(refer),
        }
    }

    pub(super) fn resolve(
        &self,
        tick: &Tick<'_>,
        operand: &Reader,
        found: &Found,
    ) -> Maybe<Threshold> {
        let Self::Fixed(value) = self else {
            return self.from_reference(tick, operand, found);
        };
        Ok(Ok(Threshold { value: *value, reference: None }))
    }

    fn from_reference(&self, tick: &Tick<'_>, operand: &Reader, found: &Found) -> Maybe<Threshold> {
        let Some(refer) = self.refer() else { return Ok(Err(Why::NotConfigured)) };
        Ok(refer.value(tick, operand, found)?.and_then(|reference| {
            // A part of nothing is nothing: everything would be beyond it (alerting 5, rule 9).
            let is_empty = matches!(self, Self::Part(..)) && reference.abs() <= 0.0;
            if is_empty || !reference.is_finite() {
                return Err(Why::NoData);
            }
            let value = match self {
                Self::Fixed(value) => *value,
                Self::Part(part, _) => reference * part,
                Self::Moved(_, None) => reference,
                Self::Moved(_, Some(offset)) => moved(reference, *offset),
            };
            Ok(Threshold { value, reference: Some(reference) })
        }))
    }
}

fn moved(reference: f64, offset: Offset) -> f64 {
    let sign = if offset.minus { -1.0 } else { 1.0 };
    let Quantity { number, unit } = offset.amount;
    let amount =
        if unit == Written::Percent { reference * number / 100.0 } else { offset.amount.base() };
    reference + sign * amount
}

#[expect(clippy::cast_precision_loss, reason = "compared, never summed")]
const fn money(nanos: i64) -> f64 {
    nanos as f64
}

/// The budget a reference names.
pub(super) fn named(reference: &Reference) -> Option<Text> {
    match reference {
        Reference::Budget(name) => name.clone(),
        _ => None,
    }
}

/// Where a metric is read "now", its past is not kept.
pub(super) const fn has_past(span: Span) -> bool {
    !matches!(span, Span::Now)
}
