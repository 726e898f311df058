//! The ledger: what each account has spent, and what is set aside for calls on their way.
//!
//! A call is admitted by all accounts it falls under or by none; it is closed once, with any amount.
//! Every sum is a whole number of nano-dollars and only ever changes by what a call brings.

use crate::call::Text;
use crate::id::CallId;
use crate::unit::{NanoUsd, UnixMicros};
use std::collections::HashMap;

use super::Charge;

/// One account: a budget, whose spending, and the period.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountKey {
    /// Name of the budget.
    pub budget: Text,
    /// Whose spending.
    pub subject: Text,
    /// First moment of the period.
    pub from: UnixMicros,
    /// First moment of the next.
    pub to: UnixMicros,
}

/// What is on an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// Counted of ended calls.
    pub spent: NanoUsd,
    /// The part of it that stands in for costs nobody knows.
    pub assumed: NanoUsd,
    /// Set aside for calls on their way.
    pub reserved: NanoUsd,
    /// Set aside for calls whose end a crash hid; it counts until somebody releases it.
    pub unsettled: NanoUsd,
}

/// What a call asks of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Which.
    pub key: AccountKey,
    /// What may be spent there.
    pub limit: NanoUsd,
    /// What to set aside.
    pub amount: NanoUsd,
}

/// What is set aside on one account for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Which account.
    pub key: AccountKey,
    /// How much.
    pub amount: NanoUsd,
}

/// An account without room for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// What was asked of it.
    pub claim: Claim,
    /// What is on it.
    pub account: Account,
}

/// All accounts and all calls on their way.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    accounts: HashMap<AccountKey, Account>,
    open: HashMap<CallId, Vec<Held>>,
}

impl Account {
    /// What counts against the limit.
    #[must_use]
    pub const fn committed(&self) -> NanoUsd {
        self.spent.saturating_add(self.reserved).saturating_add(self.unsettled)
    }

    /// Nothing is on it.
    const fn is_empty(&self) -> bool {
        self.spent.0 == 0 && self.reserved.0 == 0 && self.unsettled.0 == 0
    }
}

impl Ledger {
    /// A ledger as it was kept: accounts without what is set aside, and the calls on their way.
    #[must_use]
    pub fn restore(accounts: Vec<(AccountKey, Account)>, open: Vec<(CallId, Vec<Held>)>) -> Self {
        let mut ledger = Self::default();
        for (key, account) in accounts {
            ledger.accounts.insert(key, Account { reserved: NanoUsd(0), ..account });
        }
        for (call, held) in open {
            ledger.hold(call, held);
        }
        ledger
    }

    /// Sets aside what a call asks of every account, or nothing at all. Where the call has something set aside already, it
    /// is the larger of both: it was asked of one model and goes on to another.
    ///
    /// # Errors
    /// With the first account that has no room.
    pub fn reserve(&mut self, call: CallId, claims: Vec<Claim>) -> Result<(), Box<Blocked>> {
        let before = self.open.get(&call).cloned().unwrap_or_default();
        let mut more = Vec::with_capacity(claims.len());
        for claim in claims {
            let account = self.account(&claim.key);
            let has = before.iter().find(|h| h.key == claim.key).map_or(0, |h| h.amount.0);
            let amount = NanoUsd(claim.amount.0.saturating_sub(has).max(0));
            let asks = has == 0 || amount.0 > 0;
            if asks && account.committed().saturating_add(amount) > claim.limit {
                return Err(Box::new(Blocked { claim, account }));
            }
            more.push(Held { key: claim.key, amount });
        }
        self.hold(call, more);
        Ok(())
    }

    /// Sets so much more aside for a call.
    fn hold(&mut self, call: CallId, more: Vec<Held>) {
        let all = self.open.entry(call).or_default();
        for new in more {
            let account = self.accounts.entry(new.key.clone()).or_default();
            account.reserved = account.reserved.saturating_add(new.amount);
            match all.iter_mut().find(|h| h.key == new.key) {
                Some(held) => held.amount = held.amount.saturating_add(new.amount),
                None => all.push(new),
            }
        }
    }

    /// Closes a call: what was set aside goes, what it cost is counted. The accounts it changed; none
    /// where the call is not open.
    pub fn settle(
        &mut self,
        call: CallId,
        charge: impl Fn(&Held) -> Charge,
    ) -> Vec<(AccountKey, Account)> {
        self.close(call, |account, held| {
            let Charge { amount, assumed } = charge(held);
            account.spent = account.spent.saturating_add(amount);
            if assumed {
                account.assumed = account.assumed.saturating_add(amount);
            }
        })
    }

    /// Closes a call whose end nobody saw: what was set aside counts until it is released.
    pub fn abandon(&mut self, call: CallId) -> Vec<(AccountKey, Account)> {
        self.close(call, |account, held| {
            account.unsettled = account.unsettled.saturating_add(held.amount);
        })
    }

    fn close(
        &mut self,
        call: CallId,
        count: impl Fn(&mut Account, &Held),
    ) -> Vec<(AccountKey, Account)> {
        let mut changed = Vec::new();
        for held in self.open.remove(&call).unwrap_or_default() {
            // An account on which nothing was left may have been let go while the call was on its way.
            let account = self.accounts.entry(held.key.clone()).or_default();
            account.reserved = NanoUsd(account.reserved.0.saturating_sub(held.amount.0));
            count(account, &held);
            let now = *account;
            if now.is_empty() {
                self.accounts.remove(&held.key);
            }
            changed.push((held.key, now));
        }
        changed
    }

    /// Gives back what calls without a known end hold, for one subject or all. The accounts it changed,
    /// and what was given back.
    pub fn release(
        &mut self,
        budget: &str,
        subject: Option<&str>,
    ) -> (Vec<(AccountKey, Account)>, NanoUsd) {
        let (mut changed, mut given) = (Vec::new(), NanoUsd(0));
        for (key, account) in &mut self.accounts {
            let meant = key.budget == budget && subject.is_none_or(|s| key.subject == s);
            if !meant || account.unsettled.0 == 0 {
                continue;
            }
            given = given.saturating_add(account.unsettled);
            account.unsettled = NanoUsd(0);
            changed.push((key.clone(), *account));
        }
        self.accounts.retain(|_, account| !account.is_empty());
        (changed, given)
    }

    /// Lets go of accounts whose period ended before a moment and for which nothing is on its way.
    pub fn forget(&mut self, before: UnixMicros) {
        self.accounts.retain(|key, account| key.to > before || account.reserved.0 > 0);
    }

    /// What is set aside for a call.
    #[must_use]
    pub fn held(&self, call: CallId) -> Option<&[Held]> {
        self.open.get(&call).map(Vec::as_slice)
    }

    /// What is on an account.
    #[must_use]
    pub fn account(&self, key: &AccountKey) -> Account {
        self.accounts.get(key).copied().unwrap_or_default()
    }

    /// Every account.
    pub fn accounts(&self) -> impl Iterator<Item = (&AccountKey, &Account)> {
        self.accounts.iter()
    }

    /// Every call on its way.
    pub fn open(&self) -> impl Iterator<Item = (CallId, &[Held])> {
        self.open.iter().map(|(call, held)| (*call, held.as_slice()))
    }
}
