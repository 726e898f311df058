//! From what is known to the value of one metric, in base units (alerting 3; formulas: catalogue
//! D5).
//!
//! Owns which facts a metric is made of, its samples, growth while they are few, and why there is
//! no value. Refuses to compare.

mod formula;
mod gauge;

use self::formula::{missing, of_calls, per_quality, samples, tokens_per_request};
use self::gauge::{gauge, is_gauge};
use super::span::{Span, period};
use super::tick::Tick;
use crate::alert::condition::Series;
use crate::alert::facts::{
    BaselineAsk, BudgetPeriod, CallSums, Groups, Labels, Mechanism, RatingSums, ScoreSums,
    Selection,
};
use crate::alert::guard::count;
use crate::alert::metric::Metric;
use crate::alert::sample::Why;
use crate::known::{Known, Reason};
use crate::rollup::Dim;
use crate::unit::{Micros, UnixMicros};
use crate::window::Window;

pub(super) use self::formula::{dist, money, part, population, slower};
pub(super) use self::gauge::why;

/// After the response cache is cleared its hit rate must be low for so long (alerting 12.1).
const AFTER_CLEAR: Micros = Micros(30 * 60_000_000);

/// Name of the baseline that `token_reduction` is measured against: the one somebody promoted. A
/// rolling one would have learned the savings.
pub(super) const PROMOTED: &str = "promoted";

/// A series, ready to be read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reader {
    /// As written.
    pub series: Series,
    /// Which calls.
    pub selection: Selection,
    /// Over which window.
    pub span: Span,
    /// Fewest samples.
    pub min: u64,
    /// What quality is compared with, for `quality_regression`.
    pub quality: Option<Series>,
}

/// What was found in a window.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// The window.
    pub window: Window,
    /// How often it has grown.
    pub step: usize,
    /// Samples.
    pub n: u64,
    /// Why there are none.
    pub missing: Why,
    /// The facts themselves.
    pub of: Of,
}

/// The facts of one label set.
#[derive(Debug, Clone)]
pub(super) enum Of {
    /// Of calls: all groups and the place of this one.
    Calls(Groups<CallSums>, usize),
    /// Of calls and their scores.
    Scored(Groups<CallSums>, usize, ScoreSums),
    /// Scores.
    Scores(ScoreSums),
    /// Ratings.
    Ratings(RatingSums),
    /// One figure.
    Figure(f64),
    /// Nothing.
    Nothing,
}

impl Found {
    pub(super) fn calls(&self) -> Option<&CallSums> {
        match &self.of {
            Of::Calls(groups, at) | Of::Scored(groups, at, _) => groups.get(*at).map(|g| &g.1),
            Of::Scores(_) | Of::Ratings(_) | Of::Figure(_) | Of::Nothing => None,
        }
    }
}

/// A value, or why there is none; a failure to look is another thing.
pub(super) type Maybe<T> = Result<Result<T, Why>, String>;

impl Reader {
    /// What is found at a moment in a window that grows until there are enough samples.
    pub(super) fn look(&self, tick: &Tick<'_>, at: UnixMicros) -> Result<Found, String> {
        let mut step = 0;
        loop {
            let found = self.look_over(tick, at, step)?;
            if found.n >= self.min.max(1) || step >= self.span.last_step() {
                return Ok(found);
            }
            step += 1;
        }
    }

    /// What is found at a moment in a window that has grown so often.
    pub(super) fn look_over(
        &self,
        tick: &Tick<'_>,
        at: UnixMicros,
        step: usize,
    ) -> Result<Found, String> {
        let Some(window) = self.span.window(step, at, tick) else {
            return Err(format!("{} has no window here", self.series.metric.word()));
        };
        self.look_in(tick, window, step)
    }

    /// What is found in a window.
    pub(super) fn look_in(
        &self,
        tick: &Tick<'_>,
        window: Window,
        step: usize,
    ) -> Result<Found, String> {
        let metric = self.series.metric;
        let nothing = Found { window, step, n: 0, missing: Why::NoData, of: Of::Nothing };
        let found = match metric {
            Metric::QualityScore | Metric::QualityRegression => {
                let groups = tick.facts.scores(&self.selection, window)?;
                self.mine(tick, &groups).map(|(_, s)| (s.n, Why::NoData, Of::Scores(*s)))
            }
            Metric::UserSatisfaction => {
                let groups = tick.facts.ratings(&self.selection, window)?;
                self.mine(tick, &groups).map(|(_, r)| (r.n, Why::NoData, Of::Ratings(*r)))
            }
            Metric::TokenEfficiency | Metric::CostPerQualityUnit => {
                let groups = tick.facts.calls(&self.selection, window)?;
                let scores = tick.facts.scores(&self.selection, window)?;
                let scores = self.mine(tick, &scores).map_or_else(Default::default, |(_, s)| *s);
                let place = self.mine(tick, &groups).map(|(place, _)| place);
                place.map(|at| (scores.n, Why::NoData, Of::Scored(groups, at, scores)))
            }
            Metric::BudgetUtilization => Some(self.utilization(tick, window.to)?),
            Metric::InflightRequests if !self.selection.selector.is_empty() || self.is_split() => {
                let groups = tick.facts.calls(&self.selection, window)?;
                let mine = self.mine(tick, &groups);
                mine.map(|(_, c)| (1, Why::NoData, Of::Figure(count(c.in_flight))))
            }
            metric if is_gauge(metric) => Some(gauge(tick, metric)),
            metric => {
                let groups = tick.facts.calls(&self.selection, window)?;
                let mine = self.mine(tick, &groups);
                let mine = mine.map(|(at, c)| (at, samples(metric, c), missing(metric, &c.rollup)));
                mine.map(|(at, n, missing)| (n, missing, Of::Calls(groups, at)))
            }
        };
        Ok(found.map_or(nothing, |(n, missing, of)| Found { window, step, n, missing, of }))
    }

    fn is_split(&self) -> bool {
        !self.selection.by.is_empty()
    }

    fn mine<'g, T>(&self, tick: &Tick<'_>, groups: &'g Groups<T>) -> Option<(usize, &'g T)> {
        let at = tick.find(groups, self.is_split())?;
        groups.get(at).map(|(_, t)| (at, t))
    }

    /// Why what was found says nothing; nothing where it does.
    pub(super) fn gap(&self, found: &Found) -> Option<Why> {
        match found.n {
            0 => Some(found.missing),
            n if n < self.min => Some(Why::Thin),
            _ => None,
        }
    }

    /// The value of what was found.
    pub(super) fn value(&self, tick: &Tick<'_>, found: &Found) -> Maybe<f64> {
        if found.n == 0 {
            return Ok(Err(found.missing));
        }
        let value = match &found.of {
            Of::Scores(scores) if self.series.metric == Metric::QualityRegression => {
                return self.quality_lost(tick, scores.mean);
            }
            Of::Calls(..) if self.series.metric == Metric::TokenReduction => {
                return self.reduction(tick, found);
            }
            Of::Scores(scores) => Some(scores.mean),
            Of::Ratings(ratings) => Some(ratings.mean),
            Of::Figure(figure) => Some(*figure),
            Of::Scored(_, _, scores) => {
                found.calls().and_then(|c| per_quality(self.series.metric, &c.rollup, scores))
            }
            Of::Calls(..) => found.calls().and_then(|c| self.of_calls(c, found.window)),
            Of::Nothing => None,
        };
        Ok(value.filter(|v| v.is_finite()).ok_or(found.missing))
    }

    fn of_calls(&self, calls: &CallSums, window: Window) -> Option<f64> {
        let metric = self.series.metric;
        match metric.quantile().zip(metric.timing()) {
            Some((q, timing)) => calls.quantile(timing, q),
            None => of_calls(metric, &calls.rollup, window),
        }
    }

    /// 1 − quality / baseline.
    pub(super) fn quality_lost(&self, tick: &Tick<'_>, mean: f64) -> Maybe<f64> {
        let Some(series) = &self.quality else { return Ok(Err(Why::WarmingUp)) };
        Ok(baseline(tick, series, tick.labels, None)?
            .and_then(|usual| if usual > 0.0 { Ok(1.0 - mean / usual) } else { Err(Why::NoData) }))
    }

    /// Method (c): the tokens of each endpoint and intent against those of the promoted baseline,
    /// weighed by today's shares. Without one, method (a): what the gateway counted.
    fn reduction(&self, tick: &Tick<'_>, found: &Found) -> Maybe<f64> {
        let mut fine = self.selection.clone();
        for dim in [Dim::Endpoint, Dim::Intent] {
            if !fine.by.contains(&dim) {
                fine.by.push(dim);
            }
        }
        let mut series = self.series.clone();
        series.metric = Metric::TokensPerRequest;
        series.by.clone_from(&fine.by);
        let (mut now, mut usual) = (0.0, 0.0);
        for (labels, calls) in tick.facts.calls(&fine, found.window)?.iter() {
            if !tick.labels.iter().all(|pair| labels.contains(pair)) {
                continue;
            }
            let Some(tokens) = tokens_per_request(&calls.rollup) else { continue };
            let Ok(base) = baseline(tick, &series, labels, Some(PROMOTED))? else { continue };
            let weight = count(calls.rollup.success);
            now += weight * tokens;
            usual += weight * base;
        }
        if usual > 0.0 {
            return Ok(Ok(1.0 - now / usual));
        }
        let counted = found.calls().and_then(|c| c.rollup.counterfactual().value());
        let kept = counted.map(|(came, sent)| count(sent) / count(came.max(1)));
        Ok(kept.map(|kept| 1.0 - kept).ok_or(Why::WarmingUp))
    }

    /// Of the budgets over everything, the share of the one that is used up most.
    fn utilization(&self, tick: &Tick<'_>, at: UnixMicros) -> Result<(u64, Why, Of), String> {
        let mut most: Option<f64> = None;
        let mut n = 0;
        for of in [BudgetPeriod::Day, BudgetPeriod::Month] {
            let Some(budget) = tick.facts.budget(tick.budget, of) else { continue };
            let window = Window { to: at, ..period(of, at, tick) };
            let groups = tick.facts.calls(&self.selection, window)?;
            let Some((_, calls)) = self.mine(tick, &groups) else { continue };
            let share = money(calls.rollup.cost_nanos) / money(budget.limit.0);
            n = n.max(calls.rollup.requests());
            most =
                if share.is_finite() { Some(most.map_or(share, |m| m.max(share))) } else { most };
        }
        let missing = if has_budget(tick) { Why::NoData } else { Why::NotConfigured };
        Ok((n, missing, most.map_or(Of::Nothing, Of::Figure)))
    }

    /// What is known of all label sets that have data in a window; in the longest it may take where
    /// none is given.
    pub(super) fn answer(&self, tick: &Tick<'_>, window: Option<Window>) -> Result<Answer, String> {
        let longest = || self.span.window(self.span.last_step(), tick.at, tick);
        let Some(window) = window.or_else(longest) else { return Ok(Answer::Nothing) };
        let (facts, of) = (tick.facts, &self.selection);
        Ok(match self.series.metric {
            Metric::QualityScore | Metric::QualityRegression => {
                Answer::Scores(facts.scores(of, window)?)
            }
            Metric::UserSatisfaction => Answer::Ratings(facts.ratings(of, window)?),
            _ => Answer::Calls(facts.calls(of, window)?),
        })
    }
}

/// What is known of all label sets.
#[derive(Debug)]
pub(super) enum Answer {
    Calls(Groups<CallSums>),
    Scores(Groups<ScoreSums>),
    Ratings(Groups<RatingSums>),
    Nothing,
}

impl Answer {
    /// Its label sets, in its order.
    pub(super) fn label_sets(&self) -> Vec<&Labels> {
        match self {
            Self::Calls(groups) => names(groups),
            Self::Scores(groups) => names(groups),
            Self::Ratings(groups) => names(groups),
            Self::Nothing => Vec::new(),
        }
    }
}

/// Whether any budget is configured that a share can be taken of.
pub(super) fn has_budget(tick: &Tick<'_>) -> bool {
    let periods = [BudgetPeriod::Day, BudgetPeriod::Month];
    periods.iter().any(|of| tick.facts.budget(tick.budget, *of).is_some())
}

fn names<T>(groups: &[(Labels, T)]) -> Vec<&Labels> {
    groups.iter().map(|(labels, _)| labels).collect()
}

/// A baseline of a series and label set.
pub(super) fn baseline(
    tick: &Tick<'_>,
    series: &Series,
    labels: &Labels,
    pinned: Option<&str>,
) -> Maybe<f64> {
    let ask = BaselineAsk { series, labels, pinned, at: tick.at };
    Ok(match tick.facts.baseline(&ask)? {
        Known::Value(baseline) => Ok(baseline.value),
        Known::Unknown(Reason::NotConfigured) if pinned.is_some() => Err(Why::NotConfigured),
        Known::Unknown(_) => Err(Why::WarmingUp),
    })
}

/// Whether a metric must move by construction, so that it says nothing.
pub(super) fn is_off(tick: &Tick<'_>, metric: Metric, mechanism: Option<Mechanism>) -> bool {
    let cleared = || tick.facts.cache_cleared().is_some_and(|t| tick.at.since(t) < AFTER_CLEAR);
    let is_hits = matches!(metric, Metric::CacheHitRate | Metric::CacheMissRate);
    mechanism.is_some_and(|m| tick.facts.is_off(m)) || (is_hits && cleared())
}
