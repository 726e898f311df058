//! From tokens and a row to money.
//!
//! Owns which rate each bucket is charged at, what stands in for a missing rate, and the single
//! rounding. Refuses to price a part of a call: either every unit has a price or the cost is unknown.

use super::rate::{Service, Unit};
use super::table::{Rate, Row};
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
        settle(call, charge);
    }

    /// Prices every attempt, and says what they cost together.
    fn charge_attempts(&self, call: &mut Call) -> Result<Charge, CostUnknown> {
        let provider = call.what.provider.clone();
        let tier = call.cost.service_tier.clone();
        let model = call.model().cloned();
        let mut sum: Option<Result<Charge, CostUnknown>> = None;
        for attempt in &mut call.attempts {
            let charge = match attempt.model.as_ref().or(model.as_ref()) {
                None => Err(CostUnknown::NoModel),
                Some(model) => {
                    let provider = attempt.provider.as_deref().or(provider.as_deref());
                    let tier = attempt.cost.service_tier.as_deref().or(tier.as_deref());
                    self.charge(provider, model, tier, &attempt.usage)
                }
            };
            attempt.cost.price_version = Some(self.version.clone());
            settle_cost(&mut attempt.cost, charge);
            // A failed attempt of which the provider stated no tokens was not billed.
            let billed = attempt.status != Status::Error || attempt.usage != Usage::default();
            if billed {
                sum = Some(match sum {
                    None => charge,
                    Some(before) => both(before, charge),
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

/// Both together; unknown where one is.
pub(super) fn both(
    one: Result<Charge, CostUnknown>,
    other: Result<Charge, CostUnknown>,
) -> Result<Charge, CostUnknown> {
    Ok(one?.and(other?))
}

/// Writes the outcome of pricing into the call.
fn settle(call: &mut Call, charge: Result<Charge, CostUnknown>) {
    let cost = &mut call.cost;
    settle_cost(cost, charge);
    let hit = matches!(call.control.cache, CacheOutcome::HitExact | CacheOutcome::HitSemantic);
    if hit && cost.source == CostSource::Computed {
        cost.avoided = cost.nanos;
        cost.nanos = Some(NanoUsd(0));
    }
}

/// Writes the outcome of pricing into a cost.
pub(super) fn settle_cost(cost: &mut Cost, charge: Result<Charge, CostUnknown>) {
    let charge = match charge {
        Ok(charge) => charge,
        Err(reason) => return unpriced(cost, reason),
    };
    cost.source = CostSource::Computed;
    cost.unknown_reason = CostUnknown::None;
    cost.flags = charge.flags;
    cost.nanos = Some(charge.nanos);
}

/// No computed cost: the producer's own figure, if it gave one. Producers without a price for the
/// model report 0, so a zero says nothing; a model that is free is given a price of 0.
fn unpriced(cost: &mut Cost, reason: CostUnknown) {
    set_unknown(cost, reason);
    if let Some(reported) = cost.reported.filter(|reported| reported.0 > 0) {
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
        Unit::OutputAudio | Unit::OutputImage | Unit::Reasoning => Some((Unit::Output, false)),
        Unit::Input | Unit::Output => None,
    }
}

/// One bucket of a call at its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The bucket, named as its column.
    pub bucket: &'static str,
    /// How many.
    pub count: u64,
    /// What each is charged at; nothing where it is no token, but a use.
    pub rate: Option<Rate>,
    /// Price of one, in 10^-24 dollar.
    pub each: i128,
    /// The bucket has a rate of its own, which the row lacks: this one stood in.
    pub substituted: bool,
}

impl Line {
    /// Key of the rate, or of the price of a use.
    #[must_use]
    pub fn key(&self) -> String {
        let of_use = match self.bucket {
            "file_searches" => "file_search_cost_per_1k_calls",
            "code_sessions" => "code_interpreter_cost_per_session",
            _ => "search_context_cost_per_query",
        };
        self.rate.map_or_else(|| of_use.to_owned(), |rate| rate.key())
    }

    /// The product, in 10^-24 dollar.
    #[must_use]
    pub fn amount(&self) -> Option<i128> {
        self.each.checked_mul(i128::from(self.count))
    }

    /// The product in dollars, exactly.
    #[must_use]
    pub fn usd(&self) -> Option<String> {
        self.amount().map(decimal::show)
    }

    /// Price of one in dollars, exactly.
    #[must_use]
    pub fn usd_each(&self) -> String {
        decimal::show(self.each)
    }
}

fn charge(row: &Row, service: Service, usage: &Usage) -> Result<Charge, CostUnknown> {
    let mut flags = 0;
    let mut sum = Some(0i128);
    each_line(row, service, usage, |line| {
        if line.substituted {
            flags |= Cost::RATE_SUBSTITUTED;
        }
        sum = sum.and_then(|sum| sum.checked_add(line.amount()?));
    })?;
    let (nanos, saturated) = sum.map_or((NanoUsd(i64::MAX), true), decimal::round);
    if saturated {
        flags |= Cost::SATURATED;
    }
    Ok(Charge { nanos, flags })
}

/// The arithmetic of one row over one usage: every bucket that is not empty, once.
pub(super) fn each_line(
    row: &Row,
    service: Service,
    usage: &Usage,
    mut take: impl FnMut(Line),
) -> Result<(), CostUnknown> {
    let (Some(input), Some(output)) = (usage.input, usage.output) else {
        return Err(CostUnknown::NoUsage);
    };
    if row.per_unit_only {
        return Err(CostUnknown::UnitUnpriced);
    }
    let total_input = input.total().0;
    for (bucket, unit, count) in [
        ("input_text", Unit::Input, input.text),
        ("input_audio", Unit::InputAudio, input.audio),
        ("input_image", Unit::InputImage, input.image),
        ("cache_read", Unit::CacheRead, input.cache_read),
        ("cache_write_5m", Unit::CacheWrite5m, input.cache_write_5m),
        ("cache_write_1h", Unit::CacheWrite1h, input.cache_write_1h),
        ("output_visible", Unit::Output, output.visible),
        ("output_image", Unit::OutputImage, output.image),
        ("rejected_prediction", Unit::Output, output.rejected),
        ("output_audio", Unit::OutputAudio, output.audio),
        ("reasoning", Unit::Reasoning, output.reasoning),
    ] {
        if count == 0 {
            continue;
        }
        let (rate, substituted) = rate(row, unit, service, total_input)?;
        take(Line { bucket, count, rate: Some(rate), each: rate.units, substituted });
    }
    // Fetched pages are charged as the input they become, and as nothing else.
    for (bucket, price, count) in [
        ("web_searches", row.web_search, usage.web_searches),
        ("file_searches", row.file_search, usage.file_searches),
        ("code_sessions", row.code_session, usage.code_sessions),
    ] {
        if count > 0 {
            let each = price.ok_or(CostUnknown::UnitUnpriced)?;
            let count = u64::from(count);
            take(Line { bucket, count, rate: None, each, substituted: false });
        }
    }
    Ok(())
}

fn rate(row: &Row, unit: Unit, service: Service, input: u64) -> Result<(Rate, bool), CostUnknown> {
    if let Some(found) = row.rate(unit, service, input) {
        return Ok(found);
    }
    let (other, flag) = stand_in(unit).ok_or(CostUnknown::UnitUnpriced)?;
    let (rate, substituted) = row.rate(other, service, input).ok_or(CostUnknown::UnitUnpriced)?;
    Ok((rate, substituted || flag))
}
