//! Token limits against what is seen: how long prompts and answers are, and how many answers were cut short.
//!
//! Owns the figures and what follows from them. Refuses to judge from few calls: a 99th percentile of fewer than a
//! hundred is their maximum.

use super::state::{Level, Problem};
use crate::unit::Ratio;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Fewest calls for a p99 (defect S10 of the catalogue: of fewer it is the maximum).
pub const MIN_CALLS: usize = 100;
/// Share of answers cut short that is too many: a user in a hundred sees half an answer.
const CUT: f64 = 0.01;
/// Room above the p99 in what is proposed, in quarters of it: a fifth quarter.
const ROOM_QUARTERS: u64 = 5;
/// A limit this many quarters of the p99 bounds nothing.
const LOOSE_QUARTERS: u64 = 8;
/// Proposed limits are multiples of this: nobody reads 437.
const STEP: u64 = 25;
/// Range of answers (catalogue E.2).
const ANSWERS: (u64, u64) = (200, 1_000);

/// One call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Length {
    /// Tokens of the prompt.
    pub input: Option<u64>,
    /// Tokens of the answer.
    pub output: Option<u64>,
    /// Whether the answer ended at its limit; nothing where it is not known why it ended.
    pub cut: Option<bool>,
}

impl Length {
    /// Whether a reason for ending means that the answer ended at its limit.
    #[must_use]
    pub fn is_cut(reason: &str) -> bool {
        matches!(reason, "length" | "max_tokens" | "MAX_TOKENS")
    }
}

/// What is seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lengths {
    /// Calls looked at.
    pub calls: usize,
    /// 99 % of prompts are no longer.
    pub input_p99: Option<u64>,
    /// 99 % of answers are no longer.
    pub output_p99: Option<u64>,
    /// Answers cut short among those whose end is known.
    pub cut: Option<Ratio>,
}

/// A limit that should be another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which, how bad, and why.
    #[serde(flatten)]
    pub problem: Problem,
    /// What it should be.
    pub proposed: Option<u64>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { problem, proposed } = self;
        write!(f, "{}: {}", problem.place, problem.says)?;
        match proposed {
            Some(tokens) => write!(f, "; {tokens} would fit"),
            None => Ok(()),
        }
    }
}

impl Lengths {
    /// Of calls in any order.
    #[must_use]
    pub fn of(calls: &[Length]) -> Self {
        let ends: Vec<bool> = calls.iter().filter_map(|c| c.cut).collect();
        let cut = ends.iter().filter(|cut| **cut).count();
        let known = ends.len() >= MIN_CALLS;
        Self {
            calls: calls.len(),
            input_p99: p99(calls.iter().filter_map(|c| c.input).collect()),
            output_p99: p99(calls.iter().filter_map(|c| c.output).collect()),
            cut: Ratio::of(cut as u64, ends.len() as u64).filter(|_| known),
        }
    }

    /// What is wrong with a limit of answers, if there is one.
    #[must_use]
    pub fn check(&self, answer: Option<u64>) -> Vec<Finding> {
        let place = "/prompt/max_answer_tokens".to_owned();
        let mut found = Vec::new();
        let mut add = |level, says, proposed| {
            found
                .push(Finding { problem: Problem { level, place: place.clone(), says }, proposed });
        };
        let room = self.output_p99.map(|p99| rounded(p99 * ROOM_QUARTERS / 4));
        if let Some(cut) = self.cut.filter(|cut| cut.0 > CUT) {
            let says = format!("{:.1} % of answers end at their limit", cut.percent());
            // An answer that was cut says nothing of how long it would have been.
            let raised = answer.map(|limit| rounded(limit * ROOM_QUARTERS / 4));
            let level = if cut.0 > 5.0 * CUT { Level::Error } else { Level::Warning };
            add(level, says, raised.filter(|r| answer.is_some_and(|limit| *r > limit)));
        } else if let (Some(limit), Some(p99)) = (answer, self.output_p99)
            && limit * 4 > p99 * LOOSE_QUARTERS
            && room.is_some_and(|room| room < limit)
        {
            let says =
                format!("99 % of answers take {p99} tokens or fewer, so {limit} bounds little");
            add(Level::Warning, says, room);
        }
        found
    }
}

fn rounded(tokens: u64) -> u64 {
    (tokens.div_ceil(STEP) * STEP).clamp(ANSWERS.0, ANSWERS.1)
}

/// By nearest rank.
fn p99(mut values: Vec<u64>) -> Option<u64> {
    if values.len() < MIN_CALLS {
        return None;
    }
    values.sort_unstable();
    let rank = (values.len() * 99).div_ceil(100);
    values.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(n: u64, cut: u64) -> Vec<Length> {
        let one = |i| Length { input: Some(1_000 + i), output: Some(100 + i), cut: Some(i < cut) };
        (0..n).map(one).collect()
    }

    #[test]
    fn percentiles_and_shares_need_a_hundred_calls() {
        let few = Lengths::of(&calls(99, 50));
        assert_eq!((few.calls, few.output_p99, few.cut), (99, None, None));
        // numpy.percentile(range(100, 300), 99, method="inverted_cdf")
        let enough = Lengths::of(&calls(200, 2));
        assert_eq!((enough.output_p99, enough.input_p99), (Some(297), Some(1_197)));
        assert_eq!(enough.cut, Ratio::of(2, 200));
    }

    #[test]
    fn answers_cut_too_often_ask_for_a_higher_limit() {
        let found = Lengths::of(&calls(200, 8)).check(Some(400));
        assert_eq!((found[0].problem.level, found[0].proposed), (Level::Warning, Some(500)));
        let found = Lengths::of(&calls(200, 20)).check(Some(1_000));
        assert_eq!((found[0].problem.level, found[0].proposed), (Level::Error, None));
    }

    #[test]
    fn a_limit_far_above_what_is_needed_is_said_and_a_fitting_one_is_not() {
        let seen = Lengths::of(&calls(200, 0));
        assert_eq!(seen.check(Some(900))[0].proposed, Some(375));
        assert!(seen.check(Some(400)).is_empty());
        assert!(seen.check(None).is_empty());
        assert!(Lengths::of(&calls(50, 0)).check(Some(900)).is_empty());
    }
}
