//! What detectors look at: the window, the one it is compared with, and scores of both.

use super::cells::Cells;
use super::finding::whole;
use super::test_of_difference::{LEAST, Moments};
use crate::call::Text;

/// A change of latency, tokens or cost below this is not worth a claim (alert gate of the detectors).
pub const EFFECT: f64 = 0.10;
/// The same for quality, relative.
pub const QUALITY_EFFECT: f64 = 0.05;
/// The same for hit rates and shares of models, in points of 0 to 1.
pub const SHARE_EFFECT: f64 = 0.05;
/// A kind of request that moves the whole by less than this is left to its owner.
pub const PART_OF_WHOLE: f64 = 0.02;

/// Calls and scores of the window and of its reference.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// The reference.
    pub before: Side,
    /// The window.
    pub now: Side,
}

/// One window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Side {
    /// Its calls.
    pub cells: Cells,
    /// Its evaluations.
    pub grades: Vec<Grade>,
}

/// Evaluations of one intent by one evaluator in one version: only those are comparable.
#[derive(Debug, Clone, PartialEq)]
pub struct Grade {
    /// Purpose of the calls.
    pub intent: Text,
    /// Who judged.
    pub evaluator: Text,
    /// In which version.
    pub version: Text,
    /// How many.
    pub n: u64,
    /// Σ quality, 0–100 each.
    pub sum: f64,
    /// Σ quality².
    pub squares: f64,
}

impl Grade {
    /// Mean and spread.
    #[must_use]
    pub fn moments(&self) -> Option<Moments> {
        if self.n < 2 {
            return None;
        }
        let n = whole(self.n);
        let mean = self.sum / n;
        Some(Moments { n, mean, variance: ((self.squares - n * mean * mean) / (n - 1.0)).max(0.0) })
    }

    /// Whether another is of the same intent, evaluator and version.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.intent, &self.evaluator, &self.version)
            == (&other.intent, &other.evaluator, &other.version)
    }
}

impl Side {
    /// Whether an evaluator, in one version, judged answers to an intent in both windows.
    #[must_use]
    pub fn shares_a_judge(&self, other: &Self) -> bool {
        self.grades.iter().any(|g| other.grades.iter().any(|o| o.is_like(g)))
    }
}

impl Facts {
    /// Whether both windows have enough calls to compare.
    #[must_use]
    pub fn comparable(&self) -> bool {
        self.before.cells.requests() >= LEAST && self.now.cells.requests() >= LEAST
    }

    /// Pairs of comparable evaluations, before and now, of enough answers each.
    #[must_use]
    pub fn graded(&self) -> Vec<(&Grade, &Grade)> {
        let enough = |g: &&Grade| g.n >= LEAST;
        let mut pairs = Vec::new();
        for now in self.now.grades.iter().filter(enough) {
            let before = self.before.grades.iter().filter(enough).find(|b| b.is_like(now));
            pairs.extend(before.map(|b| (b, now)));
        }
        pairs
    }
}

/// A name for people; what is not known says so.
#[must_use]
pub fn named(text: &str) -> &str {
    if text.is_empty() { "(unknown)" } else { text }
}

/// ` --where dimension=value`, as a shell reads it.
#[must_use]
pub fn only(dimension: &str, value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/:@".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return format!(" --where {dimension}={value}");
    }
    let quoted: String = value.chars().filter(|c| !c.is_control()).collect();
    format!(" --where '{dimension}={}'", quoted.replace('\'', r"'\''"))
}

/// A relative change as people read it: `+38 %`.
#[must_use]
pub fn percent(change: f64) -> String {
    format!("{:+.0} %", 100.0 * change)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_from_outside_cannot_leave_its_quotes() {
        assert_eq!(only("model", "gpt-4o"), " --where model=gpt-4o");
        assert_eq!(only("intent", "a'; rm -rf /"), r" --where 'intent=a'\''; rm -rf /'");
    }

    #[test]
    fn the_spread_of_evaluations_comes_from_their_sums() {
        let grade = Grade {
            intent: "ask".into(),
            evaluator: "e".into(),
            version: "1".into(),
            n: 4,
            sum: 320.0,
            squares: 90.0f64.powi(2) + 70.0f64.powi(2) + 90.0f64.powi(2) + 70.0f64.powi(2),
        };
        let m = grade.moments().unwrap();
        assert!((m.mean - 80.0).abs() < 1e-9 && (m.variance - 400.0 / 3.0).abs() < 1e-6, "{m:?}");
    }
}
