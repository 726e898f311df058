//! One regression check: the last days against a baseline, what was found, and what the check before
//! says to it.

use super::propose::MIN_SAMPLES;
use super::{RegressionError, Regressions, tell};
use crate::logic::baseline::{Baseline, Cell, mix_effect, period, points_of, without_mix};
use crate::logic::regression::{Comparison, Input, Metric, Points, Settings, Verdict, compare_all};
use crate::logic::rollup::Filter;
use crate::logic::score::Evaluator;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::query::history::{Wanted, collect};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is compared with.
#[derive(Debug, Clone)]
pub enum Against {
    /// The promoted baseline.
    Promoted,
    /// This one.
    Named(String),
    /// Lists of a file, and its name.
    File(Box<Input>, String),
}

/// What to check.
#[derive(Debug, Clone)]
pub struct CheckWanted {
    /// Whole days to look at.
    pub days: u32,
    /// With what they are compared.
    pub against: Against,
    /// Which calls.
    pub filter: Filter,
    /// By which rules.
    pub settings: Settings,
    /// Whether the alert rules are told.
    pub alert: bool,
}

/// What a check found. Its `report` has the guide's keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// When it ran.
    pub at: UnixMicros,
    /// The days it looked at.
    pub window: Window,
    /// Minutes of a point.
    pub bucket_minutes: u32,
    /// Name of the baseline, or of the file.
    pub against: String,
    /// Whose evaluations were compared.
    pub evaluator: Option<String>,
    /// For each metric what was found, with the guide's keys first.
    pub report: Value,
    /// The same in short.
    pub found: BTreeMap<Metric, Found>,
    /// What it comes to, in a sentence.
    pub verdict: String,
    /// Whether the alert rules were told.
    pub alert: bool,
}

/// What was found of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// What is known.
    pub verdict: Verdict,
    /// Adverse change, relative.
    pub effect: Option<f64>,
    /// Change as the guide has it: signed, relative.
    pub magnitude: Option<f64>,
    /// Whether this check alone would be worth an alert.
    pub alerting: bool,
    /// Whether the check before, of another stretch, says the same: then an alert is raised.
    pub confirmed: bool,
}

/// One side of a comparison.
#[derive(Debug)]
struct Side {
    course: BTreeMap<Metric, Points>,
    cells: Vec<Cell>,
    evaluator: Option<Evaluator>,
}

impl Regressions {
    /// Compares the last days with a baseline, keeps what was found, and tells the rules if asked.
    ///
    /// # Errors
    /// There is nothing to compare with, or the store refuses.
    pub fn check(&self, wanted: &CheckWanted) -> Result<Check, RegressionError> {
        let (name, bucket_minutes, base) = self.base(&wanted.against)?;
        let window = self.last(wanted.days, bucket_minutes);
        let current = self.current(window, bucket_minutes, wanted, base.evaluator.clone())?;
        let series: Vec<(Metric, Points, Points)> =
            Metric::ALL.map(|m| (m, points(&base, m), points(&current, m))).into_iter().collect();
        let compared = compare_all(&series, &wanted.settings).into_iter().map(|(metric, found)| {
            let mix = mix_effect(metric, &base.cells, &current.cells);
            (metric, without_mix(metric, found, mix))
        });
        let compared: Vec<(Metric, Comparison)> = compared.collect();
        let before = self.before(&name, window, bucket_minutes)?;
        let check = Check {
            at: self.now(),
            window,
            bucket_minutes,
            against: name,
            evaluator: current.evaluator.as_ref().map(ToString::to_string),
            report: report(&compared),
            found: found(&compared, before.as_ref()),
            verdict: sentence(&compared),
            alert: wanted.alert,
        };
        if wanted.alert {
            self.store.add_check(check.at, &check)?;
            tell(&self.facts, &check);
        }
        Ok(check)
    }

    /// The course of the last days, as the file of the guide.
    ///
    /// # Errors
    /// The store refuses.
    pub fn course(
        &self,
        days: u32,
        bucket_minutes: u32,
        filter: &Filter,
    ) -> Result<Value, RegressionError> {
        let wanted = Wanted {
            window: self.last(days, bucket_minutes),
            bucket_minutes,
            min_samples: 1,
            filter: filter.clone(),
            left_out: Vec::new(),
            evaluator: None,
        };
        let (builder, _) = collect(&self.reader()?, &wanted)?;
        Ok(period(builder.points()))
    }

    fn base(&self, against: &Against) -> Result<(String, u32, Side), RegressionError> {
        let of = |baseline: Baseline| {
            let course = Metric::ALL.map(|m| (m, points_of(m, &baseline.whole.points)));
            let (cells, evaluator) = (baseline.cells, baseline.evaluator);
            let side = Side { course: course.into(), cells, evaluator };
            (baseline.name.to_string(), baseline.bucket_minutes, side)
        };
        match against {
            Against::Promoted => Ok(of(self.baseline(None)?.0)),
            Against::Named(name) => Ok(of(self.baseline(Some(name))?.0)),
            Against::File(input, file) => {
                let course = Metric::ALL.map(|m| (m, input.points(m)));
                let side = Side { course: course.into(), cells: Vec::new(), evaluator: None };
                Ok((file.clone(), HOUR_MINUTES, side))
            }
        }
    }

    fn current(
        &self,
        window: Window,
        bucket_minutes: u32,
        wanted: &CheckWanted,
        evaluator: Option<Evaluator>,
    ) -> Result<Side, RegressionError> {
        let history = Wanted {
            window,
            bucket_minutes,
            min_samples: MIN_SAMPLES,
            filter: wanted.filter.clone(),
            // A bad stretch of the present is what is looked for.
            left_out: Vec::new(),
            evaluator,
        };
        let (builder, evaluator) = collect(&self.reader()?, &history)?;
        let course = Metric::ALL.map(|m| (m, points_of(m, builder.points()))).into();
        Ok(Side { course, cells: builder.cells(), evaluator })
    }

    /// The last check of another stretch against the same baseline.
    fn before(
        &self,
        against: &str,
        window: Window,
        bucket_minutes: u32,
    ) -> Result<Option<Check>, RegressionError> {
        let apart = i64::from(bucket_minutes) * UnixMicros::MINUTE;
        let checks: Vec<Check> = self.store.checks(LOOKED_BACK)?;
        let other =
            |c: &Check| c.against == against && window.to.0.saturating_sub(c.window.to.0) >= apart;
        Ok(checks.into_iter().find(other))
    }
}

/// A point of lists without a baseline of their own is an hour.
const HOUR_MINUTES: u32 = 60;

/// Checks looked through for the one before: a day of one a minute.
const LOOKED_BACK: usize = 1_440;

impl Check {
    /// A metric that was found regressed, and the first moment the check looked at.
    #[must_use]
    pub fn regressed(&self) -> Option<(&'static str, UnixMicros)> {
        let bad = self.found.iter().find(|(_, found)| found.verdict == Verdict::Regressed);
        bad.map(|(metric, _)| (word(*metric), self.window.from))
    }

    /// Whether anything could not be told for lack of data.
    #[must_use]
    pub fn lacks_data(&self) -> bool {
        self.found.values().any(|found| found.verdict == Verdict::InsufficientData)
    }
}

fn points(side: &Side, metric: Metric) -> Points {
    side.course.get(&metric).cloned().unwrap_or_default()
}

/// The guide's keys; every key for every metric, cost last.
fn report(compared: &[(Metric, Comparison)]) -> Value {
    let entry = |(metric, found): &(Metric, Comparison)| {
        (metric.key().to_owned(), serde_json::to_value(found).unwrap_or(Value::Null))
    };
    Value::Object(compared.iter().map(entry).collect())
}

fn found(compared: &[(Metric, Comparison)], before: Option<&Check>) -> BTreeMap<Metric, Found> {
    let each = |(metric, c): &(Metric, Comparison)| {
        let alerting = c.alerts();
        let twice = before.and_then(|b| b.found.get(metric)).is_some_and(|b| b.alerting);
        let found = Found {
            verdict: c.verdict,
            effect: c.effect,
            magnitude: c.magnitude,
            alerting,
            confirmed: alerting && twice,
        };
        (*metric, found)
    };
    compared.iter().map(each).collect()
}

/// What people call a metric.
const fn word(metric: Metric) -> &'static str {
    match metric {
        Metric::Latency => "P95 latency",
        Metric::Tokens => "tokens per request",
        Metric::Cost => "cost per request",
        Metric::Quality => "quality",
    }
}

/// Worst news first; every number with its interval.
fn sentence(compared: &[(Metric, Comparison)]) -> String {
    let percent = |v: Option<f64>| v.map_or("?".to_owned(), |v| format!("{:.1} %", 100.0 * v));
    let bad: Vec<String> = compared
        .iter()
        .filter(|(_, c)| c.verdict == Verdict::Regressed)
        .map(|(metric, c)| {
            let [by, low, high] = [c.effect, c.ci_low, c.ci_high].map(percent);
            format!("{} regressed by {by} ({low} to {high})", word(*metric))
        })
        .collect();
    if !bad.is_empty() {
        return bad.join("; ");
    }
    let with = |verdict: Verdict| {
        let these = compared.iter().filter(move |(_, c)| c.verdict == verdict);
        these.map(|(metric, _)| word(*metric)).collect::<Vec<_>>().join(", ")
    };
    let told = [
        (Verdict::Fine, "no regression of"),
        (Verdict::Inconclusive, "not sure about"),
        (Verdict::InsufficientData, "too little data on"),
    ];
    let parts = told.map(|(verdict, text)| (with(verdict), text));
    let parts = parts.iter().filter(|(these, _)| !these.is_empty());
    parts.map(|(these, text)| format!("{text} {these}")).collect::<Vec<_>>().join("; ")
}
