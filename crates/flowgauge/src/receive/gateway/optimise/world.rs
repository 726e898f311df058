//! What is known of models at the moment of a call: prices, and whether they answer.

use crate::control::Control;
use crate::logic::call::{InputTokens, OutputTokens, Text, Usage};
use crate::logic::control::model;
use crate::logic::price::PriceBook;
use crate::logic::unit::{NanoUsd, UnixMicros};
use std::sync::Arc;

use super::super::Gateway;

/// Tokens of which prices are compared: enough that rounding does not count.
const PRICED: u64 = 1_000;

/// The world as it is now.
pub(super) struct World {
    prices: Arc<PriceBook>,
    control: Arc<Control>,
    provider: Text,
    now: UnixMicros,
}

impl World {
    pub(super) fn new(gateway: &Gateway, provider: Text) -> Self {
        Self {
            prices: gateway.prices.load_full(),
            control: Arc::clone(&gateway.control),
            provider,
            now: gateway.clock.now(),
        }
    }

    /// Price of a token read from the provider's prompt cache, in thousandths of one that is not; a full one where it is
    /// not known, so that nothing is held back for its sake.
    pub(super) fn read_price_milli(&self, model: &str) -> u64 {
        let cost = |input: InputTokens| {
            let usage = Usage {
                input: Some(input),
                output: Some(OutputTokens::default()),
                ..Usage::default()
            };
            let charge = self.prices.charge(Some(&self.provider), model, None, &usage).ok()?;
            u64::try_from(charge.nanos.0).ok()
        };
        let full = cost(InputTokens { text: PRICED, ..InputTokens::default() });
        let read = cost(InputTokens { cache_read: PRICED, ..InputTokens::default() });
        match (full, read) {
            (Some(full), Some(read)) if full > 0 => (read.saturating_mul(1_000) / full).min(1_000),
            _ => 1_000,
        }
    }
}

impl model::World for World {
    fn is_healthy(&self, model: &str) -> Option<bool> {
        self.control.health.is_healthy(model, self.now)
    }

    fn cost(&self, model: &str, input: u64, output: u64) -> Option<NanoUsd> {
        let usage = Usage {
            input: Some(InputTokens { text: input, ..InputTokens::default() }),
            output: Some(OutputTokens { visible: output, ..OutputTokens::default() }),
            ..Usage::default()
        };
        let charge = self.prices.charge(Some(&self.provider), model, None, &usage).ok()?;
        Some(charge.nanos)
    }
}
