//! Proofs of rules before they count: test files run against the real engine on simulated time.
//!
//! Owns the format of test files, pretended requests, faults on purpose and what is expected. Refuses
//! to send: a [`Courier`] delivers, and says what each receiver would have got.

mod draw;
mod file;
mod judged;
mod parts;
mod promtool;
pub mod replay;
mod requests;
mod simulation;

pub use file::{Answer, Channelled, Does, Expect, Fault, Heard, Test, TestFile, read};
pub use judged::{Report, Unmet, names, run};
pub use simulation::Broken;

use super::RuleSet;
use crate::logic::call::Text;
use crate::logic::unit::UnixMicros;
use crate::serve::clock::Clock;
use crate::store::{AlertStore, StoreError};
use std::fmt::Debug;
use std::sync::Arc;

/// Delivers what is in an outbox, in simulated time.
pub trait Courier: Debug {
    /// Begins on a store, as a server does at its start.
    ///
    /// # Errors
    /// When it cannot be set up.
    fn open(
        &mut self,
        store: Arc<AlertStore>,
        rules: &RuleSet,
        clock: Clock,
    ) -> Result<(), StoreError>;

    /// What a channel answers from now on.
    fn script(&mut self, channel: &Text, answers: &Channelled);

    /// Sends what is to be sent now; when to look again.
    fn look(&mut self, now: UnixMicros) -> UnixMicros;

    /// Breaks off in the middle of whatever it does.
    fn kill(&mut self);

    /// What receivers have taken so far, in the order of their answers.
    fn told(&self) -> Vec<Told>;
}

/// One message a receiver took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: UnixMicros,
    /// Through which channel.
    pub channel: Text,
    /// About which rule; of the one that leads where there are several.
    pub rule: Text,
    /// What the receiver is to do, in its own words: `trigger`, `resolve`, `fired`.
    pub action: String,
    /// What it recognises repeats by.
    pub dedup_key: String,
    /// What it got.
    pub body: String,
}
