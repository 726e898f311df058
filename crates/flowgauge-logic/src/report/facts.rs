//! Facts that several reports are built from: plain values a caller collects, unknown where it has none.

use super::document::Period;
use super::figure::{Figure, Meaning, Quantity, Shift, Status, field_name};
use crate::known::{Known, Reason};
use crate::kpi::{Kpi, Measured, Unit};
use crate::unit::{Micros, NanoUsd, UnixMicros};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What every report says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Which run it is.
    pub id: String,
    /// When it is made.
    pub generated_at: UnixMicros,
    /// By which version.
    pub version: String,
    /// What time it covers.
    pub period: Period,
}

/// A KPI over the period, and what it is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The figure.
    pub figure: Figure,
    /// How it stands against target and limits; nothing without a target.
    pub status: Option<Status>,
    /// Against the promoted baseline.
    pub baseline: Option<Shift>,
    /// Against the same period before.
    pub before: Option<Shift>,
}

impl Reading {
    /// A KPI as measured over the period.
    #[must_use]
    pub fn new(kpi: &Kpi, now: Measured) -> Self {
        Self {
            figure: Figure::of_kpi(kpi, now),
            status: Status::of(kpi.state(now.value)),
            baseline: None,
            before: None,
        }
    }

    /// Compares with the promoted baseline, untested.
    #[must_use]
    pub fn against_baseline(mut self, kpi: &Kpi, baseline: Measured) -> Self {
        self.baseline = Some(self.shift(kpi, baseline));
        self
    }

    /// Compares with the same period before, untested.
    #[must_use]
    pub fn against_before(mut self, kpi: &Kpi, before: Measured) -> Self {
        self.before = Some(self.shift(kpi, before));
        self
    }

    /// Shares and qualities differ by points; everything else changes by a share of what it was.
    fn shift(&self, kpi: &Kpi, earlier: Measured) -> Shift {
        let earlier = Figure::of_kpi(kpi, earlier).value();
        match kpi.unit {
            Unit::Percent => Shift::points(self.figure.value(), earlier),
            _ => Shift::relative(self.figure.value(), earlier),
        }
    }
}

/// Readings by the names of the KPI catalogue.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Readings(pub BTreeMap<String, Reading>);

impl Readings {
    /// Adds a reading under its name.
    pub fn put(&mut self, kpi: &Kpi, reading: Reading) {
        self.0.insert(kpi.name.to_owned(), reading);
    }

    /// The reading of a name; one that says it was not measured where there is none.
    #[must_use]
    pub fn of(&self, name: &str) -> Reading {
        self.0.get(name).cloned().unwrap_or_else(|| Self::missing(name))
    }

    /// The value of a name.
    #[must_use]
    pub fn value(&self, name: &str) -> Known<Quantity> {
        self.0.get(name).map_or(Known::Unknown(Reason::NotConfigured), |r| r.figure.value())
    }

    fn missing(name: &str) -> Reading {
        let none = Known::Unknown(Reason::NotConfigured);
        let kpi = Kpi::find(name);
        let figure = Figure::new(kpi.map_or_else(|| name.to_owned(), field_name), none);
        Reading {
            figure: kpi.map_or(figure.clone(), |k| figure.by(k.meaning)),
            status: kpi.and_then(|k| k.target).map(|_| Status::NoData),
            baseline: None,
            before: None,
        }
    }
}

/// Something that was changed in the period: configuration, a deployment, a model, a price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub at: UnixMicros,
    /// What, e.g. `prompt optimisation from 10 % to 50 %`.
    pub what: String,
    /// Its number, e.g. `#41`.
    pub id: Option<String>,
    /// By whom.
    pub by: Option<String>,
    /// What came after it.
    pub effect: Effect,
}

/// What a change did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Metrics before and after, the largest effect first.
    Measured(Vec<(String, Shift)>),
    /// Not enough has happened since.
    TooEarly,
    /// Nothing measures it.
    NotMeasured,
}

/// What was tested for regressions, and what was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regressions {
    /// Slices and metrics tested; nothing where no test ran.
    pub tested: Known<u64>,
    /// How, e.g. `block bootstrap, Holm`.
    pub method: String,
    /// Found, the worst first.
    pub found: Vec<Regression>,
    /// The smallest effect that would have been seen, a share.
    pub detectable: Known<Quantity>,
}

impl Default for Regressions {
    fn default() -> Self {
        let none = Reason::NotConfigured;
        Self {
            tested: Known::Unknown(none),
            method: String::new(),
            found: Vec::new(),
            detectable: Known::Unknown(none),
        }
    }
}

/// A regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// For people, e.g. `P95 latency`.
    pub metric: String,
    /// Which traffic, e.g. `all`, `intent summarise`.
    pub slice: String,
    /// Effect and interval.
    pub effect: Shift,
    /// Samples behind it.
    pub n: u64,
    /// When it began.
    pub first_seen: Known<UnixMicros>,
    /// What is suspected, as words that follow `right after`, e.g. `prompt optimisation went from 10 % to 50 %`.
    pub cause: Option<String>,
    /// What became of it, e.g. `it was rolled back at 14:40 and recovered by 14:47`; nothing while it lasts.
    pub ended: Option<String>,
}

/// An alert that fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// The rule.
    pub rule: String,
    /// Its severity, a word.
    pub severity: String,
    /// When it fired.
    pub fired_at: UnixMicros,
    /// How long; nothing while it is open.
    pub lasted: Option<Micros>,
    /// Who acted.
    pub acted: Option<String>,
    /// What was done, e.g. `rolled back change #41`.
    pub action: Option<String>,
    /// Where it is shown.
    pub link: Option<String>,
}

/// One of the optimisations over the period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Switch {
    /// Its name, e.g. `caching`.
    pub name: String,
    /// How it stands, e.g. `on, 50 %`.
    pub state: String,
    /// Tokens saved; below zero where more were billed.
    pub tokens_saved: Known<i64>,
    /// Money saved.
    pub money_saved: Known<NanoUsd>,
    /// Mean time saved per request, ms.
    pub ms_saved: Known<f64>,
    /// Quality against those held out, in points.
    pub quality: Shift,
    /// What to do with it.
    pub advice: Advice,
    /// Why.
    pub reason: String,
}

/// What to do with an optimisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// Leave it as it is.
    Keep,
    /// Give it more traffic.
    Widen,
    /// Take it off until somebody has looked.
    Pause,
    /// Wait: nothing can be said yet.
    Wait,
}

impl Advice {
    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Widen => "widen",
            Self::Pause => "pause",
            Self::Wait => "wait",
        }
    }
}

/// What somebody or something cost, and what it cost before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mover {
    /// `route`, `model`, `app`.
    pub by: String,
    /// Its name.
    pub name: String,
    /// Cost of the period.
    pub cost: Known<NanoUsd>,
    /// Cost of the period before.
    pub before: Known<NanoUsd>,
    /// Requests of the period.
    pub n: u64,
}

/// A budget at the end of the period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Its name.
    pub name: String,
    /// Spent in its own period so far.
    pub spent: Known<NanoUsd>,
    /// What may be spent.
    pub limit: NanoUsd,
    /// Spending against an even pace; 1 uses it up exactly.
    pub burn: Known<f64>,
}

/// What a month will cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Which month, e.g. `2026-11`.
    pub of: String,
    /// At its end.
    pub cost: Known<NanoUsd>,
    /// Between these, with `level` confidence.
    pub interval: Option<(NanoUsd, NanoUsd)>,
    /// Confidence of the interval, 0–1.
    pub level: f64,
    /// How it was made, e.g. `to date + remaining days × weekday means`.
    pub method: String,
    /// Days behind it.
    pub days: u64,
}

/// A request worth a look: an id and a figure, no content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The id.
    pub id: String,
    /// Where it is shown.
    pub link: Option<String>,
    /// When.
    pub at: UnixMicros,
    /// The model that answered.
    pub model: String,
    /// The route or endpoint.
    pub route: String,
    /// What it stands out by.
    pub figure: Known<Quantity>,
}

/// How far the figures can be trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sureness {
    /// Requests seen.
    pub seen: u64,
    /// Requests there should be, e.g. by the gateway's own counter.
    pub expected: Known<u64>,
    /// Share of requests whose tokens were counted here.
    pub estimated: Known<f64>,
    /// Times without records, and why.
    pub gaps: Vec<Gap>,
    /// What is known of the clock.
    pub clock: Known<String>,
    /// Of the configuration in force at the end.
    pub config: Option<String>,
    /// What else must be known, a sentence each.
    pub notes: Vec<String>,
}

impl Default for Sureness {
    fn default() -> Self {
        let none = Reason::NotConfigured;
        Self {
            seen: 0,
            expected: Known::Unknown(none),
            estimated: Known::Unknown(none),
            gaps: Vec::new(),
            clock: Known::Unknown(none),
            config: None,
            notes: Vec::new(),
        }
    }
}

/// A time without records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Its beginning.
    pub from: UnixMicros,
    /// Its end.
    pub to: UnixMicros,
    /// Why.
    pub why: String,
}

/// A stretch of the period, for charts and for the check that parts add up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stretch {
    /// As people name it: `14:00`, `2026-11-23`.
    pub name: String,
    /// Requests.
    pub requests: Known<u64>,
    /// P95 latency, ms.
    pub p95: Known<f64>,
    /// Median latency, ms.
    pub p50: Known<f64>,
    /// Billed tokens.
    pub tokens: Known<u64>,
    /// Cost.
    pub cost: Known<NanoUsd>,
    /// Quality, 0–100.
    pub quality: Known<f64>,
}

/// A tested change.
#[must_use]
pub fn tested(by: Quantity, low: Quantity, high: Quantity, level: f64, meaning: Meaning) -> Shift {
    let interval = super::figure::Interval { low, high, level };
    Shift { by: Known::Value(by), interval: Some(interval), meaning }
}
