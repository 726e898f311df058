//! What the cache would have done where it does not serve, so that it can be judged before it is let.

use super::Hit;
use crate::logic::control::cache::meaning::Difference;
use crate::logic::control::cache::semantic::Lookup;
use std::collections::BTreeMap;

/// Cosine of the vectors of two answers from which they count as agreeing: the same content in other words lies above
/// it, answers to different questions about one subject below (measured on the pairs of the lexical encoder).
const AGREES: f32 = 0.6;

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
