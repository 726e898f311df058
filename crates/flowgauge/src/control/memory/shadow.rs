//! What the cache would have done where it does not serve, so that it can be judged before it is let.

use super::Hit;
use crate::logic::control::cache::meaning::Difference;
use crate::logic::control::cache::semantic::Lookup;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Cosine of the vectors of two answers from which they count as agreeing: the same content in other words lies above
/// it, answers to different questions about one subject below (measured on the pairs of the lexical encoder).
const AGREES: f32 = 0.6;

/// Near misses before anything is said: below it one odd day decides.
const MIN_NEAR: u64 = 50;
/// Comparisons of answers before they speak against the threshold.
const MIN_COMPARED: u64 = 20;
/// Percent of compared answers that must agree: one wrong answer in twenty is what quality targets allow.
const AGREEING: u64 = 95;
/// Hits that are worth a change.
const MIN_GAINED: u64 = 5;
/// The lowest threshold that is proposed, percent: below it an encoder puts questions on one subject together.
const LOOSEST: u8 = 85;
/// By how much it is made stricter, and up to where.
const STRICTER: f32 = 0.02;
const STRICTEST: f32 = 0.99;

/// Counts since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shadow {
    /// Equal requests whose answer was there.
    pub exact: u64,
    /// The same question in other words, whose answer was there.
    pub semantic: u64,
    /// Fresh answers that were compared with the one that would have been given.
    pub compared: u64,
    /// Of these, those that say the same.
    pub agreed: u64,
    /// Questions that came near and are others, by what tells them apart.
    pub different: BTreeMap<Difference, u64>,
    /// Questions that are the same and not like enough.
    pub below: u64,
    /// Near misses by their likeness in whole percents, rounded down.
    pub near: BTreeMap<u8, Near>,
}

/// Near misses of one likeness.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Near {
    /// The same question, by its meaning.
    pub same: u64,
    /// Another question.
    pub different: u64,
}

/// What threshold of likeness the near misses speak for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "advice")]
pub enum ThresholdAdvice {
    /// Nothing can be said yet.
    TooLittle {
        /// Why.
        reason: String,
    },
    /// It is good as it is.
    Keep {
        /// Why.
        reason: String,
    },
    /// Another one is better.
    Change {
        /// Which.
        serve: f32,
        /// Near misses that it would have answered.
        gained: u64,
        /// Why.
        reason: String,
    },
}

impl Shadow {
    /// Which threshold would have answered more of the same questions. It is never let down to where other questions
    /// were seen, though their meaning tells them apart: a second guard is worth its hits. Fresh answers that did not
    /// agree with what would have been given speak against any.
    #[must_use]
    pub fn threshold(&self, serve: f32) -> ThresholdAdvice {
        let seen: u64 = self.near.values().map(|n| n.same + n.different).sum();
        if seen < MIN_NEAR {
            let reason = format!("{seen} near misses were seen; {MIN_NEAR} are needed");
            return ThresholdAdvice::TooLittle { reason };
        }
        if self.compared >= MIN_COMPARED
            && self.agreed.saturating_mul(100) < self.compared * AGREEING
        {
            let serve = (serve + STRICTER).min(STRICTEST);
            let (agreed, compared) = (self.agreed, self.compared);
            let reason = format!(
                "only {agreed} of {compared} fresh answers agreed with what would have been given"
            );
            return ThresholdAdvice::Change { serve, gained: 0, reason };
        }
        let other = self.near.iter().rev().find(|(_, n)| n.different > 0).map_or(0, |(p, _)| *p);
        let lowest = other.saturating_add(1).max(LOOSEST);
        let proposed = f32::from(lowest) / 100.0;
        let gained: u64 = self.near.range(lowest..).map(|(_, n)| n.same).sum();
        if proposed >= serve || gained < MIN_GAINED {
            let reason = format!("{gained} more questions would be answered at {proposed:.2}");
            return ThresholdAdvice::Keep { reason };
        }
        let reason = format!(
            "{gained} of {seen} near misses are the same question; other questions reach {other} %"
        );
        ThresholdAdvice::Change { serve: proposed, gained, reason }
    }
}

impl Shadow {
    pub(super) const fn would_hit(&mut self, hit: &Hit) {
        match hit.similarity {
            None => self.exact += 1,
            Some(_) => self.semantic += 1,
        }
    }

    pub(super) fn near(&mut self, found: &Lookup) {
        for miss in &found.near {
            let near = self.near.entry(percent(miss.similarity)).or_default();
            match miss.difference {
                Some(_) => near.different += 1,
                None => near.same += 1,
            }
            match miss.difference {
                Some(difference) => *self.different.entry(difference).or_insert(0) += 1,
                None => self.below += 1,
            }
        }
    }

    pub(super) const fn compare(&mut self, similarity: f32) {
        self.compared += 1;
        if similarity >= AGREES {
            self.agreed += 1;
        }
    }
}

/// Whole percents of a cosine, rounded down; opposites are nothing.
fn percent(cosine: f32) -> u8 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0..=100")]
    let percent = (cosine.clamp(0.0, 1.0) * 100.0) as u8;
    percent
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(near: &[(u8, u64, u64)], compared: u64, agreed: u64) -> Shadow {
        let near = near
            .iter()
            .map(|(p, same, different)| (*p, Near { same: *same, different: *different }));
        Shadow { near: near.collect(), compared, agreed, ..Shadow::default() }
    }

    #[test]
    fn the_threshold_is_let_down_to_above_other_questions_and_never_far() {
        let of = |near: &[(u8, u64, u64)]| seen(near, 0, 0).threshold(0.95);
        assert!(matches!(of(&[(93, 49, 0)]), ThresholdAdvice::TooLittle { .. }));
        let ThresholdAdvice::Change { serve, gained, .. } =
            of(&[(93, 30, 0), (90, 20, 0), (88, 9, 4)])
        else {
            panic!("it should change")
        };
        assert!((serve - 0.89).abs() < 1e-6);
        assert_eq!(gained, 50);
        let ThresholdAdvice::Change { serve, gained, .. } = of(&[(93, 60, 0), (70, 9, 0)]) else {
            panic!("it should change")
        };
        assert!((serve - 0.85).abs() < 1e-6, "not below what an encoder tells apart");
        assert_eq!(gained, 60);
        assert!(matches!(of(&[(94, 60, 1)]), ThresholdAdvice::Keep { .. }), "others are as near");
        assert!(matches!(of(&[(94, 4, 0), (60, 60, 0)]), ThresholdAdvice::Keep { .. }));
    }

    #[test]
    fn answers_that_do_not_agree_make_it_stricter() {
        let advice = seen(&[(93, 60, 0)], 20, 18).threshold(0.95);
        let ThresholdAdvice::Change { serve, gained: 0, .. } = advice else { panic!("{advice:?}") };
        assert!((serve - 0.97).abs() < 1e-6);
        assert!(matches!(
            seen(&[(93, 60, 0)], 20, 19).threshold(0.95),
            ThresholdAdvice::Change { gained: 60, .. }
        ));
    }
}
