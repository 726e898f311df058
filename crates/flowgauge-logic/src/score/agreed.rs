//! How far evaluators agree about the calls that several of them scored.
//!
//! Owns who is held against whom, and from how many calls on something is said. Refuses to say who
//! is right: that takes labels of people (`audit`).

use super::Evaluator;
use super::verdict::{ByCall, Verdict, by_evaluator};
use crate::agreement::{self, Coefficient, Difference};

/// Calls that both scored, below which nothing is said of a pair: as of an intent in an audit.
pub const LEAST_SHARED: usize = super::audit::LEAST_OF_INTENT;
/// Evaluators held against each other, the busiest ones: 28 pairs fill a table that is still read.
pub const MOST_EVALUATORS: usize = 8;

/// Who judged what, and how far they agree.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Agreed {
    /// Each evaluator with the calls it scored, the busiest first; at most [`MOST_EVALUATORS`].
    pub evaluators: Vec<(Evaluator, usize)>,
    /// Evaluators beyond those.
    pub left_out: usize,
    /// Each two of them that scored a call in common, the pair with the most first.
    pub pairs: Vec<Pair>,
}

/// Two evaluators and the calls that both scored.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The busier one.
    pub first: Evaluator,
    /// The other.
    pub second: Evaluator,
    /// Calls that both scored.
    pub n: usize,
    /// Second − first, points; nothing below [`LEAST_SHARED`].
    pub difference: Option<Difference>,
    /// Spearman's correlation: whether both order the calls alike. Nothing below [`LEAST_SHARED`], and
    /// where one of them says the same of every call.
    pub rank: Option<Coefficient>,
}

/// Holds evaluators against each other.
#[must_use]
pub fn agreed(verdicts: &[Verdict]) -> Agreed {
    let mut of: Vec<(&Evaluator, ByCall)> = by_evaluator(verdicts).into_iter().collect();
    // The sort is stable: of equally busy ones the first by name stays first.
    of.sort_by_key(|(_, calls)| std::cmp::Reverse(calls.len()));
    let left_out = of.len().saturating_sub(MOST_EVALUATORS);
    of.truncate(MOST_EVALUATORS);
    let mut pairs = Vec::new();
    for (at, first) in of.iter().enumerate() {
        pairs.extend(of.iter().skip(at + 1).filter_map(|second| pair(first, second)));
    }
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.n));
    let evaluators = of.into_iter().map(|(who, calls)| (who.clone(), calls.len())).collect();
    Agreed { evaluators, left_out, pairs }
}

fn pair(first: &(&Evaluator, ByCall), second: &(&Evaluator, ByCall)) -> Option<Pair> {
    let both = first.1.iter().filter_map(|(call, x)| Some((*x, *second.1.get(call)?)));
    let (x, y): (Vec<f64>, Vec<f64>) = both.unzip();
    let n = x.len();
    let enough = n >= LEAST_SHARED;
    (n > 0).then(|| Pair {
        first: first.0.clone(),
        second: second.0.clone(),
        n,
        difference: enough.then(|| agreement::difference(&x, &y)).flatten(),
        rank: enough.then(|| agreement::spearman(&x, &y)).flatten(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Text;
    use crate::id::CallId;
    use crate::unit::UnixMicros;

    fn verdict(by: &str, n: u8, quality: f64) -> Verdict {
        let by = Evaluator { name: Text::from(by), version: Text::from("1") };
        Verdict { call: CallId::new(UnixMicros(1), [n; 10]), by, quality }
    }

    fn said(by: &str, calls: std::ops::Range<u8>, of: impl Fn(f64) -> f64) -> Vec<Verdict> {
        calls.map(|n| verdict(by, n, of(f64::from(n)))).collect()
    }

    #[test]
    fn only_calls_that_both_scored_are_compared() {
        let told =
            agreed(&[said("busy", 0..40, |n| n), said("other", 20..50, |n| n + 5.0)].concat());
        let [pair] = &told.pairs[..] else { panic!("{told:?}") };
        assert_eq!((pair.first.name.as_str(), pair.second.name.as_str()), ("busy", "other"));
        assert_eq!(pair.n, 20);
        let apart = pair.difference.unwrap();
        assert!((apart.value - 5.0).abs() < 1e-9 && (apart.high - apart.low).abs() < 1e-9);
        assert!((pair.rank.unwrap().value - 1.0).abs() < 1e-9);
    }

    #[test]
    fn too_few_calls_and_an_evaluator_that_always_says_the_same_have_no_figure() {
        let few = agreed(&[said("a", 0..9, |n| n), said("b", 0..9, |n| n)].concat());
        assert_eq!((few.pairs[0].n, few.pairs[0].difference, few.pairs[0].rank), (9, None, None));
        let constant = agreed(&[said("a", 0..10, |n| n), said("b", 0..10, |_| 80.0)].concat());
        assert!(constant.pairs[0].difference.is_some() && constant.pairs[0].rank.is_none());
    }

    #[test]
    fn one_evaluator_and_evaluators_of_different_calls_make_no_pair() {
        assert!(agreed(&said("a", 0..40, |n| n)).pairs.is_empty());
        let apart = agreed(&[said("a", 0..40, |n| n), said("b", 40..80, |n| n)].concat());
        assert_eq!((apart.evaluators.len(), apart.pairs.len()), (2, 0));
        assert_eq!(agreed(&[]), Agreed::default());
    }

    #[test]
    fn of_many_evaluators_the_busiest_are_held_against_each_other() {
        let many: Vec<Verdict> =
            (0..10u8).flat_map(|i| said(&format!("e{i}"), 0..10 + i, |n| n)).collect();
        let told = agreed(&many);
        assert_eq!((told.evaluators.len(), told.left_out, told.pairs.len()), (8, 2, 28));
        assert_eq!(told.evaluators[0].0.name.as_str(), "e9");
    }
}
