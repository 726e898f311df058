//! The state that every request reads: one pointer, swapped whole (decision D13).
//!
//! Owns the snapshot. Refuses to wait: reading it takes no lock, and swapping it needs no disk.

use crate::logic::control::rollout::{
    Decision, Environment, Force, Kill, Mechanism, Placement, Wish,
};
use crate::logic::control::state::{Settings, State};
use crate::logic::fingerprint::fingerprint;
use arc_swap::{ArcSwap, Guard};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Stands in where there are no settings, which is off already.
static NOT_KILLED: Kill = Kill { all: false, only: BTreeSet::new() };

/// What is in force for a request.
#[derive(Debug)]
pub struct Snapshot {
    /// Rises with every change.
    pub generation: u64,
    /// Nothing where the stored state could not be read: everything is off then.
    pub settings: Option<Settings>,
    environment: Environment,
    /// Whether any mechanism can touch or watch any call.
    active: bool,
    /// Stands for the settings that shape an answer.
    shape: u64,
}

impl Snapshot {
    fn new(environment: Environment, state: Option<State>) -> Self {
        let (generation, settings) = match state {
            Some(state) => (state.generation, Some(state.settings)),
            None => (0, None),
        };
        let idle = |m: Mechanism, s: &Settings| {
            environment.forbids(m) || s.kill.covers(m) || s.rollouts.of(m).is_idle()
        };
        let active =
            settings.as_ref().is_some_and(|s| Mechanism::ALL.into_iter().any(|m| !idle(m, s)));
        let shape = settings.as_ref().map_or(0, shape);
        Self { generation, settings, environment, active, shape }
    }

    /// Whether any mechanism can touch or watch any call, so that the rest need not be looked at.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.active
    }

    /// What the environment forbids.
    #[must_use]
    pub const fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Stands for the settings that shape an answer: another number, another answer to the same request.
    #[must_use]
    pub const fn shape(&self) -> u64 {
        self.shape
    }

    /// What a mechanism does with a call.
    #[must_use]
    pub fn decide(&self, mechanism: Mechanism, call: &Placement<'_>, wish: Wish) -> Decision {
        self.force(mechanism).decide(mechanism, call, wish)
    }

    /// What is in force for a mechanism.
    #[must_use]
    pub fn force(&self, mechanism: Mechanism) -> Force<'_> {
        let (kill, rollout) = match &self.settings {
            Some(settings) => (&settings.kill, Some(settings.rollouts.of(mechanism))),
            None => (&NOT_KILLED, None),
        };
        Force { environment: &self.environment, kill, rollout }
    }
}

/// Settings that shape an answer: all but the kill switch, the rollouts and the guardrail.
fn shape(settings: &Settings) -> u64 {
    let parts = (&settings.prune, &settings.prompt, &settings.model);
    // Settings are plain data; where they could not be written, no two would be told apart, so nothing is kept for long.
    serde_json::to_vec(&parts).map_or(0, |bytes| fingerprint(&[&bytes]))
}

/// The state in force.
#[derive(Debug)]
pub struct Live(ArcSwap<Snapshot>);

impl Live {
    /// In force from now on; without a state everything is off.
    #[must_use]
    pub fn new(environment: Environment, state: Option<State>) -> Arc<Self> {
        Arc::new(Self(ArcSwap::from_pointee(Snapshot::new(environment, state))))
    }

    /// What is in force.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.0.load()
    }

    /// What is in force, to be kept for the length of a call.
    #[must_use]
    pub fn get(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// In force for every request that begins from now on.
    pub(super) fn set(&self, state: Option<State>) {
        let environment = self.0.load().environment.clone();
        self.0.store(Arc::new(Snapshot::new(environment, state)));
    }
}
