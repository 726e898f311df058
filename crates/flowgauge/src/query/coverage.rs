//! How many calls of each intent have a score, by whoever gave it, and how far the scored calls are a
//! picture of all.
//!
//! Refuses to mix evaluators: each is looked at by itself.

use crate::logic::call::Text;
use crate::logic::rollup::{Dim, Filter, Spreads};
use crate::logic::window::Window;
use crate::store::{Reader, RollupQuery, Step, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Scores of an intent below which its quality is not told, as for the KPI.
const LEAST: u64 = 20;
/// Share of all calls from which on an intent without scores matters: one in twenty users.
const MATTERS: f64 = 0.05;

/// Who scored how much of what in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Coverage {
    /// Calls that began in the window.
    pub calls: u64,
    /// Each evaluator in each version, the one with the most scores first.
    pub evaluators: Vec<CoveredBy>,
}

/// What one evaluator in one version scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CoveredBy {
    /// Its name.
    pub evaluator: String,
    /// Its version.
    pub version: String,
    /// Calls with a score by it.
    pub scored: u64,
    /// Half the sum of the differences between an intent's share of the scored calls and its share of
    /// all: 0 where the sample is a picture of the traffic, 1 where it is of other intents altogether.
    /// Nothing where there are no calls.
    pub distance: Option<f64>,
    /// By intent, in the order of their names; the empty one is of calls that name none.
    pub intents: Vec<CoveredIntent>,
}

/// Calls of one intent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CoveredIntent {
    /// The intent.
    pub intent: String,
    /// Its calls.
    pub calls: u64,
    /// Those with a score.
    pub scored: u64,
    /// Share of its calls with a score, 0 to 1; nothing where there are no calls.
    pub share: Option<f64>,
    /// Its share of all calls.
    pub of_calls: Option<f64>,
    /// Its share of all scored calls.
    pub of_scored: Option<f64>,
}

/// Looks at the calls that began in a window, those of users alone.
///
/// # Errors
/// The store cannot be read.
pub fn coverage(reader: &Reader, window: Window) -> Result<Coverage, StoreError> {
    let window = window.whole_minutes();
    let (filter, step) = (Filter::default(), Step::Whole);
    let query = RollupQuery { window, filter, group_by: vec![Dim::Intent], step };
    let mut calls: BTreeMap<Text, u64> = BTreeMap::new();
    for group in reader.rollups_of(&query, Spreads::NONE)? {
        let intent = group.key.first().cloned().unwrap_or_default();
        *calls.entry(intent).or_default() += group.rollup.requests();
    }
    let mut scored: BTreeMap<(Text, Text), BTreeMap<Text, u64>> = BTreeMap::new();
    for grade in reader.grades(&query)? {
        let of = scored.entry((grade.evaluator, grade.version)).or_default();
        *of.entry(grade.intent).or_default() += grade.n;
    }
    let all = calls.values().sum();
    let mut evaluators: Vec<CoveredBy> =
        scored.iter().map(|(who, of)| CoveredBy::of(who, of, &calls, all)).collect();
    evaluators.sort_by_key(|e| std::cmp::Reverse(e.scored));
    Ok(Coverage { calls: all, evaluators })
}

impl CoveredBy {
    fn of(
        (evaluator, version): &(Text, Text),
        scored: &BTreeMap<Text, u64>,
        calls: &BTreeMap<Text, u64>,
        all: u64,
    ) -> Self {
        let total = scored.values().sum();
        let mut names: Vec<&Text> = calls.keys().chain(scored.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let intent = |name: &Text| {
            let of = |map: &BTreeMap<Text, u64>| map.get(name).copied().unwrap_or(0);
            let (calls, scored) = (of(calls), of(scored));
            CoveredIntent {
                intent: name.to_string(),
                calls,
                scored,
                share: ratio(scored, calls),
                of_calls: ratio(calls, all),
                of_scored: ratio(scored, total),
            }
        };
        let intents: Vec<CoveredIntent> = names.into_iter().map(intent).collect();
        let apart = intents.iter().map(|i| Some((i.of_scored? - i.of_calls?).abs()));
        let distance = apart.sum::<Option<f64>>().map(|sum| sum / 2.0);
        let (evaluator, version) = (evaluator.to_string(), version.to_string());
        Self { evaluator, version, scored: total, distance, intents }
    }

    /// What it may not be asked about: intents that matter and have too few scores.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        let matters = |i: &&CoveredIntent| i.of_calls.is_some_and(|share| share >= MATTERS);
        let missing = self.intents.iter().filter(matters).filter(|i| i.scored < LEAST.min(i.calls));
        let told = missing.map(|i| {
            let name = if i.intent.is_empty() { "(none)" } else { &i.intent };
            format!(
                "{} {}: {} of {} calls of the intent {name} are scored; its quality is not known below {LEAST}",
                self.evaluator, self.version, i.scored, i.calls
            )
        });
        told.collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, u64)]) -> BTreeMap<Text, u64> {
        of.iter().map(|(name, n)| (Text::from(*name), *n)).collect()
    }

    fn told(scored: &[(&str, u64)], calls: &[(&str, u64)]) -> CoveredBy {
        let calls = counts(calls);
        let who = (Text::from("e"), Text::from("1"));
        CoveredBy::of(&who, &counts(scored), &calls, calls.values().sum())
    }

    #[test]
    fn a_sample_that_is_a_picture_of_the_traffic_lies_at_no_distance() {
        let same = told(&[("chat", 80), ("explain", 20)], &[("chat", 8_000), ("explain", 2_000)]);
        assert!(same.distance.unwrap().abs() < 1e-12 && same.findings().is_empty(), "{same:?}");
        assert_eq!(same.intents[0].share, Some(0.01));
        let other = told(&[("explain", 20)], &[("chat", 100)]);
        assert!((other.distance.unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(told(&[("chat", 1)], &[]).distance, None);
    }

    #[test]
    fn an_intent_that_matters_and_is_hardly_scored_is_a_finding() {
        let of =
            told(&[("chat", 50), ("explain", 3)], &[("chat", 900), ("explain", 95), ("rare", 5)]);
        let findings = of.findings();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].contains("3 of 95 calls of the intent explain"), "{findings:?}");
        assert!(told(&[("chat", 3)], &[("chat", 3)]).findings().is_empty(), "all there are");
    }
}
