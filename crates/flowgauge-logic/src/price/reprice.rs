//! A stored call at other prices.
//!
//! Owns when a cost counts as changed. Refuses to store anything: costs are frozen until somebody
//! asks for new ones, by name.

use super::PriceBook;
use crate::call::{Call, Cost, UsageSource};

/// New costs of a stored call.
#[derive(Debug, Clone, PartialEq)]
pub struct Repriced {
    /// Of the call.
    pub cost: Cost,
    /// Of its attempts, in their order; none where the call has none.
    pub attempts: Vec<Cost>,
}

impl PriceBook {
    /// What a call costs at these prices, from its stored counts; nothing where that is the cost it
    /// has. A version that differs alone is no change.
    #[must_use]
    pub fn reprice(&self, call: &Call) -> Option<Repriced> {
        if !call.what.leaf {
            return None;
        }
        let mut new = call.clone();
        self.price(&mut new);
        if !call.attempts.is_empty() {
            self.price_attempts(&mut new);
        }
        let before = std::iter::once(&call.cost).chain(call.attempts.iter().map(|a| &a.cost));
        let after = std::iter::once(&new.cost).chain(new.attempts.iter().map(|a| &a.cost));
        let changed = before.zip(after).any(|(before, after)| differ(before, after));
        changed.then(|| Repriced {
            cost: new.cost,
            attempts: new.attempts.into_iter().map(|attempt| attempt.cost).collect(),
        })
    }

    /// Each attempt at the rates of its own model, and the call at their sum.
    fn price_attempts(&self, call: &mut Call) {
        let provider = call.what.provider.clone();
        let tier = call.cost.service_tier.clone();
        let model = call.model().cloned();
        let mut sum = Ok(super::Charge::nothing());
        for attempt in &mut call.attempts {
            // An attempt that was billed nothing has no counts, and no cost.
            if attempt.usage.source == UsageSource::Absent {
                continue;
            }
            let provider = attempt.provider.as_deref().or(provider.as_deref());
            let tier = attempt.cost.service_tier.as_deref().or(tier.as_deref());
            let charge = match attempt.model.as_ref().or(model.as_ref()) {
                Some(model) => self.charge(provider, model, tier, &attempt.usage),
                None => Err(crate::call::CostUnknown::NoModel),
            };
            attempt.cost.price_version = Some(self.version.clone());
            super::charge::settle_cost(&mut attempt.cost, charge);
            sum = sum.and_then(|sum| Ok(sum.and(charge?)));
        }
        super::charge::settle(call, sum);
    }
}

fn differ(before: &Cost, after: &Cost) -> bool {
    (before.nanos, before.source, before.unknown_reason, before.avoided)
        != (after.nanos, after.source, after.unknown_reason, after.avoided)
}
