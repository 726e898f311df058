//! How a figure spreads: quantiles, humps, and why its high end is higher than it was.

use super::causes::{cache, routing, sizes, speed};
use super::cells::Figure;
use super::different::{Different, Value};
use super::facts::{Facts, named, only};
use super::finding::{
    Cause, Datum, Diagnosis, Evidence, Finding, Interval, Reference, Severity, Sheet, whole,
};
use super::test_of_difference::{ALPHA, LEAST};
use crate::kpi::Unit;
use crate::quantile::Histogram;
use crate::rollup::Rollup;
use crate::window::Window;
use std::collections::BTreeMap;

/// What the question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Latency.
    Latency,
    /// Time to first token.
    Ttft,
    /// Input and output tokens.
    Tokens,
    /// Cost.
    Cost,
}

impl Metric {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Latency, Self::Ttft, Self::Tokens, Self::Cost];

    /// The word in commands.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Ttft => "ttft",
            Self::Tokens => "tokens",
            Self::Cost => "cost",
        }
    }

    /// The figure of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|m| m.word() == word)
    }

    /// Its unit and what a value inside is multiplied by.
    #[must_use]
    pub const fn unit(self) -> (Unit, f64) {
        match self {
            Self::Latency | Self::Ttft => (Unit::Ms, 1e-3),
            Self::Tokens => (Unit::Tokens, 1.0),
            Self::Cost => (Unit::Usd, 1e-9),
        }
    }

    const fn is_time(self) -> bool {
        matches!(self, Self::Latency | Self::Ttft)
    }
}

/// One of the calls at the high end.
#[derive(Debug, Clone, PartialEq)]
pub struct Extreme {
    /// Its id.
    pub id: String,
    /// When it began, RFC 3339.
    pub start: String,
    /// Its figure inside.
    pub value: f64,
    /// What it was.
    pub what: String,
}

/// What a distribution is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    /// Which figure.
    pub metric: Metric,
    /// Calls and scores of both windows.
    pub facts: Facts,
    /// Values of the rows read: of a figure that rollups keep no histogram of.
    pub histogram: Histogram,
    /// The rows compared; nothing where there were too few.
    pub different: Option<Different>,
    /// The largest, largest first.
    pub extremes: Vec<Extreme>,
    /// Rows read now, of how many.
    pub read: (u64, u64),
}

/// Quantiles that are shown.
const QUANTILES: [(&str, f64); 6] =
    [("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)];

impl Spread {
    /// The diagnosis.
    #[must_use]
    pub fn diagnose(&self, window: Window, references: Vec<Reference>) -> Diagnosis {
        let mut out = Diagnosis::new("distribution", window, references);
        let whole_now = self.facts.now.cells.whole();
        let n = self.histogram.count();
        out.sheets.push(self.quantiles(&whole_now));
        out.sheets.push(self.by_value());
        out.sheets.push(self.buckets());
        out.sheets.extend(self.different.as_ref().map(|d| self.differences(d)));
        out.sheets.push(self.largest());
        if self.read.0 < self.read.1 {
            out.unknown.push(format!(
                "rows were read in samples: {} of {}, spread over the window",
                self.read.0, self.read.1
            ));
        }
        if self.facts.comparable() {
            out.findings = self.findings();
            out.notes = super::causes::notes(&self.facts);
        } else {
            out.unknown
                .push("there is no earlier window with enough requests to compare with".to_owned());
        }
        out.notes.extend(self.humps());
        let calm = format!(
            "{} is spread as before; nothing stands out among the high values.",
            match self.metric {
                Metric::Latency => "Latency",
                Metric::Ttft => "Time to first token",
                Metric::Tokens => "The number of tokens",
                Metric::Cost => "Cost",
            }
        );
        out.concluded(n >= LEAST, &calm)
    }

    fn findings(&self) -> Vec<Finding> {
        let facts = &self.facts;
        let sizes = sizes::look(facts);
        let mut found: Vec<Finding> = cache::look(facts).into_iter().collect();
        found.extend(routing::look(facts));
        let slower = speed::look(facts, &sizes);
        let mut group = None;
        if self.metric.is_time() {
            group = slower.as_ref().and_then(|s| self.group(s.strength));
            found.extend(slower);
        } else {
            let claims = sizes.claims();
            group = claims.first().and_then(|s| self.group(s.strength)).or(group);
            found.extend(claims);
        }
        found.extend(group);
        found
    }

    /// The group to blame. One that models already tell apart stands behind the finding about the
    /// model; another, as an instance, says more and stands before.
    fn group(&self, strength: f64) -> Option<Finding> {
        let different = self.different.as_ref()?;
        let value = different.blamed(ALPHA)?;
        let mut told = ["model", "provider", "cache", "intent"].contains(&value.dimension);
        // That large calls have large prompts says nothing.
        told |= value.dimension == "prompt size" && !self.metric.is_time();
        let nudge = if told { -0.01 } else { 0.01 };
        let (cause, word) = if self.metric.is_time() {
            (Cause::SlowGroup, "slow")
        } else {
            (Cause::DearGroup, "large")
        };
        let filter = match value.dimension {
            "model" | "intent" | "endpoint" | "provider" | "cache" => {
                only(value.dimension, &value.value)
            }
            _ => String::new(),
        };
        Some(Finding {
            cause,
            severity: Severity::Warning,
            sentence: format!(
                "Calls with {} {} are {word} {:.1} times as often as others, and were not to this degree before.",
                value.dimension,
                named(&value.value),
                value.risk
            ),
            evidence: vec![evidence(different, value, word)],
            next: format!("flowgauge requests list --since 1h{filter}"),
            strength: strength + nudge,
        })
    }

    fn quantiles(&self, rollup: &Rollup) -> Sheet {
        let (unit, scale) = self.metric.unit();
        let mut columns = vec![("of", None), ("n", Some(Unit::Count))];
        columns.extend(QUANTILES.iter().map(|(name, _)| (*name, Some(unit))));
        let mut sheet = Sheet::new("quantiles", &columns);
        let mut add = |name: &str, histogram: &Histogram, scale: f64| {
            let mut row = vec![Datum::from(name), Datum::count(histogram.count())];
            row.extend(
                QUANTILES
                    .iter()
                    .map(|(_, q)| Datum::number(histogram.quantile(*q).map(|v| v * scale))),
            );
            if histogram.count() > 0 {
                sheet.rows.push(row);
            }
        };
        add(self.metric.word(), &self.histogram, scale);
        if self.metric.is_time() {
            for (name, figure) in [
                ("first token", Figure::Ttft),
                ("per output token", Figure::Tpot),
                ("flowgauge", Figure::Overhead),
            ] {
                if let Some(dist) = figure.dist(rollup) {
                    add(name, &dist.histogram, scale);
                }
            }
        }
        sheet
    }

    fn figure(&self) -> Figure {
        match self.metric {
            Metric::Latency => Figure::Latency,
            Metric::Ttft => Figure::Ttft,
            Metric::Tokens => Figure::Tokens,
            Metric::Cost => Figure::Cost,
        }
    }

    /// Mean and high end by endpoint, intent, model and cache outcome, beside those of the reference.
    fn by_value(&self) -> Sheet {
        let (unit, scale) = self.metric.unit();
        let columns = [
            ("dimension", None),
            ("value", None),
            ("n", Some(Unit::Count)),
            ("mean", Some(unit)),
            ("p95", Some(unit)),
            ("mean before", Some(unit)),
        ];
        let mut sheet = Sheet::new("by value", &columns);
        let figure = self.figure();
        let mut groups: BTreeMap<(&str, String), (Rollup, Rollup)> = BTreeMap::new();
        for (side, cells) in
            [&self.facts.now.cells, &self.facts.before.cells].into_iter().enumerate()
        {
            for (key, rollup) in cells.iter() {
                let lookup = format!("{:?}", key.lookup).to_lowercase();
                for (dimension, value) in [
                    ("endpoint", key.endpoint.to_string()),
                    ("intent", key.intent.to_string()),
                    ("model", key.model.to_string()),
                    ("cache", lookup),
                ] {
                    let slot = groups.entry((dimension, value)).or_default();
                    if side == 0 { slot.0.merge(rollup) } else { slot.1.merge(rollup) }
                }
            }
        }
        for ((dimension, value), (now, before)) in groups {
            let high = figure.dist(&now).and_then(|d| d.histogram.quantile(0.95));
            let of = |r: &Rollup| Datum::number(figure.mean(r).map(|v| v * scale));
            sheet.rows.push(vec![
                dimension.into(),
                named(&value).into(),
                Datum::count(figure.n(&now)),
                of(&now),
                Datum::number(high.map(|v| v * scale)),
                of(&before),
            ]);
        }
        sheet
    }

    /// The histogram in steps of a quarter octave or so, as people can read it.
    fn buckets(&self) -> Sheet {
        let (unit, scale) = self.metric.unit();
        let mut sheet = Sheet::new("histogram", &[("from", Some(unit)), ("n", Some(Unit::Count))]);
        for (low, n) in coarse(&self.histogram) {
            sheet.rows.push(vec![Datum::number(low * scale), Datum::count(n)]);
        }
        sheet
    }

    fn differences(&self, different: &Different) -> Sheet {
        let columns = [
            ("dimension", None),
            ("value", None),
            ("n", Some(Unit::Count)),
            ("high", Some(Unit::Count)),
            ("risk ratio", Some(Unit::Count)),
            ("low", Some(Unit::Count)),
            ("up", Some(Unit::Count)),
            ("rose more by", Some(Unit::Percent)),
            ("p", Some(Unit::Count)),
        ];
        let mut sheet = Sheet::new("what is different about the high ones", &columns);
        for v in different.values.iter().take(20) {
            sheet.rows.push(vec![
                v.dimension.into(),
                named(&v.value).into(),
                Datum::count(v.n),
                Datum::count(v.slow),
                Datum::number(v.risk),
                Datum::number(v.risk_interval.map(|i| i.low)),
                Datum::number(v.risk_interval.map(|i| i.high)),
                Datum::number(100.0 * v.excess),
                Datum::number(v.p),
            ]);
        }
        sheet
    }

    fn largest(&self) -> Sheet {
        let (unit, scale) = self.metric.unit();
        let columns =
            [("request", None), ("time", None), (self.metric.word(), Some(unit)), ("what", None)];
        let mut sheet = Sheet::new("largest", &columns);
        for e in &self.extremes {
            sheet.rows.push(vec![
                e.id.clone().into(),
                e.start.clone().into(),
                Datum::number(e.value * scale),
                e.what.clone().into(),
            ]);
        }
        sheet
    }

    /// A note where the distribution has two humps: a mean or median then describes nobody.
    fn humps(&self) -> Option<String> {
        let (unit, scale) = self.metric.unit();
        let (a, b) = two_humps(&coarse(&self.histogram))?;
        // Milliseconds and tokens are whole for people; what a call costs is not.
        let decimals = if unit == Unit::Usd { 6 } else { 0 };
        Some(format!(
            "The distribution has two humps, near {:.decimals$} and {:.decimals$} {}: its mean describes neither.",
            a * scale,
            b * scale,
            unit.sign()
        ))
    }
}

fn evidence(different: &Different, value: &Value, word: &str) -> Evidence {
    let rest = (different.slow.saturating_sub(value.slow), different.n.saturating_sub(value.n));
    let share = |slow: u64, n: u64| (n > 0).then(|| 100.0 * whole(slow) / whole(n));
    let what = format!(
        "{word} calls with {} {}, against those without",
        value.dimension,
        named(&value.value)
    );
    let both = (share(value.slow, value.n), share(rest.0, rest.1));
    let mut evidence = Evidence::change(what, Unit::Percent, both, value.n);
    evidence.effect = Some(value.risk - 1.0);
    let interval = value.risk_interval.map(|i| Interval { low: i.low - 1.0, high: i.high - 1.0 });
    evidence.tested(value.p, interval)
}

/// Buckets of a quarter octave: lower edge and count, holes included between first and last.
fn coarse(histogram: &Histogram) -> Vec<(f64, u64)> {
    let sums: BTreeMap<i32, u64> = histogram.quarter_octaves().into_iter().collect();
    let (Some(first), Some(last)) = (sums.keys().next(), sums.keys().next_back()) else {
        return Vec::new();
    };
    let of = |s| (Histogram::quarter_octave(s), sums.get(&s).copied().unwrap_or(0));
    (*first..=*last).map(of).collect()
}

/// Two peaks of at least a tenth of all each, with a valley of less than half the lower one between.
fn two_humps(bins: &[(f64, u64)]) -> Option<(f64, f64)> {
    let all: u64 = bins.iter().map(|b| b.1).sum();
    if all < 4 * LEAST {
        return None;
    }
    let mut best: Option<(u64, f64, f64)> = None;
    for (i, low) in bins.iter().enumerate() {
        for (j, high) in bins.iter().enumerate().skip(i + 2) {
            let lesser = low.1.min(high.1);
            let between = bins.get(i + 1..j)?.iter().map(|b| b.1).min()?;
            let mass = |part: &[(f64, u64)]| part.iter().map(|b| b.1).sum::<u64>();
            let valley = bins.iter().position(|b| b.1 == between && b.0 > low.0).unwrap_or(i + 1);
            let (left, right) = (mass(bins.get(..valley)?), mass(bins.get(valley..)?));
            let deep = 2 * between < lesser && lesser * 20 >= all;
            if deep && left.min(right) * 10 >= all && best.is_none_or(|(n, ..)| lesser > n) {
                best = Some((lesser, low.0, high.0));
            }
        }
    }
    best.map(|(_, a, b)| (a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_and_misses_make_two_humps_and_one_kind_makes_none() {
        let mut one = Histogram::default();
        (0..2_000u64).for_each(|i| one.record(800_000 + (i * 7_919) % 900_000));
        assert_eq!(two_humps(&coarse(&one)), None);
        let mut two = one.clone();
        (0..1_000u64).for_each(|i| two.record(40_000 + (i * 7_919) % 30_000));
        let (low, high) = two_humps(&coarse(&two)).unwrap();
        assert!(low < 80_000.0 && high > 700_000.0, "{low} {high}");
        let told = |metric| {
            let (facts, histogram) = (Facts::default(), two.clone());
            let (different, extremes, read) = (None, Vec::new(), (0, 0));
            Spread { metric, facts, histogram, different, extremes, read }.humps().unwrap()
        };
        assert_eq!(
            told(Metric::Latency).matches('.').count(),
            1,
            "whole milliseconds, and a full stop"
        );
        assert_eq!(told(Metric::Cost).matches('.').count(), 3, "fractions of a dollar");
    }
}
