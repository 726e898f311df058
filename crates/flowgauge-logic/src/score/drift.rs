//! Whether a judge still judges as it did: the same answers, scored then and now.
//!
//! Owns what is compared and what counts as drift. Answers are the same ones, so nothing but the judge can have moved. An
//! interval comes from drawing whole cases anew, since answers to one question share it. Refuses to say which of the two
//! was right: labels do, where there are any.

use super::audit::class;
use crate::agreement::{self, Coefficient, Weighting};
use crate::regression::generator::Generator;
use serde::Serialize;
use std::collections::BTreeMap;

/// Answers below which an interval says nothing.
pub const LEAST_PAIRS: usize = 20;
/// Cases below which drawing them anew says nothing: with ten, one of them is a tenth of the whole.
pub const LEAST_CASES: usize = 10;
/// Points of drift that matter: the least effect of a quality regression.
pub const LEAST_POINTS: f64 = 2.0;
/// Loss of agreement with labels that matters: half of the width a class of kappa has on the scale of Landis and Koch
/// (1977), rounded down.
pub const LEAST_LOSS: f64 = 0.05;
/// Draws: 17 of them lie beyond each end of the interval below, so that its ends are known to a quarter of that share.
const DRAWS: usize = 1_999;
/// Three figures are looked at; together their intervals hold in 95 of 100 audits (Bonferroni).
const TAIL: f64 = 0.05 / 3.0 / 2.0;

/// One answer, scored twice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Twice<'a> {
    /// Its case: answers to one question are drawn together.
    pub case: &'a str,
    /// Score of the earlier time, 0–100.
    pub then: f64,
    /// Score of now, 0–100.
    pub now: f64,
    /// What a person gave it, 0–100.
    pub label: Option<f64>,
}

/// A figure then and now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Moved {
    /// Then.
    pub then: f64,
    /// Now.
    pub now: f64,
    /// Now less then.
    pub change: f64,
    /// Lower end of the change's interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// What became of a judge.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drift {
    /// Answers scored both times.
    pub pairs: usize,
    /// Cases they belong to.
    pub cases: usize,
    /// Answers whose score is the same to a tenth of a point.
    pub unchanged: usize,
    /// Mean score.
    pub mean: Option<Moved>,
    /// Rank correlation with the labels.
    pub rank: Option<Moved>,
    /// Quadratically weighted kappa with the labels, of wrong, partly right, right.
    pub kappa: Option<Moved>,
    /// Rank correlation of now with then.
    pub same_order: Option<Coefficient>,
    /// Quadratically weighted kappa of now with then.
    pub same_class: Option<Coefficient>,
    /// What speaks for drift; empty where nothing does.
    pub findings: Vec<String>,
}

impl Drift {
    /// Compares two scorings of the same answers.
    #[must_use]
    pub fn of(pairs: &[Twice<'_>]) -> Self {
        let cases = grouped(pairs);
        let (then, now) = (scores(pairs, |p| p.then), scores(pairs, |p| p.now));
        let enough = pairs.len() >= LEAST_PAIRS && cases.len() >= LEAST_CASES;
        let figure = |of: Figure| if enough { moved(&cases, of) } else { None };
        let mut drift = Self {
            pairs: pairs.len(),
            cases: cases.len(),
            unchanged: pairs.iter().filter(|p| (p.now - p.then).abs() < SAME).count(),
            mean: figure(mean),
            rank: figure(rank),
            kappa: figure(kappa),
            same_order: agreement::spearman(&now, &then),
            same_class: agreement::kappa(
                &classes(&now),
                &classes(&then),
                CLASSES,
                Weighting::Quadratic,
            ),
            findings: Vec::new(),
        };
        drift.findings = drift.found();
        drift
    }

    /// Whether there were enough answers to say anything.
    #[must_use]
    pub const fn is_enough(&self) -> bool {
        self.pairs >= LEAST_PAIRS && self.cases >= LEAST_CASES
    }

    fn found(&self) -> Vec<String> {
        let mut found = Vec::new();
        let clear = |m: &Moved| m.low > 0.0 || m.high < 0.0;
        if let Some(m) = self.mean.filter(|m| clear(m) && m.change.abs() >= LEAST_POINTS) {
            found.push(format!(
                "the same {} answers score {:+.1} points ({:+.1} to {:+.1})",
                self.pairs, m.change, m.low, m.high
            ));
        }
        for (name, figure) in [("rank correlation", self.rank), ("kappa", self.kappa)] {
            if let Some(m) = figure.filter(|m| m.high < 0.0 && -m.change >= LEAST_LOSS) {
                found.push(format!(
                    "{name} with the labels fell from {:.2} to {:.2} ({:+.2} to {:+.2})",
                    m.then, m.now, m.low, m.high
                ));
            }
        }
        found
    }
}

/// Scores this near are the same: a tenth of a point is what is shown.
const SAME: f64 = 0.05;
/// Wrong, partly right, right.
const CLASSES: u8 = 3;

/// A figure of some answers at one of the two times.
type Figure = fn(&[Twice<'_>], fn(&Twice<'_>) -> f64) -> Option<f64>;

fn grouped<'a>(pairs: &[Twice<'a>]) -> Vec<Vec<Twice<'a>>> {
    let mut cases: BTreeMap<&str, Vec<Twice<'a>>> = BTreeMap::new();
    for pair in pairs {
        cases.entry(pair.case).or_default().push(*pair);
    }
    cases.into_values().collect()
}

/// The figure of all answers, and the interval of its change over draws of whole cases.
fn moved(cases: &[Vec<Twice<'_>>], of: Figure) -> Option<Moved> {
    let change = |pairs: &[Twice<'_>]| {
        Some((of(pairs, |p| p.then)?, of(pairs, |p| p.now)?)).filter(|(a, b)| (a - b).is_finite())
    };
    let all: Vec<Twice<'_>> = cases.iter().flatten().copied().collect();
    let (then, now) = change(&all)?;
    let seed: Vec<f64> = all.iter().flat_map(|p| [p.then, p.now]).collect();
    let mut generator = Generator::of(&seed);
    let mut drawn: Vec<f64> = Vec::with_capacity(DRAWS);
    let mut sample = Vec::with_capacity(all.len());
    for _ in 0..DRAWS {
        sample.clear();
        for _ in cases {
            sample.extend(cases.get(generator.below(cases.len())).into_iter().flatten().copied());
        }
        drawn.extend(change(&sample).map(|(then, now)| now - then));
    }
    // Draws of one class only have no kappa; where that is common, neither has the whole.
    if 10 * drawn.len() < 9 * DRAWS {
        return None;
    }
    let low = crate::quantile::exact(&mut drawn, TAIL)?;
    let high = crate::quantile::exact(&mut drawn, 1.0 - TAIL)?;
    // Few cases look more alike than the next ones will: the variance is short by (n − 1) / n.
    let grown = (whole(cases.len()) / whole(cases.len() - 1)).sqrt();
    let change = now - then;
    let (low, high) = (change + (low - change) * grown, change + (high - change) * grown);
    Some(Moved { then, now, change, low, high })
}

fn mean(pairs: &[Twice<'_>], of: fn(&Twice<'_>) -> f64) -> Option<f64> {
    (!pairs.is_empty()).then(|| pairs.iter().map(of).sum::<f64>() / whole(pairs.len()))
}

fn rank(pairs: &[Twice<'_>], of: fn(&Twice<'_>) -> f64) -> Option<f64> {
    let (scores, labels) = labelled(pairs, of);
    agreement::spearman(&scores, &labels).map(|c| c.value)
}

fn kappa(pairs: &[Twice<'_>], of: fn(&Twice<'_>) -> f64) -> Option<f64> {
    let (scores, labels) = labelled(pairs, of);
    agreement::kappa(&classes(&scores), &classes(&labels), CLASSES, Weighting::Quadratic)
        .map(|c| c.value)
}

fn labelled(pairs: &[Twice<'_>], of: fn(&Twice<'_>) -> f64) -> (Vec<f64>, Vec<f64>) {
    pairs.iter().filter_map(|p| Some((of(p), p.label?))).unzip()
}

fn scores(pairs: &[Twice<'_>], of: fn(&Twice<'_>) -> f64) -> Vec<f64> {
    pairs.iter().map(of).collect()
}

fn classes(values: &[f64]) -> Vec<u8> {
    values.iter().map(|v| class(*v)).collect()
}

fn whole(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

#[cfg(test)]
#[path = "drift/tests.rs"]
mod tests;
