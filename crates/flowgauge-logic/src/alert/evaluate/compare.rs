//! Whether a metric is beyond its bound (alerting 5–7).
//!
//! Owns quantiles decided by counts, the guards of small samples, and the figures shown with a
//! decision. Refuses to know where facts come from.

use super::guess::Guess;
use super::read::{Found, Maybe, Reader, dist, has_budget, is_off, part, population, slower};
use super::refer::{Limit, Refer, Threshold};
use super::tick::Tick;
use super::truth::Truth;
use crate::alert::condition::{ChangeKind, Cmp, Written};
use crate::alert::facts::{CallSums, Mechanism, ScoreSums, Timing};
use crate::alert::guard::{count, mean_margin, wilson_lower, wilson_upper};
use crate::alert::metric::Metric;
use crate::alert::sample::{Evidence, Why};
use crate::quantile::{Histogram, bucket_range};
use crate::unit::{Micros, Ratio};

/// Two figures closer than this part of their size are equal: 99.9 / 100 is not 0.999 in binary.
const EQUAL: f64 = 1e-12;

/// Thresholds counted exactly for bounds that move, so that calls in flight and older than one of
/// them are seen: seconds.
pub(super) const LADDER: [u64; 8] = [1, 2, 5, 10, 20, 30, 60, 120];

/// A comparison, ready to be decided.
#[derive(Debug, Clone)]
pub(super) struct Compare {
    /// The left side.
    pub reader: Reader,
    /// Where not the metric but its change is compared.
    pub change: Option<(ChangeKind, Refer)>,
    /// How.
    pub cmp: Cmp,
    /// The right side.
    pub limit: Limit,
    /// z of the confidence asked for.
    pub z: Option<f64>,
    /// The mechanism without which it says nothing.
    pub mechanism: Option<Mechanism>,
    /// The unit thresholds are shown in.
    pub unit: Written,
    /// Whether quantiles are decided by counts.
    pub by_counts: bool,
    /// Where among the thresholds counted its edge stood last.
    pub place: Guess,
}

/// What a predicate came to.
#[derive(Debug, Clone)]
pub(super) struct Decided {
    /// Whether it holds.
    pub truth: Truth,
    /// The figures behind it.
    pub evidence: Evidence,
}

impl Decided {
    pub(super) fn unknown(why: Why) -> Self {
        Self { truth: Truth::Unknown(why), evidence: Evidence::default() }
    }
}

/// How many of how many lie beyond a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counted {
    exceed: u64,
    n: u64,
    exact: bool,
}

impl Compare {
    pub(super) fn decide(&self, tick: &Tick<'_>) -> Result<Decided, String> {
        match self.look(tick)? {
            Some(found) => self.decide_on(tick, &found),
            None => Ok(Decided::unknown(Why::Disabled)),
        }
    }

    /// What it is decided on; nothing where its mechanism is off.
    pub(super) fn look(&self, tick: &Tick<'_>) -> Result<Option<Found>, String> {
        if is_off(tick, self.reader.series.metric, self.mechanism) {
            return Ok(None);
        }
        self.reader.look(tick, tick.at).map(Some)
    }

    /// The decision on what was found.
    pub(super) fn decide_on(&self, tick: &Tick<'_>, found: &Found) -> Result<Decided, String> {
        let mut evidence = Evidence {
            n: found.n,
            window_us: found.window.to.since(found.window.from).0,
            approx: self.is_estimate(),
            ..Evidence::default()
        };
        let gap = self.reader.gap(found);
        let threshold = match self.limit.resolve(tick, &self.reader, found)? {
            Ok(threshold) => threshold,
            Err(why) => {
                self.show(tick, found, &mut evidence)?;
                let gap = gap.map_or(Truth::True, Truth::Unknown);
                return Ok(Decided { truth: gap.and(Truth::Unknown(why)), evidence });
            }
        };
        evidence.threshold = Some(threshold.value);
        evidence.reference = threshold.reference;
        if let Some(why) = gap {
            self.show(tick, found, &mut evidence)?;
            return Ok(Decided { truth: Truth::Unknown(why), evidence });
        }
        let truth = match (self.timing(), found.calls()) {
            (Some((q, timing)), Some(calls)) => {
                self.by_counts(tick, q, timing, calls, threshold, &mut evidence)
            }
            _ => self.by_value(tick, found, threshold, &mut evidence)?,
        };
        Ok(Decided { truth, evidence })
    }

    /// The edges whose counts decide it: of its threshold, or a ladder where that moves.
    pub(super) fn edges(&self) -> Vec<u64> {
        match self.limit.constant() {
            Some(threshold) => edge(self.cmp, threshold).into_iter().collect(),
            None => LADDER.iter().map(|seconds| seconds * 1_000_000).collect(),
        }
    }

    /// What it refers to besides its own series.
    fn refers(&self) -> impl Iterator<Item = &Refer> {
        self.limit.refer().into_iter().chain(self.change.iter().map(|(_, refer)| refer))
    }

    /// The other metrics it is compared with.
    pub(super) fn others(&self) -> impl Iterator<Item = &Reader> {
        self.refers().filter_map(|refer| match refer {
            Refer::Metric(reader) => Some(&**reader),
            _ => None,
        })
    }

    /// How far into the past it is compared.
    pub(super) fn back(&self) -> Option<Micros> {
        self.refers().filter_map(Refer::back).max()
    }

    /// What must be configured first.
    pub(super) fn needs(&self, tick: &Tick<'_>) -> Option<String> {
        let is_share_of_budget = self.reader.series.metric == Metric::BudgetUtilization;
        if is_share_of_budget && !has_budget(tick) {
            return Some("needs a budget".to_owned());
        }
        self.refers().find_map(|refer| refer.needs(tick))
    }

    /// The value of a verdict that is not known, where there is one.
    fn show(&self, tick: &Tick<'_>, found: &Found, evidence: &mut Evidence) -> Result<(), String> {
        if tick.shown && found.n > 0 && self.change.is_none() {
            evidence.value = self.reader.value(tick, found)?.ok();
        }
        Ok(())
    }

    const fn is_estimate(&self) -> bool {
        matches!(self.reader.series.metric, Metric::TokenEfficiency | Metric::CostPerQualityUnit)
    }

    /// The quantile and the timing where counts decide.
    pub(super) fn timing(&self) -> Option<(f64, Timing)> {
        if self.change.is_some() || !self.by_counts {
            return None;
        }
        Some((self.reader.series.metric.quantile()?, self.reader.series.metric.timing()?))
    }

    /// `p_q > T` ⇔ `exceed(T) / n > 1 − q`, in whole numbers.
    fn by_counts(
        &self,
        tick: &Tick<'_>,
        q: f64,
        timing: Timing,
        calls: &CallSums,
        threshold: Threshold,
        evidence: &mut Evidence,
    ) -> Truth {
        let histogram = &dist(&calls.rollup, timing).histogram;
        let edge = edge(self.cmp, threshold.value);
        let counted = counted(calls, timing, histogram, edge, &self.place);
        let tail = permille(1.0 - q);
        let exceeds = u128::from(counted.exceed) * 1000 > u128::from(counted.n) * u128::from(tail);
        let share = count(tail) / 1000.0;
        let truth = match (self.cmp, self.z) {
            (Cmp::Above | Cmp::AtLeast, None) => exceeds,
            (Cmp::Above | Cmp::AtLeast, Some(z)) => {
                exceeds && wilson_lower(counted.exceed, counted.n, z) > share
            }
            (Cmp::Below | Cmp::AtMost, None) => !exceeds,
            (Cmp::Below | Cmp::AtMost, Some(z)) => {
                !exceeds && wilson_upper(counted.exceed, counted.n, z) <= share
            }
            // Times are no whole numbers to a person; refused at load.
            (Cmp::Equal, _) => false,
            (Cmp::NotEqual, _) => true,
        };
        evidence.n = counted.n;
        evidence.exceed = Some(counted.exceed);
        evidence.approx |= !counted.exact;
        if tick.shown {
            evidence.value = calls.quantile(timing, q);
            let shown_beyond = evidence.value.map(|v| beyond(self.cmp, v, threshold.value));
            if shown_beyond != Some(truth) {
                evidence.sentence = Some(self.sentence(counted, threshold.value));
            }
        }
        Truth::of(truth)
    }

    /// The decision in words: `5.8% of 412 requests were slower than 2500ms`.
    fn sentence(&self, counted: Counted, threshold: f64) -> String {
        let share = Ratio::of(counted.exceed, counted.n).map_or(0.0, Ratio::percent);
        let (number, unit) = in_unit(threshold, self.unit);
        format!(
            "{}% of {} requests were slower than {}{unit}",
            trimmed(share, 1),
            counted.n,
            trimmed(number, 3)
        )
    }

    fn by_value(
        &self,
        tick: &Tick<'_>,
        found: &Found,
        threshold: Threshold,
        evidence: &mut Evidence,
    ) -> Result<Truth, String> {
        let value = match self.compared(tick, found, evidence)? {
            Ok(value) => value,
            Err(why) => return Ok(Truth::Unknown(why)),
        };
        evidence.value = Some(value);
        if self.reader.series.metric.quantile().is_some() {
            evidence.approx = true;
        }
        let counted = found.calls().and_then(|c| part(self.reader.series.metric, &c.rollup));
        let counted = counted.filter(|_| self.change.is_none());
        let limit = threshold.value;
        let mut holds = beyond(self.cmp, value, limit);
        if is_upward(self.cmp)
            && let Some(bad) = counted
        {
            holds &= bad >= self.reader.series.metric.min_bad();
        }
        if holds && let Some(z) = self.z {
            let bounds = match counted {
                Some(part) => {
                    Some((wilson_lower(part, found.n, z), wilson_upper(part, found.n, z)))
                }
                None => self.bounds(tick, found, value, z)?,
            };
            holds = bounds.is_none_or(|(low, high)| match self.cmp {
                Cmp::Above | Cmp::AtLeast => beyond(self.cmp, low, limit),
                Cmp::Below | Cmp::AtMost => beyond(self.cmp, high, limit),
                Cmp::Equal | Cmp::NotEqual => true,
            });
        }
        if self.reader.series.metric == Metric::ErrorRate {
            evidence.exceed = counted;
        }
        Ok(Truth::of(holds))
    }

    /// The value that is compared: the metric, or how it has changed.
    fn compared(&self, tick: &Tick<'_>, found: &Found, evidence: &mut Evidence) -> Maybe<f64> {
        let new = match self.reader.value(tick, found)? {
            Ok(new) => new,
            Err(why) => return Ok(Err(why)),
        };
        let Some((kind, against)) = &self.change else { return Ok(Ok(new)) };
        let old = match against.value(tick, &self.reader, found)? {
            Ok(old) => old,
            Err(why) => return Ok(Err(why)),
        };
        evidence.reference = Some(old);
        if old.abs() <= 0.0 {
            return Ok(Err(Why::NoData));
        }
        let change = new / old - 1.0;
        Ok(Ok(match kind {
            ChangeKind::Increase => change,
            ChangeKind::Decrease => -change,
            ChangeKind::Change => change.abs(),
        }))
    }

    /// The interval of a mean, where its variance is known; nothing for other figures, whose
    /// smallest sample is their only guard.
    fn bounds(
        &self,
        tick: &Tick<'_>,
        found: &Found,
        value: f64,
        z: f64,
    ) -> Result<Option<(f64, f64)>, String> {
        use super::read::Of;
        if self.change.is_some() {
            return Ok(None);
        }
        let around = |margin: f64| Some((value - margin, value + margin));
        match (&found.of, self.reader.series.metric) {
            (Of::Scores(scores), Metric::QualityRegression) => {
                let margin = score_margin(scores, z);
                let low = self.reader.quality_lost(tick, scores.mean + margin)?;
                let high = self.reader.quality_lost(tick, scores.mean - margin)?;
                Ok(low.ok().zip(high.ok()))
            }
            (Of::Scores(scores), _) => Ok(around(score_margin(scores, z))),
            (Of::Calls(..), Metric::MeanLatency) => {
                let latency = found.calls().map(|c| &c.rollup.latency);
                Ok(latency.and_then(|d| {
                    let variance = variance(&d.histogram, value)?;
                    around(mean_margin(variance, d.count(), z))
                }))
            }
            _ => Ok(None),
        }
    }
}

/// Where the variance is not known nothing is sure.
fn score_margin(scores: &ScoreSums, z: f64) -> f64 {
    scores.variance.map_or(f64::INFINITY, |v| mean_margin(v, scores.n, z))
}

/// The sample variance of what a histogram holds, on bucket middles.
fn variance(histogram: &Histogram, mean: f64) -> Option<f64> {
    let n = histogram.count();
    let sum: f64 = histogram
        .buckets()
        .iter()
        .map(|(bucket, times)| {
            let (low, span) = bucket_range(*bucket);
            let middle = count(low) + (count(span) - 1.0) / 2.0;
            count(*times) * (middle - mean).powi(2)
        })
        .sum();
    (n > 1).then(|| sum / count(n - 1))
}

pub(super) const fn is_upward(cmp: Cmp) -> bool {
    matches!(cmp, Cmp::Above | Cmp::AtLeast)
}

/// Whether a value stands to a limit as asked; figures that differ by rounding only are equal.
pub(super) fn beyond(cmp: Cmp, value: f64, limit: f64) -> bool {
    let equal = (value - limit).abs() <= EQUAL * value.abs().max(limit.abs());
    match cmp {
        Cmp::Above => value > limit && !equal,
        Cmp::AtLeast => value > limit || equal,
        Cmp::Below => value < limit && !equal,
        Cmp::AtMost => value < limit || equal,
        Cmp::Equal => equal,
        Cmp::NotEqual => !equal,
    }
}

/// The whole number of µs above which values count: `> T` and its opposite ask for values above
/// ⌊T⌋, `≥ T` and its opposite for those above ⌈T⌉ − 1. Nothing where every value counts.
pub(super) fn edge(cmp: Cmp, threshold: f64) -> Option<u64> {
    let edge = match cmp {
        Cmp::Above | Cmp::AtMost | Cmp::Equal | Cmp::NotEqual => threshold.floor(),
        Cmp::AtLeast | Cmp::Below => threshold.ceil() - 1.0,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float becomes the nearest integer the type holds"
    )]
    (edge >= 0.0).then_some(edge as u64)
}

/// Values above an edge: exactly where it was known beforehand, else by the histogram of those that
/// ended well and by what is surely as old among the others.
fn counted(
    calls: &CallSums,
    timing: Timing,
    histogram: &Histogram,
    edge: Option<u64>,
    place: &Guess,
) -> Counted {
    let slower = slower(calls, timing);
    let n = population(calls, timing);
    let Some(edge) = edge else { return Counted { exceed: n, n, exact: slower.exact } };
    if let Some(at) = slower.place_of(edge, place.get()) {
        place.set(at);
        let (exceed, n) = slower.counts_at(at);
        return Counted { exceed, n, exact: slower.exact };
    }
    let known = slower.above.iter().find(|(t, _)| *t >= edge);
    let others = known.map_or(0, |(t, all)| all.saturating_sub(histogram.count_above(*t)));
    let exceed = histogram.count_above(edge).saturating_add(others).min(n);
    Counted { exceed, n, exact: false }
}

/// Quantiles are given to three places, so that their tail is a whole number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ≤ tail ≤ 1")]
fn permille(tail: f64) -> u64 {
    (tail.clamp(0.0, 1.0) * 1000.0).round() as u64
}

/// A time in the unit it is written in; in milliseconds where that is no unit of time.
fn in_unit(us: f64, unit: Written) -> (f64, &'static str) {
    match unit {
        Written::Micros => (us, "us"),
        Written::Seconds => (us / 1e6, "s"),
        Written::Minutes => (us / 60e6, "m"),
        Written::Hours => (us / 3.6e9, "h"),
        _ => (us / 1e3, "ms"),
    }
}

/// A number with at most so many decimals, without trailing zeros.
fn trimmed(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
