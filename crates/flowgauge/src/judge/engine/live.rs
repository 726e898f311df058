//! Rules in force and their instances, found by name.

use super::instances::Instances;
use crate::logic::alert::episode::Episode;
use crate::logic::alert::evaluate::Compiled;
use crate::logic::alert::instance::Instance;
use crate::logic::alert::law::Law;
use crate::logic::alert::rule::{Rule, Slo};
use crate::logic::call::Text;
use crate::logic::unit::{Micros, UnixMicros};
use chrono_tz::Tz;
use std::collections::HashMap;
use std::sync::Arc;

/// A rule in force.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) rule: Arc<Rule>,
    pub(super) compiled: Compiled,
    pub(super) law: Law,
    pub(super) instances: Instances,
    /// Why it is not evaluated.
    pub(super) idle: Option<String>,
    pub(super) took_ns: u64,
    /// Whether it was complained that it has too many label sets; nothing before the first tick.
    pub(super) crowded: Option<bool>,
}

impl Live {
    pub(super) fn new(rule: Rule, slos: &[Slo], tick: Micros, zone: Tz) -> Self {
        let compiled = Compiled::new(&rule, slos, zone);
        let law = Law::of(&rule, tick, zone);
        let instances = Instances::default();
        Self {
            rule: Arc::new(rule),
            compiled,
            law,
            instances,
            idle: None,
            took_ns: 0,
            crowded: None,
        }
    }

    /// Whether it is evaluated at a tick: rules with an interval of their own leave ticks out, but for those that a
    /// closer watch asks for.
    pub(super) fn is_due(&self, at: UnixMicros, tick: Micros, closer: Option<Micros>) -> bool {
        let every = self.every(tick);
        let every = closer.map_or(every, |closer| every.min(closer.0)).max(tick.0).max(1);
        past(at, every) < tick.0.max(1)
    }

    /// The last tick up to this one at which it was due.
    pub(super) fn last_due(&self, at: UnixMicros, tick: Micros) -> UnixMicros {
        let past = i64::try_from(past(at, self.every(tick))).unwrap_or(0);
        let width = super::signed(tick).max(1);
        UnixMicros(at.0.saturating_sub(past.div_euclid(width).saturating_mul(width)))
    }

    fn every(&self, tick: Micros) -> u64 {
        self.rule.interval.unwrap_or(tick).0.max(tick.0).max(1)
    }
}

/// How far a tick is from the last multiple of an interval.
fn past(at: UnixMicros, every: u64) -> u64 {
    u64::try_from(at.0).unwrap_or(0) % every
}

/// All rules in force, in the order of their files.
#[derive(Debug, Default)]
pub(super) struct Rules {
    all: Vec<Live>,
    by_name: HashMap<Text, usize>,
}

impl Rules {
    pub(super) fn push(&mut self, live: Live) {
        self.by_name.insert(live.rule.name.clone(), self.all.len());
        self.all.push(live);
    }

    pub(super) fn named(&self, name: &Text) -> Option<&Live> {
        self.all.get(*self.by_name.get(name)?)
    }

    /// The instance an episode is of.
    pub(super) fn instance_of(&self, episode: &Episode) -> Option<&Instance> {
        self.named(&episode.rule)?.instances.get(&episode.labels)
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Live> {
        self.all.iter()
    }

    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Live> {
        self.all.iter_mut()
    }

    /// Rules and instances, without what was made of them.
    pub(super) fn into_parts(self) -> Vec<(Rule, Instances)> {
        self.all.into_iter().map(|l| (Rule::clone(&l.rule), l.instances)).collect()
    }
}
