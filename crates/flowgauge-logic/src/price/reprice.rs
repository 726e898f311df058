//! A stored call at other prices.
//!
//! Owns when a cost counts as changed. Refuses to store anything: costs are frozen until somebody
//! asks for new ones, by name.

use super::PriceBook;
use super::charge::{self, Charge};
use crate::call::{Call, Cost, CostUnknown, Usage};

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
        self.reprice_with(call, &[])
    }

    /// The same for a call of an application, which costs what the calls made for it cost. Where one
    /// of them may have been billed and has no price, its own counts decide, as when it was stored.
    #[must_use]
    pub fn reprice_with(&self, call: &Call, inner: &[Call]) -> Option<Repriced> {
        // What an application answers from its own cache is never charged, whatever it states.
        if !call.what.leaf || call.usage.flags & Usage::APP_CACHED != 0 {
            return None;
        }
        let mut new = call.clone();
        self.price(&mut new);
        if let Some(Ok(sum)) = self.charge_inner(inner) {
            charge::settle_cost(&mut new.cost, Ok(sum));
        }
        let before = std::iter::once(&call.cost).chain(call.attempts.iter().map(|a| &a.cost));
        let after = std::iter::once(&new.cost).chain(new.attempts.iter().map(|a| &a.cost));
        let changed = before.zip(after).any(|(before, after)| differ(before, after));
        changed.then(|| Repriced {
            cost: new.cost,
            attempts: new.attempts.into_iter().map(|attempt| attempt.cost).collect(),
        })
    }

    /// What calls made for another cost together; nothing where none of them did work.
    fn charge_inner(&self, inner: &[Call]) -> Option<Result<Charge, CostUnknown>> {
        let mut sum = None;
        for call in inner.iter().filter(|call| call.may_be_billed()) {
            let mut alone = call.clone();
            alone.what.leaf = true;
            self.price(&mut alone);
            let cost = &alone.cost;
            let charge = cost.nanos.map(|nanos| Charge { nanos, flags: cost.flags });
            let charge = charge.ok_or(cost.unknown_reason);
            sum = Some(match sum {
                None => charge,
                Some(before) => charge::both(before, charge),
            });
        }
        sum
    }
}

fn differ(before: &Cost, after: &Cost) -> bool {
    (before.nanos, before.source, before.unknown_reason, before.avoided)
        != (after.nanos, after.source, after.unknown_reason, after.avoided)
}
