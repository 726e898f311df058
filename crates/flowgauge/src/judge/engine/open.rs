//! Episodes without an end, each with the rule it was opened under.

use crate::logic::alert::episode::{Episode, EpisodeId};
use crate::logic::alert::rule::Rule;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The open episodes, oldest first.
#[derive(Debug, Default)]
pub(super) struct Open {
    all: BTreeMap<EpisodeId, Held>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) rule: Arc<Rule>,
    pub(super) episode: Episode,
    /// It changed since it was stored last.
    pub(super) changed: bool,
}

impl Open {
    pub(super) fn add(&mut self, rule: Arc<Rule>, episode: Episode, changed: bool) {
        self.all.insert(episode.id, Held { rule, episode, changed });
    }

    pub(super) fn get(&self, id: EpisodeId) -> Option<&Held> {
        self.all.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: EpisodeId) -> Option<&mut Held> {
        self.all.get_mut(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Held> {
        self.all.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Held> {
        self.all.values_mut()
    }

    /// What changed, as it stands.
    pub(super) fn take_changed(&mut self) -> Vec<Episode> {
        let mut changed = Vec::new();
        for held in self.all.values_mut().filter(|held| held.changed) {
            held.changed = false;
            changed.push(held.episode.clone());
        }
        changed
    }

    /// Lets go of those that have ended.
    pub(super) fn drop_ended(&mut self) {
        self.all.retain(|_, held| held.episode.ended.is_none());
    }
}
