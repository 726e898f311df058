//! What one evaluation is about: the moment, what is known at it, and one label set.

use crate::alert::facts::{Facts, Labels};
use crate::unit::UnixMicros;
use chrono_tz::Tz;

/// One label set at one moment.
#[derive(Clone, Copy)]
pub(super) struct Tick<'a> {
    /// What is known.
    pub facts: &'a dyn Facts,
    /// The moment.
    pub at: UnixMicros,
    /// The configured zone.
    pub zone: Tz,
    /// The label set; empty without `by`.
    pub labels: &'a Labels,
    /// Where the label set stood in the first answer: it mostly stands there in the others too.
    pub place: usize,
    /// The budget that the rule names.
    pub budget: Option<&'a str>,
    /// Whether figures for people are wanted.
    pub shown: bool,
}

impl Tick<'_> {
    /// The place of this label set among the groups of an answer. A series without `by` has one
    /// group for all.
    pub(super) fn find<T>(&self, groups: &[(Labels, T)], split: bool) -> Option<usize> {
        if !split {
            return (!groups.is_empty()).then_some(0);
        }
        let is_mine = |group: &Labels| {
            group == self.labels || group.iter().all(|pair| self.labels.contains(pair))
        };
        if groups.get(self.place).is_some_and(|(labels, _)| is_mine(labels)) {
            return Some(self.place);
        }
        groups.iter().position(|(labels, _)| is_mine(labels))
    }
}
