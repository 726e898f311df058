//! Whether an error budget burns too fast in both windows (alerting 13), and what the regression
//! detector says.

use super::compare::{Decided, beyond};
use super::read::{dist, money, population, slower};
use super::span::last;
use super::tick::Tick;
use super::truth::Truth;
use crate::alert::burn;
use crate::alert::condition::Cmp;
use crate::alert::facts::{BudgetPeriod, CallSums, Groups, Selection, Timing};
use crate::alert::guard::z_of;
use crate::alert::metric::Metric;
use crate::alert::rule::{Sli, Slo};
use crate::alert::sample::{Evidence, Why};
use crate::call::Text;
use crate::known::{Known, Reason};
use crate::unit::Micros;
use crate::window::Window;

/// How sure a burn must be where bad calls are few.
const CONFIDENCE: f64 = 0.95;

/// A burn rate, ready to be decided.
#[derive(Debug, Clone)]
pub(super) struct Burn {
    /// The name as written.
    pub name: Text,
    /// The objective of that name, where there is one.
    pub slo: Option<Slo>,
    /// Which calls count.
    pub selection: Selection,
    /// The factor.
    pub factor: f64,
    /// The long window.
    pub long: Micros,
    /// The short window.
    pub short: Micros,
}

/// One window.
#[derive(Debug, Clone, Copy)]
struct Burned {
    rate: Option<f64>,
    bad: u64,
    total: u64,
    exact: bool,
}

impl Burn {
    /// Which calls an objective counts.
    pub(super) fn selection(slo: Option<&Slo>) -> Selection {
        let selector = slo.map_or_else(Vec::new, |slo| match &slo.sli {
            Sli::Availability { selector }
            | Sli::Faster { selector, .. }
            | Sli::Quality { selector, .. } => selector.clone(),
            Sli::Spend { .. } => Vec::new(),
        });
        Selection { selector, by: Vec::new() }
    }

    /// The threshold that must be counted exactly.
    pub(super) fn threshold(&self) -> Option<(Timing, u64)> {
        match &self.slo.as_ref()?.sli {
            Sli::Faster { timing, limit, .. } => Some((*timing, limit.0)),
            Sli::Availability { .. } | Sli::Quality { .. } | Sli::Spend { .. } => None,
        }
    }

    /// What must be configured first.
    pub(super) fn needs(&self, tick: &Tick<'_>) -> Option<String> {
        let Some(slo) = &self.slo else { return Some(format!("needs SLO {:?}", self.name)) };
        let Sli::Spend { budget } = &slo.sli else { return None };
        budget_of(tick, budget.as_deref()).is_none().then(|| "needs a budget".to_owned())
    }

    pub(super) fn decide(&self, tick: &Tick<'_>) -> Result<Decided, String> {
        let mut evidence = Evidence {
            threshold: Some(self.factor),
            window_us: self.long.0,
            ..Evidence::default()
        };
        let Some(slo) = &self.slo else { return Ok(Decided::unknown(Why::NotConfigured)) };
        let (Some(long), Some(short)) =
            (self.burned(tick, slo, self.long)?, self.burned(tick, slo, self.short)?)
        else {
            return Ok(Decided { truth: Truth::Unknown(Why::NotConfigured), evidence });
        };
        evidence.value = long.rate;
        evidence.n = long.total;
        evidence.exceed = Some(long.bad);
        evidence.approx = !long.exact;
        let is_spend = matches!(slo.sli, Sli::Spend { .. });
        if is_spend {
            evidence.exceed = None;
        }
        let sure = is_spend
            || burn::enough(long.bad, long.total, slo.objective, self.factor, z_of(CONFIDENCE));
        let truth = self.too_fast(long).and(self.too_fast(short)).and(Truth::of(sure));
        Ok(Decided { truth, evidence })
    }

    /// An empty window is unknown: it must not end an alert.
    fn too_fast(&self, burned: Burned) -> Truth {
        match burned.rate {
            Some(rate) => Truth::of(beyond(Cmp::Above, rate, self.factor)),
            None => Truth::Unknown(Why::NoData),
        }
    }

    /// Nothing where a budget is missing.
    fn burned(&self, tick: &Tick<'_>, slo: &Slo, length: Micros) -> Result<Option<Burned>, String> {
        let window = last(length, tick.at);
        let (bad, total, exact) = match &slo.sli {
            Sli::Spend { budget } => return self.spent(tick, budget.as_deref(), window),
            Sli::Quality { at_least, .. } => {
                let groups = tick.facts.scores_below(&self.selection, window, *at_least)?;
                let (bad, n) = groups.first().map_or((0, 0), |(_, counts)| *counts);
                (bad, n, true)
            }
            Sli::Availability { .. } => {
                let groups = tick.facts.calls(&self.selection, window)?;
                let calls = only(&groups);
                let rollup = calls.map(|c| &c.rollup);
                rollup.map_or((0, 0, true), |r| (r.failure, r.success + r.failure, true))
            }
            Sli::Faster { timing, limit, .. } => {
                let groups = tick.facts.calls(&self.selection, window)?;
                only(&groups).map_or((0, 0, true), |calls| over(calls, *timing, *limit))
            }
        };
        Ok(Some(Burned { rate: burn::rate(bad, total, slo.objective), bad, total, exact }))
    }

    fn spent(
        &self,
        tick: &Tick<'_>,
        name: Option<&str>,
        window: Window,
    ) -> Result<Option<Burned>, String> {
        let Some((limit, period)) = budget_of(tick, name) else { return Ok(None) };
        let groups = tick.facts.calls(&self.selection, window)?;
        let Some(calls) = only(&groups).filter(|c| c.rollup.priced > 0) else {
            return Ok(Some(Burned { rate: None, bad: 0, total: 0, exact: true }));
        };
        let length = window.to.since(window.from);
        let rate = burn::spend_rate(money(calls.rollup.cost_nanos), length, limit, period);
        Ok(Some(Burned { rate, bad: 0, total: calls.rollup.priced, exact: true }))
    }
}

/// The limit and the length of a budget: that of the month, else that of the day.
fn budget_of(tick: &Tick<'_>, name: Option<&str>) -> Option<(f64, Micros)> {
    [BudgetPeriod::Month, BudgetPeriod::Day].into_iter().find_map(|of| {
        let budget = tick.facts.budget(name, of)?;
        Some((money(budget.limit.0), budget.period.to.since(budget.period.from)))
    })
}

fn only(groups: &Groups<CallSums>) -> Option<&CallSums> {
    groups.first().map(|(_, calls)| calls)
}

/// Calls slower than a limit, those in flight included.
fn over(calls: &CallSums, timing: Timing, limit: Micros) -> (u64, u64, bool) {
    let counts = slower(calls, timing);
    let histogram = &dist(&calls.rollup, timing).histogram;
    let n = population(calls, timing);
    match counts.above(limit.0).zip(counts.n_at(limit.0)) {
        Some((bad, n)) => (bad, n, counts.exact),
        None => (histogram.count_above(limit.0), n, false),
    }
}

/// What the regression detector says of a metric.
#[derive(Debug, Clone, Copy)]
pub(super) struct Regressed {
    /// Of which metric.
    pub metric: Metric,
    /// By more than so much, where written.
    pub beyond: Option<(Cmp, f64)>,
}

impl Regressed {
    /// What must be done first: the detector says nothing before its first check.
    pub(super) fn needs(self, tick: &Tick<'_>) -> Option<String> {
        let said = tick.facts.regression(self.metric);
        matches!(said, Known::Unknown(Reason::NotConfigured)).then(|| {
            "no regression check has run yet; `flowgauge regression check` runs one".to_owned()
        })
    }

    pub(super) fn decide(self, tick: &Tick<'_>) -> Decided {
        let (regressed, by) = match tick.facts.regression(self.metric) {
            Known::Value(said) => said,
            Known::Unknown(Reason::SwitchedOff) => return Decided::unknown(Why::Disabled),
            Known::Unknown(Reason::NotConfigured) => return Decided::unknown(Why::NotConfigured),
            Known::Unknown(_) => return Decided::unknown(Why::WarmingUp),
        };
        // The detector says whether it is adverse; how far is asked without a sign.
        let limit = self.beyond.map(|(cmp, percent)| (cmp, percent / 100.0));
        let far = limit.is_none_or(|(cmp, limit)| beyond(cmp, by.abs(), limit));
        let evidence = Evidence {
            value: Some(by),
            threshold: limit.map(|(_, limit)| limit),
            ..Evidence::default()
        };
        Decided { truth: Truth::of(regressed && far), evidence }
    }
}
