//! What rules look at beyond memory: rollups, scores and ratings of the store, budgets as
//! configured, and what other parts measure.

mod judged;
mod told;

use self::judged::Judge;
use self::told::Told;
use super::chosen::Chosen;
use super::state::State;
use super::usual::Usual;
use crate::logic::alert::condition::Series;
use crate::logic::alert::episode::Episode;
use crate::logic::alert::facts::{BudgetFacts, BudgetPeriod, Gauge, Labels, Mechanism, Selection};
use crate::logic::alert::metric::Metric;
use crate::logic::alert::rule::Rule;
use crate::logic::budget::{Budget, Per, Period};
use crate::logic::rollup::{Dim, Filter, Rollup};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::record::Recorder;
use crate::store::alerts::EpisodeQuery;
use crate::store::{AlertStore, Reader, RollupQuery, Step};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub use self::told::Findings;

/// Days are told apart to find the first with data: hours would be read hundreds at a time.
const MINUTES_PER_DAY: u32 = 24 * 60;

/// What is beyond memory.
#[derive(Debug)]
pub struct Long {
    rows: Rows,
    budgets: Vec<Budget>,
    told: Arc<Mutex<Told>>,
    usual: Mutex<HashMap<Series, Usual>>,
    judge: Mutex<Option<Judge>>,
    /// What was open when, so that bad times do not become usual.
    episodes: Option<Arc<AlertStore>>,
}

/// Most episodes of four weeks that are left out one by one.
const MAX_EPISODES: usize = 10_000;

/// Where stored rows are.
#[derive(Debug)]
enum Rows {
    None,
    Of(Reader),
    /// Whose reader is there once the store can be opened.
    Recorded(Recorder),
}

impl Long {
    /// No store: memory alone, for rule tests.
    #[must_use]
    pub fn none() -> Self {
        Self::over(Rows::None)
    }

    /// A store that is read only.
    #[must_use]
    pub fn reading(reader: Reader) -> Self {
        Self::over(Rows::Of(reader))
    }

    /// The store of a recorder, as soon as it can be opened.
    #[must_use]
    pub fn recorded(recorder: Recorder) -> Self {
        Self::over(Rows::Recorded(recorder))
    }

    fn over(rows: Rows) -> Self {
        Self {
            rows,
            budgets: Vec::new(),
            told: Arc::default(),
            usual: Mutex::default(),
            judge: Mutex::default(),
            episodes: None,
        }
    }

    /// With these budgets.
    #[must_use]
    pub fn with_budgets(mut self, budgets: Vec<Budget>) -> Self {
        self.budgets = budgets;
        self
    }

    /// With the history of alerts.
    #[must_use]
    pub fn with_episodes(mut self, episodes: Arc<AlertStore>) -> Self {
        self.episodes = Some(episodes);
        self
    }

    /// A gauge as it is now; none where its mechanism is off.
    pub fn measure(&self, gauge: Gauge, value: Option<f64>) {
        let mut told = self.told.lock();
        match value {
            Some(value) => drop(told.gauges.insert(gauge, value)),
            None => drop(told.gauges.remove(&gauge)),
        }
    }

    /// A mechanism was switched.
    pub fn switch(&self, mechanism: Mechanism, off: bool) {
        self.told.lock().off.insert(mechanism, off);
    }

    /// The response cache was cleared.
    pub fn cache_was_cleared(&self, at: UnixMicros) {
        self.told.lock().cleared = Some(at);
    }

    /// Where the regression detector tells what it found.
    #[must_use]
    pub fn findings(&self) -> Findings {
        Findings(Arc::clone(&self.told))
    }

    /// Stretches of a window in which an alert on this metric was open.
    pub(super) fn bad_times(&self, metric: Metric, window: Window) -> Result<Vec<Window>, String> {
        let Some(episodes) = &self.episodes else { return Ok(Vec::new()) };
        let query = EpisodeQuery { to: Some(window.to), limit: MAX_EPISODES, ..Default::default() };
        let rules = episodes.load().map_err(|e| e.to_string())?.rules;
        let words: &[&str] = match metric {
            // What it is a loss of.
            Metric::QualityRegression => &["quality_score", "quality_regression"],
            other => &[other.word()],
        };
        let on = |rule: &Rule| words.iter().any(|word| rule.text.contains(word));
        let rules: Vec<&Rule> = rules.iter().filter(|rule| on(rule)).collect();
        let found = episodes.episodes(&query).map_err(|e| e.to_string())?;
        let bad = found.into_iter().filter(|e| rules.iter().any(|rule| rule.name == e.rule));
        let stretch =
            |e: Episode| Window { from: e.first_true, to: e.ended.map_or(window.to, |(at, _)| at) };
        Ok(bad.map(stretch).filter(|b| b.to > window.from).collect())
    }

    /// The budget of this name, or the one over everything, and the period a moment lies in.
    pub(super) fn budget(
        &self,
        name: Option<&str>,
        period: BudgetPeriod,
        at: UnixMicros,
    ) -> Option<BudgetFacts> {
        let period = match period {
            BudgetPeriod::Day => Period::Day,
            BudgetPeriod::Month => Period::Month,
        };
        let wanted = |budget: &&Budget| match name {
            Some(name) => budget.name == name,
            None => budget.period == period && budget.per == Per::All && budget.matches.is_empty(),
        };
        let budget = self.budgets.iter().find(wanted)?;
        let period = budget.period.containing(at, budget.zone);
        Some(BudgetFacts { limit: budget.limit, period })
    }

    pub(super) fn usual(&self, of: &Series) -> Option<Usual> {
        self.usual.lock().get(of).cloned()
    }

    pub(super) fn keep_usual(&self, of: &Series, usual: Usual) {
        self.usual.lock().insert(of.clone(), usual);
    }

    /// The first day of a window of which the store has rollups.
    pub(super) fn first_data(&self, window: Window) -> Result<Option<UnixMicros>, String> {
        let Some(reader) = self.reader()? else { return Ok(None) };
        let step = Step::Minutes(MINUTES_PER_DAY);
        let query = RollupQuery { window, filter: Filter::default(), group_by: Vec::new(), step };
        let days = reader.rollups(&query).map_err(|e| e.to_string())?;
        Ok(days.first().map(|day| day.from.max(window.from)))
    }

    /// Whether there is a store at all.
    pub(super) const fn has_rows(&self) -> bool {
        !matches!(self.rows, Rows::None)
    }

    fn reader(&self) -> Result<Option<Reader>, String> {
        match &self.rows {
            Rows::None => Ok(None),
            Rows::Of(reader) => Ok(Some(reader.clone())),
            Rows::Recorded(recorder) => {
                let reader = recorder.reader().ok_or("the store cannot be opened")?;
                Ok(Some(reader))
            }
        }
    }

    /// Rollups of a window from the store, widened to whole minutes.
    pub(super) fn rollups(
        &self,
        of: &Selection,
        window: Window,
    ) -> Result<Vec<(Labels, Rollup)>, String> {
        let chosen = Chosen::new(of)?;
        let mut groups: BTreeMap<Labels, Rollup> = BTreeMap::new();
        if chosen.is_whole() {
            groups.insert(Labels::new(), Rollup::default());
        }
        if let Some(reader) = self.reader()? {
            let query = query(&chosen, window, &[]);
            for group in reader.rollups(&query).map_err(|e| e.to_string())? {
                if let Some(labels) = chosen.regroup(&query.group_by, &group.key) {
                    groups.entry(labels).or_default().merge(&group.rollup);
                }
            }
        }
        Ok(groups.into_iter().collect())
    }

    /// Rollups of a window from memory by the minute.
    #[expect(clippy::unused_self, reason = "stands beside its twin over the store")]
    pub(super) fn remembered(
        &self,
        state: &State,
        of: &Selection,
        window: Window,
    ) -> Result<Vec<(Labels, Rollup)>, String> {
        let chosen = Chosen::new(of)?;
        let mut groups: BTreeMap<Labels, Rollup> = BTreeMap::new();
        if chosen.is_whole() {
            groups.insert(Labels::new(), Rollup::default());
        }
        let labels: HashMap<u32, Labels> = state
            .keys()
            .filter(|(_, key)| chosen.takes(key))
            .map(|(id, key)| (id, chosen.labels(key)))
            .collect();
        for (series, rollup) in state.minutes.iter().flat_map(|m| m.rollups(window)) {
            if let Some(labels) = labels.get(&series) {
                groups.entry(labels.clone()).or_default().merge(rollup);
            }
        }
        Ok(groups.into_iter().collect())
    }
}

fn query(chosen: &Chosen, window: Window, also: &[Dim]) -> RollupQuery {
    let mut group_by = chosen.dims();
    group_by.extend(also);
    group_by.sort_unstable();
    group_by.dedup();
    RollupQuery { window, filter: chosen.filter(), group_by, step: Step::Whole }
}
