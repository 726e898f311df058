//! The instances of one rule, by label set.
//!
//! Owns the order, and a number that changes whenever a label set comes or goes: whoever saw the same
//! number saw the same label sets.

use crate::logic::alert::facts::Labels;
use crate::logic::alert::instance::Instance;
use crate::logic::unit::UnixMicros;
use std::collections::BTreeMap;
use std::collections::btree_map::{Entry, Iter, IterMut};

/// Instances, sorted by label set.
#[derive(Debug, Default)]
pub(super) struct Instances {
    by_labels: BTreeMap<Labels, Instance>,
    shape: u64,
}

impl Instances {
    /// Changes whenever a label set comes or goes.
    pub(super) const fn shape(&self) -> u64 {
        self.shape
    }

    pub(super) fn len(&self) -> usize {
        self.by_labels.len()
    }

    pub(super) fn get(&self, labels: &Labels) -> Option<&Instance> {
        self.by_labels.get(labels)
    }

    pub(super) fn iter(&self) -> Iter<'_, Labels, Instance> {
        self.by_labels.iter()
    }

    pub(super) fn iter_mut(&mut self) -> IterMut<'_, Labels, Instance> {
        self.by_labels.iter_mut()
    }

    pub(super) fn insert(&mut self, labels: Labels, instance: Instance) {
        self.shape += 1;
        self.by_labels.insert(labels, instance);
    }

    pub(super) fn remove(&mut self, labels: &Labels) {
        self.shape += 1;
        self.by_labels.remove(labels);
    }

    /// That of a label set; one never evaluated where there was none.
    pub(super) fn of(&mut self, labels: Labels, at: UnixMicros) -> &mut Instance {
        match self.by_labels.entry(labels) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                self.shape += 1;
                free.insert(Instance::new(at))
            }
        }
    }
}

impl FromIterator<(Labels, Instance)> for Instances {
    fn from_iter<I: IntoIterator<Item = (Labels, Instance)>>(all: I) -> Self {
        Self { by_labels: all.into_iter().collect(), shape: 0 }
    }
}

impl IntoIterator for Instances {
    type Item = (Labels, Instance);
    type IntoIter = std::collections::btree_map::IntoIter<Labels, Instance>;

    fn into_iter(self) -> Self::IntoIter {
        self.by_labels.into_iter()
    }
}
