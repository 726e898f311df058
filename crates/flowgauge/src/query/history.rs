//! The course of an application over weeks, by endpoint, intent and model: what baselines are built
//! from and regression checks look at.
//!
//! Reads rollups a day at a time, so that four weeks of histograms are never in memory together.
//! Holdout traffic is left out: it is what others are compared with.

use crate::logic::baseline::{Builder, Key, LeftOut};
use crate::logic::call::Text;
use crate::logic::rollup::{Dim, Filter, Rollup};
use crate::logic::score::{Evaluator, ScoreKind, ScoreSums};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::store::{JudgedBy, Reader, RollupQuery, Step, StoreError};
use std::collections::BTreeMap;

/// Arms that say so of any mechanism were held out of it.
const HELD_OUT: &str = "=hold_out";

/// What is wanted of the past.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Which stretch.
    pub window: Window,
    /// Minutes of a point.
    pub bucket_minutes: u32,
    /// Requests a point needs.
    pub min_samples: u64,
    /// Which calls.
    pub filter: Filter,
    /// Stretches that do not count.
    pub left_out: Vec<LeftOut>,
    /// Whose evaluations; the evaluator of record of the window where none is named.
    pub evaluator: Option<Evaluator>,
}

/// Calls and scores of one stretch.
#[derive(Debug, Default)]
struct Stretch {
    calls: BTreeMap<Key, Rollup>,
    scores: BTreeMap<Key, ScoreSums>,
}

/// Collects the course of a window, and whose evaluations are in it.
///
/// # Errors
/// The store cannot be read.
pub fn collect(
    reader: &Reader,
    wanted: &Wanted,
) -> Result<(Builder, Option<Evaluator>), StoreError> {
    let evaluator = match &wanted.evaluator {
        Some(named) => Some(named.clone()),
        None => of_record(reader, wanted)?,
    };
    let mut builder =
        Builder::new(wanted.bucket_minutes, wanted.min_samples, wanted.left_out.clone());
    for day in days(wanted.window) {
        for (at, stretch) in stretches(reader, wanted, day, evaluator.as_ref())? {
            builder.add(at, &stretch.calls, &stretch.scores);
        }
    }
    Ok((builder, evaluator))
}

/// Whose evaluations tell the quality of a window unless one is named.
///
/// # Errors
/// The store cannot be read.
pub fn of_record(reader: &Reader, wanted: &Wanted) -> Result<Option<Evaluator>, StoreError> {
    let query = question(wanted, wanted.window, Step::Whole);
    Ok(reader.score_sums(&query, ScoreKind::Evaluation, JudgedBy::OfRecord)?.by)
}

fn stretches(
    reader: &Reader,
    wanted: &Wanted,
    day: Window,
    evaluator: Option<&Evaluator>,
) -> Result<BTreeMap<UnixMicros, Stretch>, StoreError> {
    let query = question(wanted, day, Step::Minutes(wanted.bucket_minutes));
    let mut found: BTreeMap<UnixMicros, Stretch> = BTreeMap::new();
    for group in reader.rollups(&query)? {
        if let Some(key) = key(&group.key) {
            let stretch = found.entry(group.from).or_default();
            stretch.calls.entry(key).or_default().merge(&group.rollup);
        }
    }
    if let Some(who) = evaluator {
        let scores = reader.score_sums(&query, ScoreKind::Evaluation, JudgedBy::Exactly(who))?;
        for group in scores.groups {
            if let Some(key) = key(&group.key) {
                let stretch = found.entry(group.from).or_default();
                stretch.scores.entry(key).or_default().merge(&group.sums);
            }
        }
    }
    Ok(found)
}

fn question(wanted: &Wanted, window: Window, step: Step) -> RollupQuery {
    let group_by = vec![Dim::Endpoint, Dim::Intent, Dim::Model, Dim::Arm];
    RollupQuery { window, filter: wanted.filter.clone(), group_by, step }
}

/// Endpoint, intent and model; nothing for holdout traffic.
fn key(values: &[Text]) -> Option<Key> {
    let [endpoint, intent, model, arm] = values else { return None };
    (!arm.contains(HELD_OUT)).then(|| (endpoint.clone(), intent.clone(), model.clone()))
}

/// The days of a window; the last may be cut.
fn days(window: Window) -> impl Iterator<Item = Window> {
    let mut from = window.from;
    std::iter::from_fn(move || {
        if from >= window.to {
            return None;
        }
        let to = UnixMicros(from.0.saturating_add(UnixMicros::DAY)).min(window.to);
        let day = Window { from, to };
        from = to;
        Some(day)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::control::rollout::{Arm, Mechanism};

    #[test]
    fn who_is_held_out_of_anything_is_no_part_of_the_past() {
        let of = |arm: Arm| {
            let arms = format!(
                "response_caching=treated {}={}",
                Mechanism::ModelSelection.word(),
                arm.word()
            );
            key(&["chat", "ask", "m", &arms].map(Text::from)).is_some()
        };
        assert_eq!(Arm::ALL.map(of), [true, false, true]);
        assert!(key(&["chat", "ask", "m", ""].map(Text::from)).is_some());
    }
}
