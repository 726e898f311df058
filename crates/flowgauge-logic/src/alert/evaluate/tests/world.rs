//! A world for tests: calls that ended, calls in flight, scores, and what is configured.

use super::super::Compiled;
use crate::alert::condition::{MatchOp, Matcher};
use crate::alert::facts::{
    Baseline, BaselineAsk, BudgetFacts, BudgetPeriod, CallSums, Facts, Gauge, Groups, Labels,
    Mechanism, RatingSums, ScoreSums, Selection, Slower,
};
use crate::alert::language::{self, Context};
use crate::alert::metric::Metric;
use crate::alert::rule::{Rule, Severity, Slo};
use crate::alert::sample::{Sample, Verdict, Why};
use crate::budget::Period;
use crate::call::Text;
use crate::known::{Known, Reason};
use crate::rollup::{Dim, Rollup};
use crate::unit::{NanoUsd, UnixMicros};
use crate::window::Window;
use chrono_tz::Tz;
use std::sync::Arc;

/// Monday, 2025-01-06 09:05 UTC.
pub(super) const NOW: UnixMicros = UnixMicros(1_736_154_300_000_000);

pub(super) const MS: u64 = 1_000;

/// A call that ended.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub at: UnixMicros,
    pub latency: u64,
    pub ok: bool,
    pub model: &'static str,
    pub tokens: u64,
    /// Below zero: nobody knows.
    pub cost: i64,
    pub hit: Option<bool>,
}

#[derive(Debug, Default)]
pub(super) struct World {
    pub done: Vec<Done>,
    pub flying: Vec<(UnixMicros, &'static str)>,
    pub scores: Vec<(UnixMicros, f64)>,
    pub edges: Vec<u64>,
    pub baselines: Vec<(Metric, f64)>,
    pub budgets: Vec<(BudgetPeriod, i64)>,
    pub gauges: Vec<(Gauge, f64)>,
    pub off: Vec<Mechanism>,
    pub cleared: Option<UnixMicros>,
    pub regressed: Option<(bool, f64)>,
    pub broken: bool,
    pub twins: bool,
}

pub(super) fn ago(seconds: i64) -> UnixMicros {
    UnixMicros(NOW.0 - seconds * 1_000_000)
}

impl World {
    /// So many calls of a latency, all within the last minute.
    pub(super) fn calls(mut self, n: usize, latency_ms: u64) -> Self {
        self.add(n, latency_ms, true, ago(30), "m");
        self
    }

    pub(super) fn errors(mut self, n: usize) -> Self {
        self.add(n, 10, false, ago(30), "m");
        self
    }

    pub(super) fn add(
        &mut self,
        n: usize,
        latency_ms: u64,
        ok: bool,
        at: UnixMicros,
        model: &'static str,
    ) {
        let latency = latency_ms * MS;
        let one = Done { at, latency, ok, model, tokens: 100, cost: 1_000_000, hit: None };
        self.done.extend(std::iter::repeat_n(one, n));
    }

    /// Calls in flight for so long.
    pub(super) fn flying(mut self, n: usize, seconds: i64) -> Self {
        self.flying.extend(std::iter::repeat_n((ago(seconds), "m"), n));
        self
    }

    /// One call that cost and used so much.
    pub(super) fn spent(&mut self, at: UnixMicros, tokens: u64, cost: i64) {
        let one = Done { at, latency: MS, ok: true, model: "m", tokens, cost, hit: None };
        self.done.push(one);
    }

    pub(super) fn lookups(mut self, hits: usize, misses: usize) -> Self {
        for (n, hit) in [(hits, true), (misses, false)] {
            self.add(n, 10, true, ago(30), "m");
            self.done.iter_mut().rev().take(n).for_each(|d| d.hit = Some(hit));
        }
        self
    }

    fn groups<T>(
        &self,
        of: &Selection,
        make: impl Fn(&dyn Fn(&str) -> bool) -> T,
    ) -> Result<Groups<T>, String> {
        if self.broken {
            return Err("the disk is gone".to_owned());
        }
        let matches = |model: &str| of.selector.iter().all(|m| passes(m, model));
        if of.by.is_empty() {
            return Ok(Arc::new(vec![(Labels::new(), make(&matches))]));
        }
        let mut models: Vec<&str> = self.done.iter().map(|d| d.model).collect();
        models.extend(self.flying.iter().map(|(_, m)| *m));
        models.sort_unstable();
        models.dedup();
        let sets = models.into_iter().filter(|m| matches(m)).map(|model| {
            let labels = vec![(Text::from("model"), Text::from(model))];
            (labels, make(&|m| m == model))
        });
        let mut sets: Vec<(Labels, T)> = sets.collect();
        if self.twins {
            sets.push((sets[0].0.clone(), make(&matches)));
        }
        Ok(Arc::new(sets))
    }

    fn sums(&self, window: Window, wanted: &dyn Fn(&str) -> bool) -> CallSums {
        let mut rollup = Rollup::default();
        let mut values: Vec<u64> = Vec::new();
        for d in self.done.iter().filter(|d| window.contains(d.at) && wanted(d.model)) {
            rollup.input.record(d.tokens);
            if d.cost < 0 {
                rollup.unpriced += 1;
            } else {
                rollup.priced += 1;
                rollup.cost_nanos += d.cost;
            }
            let cache = match d.hit {
                Some(true) => crate::call::CacheOutcome::HitExact,
                Some(false) => crate::call::CacheOutcome::Miss,
                None => crate::call::CacheOutcome::Disabled,
            };
            rollup.by_cache[usize::from(cache.code())] += 1;
            if d.ok {
                rollup.success += 1;
                rollup.latency.record(d.latency);
                values.push(d.latency);
            } else {
                rollup.failure += 1;
            }
        }
        let flying = self.flying.iter().filter(|(t, m)| *t <= window.to && wanted(m));
        let flying: Vec<u64> = flying.map(|(t, _)| window.to.since(*t).0).collect();
        let in_flight = flying.len() as u64;
        values.extend(flying);
        let above =
            self.edges.iter().map(|e| (*e, values.iter().filter(|v| *v > e).count() as u64));
        let latency = Slower {
            n: values.len() as u64,
            above: above.collect(),
            exact: true,
            ..Slower::default()
        };
        CallSums { rollup: Arc::new(rollup), latency, in_flight, ..CallSums::default() }
    }
}

fn passes(m: &Matcher, model: &str) -> bool {
    assert_eq!(m.dim, Dim::Model, "this world knows models only");
    match m.op {
        MatchOp::Equal => m.value == model,
        MatchOp::NotEqual => m.value != model,
        MatchOp::Matches | MatchOp::NotMatches => panic!("this world knows no patterns"),
    }
}

impl Facts for World {
    fn calls(&self, of: &Selection, window: Window) -> Result<Groups<CallSums>, String> {
        self.groups(of, |wanted| self.sums(window, wanted))
    }

    fn scores(&self, of: &Selection, window: Window) -> Result<Groups<ScoreSums>, String> {
        self.groups(of, |_| {
            let scores = self.scores.iter().filter(|(t, _)| window.contains(*t));
            let scores: Vec<f64> = scores.map(|(_, s)| *s).collect();
            let n = scores.len() as f64;
            let mean = if scores.is_empty() { 0.0 } else { scores.iter().sum::<f64>() / n };
            let squares: f64 = scores.iter().map(|s| (s - mean).powi(2)).sum();
            let variance = (scores.len() > 1).then(|| squares / (n - 1.0));
            ScoreSums { n: scores.len() as u64, mean, variance }
        })
    }

    fn ratings(&self, of: &Selection, window: Window) -> Result<Groups<RatingSums>, String> {
        let scores = self.scores(of, window)?;
        let ratings = scores
            .iter()
            .map(|(l, s)| (l.clone(), RatingSums { n: s.n, mean: 1.0 + 4.0 * s.mean }));
        Ok(Arc::new(ratings.collect()))
    }

    fn gauge(&self, gauge: Gauge) -> Known<f64> {
        let found = self.gauges.iter().find(|(g, _)| *g == gauge).map(|(_, v)| *v);
        Known::from_option(found, Reason::NotConfigured)
    }

    fn budget(&self, _name: Option<&str>, period: BudgetPeriod) -> Option<BudgetFacts> {
        let (_, limit) = self.budgets.iter().find(|(p, _)| *p == period)?;
        let calendar = match period {
            BudgetPeriod::Day => Period::Day,
            BudgetPeriod::Month => Period::Month,
        };
        Some(BudgetFacts { limit: NanoUsd(*limit), period: calendar.containing(NOW, Tz::UTC) })
    }

    fn baseline(&self, of: &BaselineAsk<'_>) -> Result<Known<Baseline>, String> {
        let found =
            self.baselines.iter().find(|(m, _)| *m == of.series.metric && of.pinned.is_none());
        let found = found.map(|(_, value)| Baseline { value: *value, spread: 0.0, n: 12 });
        Ok(Known::from_option(found, Reason::TooFew))
    }

    fn is_off(&self, mechanism: Mechanism) -> bool {
        self.off.contains(&mechanism)
    }

    fn cache_cleared(&self) -> Option<UnixMicros> {
        self.cleared
    }

    fn regression(&self, _metric: Metric) -> Known<(bool, f64)> {
        Known::from_option(self.regressed, Reason::NotConfigured)
    }
}

/// A rule of a condition, everything else by default.
pub(super) fn rule(text: &str, slos: &[Slo]) -> Rule {
    let context = Context { slos, shipped: true, capacity: true, ..Context::default() };
    let condition = language::read(text, &context).unwrap_or_else(|f| panic!("{text}: {f:?}"));
    Rule { shipped: true, ..Rule::new(Text::from("r"), condition, Severity::Warning) }
}

pub(super) fn compiled(text: &str) -> Compiled {
    Compiled::new(&rule(text, &[]), &[], Tz::UTC)
}

/// The one evaluation of a condition, its thresholds counted exactly.
pub(super) fn sample(text: &str, world: World) -> Sample {
    sample_of(&compiled(text), world)
}

pub(super) fn sample_of(compiled: &Compiled, mut world: World) -> Sample {
    let edges = compiled.thresholds().into_iter().flat_map(|(_, _, edges)| edges);
    world.edges.extend(edges);
    world.edges.sort_unstable();
    world.edges.dedup();
    let mut all = compiled.evaluate(&world, NOW);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0).1
}

pub(super) fn verdict(text: &str, world: World) -> Verdict {
    sample(text, world).verdict
}

pub(super) const fn unknown(why: Why) -> Verdict {
    Verdict::Unknown(why)
}
