//! A rule in force and its instances.

use crate::logic::alert::evaluate::Compiled;
use crate::logic::alert::facts::Labels;
use crate::logic::alert::instance::Instance;
use crate::logic::alert::law::Law;
use crate::logic::alert::rule::{Rule, Slo};
use crate::logic::unit::{Micros, UnixMicros};
use chrono_tz::Tz;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A rule in force.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) rule: Arc<Rule>,
    pub(super) compiled: Compiled,
    pub(super) law: Law,
    pub(super) instances: BTreeMap<Labels, Instance>,
    /// Why it is not evaluated.
    pub(super) idle: Option<String>,
    pub(super) took_ns: u64,
}

impl Live {
    pub(super) fn new(rule: Rule, slos: &[Slo], tick: Micros, zone: Tz) -> Self {
        let compiled = Compiled::new(&rule, slos, zone);
        let law = Law::of(&rule, tick, zone);
        let instances = BTreeMap::new();
        Self { rule: Arc::new(rule), compiled, law, instances, idle: None, took_ns: 0 }
    }

    /// Whether it is evaluated at a tick: rules with an interval of their own leave ticks out.
    pub(super) fn is_due(&self, at: UnixMicros, tick: Micros) -> bool {
        let every = self.rule.interval.unwrap_or(tick).0.max(tick.0).max(1);
        let at = u64::try_from(at.0).unwrap_or(0);
        at % every < tick.0.max(1)
    }
}
