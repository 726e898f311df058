//! What was said of calls: quality by the evaluator of record, weighed by intent, and ratings of users.

use super::super::Recent;
use super::super::chosen::Chosen;
use super::super::minutes::Judged;
use super::{Long, query};
use crate::logic::alert::facts::{Groups, Labels, RatingSums, ScoreSums, Selection};
use crate::logic::call::Text;
use crate::logic::rollup::{Dim, Filter};
use crate::logic::score::{Evaluator, ScoreKind, ScoreSums as Sums, overall, overall_variance};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::store::{JudgedBy, Reader, RollupQuery, Step};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The evaluator is chosen anew after so long: a new version of it takes over within the hour in
/// which it judges most, and no sooner is asked for.
const JUDGE_STANDS_US: i64 = 10 * UnixMicros::MINUTE;

/// Of each intent: how many calls, and what was said of them.
type Weighed = Vec<(u64, Sums)>;

/// Whose evaluations count, decided at a moment.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    at: UnixMicros,
    who: Option<Evaluator>,
}

impl Long {
    /// Quality: the mean of each intent, weighed by its share of the calls.
    pub(in super::super) fn scores(
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
    pub(in super::super) fn ratings(
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

#[expect(clippy::cast_precision_loss, reason = "counts of scores stay below 2^53")]
fn float(n: u64) -> f64 {
    n as f64
}
