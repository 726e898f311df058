//! How alerting stands at start and after each tick, for everybody who asks.

use super::Engine;
use crate::judge::seen::{Seen, SeenInstance, SeenRule};
use crate::logic::alert::instance::InstanceKey;
use crate::logic::alert::plan::Withheld;
use crate::logic::unit::UnixMicros;
use std::collections::HashMap;
use std::sync::Arc;

impl Engine {
    pub(super) fn show(&self, at: Option<UnixMicros>, withheld: &[Withheld]) {
        let withheld: HashMap<&InstanceKey, &Withheld> =
            withheld.iter().map(|w| (&w.key, w)).collect();
        let rules = self.live.iter().map(|live| {
            let idle =
                if live.rule.enabled { live.idle.clone() } else { Some("disabled".to_owned()) };
            let instances = live.instances.iter().map(|(labels, instance)| {
                let key = InstanceKey { rule: live.rule.name.clone(), labels: labels.clone() };
                let by = withheld.get(&key);
                SeenInstance {
                    silenced_by: by.map(|w| w.silenced_by.clone()).unwrap_or_default(),
                    inhibited_by: by.map(|w| w.inhibited_by.clone()).unwrap_or_default(),
                    key,
                    instance: instance.clone(),
                }
            });
            SeenRule {
                rule: Arc::clone(&live.rule),
                idle,
                instances: instances.collect(),
                took_ns: live.took_ns,
            }
        });
        self.desk.show(Seen {
            at,
            rules: rules.collect(),
            channels: self.channels.clone(),
            open: self.open.iter().map(|held| Arc::new(held.episode.clone())).collect(),
            missed_ticks: self.missed,
            load_error: self.load_error.clone(),
            warnings: self.warnings.clone(),
        });
    }
}
