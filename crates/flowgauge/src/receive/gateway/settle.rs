//! The last step before a row is written: tokens that others know, and money.

use crate::logic::call::{
    Call, Control, CostSource, CostUnknown, InputTokens, OutputTokens, Usage, UsageSource,
};
use crate::logic::price::PriceBook;
use crate::logic::unit::{NanoUsd, Tokens};

use super::terms::Terms;

/// Completes usage and cost of a call that ended.
pub(super) fn settle(prices: &PriceBook, call: &mut Call, terms: &Terms) {
    if !call.what.leaf {
        return;
    }
    let stated = call.usage;
    if terms.cached {
        keep_stated(call, &stated);
        call.usage = nothing(stated.flags);
    }
    if let Some(inner) = &terms.inner {
        inner.complete(call, !terms.cached);
    }
    prices.price(call);
    if terms.cached {
        spend_nothing(prices, call, &stated);
    }
    if let Some(inner) = &terms.inner {
        inner.charge(&mut call.cost);
    }
}

/// What the optimisations took off a call: its tokens as it came, and what the rest would have cost.
pub(super) fn control(prices: &PriceBook, call: &mut Call, terms: &Terms) {
    let own = |usage: &Usage| usage.input_total().map(|t| t.0);
    if let Some(usage) = &terms.replayed {
        call.control.original_input_tokens = own(usage).map(Tokens);
        call.control.taken.caching = own(usage).unwrap_or_default();
        return;
    }
    if call.control.applied == 0 {
        return;
    }
    shortened(prices, call, terms);
    elsewhere(prices, call);
}

/// What the model the caller asked for would have cost beyond the one that answered, for the tokens that were used. A
/// dearer one avoided nothing.
fn elsewhere(prices: &PriceBook, call: &mut Call) {
    if call.control.applied & Control::MODEL == 0 {
        return;
    }
    let (Some(wanted), Some(paid)) = (call.what.model_requested.clone(), call.cost.nanos) else {
        return;
    };
    let tier = call.cost.service_tier.as_deref();
    let would = prices
        .charge(call.what.provider.as_deref(), &wanted, tier, &call.usage)
        .or_else(|_| prices.charge(None, &wanted, tier, &call.usage));
    let Ok(would) = would else { return };
    if would.nanos > paid {
        let less = NanoUsd(would.nanos.0.saturating_sub(paid.0));
        let before = call.cost.avoided.unwrap_or_default();
        call.cost.avoided = Some(before.saturating_add(less));
    }
}

fn shortened(prices: &PriceBook, call: &mut Call, terms: &Terms) {
    let own = |usage: &Usage| usage.input_total().map(|t| t.0);
    let saved = terms.saved.all();
    if saved == 0 {
        return;
    }
    let Some(sent) = own(&call.usage) else { return };
    call.control.original_input_tokens = Some(Tokens(sent.saturating_add(saved)));
    call.control.taken.pruning = terms.saved.pruning;
    call.control.taken.prompt = terms.saved.prompt;
    let gone = Usage {
        input: Some(InputTokens { text: saved, ..InputTokens::default() }),
        output: Some(OutputTokens::default()),
        ..Usage::default()
    };
    let provider = call.what.provider.as_deref();
    let Some(model) = call.model().cloned() else { return };
    let charge = prices.charge(provider, &model, call.cost.service_tier.as_deref(), &gone);
    call.cost.avoided = charge.ok().map(|c| c.nanos);
}

/// What the application states about an answer from its cache is what the first such answer took.
fn keep_stated(call: &mut Call, stated: &Usage) {
    let mut raw = String::from("{\"cached\":true");
    for (name, tokens) in
        [("input_tokens", stated.input_total()), ("output_tokens", stated.output_total())]
    {
        if let Some(tokens) = tokens {
            raw.push_str(&format!(",\"{name}\":{}", tokens.0));
        }
    }
    // `{"tokens":n}`, where the application states nothing but a total.
    match call.raw.as_deref().and_then(|r| r.strip_prefix('{')) {
        Some(rest) => raw.push_str(&format!(",{rest}")),
        None => raw.push('}'),
    }
    call.raw = Some(raw.into());
}

/// No token was spent, and the application says so.
fn nothing(flags: u8) -> Usage {
    Usage {
        input: Some(InputTokens::default()),
        output: Some(OutputTokens::default()),
        source: UsageSource::Provider,
        flags: flags | Usage::APP_CACHED,
        ..Usage::default()
    }
}

/// It cost nothing, and avoided what the application says the answer is worth, at our price if there
/// is one.
fn spend_nothing(prices: &PriceBook, call: &mut Call, stated: &Usage) {
    let model = call.what.model_used.as_deref();
    let charge = model.and_then(|model| prices.charge(None, model, None, stated).ok());
    let cost = &mut call.cost;
    cost.avoided = charge.map(|c| c.nanos).or(cost.reported);
    cost.nanos = Some(NanoUsd(0));
    cost.source = CostSource::Reported;
    cost.unknown_reason = CostUnknown::None;
    cost.flags = 0;
}
