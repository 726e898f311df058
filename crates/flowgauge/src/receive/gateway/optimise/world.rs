//! What is known of models at the moment of a call: prices, and whether they answer.

use crate::control::Control;
use crate::logic::call::{InputTokens, OutputTokens, Text, Usage};
use crate::logic::control::model;
use crate::logic::price::PriceBook;
use crate::logic::unit::{NanoUsd, UnixMicros};
use std::sync::Arc;

use super::super::Gateway;

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
