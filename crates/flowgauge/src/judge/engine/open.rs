//! Episodes without an end, each with the rule it was opened under; at most one for an instance.

use crate::logic::alert::episode::{EndReason, Episode, EpisodeId};
use crate::logic::alert::facts::Labels;
use crate::logic::alert::instance::InstanceKey;
use crate::logic::alert::rule::Rule;
use crate::logic::call::Text;
use crate::logic::unit::UnixMicros;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The open episodes, oldest first.
#[derive(Debug, Default)]
pub(super) struct Open {
    all: BTreeMap<EpisodeId, Held>,
    of: HashMap<InstanceKey, EpisodeId>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) rule: Arc<Rule>,
    pub(super) episode: Episode,
    /// It changed since it was stored last.
    pub(super) changed: bool,
}

impl Held {
    /// Ends it, unless it has ended already.
    pub(super) fn close(&mut self, at: UnixMicros, reason: EndReason) {
        self.episode.close(at, reason);
        self.changed = true;
    }
}

impl Open {
    pub(super) fn add(&mut self, rule: Arc<Rule>, episode: Episode, changed: bool) {
        self.of.insert(key_of(&episode), episode.id);
        self.all.insert(episode.id, Held { rule, episode, changed });
    }

    pub(super) fn get(&self, id: EpisodeId) -> Option<&Held> {
        self.all.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: EpisodeId) -> Option<&mut Held> {
        self.all.get_mut(&id)
    }

    pub(super) fn contains(&self, id: EpisodeId) -> bool {
        self.all.contains_key(&id)
    }

    /// The open episode of an instance.
    pub(super) fn of_mut(&mut self, rule: &str, labels: &Labels) -> Option<&mut Held> {
        let key = InstanceKey { rule: Text::from(rule), labels: labels.clone() };
        let held = self.all.get_mut(self.of.get(&key)?)?;
        held.episode.ended.is_none().then_some(held)
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
        let Self { all, of } = self;
        all.retain(|_, held| held.episode.ended.is_none());
        of.retain(|_, id| all.contains_key(id));
    }
}

fn key_of(episode: &Episode) -> InstanceKey {
    InstanceKey { rule: episode.rule.clone(), labels: episode.labels.clone() }
}
