//! Which optimiser rests on which route, because the requests it changed failed.

use crate::logic::call::Text;
use crate::logic::control::breaker::{Breaker, Fault};
use crate::logic::control::rollout::Mechanism;
use crate::logic::unit::UnixMicros;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// Routes remembered; made-up ones share the last place.
const MAX_ROUTES: usize = 1_024;

/// A breaker for each optimiser and route.
#[derive(Debug, Default)]
pub struct Breakers {
    /// Whether there ever was a fault: spares all others the lock.
    any: AtomicBool,
    all: Mutex<BTreeMap<(Mechanism, Text), State>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    breaker: Breaker,
    refused: u64,
    panicked: u64,
    overran: u64,
}

/// How one stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Optimiser.
    pub mechanism: Mechanism,
    /// Route.
    pub route: Text,
    /// Until when it rests, if it does.
    pub rests_until: Option<UnixMicros>,
    /// Changed requests that the provider refused and took as they came.
    pub refused: u64,
    /// Panics.
    pub panicked: u64,
    /// Requests sent as they came because changing them took too long.
    pub overran: u64,
}

impl Breakers {
    /// Whether an optimiser may act on a route.
    #[must_use]
    pub fn allows(&self, mechanism: Mechanism, route: &Text, now: UnixMicros) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return true;
        }
        let all = self.all.lock();
        all.get(&(mechanism, route.clone())).is_none_or(|s| s.breaker.allows(now))
    }

    /// A changed request was answered. Costs nothing where nothing ever went wrong.
    pub fn passed(&self, mechanism: Mechanism, route: &Text) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        if let Some(state) = self.all.lock().get_mut(&(mechanism, route.clone())) {
            state.breaker.passed();
        }
    }

    /// Something went wrong.
    pub fn fault(&self, mechanism: Mechanism, route: &Text, fault: Fault, now: UnixMicros) {
        let mut all = self.all.lock();
        self.any.store(true, Ordering::Release);
        let full = all.len() >= MAX_ROUTES && !all.contains_key(&(mechanism, route.clone()));
        let route = if full { Text::const_new("(others)") } else { route.clone() };
        let state = all.entry((mechanism, route.clone())).or_default();
        match fault {
            Fault::Refused => state.refused += 1,
            Fault::Panicked => state.panicked += 1,
            Fault::Overran => state.overran += 1,
        }
        if state.breaker.fault(fault, now) {
            drop(all);
            tracing::warn!(mechanism = mechanism.word(), %route, ?fault, "an optimiser rests");
        }
    }

    /// All that ever had a fault.
    #[must_use]
    pub fn standing(&self, now: UnixMicros) -> Vec<Standing> {
        let all = self.all.lock();
        let one = |((mechanism, route), s): (&(Mechanism, Text), &State)| Standing {
            mechanism: *mechanism,
            route: route.clone(),
            rests_until: s.breaker.rests_until().filter(|until| *until > now),
            refused: s.refused,
            panicked: s.panicked,
            overran: s.overran,
        };
        all.iter().map(one).collect()
    }
}
