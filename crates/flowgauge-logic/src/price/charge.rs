//! From tokens and a row to money.
//!
//! Owns which rate each bucket is charged at, what stands in for a missing rate, and the single
//! rounding. Refuses to price a part of a call: either every unit has a price or the cost is unknown.

use super::table::{Row, Service, Unit};
use super::{PriceBook, decimal};
use crate::call::{CacheOutcome, Call, Cost, CostSource, CostUnknown, Status, Usage};
use crate::unit::NanoUsd;

/// An amount and how it came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// The amount.
    pub nanos: NanoUsd,
    /// See [`Cost::RATE_SUBSTITUTED`] and its siblings.
    pub flags: u8,
}

impl PriceBook {
    /// Fills the cost of a call from its usage, and of each of its attempts at the rates of the model
    /// that it asked; what the producer reported stays beside it.
    ///
    /// A call with attempts costs their sum. One that the provider billed and that has no price leaves
    /// the whole cost unknown. An answer from flowgauge's cache costs nothing and avoided what it would
    /// have cost.
    pub fn price(&self, call: &mut Call) {
        call.cost.price_version = Some(self.version.clone());
        if !call.what.leaf {
            set_unknown(&mut call.cost, CostUnknown::None);
            return;
        }
        let charge = if call.attempts.is_empty() {
            self.charge_call(call)
        } else {
            self.charge_attempts(call)
        };
        settle(&mut call.cost, charge);
        if let (Ok(charge), CacheOutcome::HitExact | CacheOutcome::HitSemantic) =
            (charge, call.control.cache)
        {
            call.cost.avoided = Some(charge.nanos);
            call.cost.nanos = Some(NanoUsd(0));
        }
    }

    /// Prices every attempt, and says what they cost together.
    fn charge_attempts(&self, call: &mut Call) -> Result<Charge, CostUnknown> {
        let tier = call.cost.service_tier.clone();
        let mut sum: Option<Result<Charge, CostUnknown>> = None;
        for attempt in &mut call.attempts {
            let charge = match &attempt.model {
                None => Err(CostUnknown::NoModel),
                Some(model) => {
                    let tier = attempt.cost.service_tier.as_deref().or(tier.as_deref());
                    self.charge(attempt.provider.as_deref(), model, tier, &attempt.usage)
                }
            };
            settle(&mut attempt.cost, charge);
            // A failed attempt of which the provider stated no tokens was not billed.
            let billed = attempt.status != Status::Error || attempt.usage != Usage::default();
            if billed {
                sum = Some(match sum {
                    None => charge,
                    Some(before) => before.and_then(|b| Ok(b.and(charge?))),
                });
            }
        }
        sum.unwrap_or(Err(CostUnknown::NoUsage))
    }

    fn charge_call(&self, call: &Call) -> Result<Charge, CostUnknown> {
        let model = call.model().ok_or(CostUnknown::NoModel)?;
        let provider = call.what.provider.as_deref();
        self.charge(provider, model, call.cost.service_tier.as_deref(), &call.usage)
    }

    /// What `usage` costs on one model.
    ///
    /// # Errors
    /// With the reason where there is no price, no usage, or a unit without a price.
    pub fn charge(
        &self,
        provider: Option<&str>,
        model: &str,
        service_tier: Option<&str>,
        usage: &Usage,
    ) -> Result<Charge, CostUnknown> {
        let row = self.lookup(provider, model).ok_or(CostUnknown::NoPrice)?.row;
        charge(row, Service::named(service_tier), usage)
    }
}

impl Charge {
    /// Both amounts together.
    const fn and(self, other: Self) -> Self {
        let nanos = self.nanos.saturating_add(other.nanos);
        let flags = self.flags | other.flags;
        let cut = nanos.0 == i64::MAX;
        Self { nanos, flags: if cut { flags | Cost::SATURATED } else { flags } }
    }
}

/// Writes down what pricing came to.
fn settle(cost: &mut Cost, charge: Result<Charge, CostUnknown>) {
    let charge = match charge {
        Ok(charge) => charge,
        Err(reason) => return unpriced(cost, reason),
    };
    cost.source = CostSource::Computed;
    cost.unknown_reason = CostUnknown::None;
    cost.flags = charge.flags;
    cost.nanos = Some(charge.nanos);
}

/// No computed cost: the producer's own figure, if it gave one.
fn unpriced(cost: &mut Cost, reason: CostUnknown) {
    set_unknown(cost, reason);
    if let Some(reported) = cost.reported {
        cost.nanos = Some(reported);
        cost.source = CostSource::Reported;
        cost.unknown_reason = CostUnknown::None;
    }
}

const fn set_unknown(cost: &mut Cost, reason: CostUnknown) {
    cost.nanos = None;
    cost.source = CostSource::Unknown;
    cost.unknown_reason = reason;
    cost.flags = 0;
}

/// What stands in for a missing rate, and whether that is worth a flag.
const fn stand_in(unit: Unit) -> Option<(Unit, bool)> {
    match unit {
        Unit::CacheRead | Unit::CacheWrite5m | Unit::CacheWrite1h => Some((Unit::Input, true)),
        Unit::InputAudio | Unit::InputImage => Some((Unit::Input, false)),
        Unit::OutputAudio | Unit::Reasoning => Some((Unit::Output, false)),
        Unit::Input | Unit::Output => None,
    }
}

fn charge(row: &Row, service: Service, usage: &Usage) -> Result<Charge, CostUnknown> {
    let (Some(input), Some(output)) = (usage.input, usage.output) else {
        return Err(CostUnknown::NoUsage);
    };
    if row.per_unit_only {
        return Err(CostUnknown::UnitUnpriced);
    }
    let total_input = input.total().0;
    let mut flags = 0;
    let mut sum = Some(0i128);
    for (unit, count) in [
        (Unit::Input, input.text),
        (Unit::InputAudio, input.audio),
        (Unit::InputImage, input.image),
        (Unit::CacheRead, input.cache_read),
        (Unit::CacheWrite5m, input.cache_write_5m),
        (Unit::CacheWrite1h, input.cache_write_1h),
        (Unit::Output, output.visible),
        (Unit::Output, output.image),
        (Unit::Output, output.rejected),
        (Unit::OutputAudio, output.audio),
        (Unit::Reasoning, output.reasoning),
    ] {
        if count == 0 {
            continue;
        }
        let (rate, substituted) = rate(row, unit, service, total_input)?;
        if substituted {
            flags |= Cost::RATE_SUBSTITUTED;
        }
        sum = sum.and_then(|sum| sum.checked_add(rate.checked_mul(i128::from(count))?));
    }
    if usage.web_searches > 0 {
        let each = row.web_search.ok_or(CostUnknown::UnitUnpriced)?;
        let searches = i128::from(usage.web_searches);
        sum = sum.and_then(|sum| sum.checked_add(each.checked_mul(searches)?));
    }
    let (nanos, saturated) = sum.map_or((NanoUsd(i64::MAX), true), decimal::round);
    if saturated {
        flags |= Cost::SATURATED;
    }
    Ok(Charge { nanos, flags })
}

fn rate(row: &Row, unit: Unit, service: Service, input: u64) -> Result<(i128, bool), CostUnknown> {
    if let Some(found) = row.rate(unit, service, input) {
        return Ok(found);
    }
    let (other, flag) = stand_in(unit).ok_or(CostUnknown::UnitUnpriced)?;
    let (rate, substituted) = row.rate(other, service, input).ok_or(CostUnknown::UnitUnpriced)?;
    Ok((rate, substituted || flag))
}
