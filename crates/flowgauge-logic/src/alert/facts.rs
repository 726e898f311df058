//! What the evaluator asks, and the shape of the answers. The live engine answers from buckets in
//! memory and rollups on disk, a rule test from its own streams, both through [`Facts`].

use super::condition::Matcher;
use crate::call::Text;
use crate::known::Known;
use crate::rollup::{Dim, Rollup};
use crate::unit::{NanoUsd, UnixMicros};
use crate::window::Window;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, OnceLock};

/// Label set of an instance: sorted by name, each once. Empty without `by`.
pub type Labels = Vec<(Text, Text)>;

/// Which calls, and one answer per combination of which labels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Selection {
    /// All must match.
    pub selector: Vec<Matcher>,
    /// In the order written.
    pub by: Vec<Dim>,
}

/// A timing of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// Start to the last byte.
    Latency,
    /// Start to the first token.
    Ttft,
    /// Per output token after the first.
    Tpot,
}

/// One answer per label set; without `by` exactly one, which may be empty.
pub type Groups<T> = Arc<Vec<(Labels, T)>>;

/// What is known at one tick. Windows end at the tick or before; imported series are moved by
/// the evaluation delay already. Answers may be cached for the tick.
pub trait Facts {
    /// Calls that ended in a window, and those in flight at its end.
    fn calls(&self, of: &Selection, window: Window) -> Result<Groups<CallSums>, String>;
    /// Quality scores in a window.
    fn scores(&self, of: &Selection, window: Window) -> Result<Groups<ScoreSums>, String>;
    /// Of the calls with a score in a window: how many have one below a limit, and how many there
    /// are. Whoever does not count them says so.
    fn scores_below(
        &self,
        of: &Selection,
        window: Window,
        limit: f64,
    ) -> Result<Groups<(u64, u64)>, String> {
        let _ = (of, window);
        Err(format!("scores are not counted against {limit} here"))
    }
    /// Ratings of users in a window.
    fn ratings(&self, of: &Selection, window: Window) -> Result<Groups<RatingSums>, String>;
    /// A gauge now.
    fn gauge(&self, gauge: Gauge) -> Known<f64>;
    /// The budget of this name, or the one over everything with this period.
    fn budget(&self, name: Option<&str>, period: BudgetPeriod) -> Option<BudgetFacts>;
    /// The baseline of a metric at this moment, in base units.
    fn baseline(&self, of: &BaselineAsk<'_>) -> Result<Known<Baseline>, String>;
    /// Whether a mechanism is off, so that metrics behind it must move by construction.
    fn is_off(&self, mechanism: Mechanism) -> bool;
    /// When the response cache was cleared last.
    fn cache_cleared(&self) -> Option<UnixMicros>;
    /// What the regression detector says of a metric: whether it regressed, and by which signed
    /// fraction; unknown where it has not run.
    fn regression(&self, metric: super::metric::Metric) -> Known<(bool, f64)>;
}

/// What is known of calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallSums {
    /// Counts, sums and histograms of the calls that ended.
    pub rollup: Arc<Rollup>,
    /// Latencies against the thresholds of rules.
    pub latency: Slower,
    /// Times to the first token.
    pub ttft: Slower,
    /// Times per output token.
    pub tpot: Slower,
    /// Calls in flight at the end of the window.
    pub in_flight: u64,
    /// Quantiles shown, each worked out once however many rules show it.
    pub shown: Shown,
}

impl CallSums {
    /// A quantile of the calls that ended well, for people. Exact where all of them took equally
    /// long: their mean is known exactly, their bucket only within half a percent.
    #[must_use]
    pub fn quantile(&self, timing: Timing, q: f64) -> Option<f64> {
        let dist = match timing {
            Timing::Latency => &self.rollup.latency,
            Timing::Ttft => &self.rollup.ttft,
            Timing::Tpot => &self.rollup.tpot,
        };
        let work_out = || match dist.histogram.buckets() {
            [_] => dist.mean(),
            _ => dist.histogram.quantile(q),
        };
        match self.shown.of(timing, q) {
            Some(slot) => *slot.get_or_init(work_out),
            None => work_out(),
        }
    }
}

/// The quantiles metrics have names for.
const NAMED: [f64; 3] = [0.5, 0.95, 0.99];

/// Quantiles that were worked out already. Two of them are always equal: they follow from the rest.
#[derive(Debug, Clone, Default)]
pub struct Shown([[OnceLock<Option<f64>>; NAMED.len()]; 3]);

impl Shown {
    fn of(&self, timing: Timing, q: f64) -> Option<&OnceLock<Option<f64>>> {
        let timing = match timing {
            Timing::Latency => &self.0[0],
            Timing::Ttft => &self.0[1],
            Timing::Tpot => &self.0[2],
        };
        timing.get(NAMED.iter().position(|named| named.total_cmp(&q).is_eq())?)
    }
}

impl PartialEq for Shown {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Counts of values above thresholds known beforehand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slower {
    /// Values counted: of completed calls that count, of timeouts and other failures with their
    /// age at the end, of calls in flight with their age now (for [`Timing::Ttft`] those without a
    /// first token; [`Timing::Tpot`] has neither).
    pub n: u64,
    /// Ascending thresholds, µs, and how many values lie above each.
    pub above: Vec<(u64, u64)>,
    /// Beside `above`, one for each threshold, or empty where all are decided: how many of `n` are
    /// not decided there. A call in flight that is younger may still become slower, and a failure
    /// that came sooner says nothing about how long an answer takes.
    pub undecided: Vec<u64>,
    /// Whether the counts are exact; histograms are right within 0.5 % of the value.
    pub exact: bool,
}

impl Slower {
    /// How many values lie above a threshold that was known beforehand.
    #[must_use]
    pub fn above(&self, threshold: u64) -> Option<u64> {
        self.place_of(threshold, 0).map(|at| self.counts_at(at).0)
    }

    /// How many values a share above a threshold is a share of: completed calls, and of timeouts
    /// and calls in flight those above it (alerting 6.3).
    #[must_use]
    pub fn n_at(&self, threshold: u64) -> Option<u64> {
        self.place_of(threshold, 0).map(|at| self.counts_at(at).1)
    }

    /// Where a threshold that was known beforehand stands. A rule's stands in the same place in
    /// every answer, so it is looked for where it is guessed to be before it is searched for.
    #[must_use]
    pub fn place_of(&self, threshold: u64, guess: usize) -> Option<usize> {
        if self.above.get(guess).is_some_and(|(t, _)| *t == threshold) {
            return Some(guess);
        }
        self.above.binary_search_by_key(&threshold, |(t, _)| *t).ok()
    }

    /// Values above the threshold in a place, and values they are a share of.
    #[must_use]
    pub fn counts_at(&self, place: usize) -> (u64, u64) {
        let above = self.above.get(place).map_or(0, |(_, count)| *count);
        let undecided = self.undecided.get(place).copied().unwrap_or(0);
        (above, self.n.saturating_sub(undecided))
    }
}

/// What is known of quality scores, each on 0–1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ScoreSums {
    /// How many calls have a score.
    pub n: u64,
    /// Their weighted mean.
    pub mean: f64,
    /// Their sample variance, where there are two.
    pub variance: Option<f64>,
}

/// What is known of users' ratings, 1–5.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RatingSums {
    /// How many.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
}

/// Something that is as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gauge {
    /// Bytes in the response cache.
    CacheBytes,
    /// Bytes it may hold.
    CacheCapacity,
    /// Σ lifetime / Σ TTL of entries removed in the last hour.
    TtlEffectiveness,
    /// Users in the last minutes.
    ConcurrentUsers,
    /// Requests in flight.
    InFlight,
}

/// The period of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BudgetPeriod {
    /// A calendar day.
    Day,
    /// A calendar month.
    Month,
}

/// A budget as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetFacts {
    /// What may be spent.
    pub limit: NanoUsd,
    /// The period it lies in.
    pub period: Window,
}

/// Which baseline is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct BaselineAsk<'a> {
    /// Of which series.
    pub series: &'a super::condition::Series,
    /// Of which label set.
    pub labels: &'a Labels,
    /// A pinned one, by name.
    pub pinned: Option<&'a str>,
    /// When.
    pub at: UnixMicros,
}

/// A baseline at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Baseline {
    /// The median, base unit.
    pub value: f64,
    /// The spread, 1.4826 · MAD.
    pub spread: f64,
    /// Windows behind it.
    pub n: u32,
}

/// An optimisation that can be off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// Response caching.
    ResponseCaching,
    /// Anything that saves tokens.
    TokenSaving,
}
