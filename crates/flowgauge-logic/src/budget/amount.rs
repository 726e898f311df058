//! What is set aside before a call is forwarded, and what is counted once it has ended.
//!
//! Owns the upper estimate and the reading of an ended call. Refuses to count an unknown cost as
//! nothing: without a figure the amount set aside stays spent.

use super::{Budget, Ceiling, Unpriced};
use crate::call::{
    Call, CostUnknown, InputTokens, OutputTokens, Protocol, Status, Usage, UsageSource,
};
use crate::price::PriceBook;
use crate::unit::NanoUsd;

/// Bytes of a request body per input token. A token of English is four bytes or more and JSON adds
/// its own, a token of Chinese is three; so a third of the bytes is above what providers count, and
/// not so far above it that a budget stands idle. What it misses is settled with the true usage.
const BYTES_PER_TOKEN: u64 = 3;

/// From 10^-24 to 10^-9 dollar.
const PER_NANO: i128 = 1_000_000_000_000_000;

/// What the size of a request says about its cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes of its body.
    pub body_bytes: u64,
    /// Limit of output tokens it names.
    pub max_tokens: Option<u64>,
    /// Answers it asks for (`n`).
    pub answers: Option<u64>,
}

/// What an ended call says about its cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// It cost this.
    Cost(NanoUsd),
    /// It cost nothing: it was never sent, or it failed.
    Nothing,
    /// Its tokens are known and have no price.
    Unpriced(Usage),
    /// It was answered and nobody says with how many tokens.
    Unknown,
}

/// An amount to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// How much.
    pub amount: NanoUsd,
    /// It stands in for a cost that is not known.
    pub assumed: bool,
}

impl Budget {
    /// The most a call is expected to cost: all input at the full rate, and every output token it may
    /// get, at the rates of the model it asks for.
    ///
    /// # Errors
    /// With the reason where there is no price and this budget refuses such calls.
    pub fn reservation(
        &self,
        prices: &PriceBook,
        call: &Call,
        size: Size,
    ) -> Result<NanoUsd, CostUnknown> {
        let provider = call.what.provider.as_deref();
        let model = call.what.model_requested.as_deref();
        let row = model.and_then(|m| prices.lookup(provider, m)).map(|found| found.row);
        let output = match call.what.protocol {
            Protocol::Embeddings => 0,
            _ => {
                let limit = size.max_tokens.or(row.and_then(|r| r.max_output_tokens));
                let each = limit.unwrap_or(self.default_max_tokens);
                each.saturating_mul(size.answers.map_or(1, |n| n.max(1)))
            }
        };
        let input = size.body_bytes.div_ceil(BYTES_PER_TOKEN);
        let usage = Usage {
            input: Some(InputTokens { text: input, ..InputTokens::default() }),
            output: Some(OutputTokens { visible: output, ..OutputTokens::default() }),
            source: UsageSource::Estimated,
            ..Usage::default()
        };
        let priced = match model {
            Some(model) => prices.charge(provider, model, None, &usage),
            None => Err(CostUnknown::NoModel),
        };
        match (priced, self.unpriced) {
            (Ok(charge), _) => Ok(charge.nanos),
            (Err(reason), Unpriced::Deny) => Err(reason),
            (Err(_), Unpriced::Ceiling(rates)) => Ok(rates.amount(&usage)),
        }
    }

    /// What to count of an ended call for which `held` was set aside.
    #[must_use]
    pub fn charge(&self, spent: Spent, held: NanoUsd) -> Charge {
        let amount = match (spent, self.unpriced) {
            (Spent::Cost(nanos), _) => return Charge { amount: nanos, assumed: false },
            (Spent::Nothing, _) => return Charge { amount: NanoUsd(0), assumed: false },
            (Spent::Unpriced(usage), Unpriced::Ceiling(rates)) => rates.amount(&usage),
            (Spent::Unpriced(_) | Spent::Unknown, _) => held,
        };
        Charge { amount, assumed: true }
    }
}

impl Ceiling {
    /// What these tokens count, rounded up to the nano-dollar.
    #[must_use]
    pub fn amount(&self, usage: &Usage) -> NanoUsd {
        let tokens = |total: Option<crate::unit::Tokens>| total.map_or(0, |t| i128::from(t.0));
        let input = self.input.saturating_mul(tokens(usage.input_total()));
        let units = input.saturating_add(self.output.saturating_mul(tokens(usage.output_total())));
        let nanos = units.div_euclid(PER_NANO) + i128::from(units.rem_euclid(PER_NANO) != 0);
        NanoUsd(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

impl Spent {
    /// What an ended call says about its cost.
    #[must_use]
    pub fn of(call: &Call) -> Self {
        if call.outcome.attempts == 0 {
            return Self::Nothing;
        }
        // Money is spent whichever row of the call counts in the figures.
        if let Some(nanos) = call.cost.nanos {
            return Self::Cost(nanos);
        }
        if call.usage.input.is_some() || call.usage.output.is_some() {
            return Self::Unpriced(call.usage);
        }
        match call.outcome.status {
            Status::Error | Status::Refused => Self::Nothing,
            Status::Ok | Status::Cancelled | Status::Truncated | Status::Interrupted => {
                Self::Unknown
            }
        }
    }
}
