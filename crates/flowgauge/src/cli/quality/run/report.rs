//! What a run of a labelled set amounts to: quality overall and by intent, with intervals.
//!
//! Unknown stays unknown: what failed or has no score counts in neither mean.

use super::super::set::Case;
use crate::cli::exit;
use crate::logic::score::answer::{NotScored, ScoreOf};
use serde_json::{Map, Value, json};

/// 97.5 % quantile of the standard normal: intervals here are of 95 %.
const Z: f64 = 1.96;
/// Answers below which an interval by the normal distribution says nothing.
const LEAST: usize = 5;

/// What became of one case.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(super) id: String,
    pub(super) intent: String,
    pub(super) request: Option<String>,
    pub(super) score: Option<ScoreOf>,
    pub(super) unscored: Option<NotScored>,
    pub(super) error: Option<String>,
}

impl Outcome {
    pub(super) fn of(case: &Case) -> Self {
        Self { id: case.id.clone(), intent: case.intent.clone(), ..Self::default() }
    }
}

/// The whole.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub(super) set: String,
    pub(super) model: String,
    pub(super) evaluator: String,
    pub(super) threshold: f64,
    /// Whether the evaluator passed the audit of this set's labels.
    pub(super) calibrated: bool,
    pub(super) stored: u64,
    pub(super) outcomes: Vec<Outcome>,
}

/// Some of the answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) mean: Option<f64>,
    pub(super) interval: Option<(f64, f64)>,
    pub(super) n: usize,
    pub(super) errors: usize,
}

impl Report {
    /// Each intent, then all.
    pub(super) fn groups(&self) -> Vec<Group> {
        let mut names: Vec<&str> = self.outcomes.iter().map(|o| o.intent.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let of = |name: &&str| Group::of(name, self.outcomes.iter().filter(|o| o.intent == **name));
        let mut groups: Vec<Group> = names.iter().map(of).collect();
        groups.push(self.whole());
        groups
    }

    fn whole(&self) -> Group {
        Group::of("all", self.outcomes.iter())
    }

    /// Reached, missed, or too little to say.
    pub(super) fn exit(&self) -> u8 {
        let whole = self.whole();
        match whole.mean {
            Some(mean) if whole.n * 2 >= self.outcomes.len() => {
                if mean >= self.threshold {
                    exit::OK
                } else {
                    exit::FINDING
                }
            }
            _ => exit::UNKNOWN,
        }
    }

    pub(super) fn json(&self) -> Value {
        let whole = self.whole();
        let mut by_intent = Map::new();
        for group in self.groups().into_iter().filter(|g| g.name != "all") {
            by_intent.insert(group.name.clone(), group.json());
        }
        let version = self.outcomes.iter().find_map(|o| Some(o.score.as_ref()?.evaluator.version));
        let unscored = self.outcomes.iter().filter(|o| o.unscored.is_some()).count();
        json!({
            "set": self.set, "model": self.model,
            "evaluator": self.evaluator, "evaluator_version": version,
            "calibration": if self.calibrated { "calibrated" } else { "uncalibrated" },
            "overall_quality": whole.mean.map(rounded),
            "interval": whole.interval.map(|(low, high)| [rounded(low), rounded(high)]),
            "reason": whole.mean.is_none().then_some("no answer could be scored"),
            "threshold": self.threshold, "passed": self.exit() == exit::OK,
            "n": whole.n, "cases": self.outcomes.len(), "errors": whole.errors,
            "unscored": unscored, "stored": self.stored, "by_intent": by_intent,
            "formula": "mean of the scored cases; every case weighs the same",
            "answers": self.outcomes.iter().map(answer).collect::<Vec<Value>>(),
        })
    }
}

fn answer(outcome: &Outcome) -> Value {
    let Outcome { id, intent, request, score, unscored, error } = outcome;
    let parts: Option<Map<String, Value>> = score
        .as_ref()
        .map(|s| s.parts.iter().map(|p| (p.name.to_owned(), rounded(p.value).into())).collect());
    json!({
        "id": id, "intent": intent, "request_id": request,
        "quality": score.as_ref().map(|s| rounded(s.quality)), "parts": parts,
        "findings": score.as_ref().map(|s| &s.findings), "unscored": unscored, "error": error,
    })
}

impl Group {
    fn of<'a>(name: &str, outcomes: impl Iterator<Item = &'a Outcome>) -> Self {
        let mut scores = Vec::new();
        let mut errors = 0;
        for outcome in outcomes {
            scores.extend(outcome.score.as_ref().map(|s| s.quality));
            errors += usize::from(outcome.error.is_some());
        }
        let n = scores.len();
        let mean = (n > 0).then(|| scores.iter().sum::<f64>() / count(n));
        let interval = mean.filter(|_| n >= LEAST).map(|mean| {
            let squares: f64 = scores.iter().map(|s| (s - mean).powi(2)).sum();
            let half = Z * (squares / count(n - 1) / count(n)).sqrt();
            ((mean - half).max(0.0), (mean + half).min(100.0))
        });
        Self { name: name.to_owned(), mean, interval, n, errors }
    }

    fn json(&self) -> Value {
        json!({
            "quality": self.mean.map(rounded), "n": self.n, "errors": self.errors,
            "interval": self.interval.map(|(low, high)| [rounded(low), rounded(high)]),
        })
    }
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

/// To a hundredth of a point.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::score::reference::LOCAL;

    fn report(qualities: &[Option<f64>], threshold: f64) -> Report {
        let outcome = |quality: &Option<f64>| Outcome {
            id: "a".to_owned(),
            intent: "ask".to_owned(),
            score: quality.map(|quality| ScoreOf {
                evaluator: LOCAL,
                quality,
                parts: Vec::new(),
                findings: Vec::new(),
            }),
            error: quality.is_none().then(|| "status 500".to_owned()),
            ..Outcome::default()
        };
        Report {
            set: "default".to_owned(),
            model: "m".to_owned(),
            evaluator: LOCAL.name.to_owned(),
            threshold,
            calibrated: true,
            stored: 0,
            outcomes: qualities.iter().map(outcome).collect(),
        }
    }

    #[test]
    fn failures_count_as_failures_and_never_as_quality() {
        let told = report(&[Some(90.0), Some(70.0), None], 80.0).json();
        assert_eq!((&told["overall_quality"], &told["n"]), (&json!(80.0), &json!(2)));
        assert_eq!((&told["errors"], &told["passed"]), (&json!(1), &json!(true)));
        assert_eq!(told["by_intent"]["ask"]["quality"], 80.0);
        assert_eq!(told["evaluator_version"], "1");
    }

    #[test]
    fn the_exit_code_says_reached_missed_or_too_little() {
        assert_eq!(report(&[Some(90.0)], 80.0).exit(), exit::OK);
        assert_eq!(report(&[Some(79.9)], 80.0).exit(), exit::FINDING);
        assert_eq!(report(&[Some(90.0), None, None], 80.0).exit(), exit::UNKNOWN);
        let nothing = report(&[None], 80.0);
        assert_eq!(
            (nothing.exit(), &nothing.json()["overall_quality"]),
            (exit::UNKNOWN, &Value::Null)
        );
    }
}
