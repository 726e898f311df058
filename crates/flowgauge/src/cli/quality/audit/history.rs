//! The scores an evaluator gave to a labelled set, kept from audit to audit in a file: what it is held to is
//! itself, earlier.
//!
//! Owns the file: one line a scoring, only ever added to. Refuses to compare different evaluators, and answers that were
//! changed since: an answer is known by its words, those of its question and its passages.

use super::super::super::exit::{self, Failure};
use super::super::super::show;
use super::super::set::Case;
use crate::logic::fingerprint::fingerprint;
use crate::logic::score::audit::Judged;
use crate::logic::score::drift::{Drift, LEAST_CASES, LEAST_PAIRS, Moved, Twice};
use crate::logic::unit::UnixMicros;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

/// One scoring of a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scoring {
    time: String,
    evaluator: String,
    version: String,
    /// Score by answer; those without one are left out.
    scores: BTreeMap<String, f64>,
}

/// What became of an evaluator since an earlier scoring.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Since {
    time: String,
    from: String,
    to: String,
    drift: Drift,
}

/// The scorings a file holds; none where there is no file yet.
pub(super) fn read(path: &Path) -> Result<Vec<Scoring>, Failure> {
    let bad = |why: String| Failure::new(exit::BAD_DATA, format!("{}: {why}", path.display()));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(bad(e.to_string())),
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            serde_json::from_str(line).map_err(|e| bad(format!("line {}: {e}", at + 1)))
        })
        .collect()
}

/// Adds one at the end.
pub(super) fn add(path: &Path, scoring: &Scoring) -> Result<(), Failure> {
    let bad = |e: &dyn std::fmt::Display| {
        Failure::new(exit::CANNOT_WRITE, format!("{}: {e}", path.display()))
    };
    let line = serde_json::to_string(scoring).map_err(|e| bad(&e))?;
    let mut file =
        std::fs::OpenOptions::new().create(true).append(true).open(path).map_err(|e| bad(&e))?;
    file.write_all(format!("{line}\n").as_bytes()).map_err(|e| bad(&e))?;
    file.sync_all().map_err(|e| bad(&e))
}

/// Every labelled answer of a set in the order audits have them: its case, and what it is known by.
fn answers(cases: &[Case]) -> impl Iterator<Item = (&str, String)> {
    cases.iter().flat_map(|case| {
        let passages = case.context.join("\n\n");
        case.answers.iter().map(move |answer| {
            let words = [case.question.as_str(), passages.as_str(), answer.text.as_str()];
            let mark = fingerprint(&words.map(str::as_bytes));
            (case.id.as_str(), format!("{}/{mark:016x}", case.id))
        })
    })
}

impl Scoring {
    /// The one of now.
    pub(super) fn of(
        now: UnixMicros,
        (evaluator, version): (&str, &str),
        cases: &[Case],
        judged: &[Judged<'_>],
    ) -> Self {
        let scores = answers(cases).zip(judged);
        Self {
            time: now.to_rfc3339(),
            evaluator: evaluator.to_owned(),
            version: version.to_owned(),
            scores: scores.filter_map(|((_, key), j)| Some((key, j.score.ok()?))).collect(),
        }
    }

    fn since(&self, then: &Self, cases: &[Case], judged: &[Judged<'_>]) -> Since {
        let twice = |((case, key), judged): ((_, String), &Judged<'_>)| {
            let (then, now) = (*then.scores.get(&key)?, *self.scores.get(&key)?);
            Some(Twice { case, then, now, label: Some(judged.label) })
        };
        let pairs: Vec<Twice<'_>> = answers(cases).zip(judged).filter_map(twice).collect();
        Since {
            time: then.time.clone(),
            from: then.version.clone(),
            to: self.version.clone(),
            drift: Drift::of(&pairs),
        }
    }
}

/// What became of it since the first scoring, the fixed point, and since the last before now.
pub(super) fn drifts(
    now: &Scoring,
    kept: &[Scoring],
    cases: &[Case],
    judged: &[Judged<'_>],
) -> Vec<Since> {
    let own: Vec<&Scoring> = kept.iter().filter(|s| s.evaluator == now.evaluator).collect();
    let first = own.first().copied();
    let last = own.get(1..).and_then(<[&Scoring]>::last).copied();
    first.into_iter().chain(last).map(|then| now.since(then, cases, judged)).collect()
}

impl Since {
    pub(super) fn findings(&self) -> impl Iterator<Item = String> {
        let versions = if self.from == self.to {
            format!("version {} all the time", self.to)
        } else {
            format!("version {} then, {} now", self.from, self.to)
        };
        self.drift.findings.iter().map(move |f| format!("since {} ({versions}): {f}", self.time))
    }

    pub(super) fn json(&self) -> Result<Value, Failure> {
        let reason = (!self.drift.is_enough()).then(|| self.lacking());
        Ok(json!({
            "since": self.time, "from": self.from, "to": self.to,
            "figures": show::json(&self.drift)?, "reason": reason,
        }))
    }

    fn lacking(&self) -> String {
        let Drift { pairs, cases, .. } = &self.drift;
        format!(
            "{pairs} answers of {cases} cases were scored both times; it takes {LEAST_PAIRS} of {LEAST_CASES}"
        )
    }

    /// Name, value, n.
    pub(super) fn rows(&self) -> Vec<(String, String, usize)> {
        let drift = &self.drift;
        let since = format!("since {}", self.time);
        if !drift.is_enough() {
            return vec![(since, format!("n/a: {}", self.lacking()), drift.pairs)];
        }
        let told = |moved: Option<Moved>, digits: usize| match moved {
            Some(Moved { then, now, change, low, high }) => format!(
                "{then:.digits$} to {now:.digits$}: {change:+.digits$} ({low:+.digits$} to {high:+.digits$})"
            ),
            None => "n/a".to_owned(),
        };
        [
            ("mean score", told(drift.mean, 1)),
            ("rank correlation with labels", told(drift.rank, 2)),
            ("kappa with labels", told(drift.kappa, 2)),
            ("now against then, rank correlation", super::told(drift.same_order)),
            ("now against then, kappa", super::told(drift.same_class)),
        ]
        .map(|(name, value)| (format!("{since}: {name}"), value, drift.pairs))
        .to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::score::answer::NotScored;

    const SET: &str = r#"{"id": "a", "intent": "ask", "question": "Why?", "answers": [{"text": "so", "label": 90}, {"text": "no", "label": 10}]}
{"id": "b", "intent": "ask", "question": "Who?", "answers": [{"text": "she", "label": 50}]}"#;

    fn judged(scores: [Result<f64, NotScored>; 3]) -> Vec<Judged<'static>> {
        let labels = [90.0, 10.0, 50.0];
        labels
            .into_iter()
            .zip(scores)
            .map(|(label, score)| Judged { intent: "ask", label, score })
            .collect()
    }

    #[test]
    fn scorings_are_kept_line_by_line_and_compared_answer_by_answer() {
        let cases = super::super::super::set::read(SET).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kept.jsonl");
        assert!(read(&path).unwrap().is_empty());
        let mut times = Vec::new();
        for (at, scores) in [
            [Ok(80.0), Ok(20.0), Err(NotScored::NoClaims)],
            [Ok(70.0), Ok(20.0), Ok(60.0)],
            [Ok(70.0), Ok(30.0), Ok(60.0)],
        ]
        .into_iter()
        .enumerate()
        {
            let judged = judged(scores);
            let at = UnixMicros(i64::try_from(at).unwrap() * UnixMicros::DAY);
            let now = Scoring::of(at, ("judge:x", "1"), &cases, &judged);
            times.push(now.time.clone());
            let found = drifts(&now, &read(&path).unwrap(), &cases, &judged);
            assert_eq!(
                found.iter().map(|s| s.time.clone()).collect::<Vec<_>>(),
                times[..times.len() - 1]
            );
            add(&path, &now).unwrap();
            if let Some(first) = found.first() {
                assert_eq!((first.drift.pairs, first.drift.is_enough()), (2, false));
                assert!(first.rows()[0].1.starts_with("n/a: 2 answers of 1 cases"));
            }
        }
        let other = Scoring::of(UnixMicros(0), ("judge:y", "1"), &cases, &judged([Ok(1.0); 3]));
        assert!(drifts(&other, &read(&path).unwrap(), &cases, &judged([Ok(1.0); 3])).is_empty());
        std::fs::write(&path, "{}\n").unwrap();
        assert!(read(&path).unwrap_err().message.contains("line 1"));
    }

    #[test]
    fn a_changed_answer_is_another_one() {
        let cases = super::super::super::set::read(SET).unwrap();
        let changed = super::super::super::set::read(&SET.replace("\"so\"", "\"so!\"")).unwrap();
        let judged = judged([Ok(80.0), Ok(20.0), Ok(50.0)]);
        let then = Scoring::of(UnixMicros(0), ("e", "1"), &cases, &judged);
        let now = Scoring::of(UnixMicros(1), ("e", "2"), &changed, &judged);
        assert_eq!(now.since(&then, &changed, &judged).drift.pairs, 2);
    }
}
