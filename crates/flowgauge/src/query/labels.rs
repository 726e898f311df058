//! KPIs that rollups of calls do not tell: quality, satisfaction, availability, concurrent users.
//!
//! A score counts in the window in which its call began. Refuses to compare across windows of
//! different reach: each KPI is gathered over exactly the window and groups asked for.

use super::Row;
use crate::logic::call::Text;
use crate::logic::known::Known;
use crate::logic::kpi::{Basis, BudgetSums, CheckSums, Kpi, Labels, Measured, PEAK_MINUTES, Users};
use crate::logic::rollup::{Dim, Distinct, Filter, Spreads};
use crate::logic::score::{Evaluator, ScoreKind};
use crate::logic::unit::{Ratio, UnixMicros};
use crate::logic::window::Window;
use crate::store::{JudgedBy, Reader, RollupQuery, Step, StoreError};
use std::collections::{BTreeMap, HashMap};

/// Minutes of a window over which the peak of users is read: a week, 10,080 rollups a series. A
/// longer window has no peak; ask for its weeks.
const MOST_MINUTES: i64 = 7 * 24 * 60;

/// A group of an answer: first moment of its step, values of its dimensions.
type GroupKey = (UnixMicros, Vec<Text>);

/// What is known beyond calls, for each group.
#[derive(Debug, Default)]
struct Gathered {
    groups: HashMap<GroupKey, Labels>,
    /// Of groups about which nothing is known.
    rest: Labels,
    /// Whose evaluations they are.
    by: Option<Evaluator>,
}

/// What is known of a window, and whose evaluations are in it.
type Judged = (Labels, Option<Evaluator>);

/// Asks for KPIs of whole windows; what several of them need is read once.
#[derive(Debug)]
pub(super) struct Asking<'r> {
    reader: &'r Reader,
    filter: &'r Filter,
    known: Vec<((Window, Basis), Judged)>,
}

/// A figure that calls do not tell, and how far it can be trusted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) measured: Measured,
    /// Whose evaluations are behind it.
    pub(super) evaluator: Option<Evaluator>,
    /// Where it lies with 95 % confidence, where that is known.
    pub(super) interval: Option<(f64, f64)>,
}

impl<'r> Asking<'r> {
    pub(super) fn new(reader: &'r Reader, filter: &'r Filter) -> Self {
        Self { reader, filter, known: Vec::new() }
    }

    /// The value of a KPI that is not told by calls; nothing for the others.
    pub(super) fn measure(
        &mut self,
        kpi: &Kpi,
        window: Window,
    ) -> Result<Option<Told>, StoreError> {
        let Some(basis) = needed(kpi) else { return Ok(None) };
        let known = self.known.iter().position(|(key, _)| *key == (window, basis));
        let at = known.unwrap_or(self.known.len());
        if known.is_none() {
            let filter = self.filter.clone();
            let query = RollupQuery { window, filter, group_by: Vec::new(), step: Step::Whole };
            let mut gathered = gather(self.reader, &query, &[basis])?;
            let from = window.whole_minutes().from;
            let labels = gathered.groups.remove(&(from, Vec::new())).unwrap_or(gathered.rest);
            self.known.push(((window, basis), (labels, gathered.by)));
        }
        let told = self.known.get(at).and_then(|(_, (labels, by))| {
            let measured = labels.measure(kpi)?;
            let interval =
                labels.interval(kpi).filter(|_| matches!(measured.value, Known::Value(_)));
            let evaluator = by.clone().filter(|_| basis == Basis::Scores);
            Some(Told { measured, evaluator, interval })
        });
        Ok(told)
    }
}

/// Fills the columns of a table that calls do not tell.
pub(super) fn fill(
    reader: &Reader,
    kpis: &[&Kpi],
    query: &RollupQuery,
    rows: &mut [Row],
) -> Result<Option<Evaluator>, StoreError> {
    let mut bases: Vec<Basis> = kpis.iter().filter_map(|k| needed(k)).collect();
    bases.dedup();
    if bases.is_empty() {
        return Ok(None);
    }
    let gathered = gather(reader, query, &bases)?;
    for row in rows {
        let key = (row.from, row.key.clone());
        let labels = gathered.groups.get(&key).unwrap_or(&gathered.rest);
        for (kpi, value) in kpis.iter().zip(&mut row.values) {
            if let Some(measured) = labels.measure(kpi) {
                *value = measured;
            }
        }
    }
    Ok(gathered.by.filter(|_| bases.contains(&Basis::Scores)))
}

/// Where a KPI's figures come from, unless from rollups of calls or not from here at all.
fn needed(kpi: &Kpi) -> Option<Basis> {
    match kpi.basis {
        Basis::Scores | Basis::Feedback | Basis::Checks | Basis::Users | Basis::Budget => {
            Some(kpi.basis)
        }
        Basis::Calls | Basis::Cache | Basis::Baseline => None,
    }
}

fn gather(reader: &Reader, query: &RollupQuery, bases: &[Basis]) -> Result<Gathered, StoreError> {
    let mut gathered = Gathered::default();
    for (basis, kind) in
        [(Basis::Scores, ScoreKind::Evaluation), (Basis::Feedback, ScoreKind::Feedback)]
    {
        if bases.contains(&basis) {
            add_scores(reader, query, kind, &mut gathered)?;
        }
    }
    if bases.contains(&Basis::Checks) {
        add_checks(reader, query, &mut gathered)?;
    }
    if bases.contains(&Basis::Users) {
        add_users(reader, query, &mut gathered)?;
    }
    if bases.contains(&Basis::Budget) {
        add_budgets(reader, query, &mut gathered)?;
    }
    Ok(gathered)
}

/// Budgets stand as they stand at the end of the window; they know no dimensions.
fn add_budgets(
    reader: &Reader,
    query: &RollupQuery,
    gathered: &mut Gathered,
) -> Result<(), StoreError> {
    let last = UnixMicros(query.window.to.0.saturating_sub(1));
    let used = reader.budget_use(last)?;
    let most = used
        .iter()
        .filter_map(|b| Ratio::of(b.committed.0.unsigned_abs(), b.limit.0.unsigned_abs()));
    let most = most.map(Ratio::percent).reduce(f64::max);
    let budgets = BudgetSums { configured: used.len() as u64, most_used: most };
    gathered.rest.budgets = budgets;
    gathered.groups.values_mut().for_each(|labels| labels.budgets = budgets);
    Ok(())
}

fn add_scores(
    reader: &Reader,
    query: &RollupQuery,
    kind: ScoreKind,
    gathered: &mut Gathered,
) -> Result<(), StoreError> {
    let scores = reader.score_sums(query, kind, JudgedBy::OfRecord)?;
    if scores.groups.is_empty() {
        return Ok(());
    }
    if kind == ScoreKind::Evaluation {
        gathered.by = scores.by;
    }
    let mut by_intent = query.clone();
    by_intent.group_by.push(Dim::Intent);
    let mut requests: HashMap<(UnixMicros, Vec<Text>), u64> = HashMap::new();
    for group in reader.rollups_of(&by_intent, Spreads::NONE)? {
        requests.insert((group.from, group.key), group.rollup.requests());
    }
    for group in scores.groups {
        let mut key = group.key.clone();
        key.push(group.intent);
        // An intent without requests has no weight: its scores belong to calls of another form.
        let weight = requests.get(&(group.from, key)).copied().unwrap_or_default();
        let labels = gathered.groups.entry((group.from, group.key)).or_default();
        labels.intents.push((weight, group.sums));
    }
    Ok(())
}

/// Checks know no dimensions: a question about some calls only has none.
fn add_checks(
    reader: &Reader,
    query: &RollupQuery,
    gathered: &mut Gathered,
) -> Result<(), StoreError> {
    let step = match query.step {
        Step::Whole => None,
        Step::Minutes(m) => Some(m.max(1)),
    };
    let sums = reader.check_sums(query.window, step)?;
    let configured = sums.first().is_some_and(|(_, s)| s.configured);
    let none = CheckSums { configured, ..CheckSums::default() };
    gathered.rest.checks = none;
    gathered.groups.values_mut().for_each(|labels| labels.checks = none);
    if query.group_by.is_empty() && query.filter.terms.is_empty() {
        for (from, sums) in sums {
            gathered.groups.entry((from, Vec::new())).or_default().checks = sums;
        }
    }
    Ok(())
}

fn add_users(
    reader: &Reader,
    query: &RollupQuery,
    gathered: &mut Gathered,
) -> Result<(), StoreError> {
    let window = query.window.whole_minutes();
    let (from, to) = (window.from.minute(), window.to.minute());
    if to.saturating_sub(from) > MOST_MINUTES {
        let users = Users { too_long: true, ..Users::default() };
        gathered.rest.users = users;
        gathered.groups.values_mut().for_each(|labels| labels.users = users);
        return Ok(());
    }
    let mut by_minute = query.clone();
    by_minute.step = Step::Minutes(1);
    by_minute.window.from = UnixMicros::from_minute(from.saturating_sub(PEAK_MINUTES - 1));
    let mut series: BTreeMap<Vec<Text>, Vec<(i64, u64, Distinct)>> = BTreeMap::new();
    for group in reader.rollups_of(&by_minute, Spreads::USERS)? {
        let (calls, users) = (group.rollup.requests(), group.rollup.users);
        series.entry(group.key).or_default().push((group.from.minute(), calls, users));
    }
    for (key, minutes) in series {
        let sets: Vec<(i64, &Distinct)> = minutes.iter().map(|(m, _, u)| (*m, u)).collect();
        for (at, end) in steps(query.step, from, to, &minutes) {
            let inside = minutes.iter().filter(|(m, ..)| (at.max(from)..end).contains(m));
            let calls = inside.map(|(_, calls, _)| calls).sum();
            let peak = Users::peak_of(&sets, at.max(from), end);
            let group = (UnixMicros::from_minute(at), key.clone());
            let labels = gathered.groups.entry(group).or_insert_with(|| gathered.rest.clone());
            labels.users = Users { peak, calls, too_long: false };
        }
    }
    Ok(())
}

/// The steps in which anything was seen: first minute, and the minute after the last.
fn steps(step: Step, from: i64, to: i64, minutes: &[(i64, u64, Distinct)]) -> Vec<(i64, i64)> {
    let Step::Minutes(length) = step else { return vec![(from, to)] };
    let length = i64::from(length.max(1));
    let mut firsts: Vec<i64> = minutes
        .iter()
        .filter(|(m, ..)| (from..to).contains(m))
        .map(|(m, ..)| m.div_euclid(length) * length)
        .collect();
    firsts.dedup();
    firsts.into_iter().map(|at| (at, (at + length).min(to))).collect()
}
