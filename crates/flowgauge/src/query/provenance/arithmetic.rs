//! The lines behind a cost, at the prices in force now.
//!
//! Refuses to say that they are the cost where they are not: prices may have changed since.

use super::{Breakdown, PriceLine};
use crate::logic::call::{Attempt, Call, Cost, CostSource, CostUnknown, Text, Usage};
use crate::logic::price::{Line, PriceBook};
use crate::logic::unit::NanoUsd;
use crate::query::prices::way_out;

/// The arithmetic behind the cost of a call, from the prices in force now.
#[must_use]
pub fn breakdown(call: &Call, book: &PriceBook) -> Vec<Breakdown> {
    if !call.what.leaf {
        return Vec::new();
    }
    if !call.attempts.is_empty() {
        return call.attempts.iter().map(|attempt| of_attempt(call, attempt, book)).collect();
    }
    let cost = &call.cost;
    // An answer from our own cache cost nothing; the lines tell what it avoided.
    let stored = cost.avoided.filter(|_| cost.nanos == Some(NanoUsd(0))).or(cost.nanos);
    let stored = stored.filter(|_| cost.source == CostSource::Computed);
    vec![lines(None, call.what.provider.as_deref(), call.model(), &call.usage, cost, stored, book)]
}

fn of_attempt(call: &Call, attempt: &Attempt, book: &PriceBook) -> Breakdown {
    let provider = attempt.provider.as_deref().or(call.what.provider.as_deref());
    let model = attempt.model.as_ref().or(call.model());
    let stored = attempt.cost.nanos;
    lines(Some(attempt.number), provider, model, &attempt.usage, &attempt.cost, stored, book)
}

fn lines(
    attempt: Option<u16>,
    provider: Option<&str>,
    model: Option<&Text>,
    usage: &Usage,
    cost: &Cost,
    stored: Option<NanoUsd>,
    book: &PriceBook,
) -> Breakdown {
    let mut out = Breakdown {
        attempt,
        model: model.cloned(),
        row: None,
        table: None,
        matched: None,
        priced_with: cost.price_version.clone(),
        lines_from: book.version().to_owned(),
        lines: Vec::new(),
        sum_nanos: None,
        cost_nanos: cost.nanos,
        note: String::new(),
    };
    let Some(model) = model else {
        "no model is known to price".clone_into(&mut out.note);
        return out;
    };
    match book.explain(provider, model, cost.service_tier.as_deref(), usage) {
        Ok(told) => {
            out.row = Some(told.found.name.to_owned());
            out.table = Some(told.found.table.word().to_owned());
            out.matched = Some(told.found.matched.words().to_owned());
            out.lines = told.lines.iter().map(line).collect();
            out.sum_nanos = Some(told.charge.nanos);
            out.note = agreement(stored, told.charge.nanos, cost, book.version());
        }
        Err(CostUnknown::NoPrice) => out.note = way_out(model),
        Err(CostUnknown::NoUsage) => "no token counts to price".clone_into(&mut out.note),
        Err(_) => "something billed per use has no price per use".clone_into(&mut out.note),
    }
    out
}

fn agreement(stored: Option<NanoUsd>, sum: NanoUsd, cost: &Cost, version: &str) -> String {
    let then = cost.price_version.as_deref();
    match stored {
        Some(stored) if stored == sum => String::new(),
        Some(_) if then != Some(version) => format!(
            "the cost was frozen with prices {}; these lines use {version}, now in force",
            then.unwrap_or("unknown")
        ),
        Some(_) => "the stored cost is another; it was computed from other counts".to_owned(),
        None => "not priced at the time; these lines use the prices now in force".to_owned(),
    }
}

fn line(line: &Line) -> PriceLine {
    PriceLine {
        bucket: line.bucket.to_owned(),
        count: line.count,
        rate: line.key(),
        usd_each: line.usd_each(),
        usd_per_million: line.rate.and_then(|rate| rate.usd_per_million()),
        usd: line.usd(),
        substituted: line.substituted,
    }
}
