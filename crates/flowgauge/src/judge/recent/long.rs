//! What rules look at beyond memory: rollups, scores and ratings of the store, budgets as
//! configured, and what other parts measure.

use super::Recent;
use super::chosen::Chosen;
use super::minutes::Judged;
use super::state::State;
use super::usual::Usual;
use crate::logic::alert::condition::Series;
use crate::logic::alert::episode::Episode;
use crate::logic::alert::facts::{
    BudgetFacts, BudgetPeriod, Gauge, Groups, Labels, Mechanism, RatingSums, ScoreSums, Selection,
};
use crate::logic::alert::metric::Metric;
use crate::logic::alert::rule::Rule;
use crate::logic::baseline::Baseline as Kept;
use crate::logic::budget::{Budget, Per, Period};
use crate::logic::call::Text;
use crate::logic::known::{Known, Reason};
use crate::logic::rollup::{Dim, Filter, Rollup};
use crate::logic::score::{Evaluator, ScoreKind, ScoreSums as Sums, overall, overall_variance};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::record::Recorder;
use crate::store::alerts::EpisodeQuery;
use crate::store::{AlertStore, JudgedBy, Reader, RollupQuery, Step};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

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

/// Whose evaluations count, decided at a moment.
#[derive(Debug, Clone)]
struct Judge {
    at: UnixMicros,
    who: Option<Evaluator>,
}

/// Most episodes of four weeks that are left out one by one.
const MAX_EPISODES: usize = 10_000;

/// The evaluator is chosen anew after so long: a new version of it takes over within the hour in
/// which it judges most, and no sooner is asked for.
const JUDGE_STANDS_US: i64 = 10 * UnixMicros::MINUTE;

/// Of each intent: how many calls, and what was said of them.
type Weighed = Vec<(u64, Sums)>;

/// Where stored rows are.
#[derive(Debug)]
enum Rows {
    None,
    Of(Reader),
    /// Whose reader is there once the store can be opened.
    Recorded(Recorder),
}

/// What other parts say.
#[derive(Debug, Default)]
struct Told {
    gauges: HashMap<Gauge, f64>,
    off: HashMap<Mechanism, bool>,
    cleared: Option<UnixMicros>,
    regressions: HashMap<Metric, (bool, f64)>,
    /// Whether the online detector finds a metric regressed, and by which signed fraction it differs
    /// from its own week before.
    online: HashMap<Metric, (bool, f64)>,
    /// The promoted and the pinned baselines, by name.
    kept: HashMap<Text, Arc<Kept>>,
    /// The pinned one whose window ended last.
    pinned: Option<Arc<Kept>>,
}

/// Where the regression detector tells what it found.
#[derive(Debug, Clone, Default)]
pub struct Findings(Arc<Mutex<Told>>);

impl Findings {
    /// Whether a metric regressed, and by which signed fraction.
    pub fn tell(&self, metric: Metric, found: (bool, f64)) {
        self.0.lock().regressions.insert(metric, found);
    }

    /// Whether the online detector finds a metric regressed, and by which signed fraction it differs
    /// from its own week before.
    pub fn tell_online(&self, metric: Metric, found: (bool, f64)) {
        self.0.lock().online.insert(metric, found);
    }

    /// What the online detector told of a metric last.
    #[must_use]
    pub fn online(&self, metric: Metric) -> Option<(bool, f64)> {
        self.0.lock().online.get(&metric).copied()
    }

    /// The promoted and the pinned baselines, and whether each is pinned.
    pub fn keep(&self, baselines: impl IntoIterator<Item = (Kept, bool)>) {
        let mut told = self.0.lock();
        (told.kept, told.pinned) = (HashMap::new(), None);
        for (baseline, pinned) in baselines {
            let baseline = Arc::new(baseline);
            let later = told.pinned.as_ref().is_none_or(|p| p.window.to < baseline.window.to);
            if pinned && later {
                told.pinned = Some(Arc::clone(&baseline));
            }
            told.kept.insert(baseline.name.clone(), baseline);
        }
    }

    /// What was told of a metric last.
    #[must_use]
    pub fn told(&self, metric: Metric) -> Option<(bool, f64)> {
        self.0.lock().regressions.get(&metric).copied()
    }
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

    pub(super) fn measured(&self, gauge: Gauge) -> Option<f64> {
        self.told.lock().gauges.get(&gauge).copied()
    }

    pub(super) fn is_off(&self, mechanism: Mechanism) -> Option<bool> {
        self.told.lock().off.get(&mechanism).copied()
    }

    pub(super) fn cleared(&self) -> Option<UnixMicros> {
        self.told.lock().cleared
    }

    /// A promoted or pinned baseline.
    pub(super) fn kept(&self, name: &str) -> Option<Arc<Kept>> {
        self.told.lock().kept.get(name).cloned()
    }

    /// The pinned baseline whose window ended last.
    pub(super) fn last_pinned(&self) -> Option<Arc<Kept>> {
        self.told.lock().pinned.clone()
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

    pub(super) fn regression(&self, metric: Metric) -> Known<(bool, f64)> {
        let told = self.told.lock();
        let checked = told.regressions.get(&metric).copied();
        let online = told.online.get(&metric).copied();
        let regressed = [checked, online].into_iter().flatten().find(|(regressed, _)| *regressed);
        let found = regressed.or(checked).or(online);
        Known::from_option(found, Reason::NotConfigured)
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

    /// Quality: the mean of each intent, weighed by its share of the calls.
    pub(super) fn scores(
        &self,
        recent: &Recent,
        of: &Selection,
        window: Window,
    ) -> Result<Groups<ScoreSums>, String> {
        let intents = self.judged(recent, of, window, ScoreKind::Evaluation)?;
        let score = |(labels, intents): (Labels, Vec<(u64, Sums)>)| {
            let n = intents.iter().map(|(_, sums)| sums.evaluations).sum();
            let mean = overall(&intents).map_or(0.0, |quality| quality / 100.0);
            // The variance of one score that has the error of the weighed mean over n of them.
            let variance = overall_variance(&intents).map(|v| v / 10_000.0 * float(n));
            (labels, ScoreSums { n, mean, variance })
        };
        Ok(Arc::new(intents.into_iter().map(score).collect()))
    }

    /// Ratings of users.
    pub(super) fn ratings(
        &self,
        recent: &Recent,
        of: &Selection,
        window: Window,
    ) -> Result<Groups<RatingSums>, String> {
        let intents = self.judged(recent, of, window, ScoreKind::Feedback)?;
        let rating = |(labels, intents): (Labels, Vec<(u64, Sums)>)| {
            let mut all = Sums::default();
            intents.iter().for_each(|(_, sums)| all.merge(sums));
            (labels, RatingSums { n: all.rated(), mean: all.mean_rating().unwrap_or(0.0) })
        };
        Ok(Arc::new(intents.into_iter().map(rating).collect()))
    }

    /// Whose evaluations count: the evaluator of record of the last day, the same for all windows, so
    /// that the past is compared with its own word. Past windows do not change it.
    fn judge(&self, reader: &Reader, at: UnixMicros) -> Result<Option<Evaluator>, String> {
        let known = self.judge.lock().clone();
        if let Some(judge) = known.filter(|j| at.0.saturating_sub(j.at.0) < JUDGE_STANDS_US) {
            return Ok(judge.who);
        }
        let query = RollupQuery {
            window: Window::last(UnixMicros::DAY, at),
            filter: Filter::default(),
            group_by: Vec::new(),
            step: Step::Whole,
        };
        let scores = reader
            .score_sums(&query, ScoreKind::Evaluation, JudgedBy::OfRecord)
            .map_err(|e| e.to_string())?;
        *self.judge.lock() = Some(Judge { at, who: scores.by.clone() });
        Ok(scores.by)
    }

    /// For each label set, for each intent: how many calls, and what was said of them.
    fn judged(
        &self,
        recent: &Recent,
        of: &Selection,
        window: Window,
        kind: ScoreKind,
    ) -> Result<Vec<(Labels, Weighed)>, String> {
        let chosen = Chosen::new(of)?;
        let mut found: BTreeMap<Labels, BTreeMap<Text, (u64, Sums)>> = BTreeMap::new();
        if chosen.is_whole() {
            found.insert(Labels::new(), BTreeMap::new());
        }
        match self.reader()? {
            Some(reader) => {
                let query = query(&chosen, window, &[Dim::Intent]);
                let intent = query.group_by.iter().position(|d| *d == Dim::Intent);
                let judge = match kind {
                    ScoreKind::Evaluation => self.judge(&reader, window.to)?,
                    ScoreKind::Feedback => None,
                };
                let by = judge.as_ref().map_or(JudgedBy::OfRecord, JudgedBy::Exactly);
                let scores = reader.score_sums(&query, kind, by).map_err(|e| e.to_string())?;
                for group in scores.groups {
                    let Some(labels) = chosen.regroup(&query.group_by, &group.key) else {
                        continue;
                    };
                    let intents = found.entry(labels).or_default();
                    intents.entry(group.intent).or_default().1.merge(&group.sums);
                }
                // Shares of intents matter only where there are several to weigh.
                if kind == ScoreKind::Evaluation && found.values().any(|i| i.len() > 1) {
                    for group in reader.rollups(&query).map_err(|e| e.to_string())? {
                        let labels = chosen.regroup(&query.group_by, &group.key);
                        let intents = labels.and_then(|labels| found.get_mut(&labels));
                        let name = intent.and_then(|at| group.key.get(at));
                        if let Some(slot) = intents.zip(name).and_then(|(i, n)| i.get_mut(n)) {
                            slot.0 += group.rollup.requests();
                        }
                    }
                }
            }
            None => remembered_scores(recent, &chosen, window, &mut found),
        }
        let all = found.into_iter().map(|(l, intents)| (l, intents.into_values().collect()));
        Ok(all.collect())
    }
}

/// Scores told by hand, and calls of memory by intent.
fn remembered_scores(
    recent: &Recent,
    chosen: &Chosen,
    window: Window,
    found: &mut BTreeMap<Labels, BTreeMap<Text, (u64, Sums)>>,
) {
    let state = recent.state.lock();
    let Some(minutes) = &state.minutes else { return };
    let keys: HashMap<u32, _> = state.keys().filter(|(_, key)| chosen.takes(key)).collect();
    for (series, judged) in minutes.judged(window) {
        let Some(key) = keys.get(&series) else { continue };
        let intents = found.entry(chosen.labels(key)).or_default();
        let (_, sums) = intents.entry(key.intent.clone()).or_default();
        match judged {
            Judged::Quality(quality) => {
                sums.evaluations += 1;
                sums.quality += 100.0 * quality;
                sums.squares += (100.0 * quality).powi(2);
            }
            Judged::Rating(stars) => {
                let slot = usize::from(stars).checked_sub(1);
                if let Some(slot) = slot.and_then(|at| sums.ratings.get_mut(at)) {
                    *slot += 1;
                }
            }
        }
    }
    for (series, rollup) in minutes.rollups(window) {
        let Some(key) = keys.get(&series) else { continue };
        let intents = found.get_mut(&chosen.labels(key));
        if let Some(slot) = intents.and_then(|intents| intents.get_mut(&key.intent)) {
            slot.0 += rollup.requests();
        }
    }
}

fn query(chosen: &Chosen, window: Window, also: &[Dim]) -> RollupQuery {
    let mut group_by = chosen.dims();
    group_by.extend(also);
    group_by.sort_unstable();
    group_by.dedup();
    RollupQuery { window, filter: chosen.filter(), group_by, step: Step::Whole }
}

#[expect(clippy::cast_precision_loss, reason = "counts of scores stay below 2^53")]
fn float(n: u64) -> f64 {
    n as f64
}
