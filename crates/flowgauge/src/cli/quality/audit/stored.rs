//! What stored scores say of the evaluators that gave them: constant, clipped, without a value,
//! never attached, and drifting from one version to the next.
//!
//! Pure. Refuses to compare different evaluators.

use super::rounded;
use crate::query::scores::ScoreView;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Scores below which nothing is said of an evaluator, as for its KPI.
const LEAST: usize = 20;
/// Calls scored by both versions below which their difference is not tested.
const LEAST_PAIRS: usize = 10;
/// 97.5 % quantile of the standard normal.
const Z: f64 = 1.96;
/// Points of drift that matter: the least effect of a quality regression.
const LEAST_DRIFT: f64 = 2.0;
/// Share of scores at the ends of the scale beyond which it no longer tells answers apart.
const MOST_AT_ENDS: f64 = 0.9;
/// A score this near an end lies at it.
const AT_END: f64 = 0.5;

/// One evaluator in one version.
#[derive(Debug, Clone, PartialEq)]
struct Judge {
    name: String,
    version: String,
    qualities: Vec<f64>,
    by_call: BTreeMap<String, f64>,
    without: usize,
    waiting: usize,
    first: String,
}

/// The difference between two versions of one evaluator.
#[derive(Debug, Clone, PartialEq)]
struct Drift {
    name: String,
    from: String,
    to: String,
    /// Mean of later − earlier over the calls both scored, points.
    points: Option<f64>,
    half: f64,
    pairs: usize,
}

/// All of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    judges: Vec<Judge>,
    drifts: Vec<Drift>,
}

impl Stored {
    /// Sorts scores by who gave them.
    pub(super) fn of(rows: &[ScoreView]) -> Self {
        let mut judges: BTreeMap<(String, String), Judge> = BTreeMap::new();
        // The latest come first; their order does not matter but for `first`.
        for row in rows {
            let key = (row.evaluator.clone(), row.evaluator_version.clone());
            let judge = judges.entry(key).or_insert_with(|| Judge::new(row));
            judge.first.clone_from(&row.time);
            judge.waiting += usize::from(row.call_id.is_none());
            match (row.quality, &row.call_id) {
                (None, _) => judge.without += 1,
                (Some(quality), call) => {
                    judge.qualities.push(quality);
                    judge.by_call.extend(call.iter().map(|c| (c.clone(), quality)));
                }
            }
        }
        let mut judges: Vec<Judge> = judges.into_values().collect();
        judges.sort_by(|a, b| (&a.name, &a.first).cmp(&(&b.name, &b.first)));
        let versions = judges.windows(2).filter_map(|pair| match pair {
            [earlier, later] if earlier.name == later.name => Some(Drift::of(earlier, later)),
            _ => None,
        });
        let drifts = versions.collect();
        Self { judges, drifts }
    }

    /// What speaks against them.
    pub(super) fn findings(&self) -> Vec<String> {
        let enough = |judge: &&Judge| judge.qualities.len() >= LEAST;
        let of = |judge: &Judge| {
            let who = judge.who();
            if judge.spread().is_some_and(|s| s < f64::EPSILON) {
                return Some(format!("{who}: every stored score is the same: constant"));
            }
            let share = judge.at_ends().filter(|share| *share > MOST_AT_ENDS)?;
            Some(format!("{who}: {:.0} % of its scores lie at an end: clipped", 100.0 * share))
        };
        let mut found: Vec<String> = self.judges.iter().filter(enough).filter_map(of).collect();
        found.extend(self.drifts.iter().filter_map(Drift::finding));
        found
    }

    pub(super) fn json(&self) -> Value {
        let judge = |j: &Judge| {
            json!({
                "evaluator": j.name, "version": j.version, "n": j.qualities.len(),
                "mean": j.mean().map(rounded), "spread": j.spread().map(rounded),
                "at_ends": j.at_ends().map(rounded), "without_quality": j.without,
                "waiting_for_call": j.waiting,
            })
        };
        let drift = |d: &Drift| {
            json!({
                "evaluator": d.name, "from": d.from, "to": d.to, "pairs": d.pairs,
                "points": d.points.map(rounded),
                "interval": d.points.map(|p| [rounded(p - d.half), rounded(p + d.half)]),
                "reason": d.points.is_none().then_some("too few calls scored by both versions"),
            })
        };
        json!({
            "evaluators": self.judges.iter().map(judge).collect::<Vec<Value>>(),
            "drift": self.drifts.iter().map(drift).collect::<Vec<Value>>(),
        })
    }

    /// Name, value, n.
    pub(super) fn rows(&self) -> Vec<(String, String, usize)> {
        let mut rows: Vec<(String, String, usize)> = Vec::new();
        for judge in &self.judges {
            let mean = judge.mean().map_or("n/a".to_owned(), |m| format!("mean {m:.1}"));
            let waits = match judge.waiting {
                0 => String::new(),
                n => format!("; {n} wait for their call"),
            };
            rows.push((format!("stored: {}", judge.who()), mean + &waits, judge.qualities.len()));
        }
        for drift in &self.drifts {
            let value = drift.points.map_or_else(
                || "n/a: too few calls scored by both".to_owned(),
                |p| format!("{p:+.1} points (+/- {:.1})", drift.half),
            );
            let name = format!("drift: {} {} to {}", drift.name, drift.from, drift.to);
            rows.push((name, value, drift.pairs));
        }
        rows
    }
}

impl Judge {
    fn new(row: &ScoreView) -> Self {
        Self {
            name: row.evaluator.clone(),
            version: row.evaluator_version.clone(),
            qualities: Vec::new(),
            by_call: BTreeMap::new(),
            without: 0,
            waiting: 0,
            first: row.time.clone(),
        }
    }

    fn who(&self) -> String {
        format!("{} {}", self.name, self.version).trim_end().to_owned()
    }

    fn mean(&self) -> Option<f64> {
        mean(&self.qualities)
    }

    fn spread(&self) -> Option<f64> {
        deviation(&self.qualities)
    }

    fn at_ends(&self) -> Option<f64> {
        let n = self.qualities.len();
        let at = self.qualities.iter().filter(|q| **q <= AT_END || **q >= 100.0 - AT_END).count();
        (n > 0).then(|| count(at) / count(n))
    }
}

impl Drift {
    /// Over the calls both versions scored: other calls may simply be better ones.
    fn of(earlier: &Judge, later: &Judge) -> Self {
        let both: Vec<f64> = later
            .by_call
            .iter()
            .filter_map(|(call, quality)| Some(quality - earlier.by_call.get(call)?))
            .collect();
        let enough = both.len() >= LEAST_PAIRS;
        Self {
            name: later.name.clone(),
            from: earlier.version.clone(),
            to: later.version.clone(),
            points: mean(&both).filter(|_| enough),
            half: deviation(&both).map_or(0.0, |sd| Z * sd / count(both.len()).sqrt()),
            pairs: both.len(),
        }
    }

    fn finding(&self) -> Option<String> {
        let points = self.points.filter(|p| p.abs() - self.half > 0.0 && p.abs() >= LEAST_DRIFT)?;
        let Self { name, from, to, pairs, .. } = self;
        Some(format!(
            "{name}: version {to} scores {points:+.1} points against {from} on {pairs} calls"
        ))
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / count(values.len()))
}

fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    Some((squares / count(values.len() - 1)).sqrt())
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::id::CallId;
    use crate::logic::score::{Reference, Score};
    use crate::logic::unit::UnixMicros;
    use crate::store::ScoreRow;

    fn row(version: &str, call: u8, quality: f64) -> ScoreView {
        let at = UnixMicros(if version == "1" { 1 } else { 2 });
        let id = CallId([call; 16]);
        let about = Reference { call: Some(id), ..Reference::default() };
        let mut score = Score::new(id, crate::logic::score::ScoreKind::Evaluation, at, about);
        score.evaluator = "e".into();
        score.version = version.into();
        score.quality = Some(quality);
        ScoreView::from(&ScoreRow { score, attached: Some((id, at)) })
    }

    #[test]
    fn drift_is_measured_on_the_calls_both_versions_scored() {
        let quality = |i: u8| f64::from(u16::from(i) * 7 % 40) + 40.0;
        let mut rows: Vec<ScoreView> = (0..30).map(|i| row("2", i, quality(i) + 6.0)).collect();
        rows.extend((10..40).map(|i| row("1", i, quality(i))));
        let stored = Stored::of(&rows);
        assert_eq!(stored.json()["drift"][0]["points"], 6.0);
        assert_eq!(stored.json()["drift"][0]["pairs"], 20);
        assert_eq!(stored.findings(), ["e: version 2 scores +6.0 points against 1 on 20 calls"]);
        let few = Stored::of(&[row("2", 1, 10.0), row("1", 1, 90.0)]);
        assert!(few.findings().is_empty() && few.json()["drift"][0]["points"].is_null());
    }

    #[test]
    fn constant_and_clipped_scores_are_found() {
        let constant: Vec<ScoreView> = (0..20).map(|i| row("1", i, 80.0)).collect();
        assert!(Stored::of(&constant).findings()[0].contains("constant"));
        let ends: Vec<ScoreView> = (0..20).map(|i| row("1", i, f64::from(i % 2) * 100.0)).collect();
        assert!(Stored::of(&ends).findings()[0].contains("clipped"));
        assert!(Stored::of(&[]).findings().is_empty());
    }
}
