//! Taking entries out by what they are, all of them, or one.

use super::{Removal, Store, Tags};
use crate::call::Text;
use crate::control::cache::key::Key;
use crate::unit::{Micros, UnixMicros};
use serde::{Deserialize, Serialize};

/// Which entries go. Several conditions must all hold; none at all is every entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Purge {
    /// Of this tenant.
    pub tenant: Option<Text>,
    /// Of this model.
    pub model: Option<Text>,
    /// With this intent.
    pub intent: Option<Text>,
    /// Of this endpoint.
    pub route: Option<Text>,
    /// At least this old.
    pub older_than: Option<Micros>,
}

impl Purge {
    /// Whether it is every entry.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an entry of such an age goes.
    #[must_use]
    pub fn fits(&self, tags: &Tags, age: Micros) -> bool {
        let same = |want: &Option<Text>, have: &Option<Text>| want.is_none() || want == have;
        same(&self.tenant, &tags.tenant)
            && same(&self.model, &tags.model)
            && same(&self.intent, &tags.intent)
            && same(&self.route, &tags.route)
            && self.older_than.is_none_or(|least| age >= least)
    }
}

impl<V> Store<V> {
    /// Takes out what fits; entries and bytes that went. Answers still under way are not kept when they come: what
    /// they belong to is not known before, so the permission of all of them ends.
    pub fn purge(&mut self, purge: &Purge, now: UnixMicros) -> (u64, u64) {
        self.generation += 1;
        let why = if purge.is_all() { Removal::Cleared } else { Removal::Invalidated };
        let going: Vec<Key> = self
            .order
            .iter()
            .filter(|(_, key)| {
                self.entries.get(key).is_some_and(|e| purge.fits(&e.tags, now.since(e.begun)))
            })
            .map(|(_, key)| *key)
            .collect();
        let before = self.bytes;
        let count = going.iter().filter(|key| self.remove(key, now, why).is_some()).count();
        (count as u64, before - self.bytes)
    }

    /// Takes one entry out; whether it was there. Its answer, if one is under way, is not kept either.
    pub fn forget(&mut self, key: &Key, now: UnixMicros) -> bool {
        self.generation += 1;
        self.remove(key, now, Removal::Invalidated).is_some()
    }
}
