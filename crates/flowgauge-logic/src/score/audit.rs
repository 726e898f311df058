//! Whether an evaluator may be believed: its scores against labels people gave.
//!
//! Owns what an audit looks at and the bounds it holds it to. Refuses to change either side.

use super::answer::NotScored;
use crate::agreement::{self, Coefficient, Shuffled, Weighting};
use serde::Serialize;
use std::collections::BTreeMap;

/// Pairs below which an interval of Spearman's correlation is wider than half of its range.
pub const LEAST_PAIRS: usize = 50;
/// Pairs of one intent below which nothing is said of it.
pub const LEAST_OF_INTENT: usize = 10;
/// Least lower end of the rank correlation: below, an evaluator orders answers hardly better than
/// by their length.
pub const LEAST_RANK: f64 = 0.5;
/// Least weighted kappa: "substantial" begins here (Landis and Koch 1977).
pub const LEAST_KAPPA: f64 = 0.6;
/// Most that labels dealt out anew may agree, on average: beyond it the measure is broken.
pub const MOST_BY_CHANCE: f64 = 0.1;
/// Most points by which scores may lie above or below labels on average: twice the gap between the
/// target of 80 and the critical 75.
pub const MOST_BIAS: f64 = 10.0;
/// Most answers without a score.
pub const MOST_UNSCORED: f64 = 0.1;
/// Most scores at either end of the scale beyond the labels that are there too.
pub const MOST_CLIPPED: f64 = 0.3;

/// Labels below this call an answer wrong, below the next partly right; 75 is the critical bound of
/// the quality ladder.
const CLASSES: [f64; 2] = [40.0, 75.0];
/// A label or score this near an end of the scale lies at it.
const AT_END: f64 = 0.5;
/// Deals of the control: their mean is known to within a hundredth at 50 pairs.
const DEALS: u32 = 400;
/// Any number does; a fixed one gives the same control every time.
const SEED: u64 = 0x0005_f10e_9a09;

/// One answer with its label and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged<'a> {
    /// Intent of its case.
    pub intent: &'a str,
    /// What a person gave it, 0–100.
    pub label: f64,
    /// What the evaluator gave it, 0–100, or why nothing.
    pub score: Result<f64, NotScored>,
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// Labelled answers.
    pub n: usize,
    /// Those with a score.
    pub scored: usize,
    /// Spearman's rank correlation.
    pub spearman: Option<Coefficient>,
    /// Pearson's.
    pub pearson: Option<Coefficient>,
    /// Quadratically weighted kappa of the classes wrong, partly right, right.
    pub kappa: Option<Coefficient>,
    /// The same where only the same class agrees.
    pub kappa_unweighted: Option<Coefficient>,
    /// Krippendorff's alpha.
    pub alpha: Option<f64>,
    /// Mean of score − label, points.
    pub bias: Option<f64>,
    /// Mean of its absolute value.
    pub mean_error: Option<f64>,
    /// Spearman's correlation of labels dealt out anew.
    pub shuffled: Option<Shuffled>,
    /// Share of scores at 0 and at 100, and of labels there.
    pub at_ends: Ends,
    /// Each intent.
    pub by_intent: Vec<OfIntent>,
    /// What speaks against believing it; nothing does when the audit passed.
    pub findings: Vec<String>,
}

/// Shares at the ends of the scale, 0–1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Default)]
pub struct Ends {
    /// Of the scores.
    pub scores: f64,
    /// Of the labels.
    pub labels: f64,
}

/// One intent of an audit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfIntent {
    /// Its name.
    pub intent: String,
    /// Labelled answers.
    pub n: usize,
    /// Those with a score.
    pub scored: usize,
    /// Spearman's rank correlation; `null` where there are too few.
    pub spearman: Option<Coefficient>,
    /// Mean of score − label, points.
    pub bias: Option<f64>,
}

impl Audit {
    /// Compares scores with labels.
    #[must_use]
    pub fn of(judged: &[Judged<'_>]) -> Self {
        let (scores, labels) = pairs(judged);
        let classes = |v: &[f64]| v.iter().map(|v| class(*v)).collect::<Vec<u8>>();
        let kappa =
            |weighting| agreement::kappa(&classes(&scores), &classes(&labels), 3, weighting);
        let mut audit = Self {
            n: judged.len(),
            scored: scores.len(),
            spearman: agreement::spearman(&scores, &labels),
            pearson: agreement::pearson(&scores, &labels),
            kappa: kappa(Weighting::Quadratic),
            kappa_unweighted: kappa(Weighting::Same),
            alpha: agreement::alpha(&scores, &labels),
            bias: mean(scores.iter().zip(&labels).map(|(s, l)| s - l)),
            mean_error: mean(scores.iter().zip(&labels).map(|(s, l)| (s - l).abs())),
            shuffled: agreement::shuffled(&scores, &labels, DEALS, SEED),
            at_ends: Ends { scores: at_ends(&scores), labels: at_ends(&labels) },
            by_intent: by_intent(judged),
            findings: Vec::new(),
        };
        audit.findings = audit.against();
        audit
    }

    /// Whether there were enough pairs to say anything.
    #[must_use]
    pub const fn is_enough(&self) -> bool {
        self.scored >= LEAST_PAIRS
    }

    /// Whether the evaluator may be believed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.is_enough() && self.findings.is_empty()
    }

    fn against(&self) -> Vec<String> {
        let mut found = Vec::new();
        let n = self.scored;
        if !self.is_enough() {
            found.push(format!("{n} labelled answers with a score; it takes {LEAST_PAIRS}"));
        }
        match self.spearman {
            None => found.push("scores or labels are all the same: constant".to_owned()),
            Some(rank) if rank.low < LEAST_RANK => found.push(format!(
                "rank correlation {:.2}, at least {:.2}; it takes {LEAST_RANK}",
                rank.value, rank.low
            )),
            Some(_) => {}
        }
        if let Some(kappa) = self.kappa.filter(|k| k.value < LEAST_KAPPA) {
            found.push(format!("kappa {:.2}; it takes {LEAST_KAPPA}", kappa.value));
        }
        if let Some(bias) = self.bias.filter(|b| b.abs() > MOST_BIAS) {
            found.push(format!("scores lie {bias:+.1} points from labels on average"));
        }
        if self.shuffled.is_some_and(|s| s.mean.abs() > MOST_BY_CHANCE) {
            found.push("labels dealt out anew still agree: the measure is broken".to_owned());
        }
        let unscored = count(self.n - n) / count(self.n).max(1.0);
        if unscored > MOST_UNSCORED {
            found.push(format!("{:.0} % of the answers have no score", 100.0 * unscored));
        }
        if self.at_ends.scores - self.at_ends.labels > MOST_CLIPPED {
            let share = 100.0 * self.at_ends.scores;
            found.push(format!("{share:.0} % of the scores lie at an end of the scale: clipped"));
        }
        for one in self.by_intent.iter().filter(|i| i.scored < LEAST_OF_INTENT) {
            let (intent, n) = (&one.intent, one.scored);
            found.push(format!("intent {intent}: {n} scored answers; it takes {LEAST_OF_INTENT}"));
        }
        found
    }
}

fn by_intent(judged: &[Judged<'_>]) -> Vec<OfIntent> {
    let mut groups: BTreeMap<&str, Vec<Judged<'_>>> = BTreeMap::new();
    for one in judged {
        groups.entry(one.intent).or_default().push(*one);
    }
    let of = |(intent, judged): (&str, Vec<Judged<'_>>)| {
        let (scores, labels) = pairs(&judged);
        let enough = scores.len() >= LEAST_OF_INTENT;
        OfIntent {
            intent: intent.to_owned(),
            n: judged.len(),
            scored: scores.len(),
            spearman: enough.then(|| agreement::spearman(&scores, &labels)).flatten(),
            bias: mean(scores.iter().zip(&labels).map(|(s, l)| s - l)),
        }
    };
    groups.into_iter().map(of).collect()
}

fn pairs(judged: &[Judged<'_>]) -> (Vec<f64>, Vec<f64>) {
    judged.iter().filter_map(|j| Some((j.score.ok()?, j.label))).unzip()
}

pub(super) fn class(value: f64) -> u8 {
    CLASSES.iter().map(|bound| u8::from(value >= *bound)).sum()
}

fn at_ends(values: &[f64]) -> f64 {
    let near = |v: &&f64| **v <= AT_END || **v >= 100.0 - AT_END;
    count(values.iter().filter(near).count()) / count(values.len()).max(1.0)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let all: Vec<f64> = values.collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / count(all.len()))
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTENTS: [&str; 2] = ["ask", "explain"];

    fn judged(score: impl Fn(f64) -> Result<f64, NotScored>) -> Vec<Judged<'static>> {
        let label = |i: u32| f64::from(i * 37 % 100);
        let intent = |i: u32| if i.is_multiple_of(2) { INTENTS[0] } else { INTENTS[1] };
        (0..80)
            .map(|i| Judged { intent: intent(i), label: label(i), score: score(label(i)) })
            .collect()
    }

    #[test]
    fn an_evaluator_that_agrees_with_its_labels_passes() {
        let audit = Audit::of(&judged(|l| Ok((l * 0.9 + 6.0).min(100.0))));
        assert!(audit.passed(), "{:?}", audit.findings);
        assert!(audit.shuffled.unwrap().mean.abs() < 0.05);
        assert_eq!(audit.by_intent.len(), 2);
    }

    #[test]
    fn what_speaks_against_an_evaluator_is_said() {
        let says = |score: fn(f64) -> Result<f64, NotScored>| Audit::of(&judged(score)).findings;
        let has = |found: Vec<String>, words: &str| {
            assert!(found.iter().any(|f| f.contains(words)), "{words}: {found:?}");
        };
        has(says(|_| Ok(80.0)), "constant");
        has(says(|l| Ok((l * 97.0) % 101.0)), "rank correlation");
        has(says(|l| Ok((l / 2.0).max(1.0))), "points from labels");
        has(says(|l| Ok(if l < 50.0 { 0.0 } else { 100.0 })), "clipped");
        has(says(|l| if l < 30.0 { Err(NotScored::NoClaims) } else { Ok(l) }), "have no score");
        let few = Audit::of(&judged(Ok)[..20]);
        assert!(!few.is_enough() && !few.passed());
        assert!(Audit::of(&[]).findings.len() >= 2);
    }
}
