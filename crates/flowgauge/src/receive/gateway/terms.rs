//! What was arranged for one call so that its usage becomes known.

use crate::control::memory::Slot;
use crate::logic::budget::Size;
use crate::logic::call::{Text, Usage};
use crate::logic::control::rollout::Mechanism;
use crate::logic::unit::Micros;
use crate::logic::wire::Produced;
use crate::receive::samples::Chosen;
use bytes::Bytes;

use super::family::Kin;
use super::optimise::Keep;
use super::sum::Sum;

/// The arrangement. It holds content, so it cannot be printed.
#[derive(Default)]
pub(super) struct Terms {
    /// How long the upstream is read on after the client left.
    pub(super) drain_window: Micros,
    /// The request was made to ask for its usage, so that is taken out of the answer again.
    pub(super) asked_for_client: bool,
    /// Flags of the usage, whatever it turns out to be.
    pub(super) flags: u8,
    /// The request as it was sent, where its tokens may have to be counted; empty where it is too large
    /// to be kept.
    pub(super) request: Option<Bytes>,
    /// What its size says about its cost, where budgets are to have room for it.
    pub(super) size: Option<Size>,
    /// It is scored once it has ended.
    pub(super) chosen: Option<Chosen>,
    /// What the answer said, as far as it was kept.
    pub(super) produced: Produced,
    /// The answer was not streamed and is not whole, so nobody saw what it says.
    pub(super) unseen: bool,
    /// Only what the answer stated at its beginning is known of its usage.
    pub(super) opening_only: bool,
    /// The application answered from its own cache: what it states was not spent again.
    pub(super) cached: bool,
    /// What the call is to others.
    pub(super) kin: Kin,
    /// What the calls made for it add up to.
    pub(super) inner: Option<Sum>,
    /// Where its answer goes, if it may be given again.
    pub(super) slot: Option<Box<Slot>>,
    /// Its answer, as far as it is collected; whole once `seen` says so.
    pub(super) keep: Option<Box<Keep>>,
    /// What the answer from memory took when it was asked for.
    pub(super) replayed: Option<Usage>,
    /// What optimisers took off the request.
    pub(super) saved: Saved,
    /// Whose prefix a provider's prompt cache may hold.
    pub(super) conversation: Option<u64>,
    /// Mechanisms whose change was refused, while the request is sent as it came.
    pub(super) blamed: u8,
    /// The model asked for in the caller's place.
    pub(super) asked_model: Option<Text>,
}

/// Tokens that optimisers took off a request.
#[derive(Debug, Default)]
pub(super) struct Saved {
    pub(super) pruning: u64,
    pub(super) prompt: u64,
}

impl Saved {
    pub(super) const fn add(&mut self, mechanism: Mechanism, tokens: u64) {
        match mechanism {
            Mechanism::ContextPruning => self.pruning += tokens,
            Mechanism::PromptOptimization => self.prompt += tokens,
            Mechanism::ResponseCaching | Mechanism::ModelSelection => {}
        }
    }

    pub(super) const fn all(&self) -> u64 {
        self.pruning + self.prompt
    }
}
