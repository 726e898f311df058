//! How alerting stands at start and after each tick, for everybody who asks.
//!
//! What was shown two ticks ago is written over where nobody looks at it any more: of a hundred
//! thousand instances nearly all stand as they stood, and their names need not be copied again.

use super::Engine;
use super::live::Live;
use crate::judge::seen::{SeenInstance, SeenRule};
use crate::logic::alert::facts::Labels;
use crate::logic::alert::instance::{Instance, InstanceKey};
use crate::logic::alert::plan::Withheld;
use crate::logic::unit::UnixMicros;
use std::collections::HashMap;
use std::sync::Arc;

/// What is withheld, by instance.
type ByInstance<'a> = HashMap<&'a InstanceKey, &'a Withheld>;

impl Engine {
    pub(super) fn show(&mut self, at: Option<UnixMicros>, withheld: &[Withheld]) {
        let withheld: ByInstance<'_> = withheld.iter().map(|w| (&w.key, w)).collect();
        let mut seen = Arc::try_unwrap(std::mem::take(&mut self.shown)).unwrap_or_default();
        seen.at = at;
        let mut place = 0;
        for live in self.live.iter() {
            match seen.rules.get_mut(place) {
                Some(shown) if Arc::ptr_eq(&shown.rule, &live.rule) => {
                    write(shown, live, &withheld)
                }
                _ => {
                    seen.rules.truncate(place);
                    seen.rules.push(fresh(live, &withheld));
                }
            }
            place += 1;
        }
        seen.rules.truncate(place);
        seen.channels.clone_from(&self.channels);
        seen.open.clear();
        seen.open.extend(self.open.iter().map(|held| Arc::new(held.episode.clone())));
        seen.missed_ticks = self.missed;
        seen.load_error.clone_from(&self.load_error);
        seen.warnings.clone_from(&self.warnings);
        self.shown = self.desk.show(seen);
    }
}

fn fresh(live: &Live, withheld: &ByInstance<'_>) -> SeenRule {
    let mut shown = SeenRule {
        rule: Arc::clone(&live.rule),
        idle: None,
        instances: Vec::with_capacity(live.instances.len()),
        shape: 0,
        took_ns: 0,
    };
    write(&mut shown, live, withheld);
    shown
}

fn write(shown: &mut SeenRule, live: &Live, withheld: &ByInstance<'_>) {
    shown.idle.clone_from(&live.idle);
    if !live.rule.enabled {
        shown.idle = Some("disabled".to_owned());
    }
    shown.took_ns = live.took_ns;
    let (mut place, shape) = (0, live.instances.shape());
    let same = shown.shape == shape && shown.instances.len() == live.instances.len();
    shown.shape = shape;
    for (labels, instance) in live.instances.iter() {
        match shown.instances.get_mut(place) {
            Some(slot) if same || slot.key.labels == *labels => slot.instance.clone_from(instance),
            _ => {
                shown.instances.truncate(place);
                shown.instances.push(instance_of(live, labels, instance));
            }
        }
        if let Some(slot) = shown.instances.get_mut(place) {
            let by = instance.episode.and_then(|_| withheld.get(&slot.key));
            slot.silenced_by.clear();
            slot.inhibited_by.clear();
            if let Some(by) = by {
                slot.silenced_by.extend_from_slice(&by.silenced_by);
                slot.inhibited_by.extend_from_slice(&by.inhibited_by);
            }
        }
        place += 1;
    }
    shown.instances.truncate(place);
}

fn instance_of(live: &Live, labels: &Labels, instance: &Instance) -> SeenInstance {
    SeenInstance {
        key: InstanceKey { rule: live.rule.name.clone(), labels: labels.clone() },
        instance: instance.clone(),
        silenced_by: Vec::new(),
        inhibited_by: Vec::new(),
    }
}
