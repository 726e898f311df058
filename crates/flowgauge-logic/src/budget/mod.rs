//! Budgets: who may spend how much until when, and what has been spent.
//!
//! Owns the period of a moment, the account a call falls under, the amount set aside before a call
//! is forwarded, and the ledger's arithmetic. Refuses clocks, files and threads: whoever keeps a
//! ledger hands in moments and calls and stores what comes back.

mod amount;
mod ledger;
mod money;
mod period;
mod subject;

#[cfg(test)]
mod tests;

pub use amount::{Charge, Size, Spent};
pub use ledger::{Account, AccountKey, Blocked, Claim, Held, Ledger};
pub use money::{parse_money, parse_per_million};
pub use period::{Period, local_rfc3339};
pub use subject::{NOBODY, Per, Trait};

use crate::call::{Call, Text};
use crate::unit::NanoUsd;
use chrono_tz::Tz;

/// What a model may answer at most where neither the request nor the price table says: the default
/// of the larger hosted models.
pub const DEFAULT_MAX_TOKENS: u64 = 4_096;

/// One budget as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Its name, under which accounts are kept.
    pub name: Text,
    /// Whose spending is added up.
    pub per: Per,
    /// What a call must be to fall under it.
    pub matches: Vec<(Trait, Text)>,
    /// How long until it begins anew.
    pub period: Period,
    /// What may be spent in one period.
    pub limit: NanoUsd,
    /// Where days and months begin.
    pub zone: Tz,
    /// What happens to a call whose cost cannot be told.
    pub unpriced: Unpriced,
    /// Output tokens set aside where nobody limits them.
    pub default_max_tokens: u64,
}

/// What happens to a call whose cost cannot be told. It never counts as nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpriced {
    /// It is refused.
    Deny,
    /// It counts at these rates.
    Ceiling(Ceiling),
}

/// Rates that stand in for a missing price, in 10^-24 dollar a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceiling {
    /// Of input.
    pub input: i128,
    /// Of output.
    pub output: i128,
}

impl Budget {
    /// The account of a call, where it falls under this budget. The moment that counts is its start.
    #[must_use]
    pub fn account(&self, call: &Call) -> Option<AccountKey> {
        let fits = |(what, value): &(Trait, Text)| what.of(call) == Some(value.as_str());
        if !self.matches.iter().all(fits) {
            return None;
        }
        let period = self.period.containing(call.time.start, self.zone);
        Some(AccountKey {
            budget: self.name.clone(),
            subject: self.per.subject(call),
            from: period.from,
            to: period.to,
        })
    }

    /// The moment it begins anew, as its people read it.
    #[must_use]
    pub fn resets_at(&self, account: &AccountKey) -> String {
        local_rfc3339(account.to, self.zone)
    }
}
