//! Alerts that others post become episodes here, so that they are told, silenced and acknowledged like
//! our own, and their end is told after a restart too.

use super::Engine;
use crate::logic::alert::episode::{self, EndReason, Episode};
use crate::logic::alert::instance::InstanceKey;
use crate::logic::alert::posted::PostedAlert;
use crate::logic::alert::rule::Rule;
use crate::logic::alert::sample::Evidence;
use crate::logic::call::Text;
use crate::logic::unit::UnixMicros;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

impl Engine {
    /// Opens and ends the episodes of posted alerts. One that is posted under the name of a rule here
    /// is shown and not told: the two could not be told apart.
    pub(super) fn take_posted(&mut self, at: UnixMicros) {
        if self.posted_to.is_empty() && self.posted.is_empty() {
            return;
        }
        let mut active = HashSet::new();
        for posted in self.desk.posted() {
            let (key, rule) = named(&posted.alert, &self.posted_to);
            if self.posted.contains_key(&key) {
                active.insert(key);
            } else if !self.posted_to.is_empty() && self.live.named(&key.rule).is_none() {
                let (id, starts) = (Self::mint(at), posted.alert.starts.min(at));
                let times = (starts, at);
                let opened = episode::open(&rule, &key.labels, &Evidence::default(), times, id);
                self.open.add(Arc::new(rule), opened, true);
                self.posted.insert(key.clone(), id);
                active.insert(key);
            }
        }
        let open = &mut self.open;
        self.posted.retain(|key, id| {
            let goes_on = active.contains(key);
            if let Some(held) = open.get_mut(*id).filter(|_| !goes_on) {
                held.close(at, EndReason::Recovered);
            }
            goes_on
        });
    }

    /// The rules of posted alerts that are known, those that ended while flowgauge was away too.
    pub(super) fn posted_rules(&self) -> HashMap<InstanceKey, Rule> {
        let kept = self.desk.posted_kept();
        kept.iter().map(|posted| named(&posted.alert, &self.posted_to)).collect()
    }

    /// An episode that was open before a restart, where it is of a posted alert.
    pub(super) fn reopen_posted(
        &mut self,
        episode: Episode,
        rules: &HashMap<InstanceKey, Rule>,
    ) -> Option<Episode> {
        let key = InstanceKey { rule: episode.rule.clone(), labels: episode.labels.clone() };
        let Some(rule) = rules.get(&key) else { return Some(episode) };
        self.posted.insert(key, episode.id);
        self.open.add(Arc::new(rule.clone()), episode, false);
        None
    }
}

fn named(alert: &PostedAlert, channels: &[Text]) -> (InstanceKey, Rule) {
    let rule = alert.rule(channels);
    (InstanceKey { rule: rule.name.clone(), labels: alert.label_set() }, rule)
}
