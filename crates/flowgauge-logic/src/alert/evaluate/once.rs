//! Facts as one evaluation asks them: all label sets of a rule ask the same, and its clear condition once
//! more, so an answer is looked up once for all of them.

use crate::alert::facts::{
    Baseline, BaselineAsk, BudgetFacts, BudgetPeriod, CallSums, Facts, Gauge, Groups, Mechanism,
    RatingSums, ScoreSums, Selection,
};
use crate::alert::metric::Metric;
use crate::known::Known;
use crate::unit::UnixMicros;
use crate::window::Window;
use std::cell::RefCell;

/// Facts for one evaluation.
pub(super) struct Once<'a> {
    facts: &'a dyn Facts,
    /// A handful: a rule names few selections and windows, so they are compared one by one.
    calls: RefCell<Vec<(Selection, Window, Groups<CallSums>)>>,
}

impl<'a> Once<'a> {
    pub(super) const fn new(facts: &'a dyn Facts) -> Self {
        Self { facts, calls: RefCell::new(Vec::new()) }
    }
}

impl Facts for Once<'_> {
    fn calls(&self, of: &Selection, window: Window) -> Result<Groups<CallSums>, String> {
        let known = |(selection, of_window, _): &&(Selection, Window, _)| {
            *of_window == window && selection == of
        };
        if let Some((_, _, groups)) = self.calls.borrow().iter().find(known) {
            return Ok(Groups::clone(groups));
        }
        let groups = self.facts.calls(of, window)?;
        self.calls.borrow_mut().push((of.clone(), window, Groups::clone(&groups)));
        Ok(groups)
    }

    fn scores(&self, of: &Selection, window: Window) -> Result<Groups<ScoreSums>, String> {
        self.facts.scores(of, window)
    }

    fn scores_below(
        &self,
        of: &Selection,
        window: Window,
        limit: f64,
    ) -> Result<Groups<(u64, u64)>, String> {
        self.facts.scores_below(of, window, limit)
    }

    fn ratings(&self, of: &Selection, window: Window) -> Result<Groups<RatingSums>, String> {
        self.facts.ratings(of, window)
    }

    fn gauge(&self, gauge: Gauge) -> Known<f64> {
        self.facts.gauge(gauge)
    }

    fn budget(&self, name: Option<&str>, period: BudgetPeriod) -> Option<BudgetFacts> {
        self.facts.budget(name, period)
    }

    fn baseline(&self, of: &BaselineAsk<'_>) -> Result<Known<Baseline>, String> {
        self.facts.baseline(of)
    }

    fn is_off(&self, mechanism: Mechanism) -> bool {
        self.facts.is_off(mechanism)
    }

    fn cache_cleared(&self) -> Option<UnixMicros> {
        self.facts.cache_cleared()
    }

    fn regression(&self, metric: Metric) -> Known<(bool, f64)> {
        self.facts.regression(metric)
    }
}
