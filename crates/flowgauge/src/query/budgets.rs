//! Budgets as people and programs are shown them.

use crate::logic::budget::{Account, Unpriced};
use crate::logic::unit::{NanoUsd, Ratio, UnixMicros};
use crate::record::ledger::Shown;
use serde::{Deserialize, Serialize};

/// One budget and one account of its current period. Money is in USD, exact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BudgetView {
    /// Its name.
    pub budget: String,
    /// Whose spending is added up: `all`, `key`, `user`, `tag:NAME` …
    pub per: String,
    /// Whose account this is; nothing where nobody has spent anything.
    pub subject: Option<String>,
    /// `day` or `month`.
    pub period: String,
    /// What may be spent in one period.
    pub limit_usd: String,
    /// Counted of ended calls.
    pub spent_usd: String,
    /// The part of it that stands in for costs nobody knows.
    pub assumed_usd: String,
    /// Set aside for calls on their way.
    pub reserved_usd: String,
    /// Set aside for calls whose end a crash hid; it counts until it is released.
    pub unsettled_usd: String,
    /// Percent of the limit that is spent or set aside.
    pub used_percent: Option<f64>,
    /// When it begins anew, RFC 3339 in the budget's zone.
    pub resets_at: String,
    /// What happens to calls without a price: `deny` or `ceiling`.
    pub unpriced: String,
}

impl BudgetView {
    /// One account at a moment.
    #[must_use]
    pub fn of(shown: &Shown, now: UnixMicros) -> Self {
        let Shown { budget, account } = shown;
        let (subject, on_it) = match account {
            Some((key, account)) => (Some(key.subject.to_string()), *account),
            None => (None, Account::default()),
        };
        let used = Ratio::of(on_it.committed().0.unsigned_abs(), budget.limit.0.unsigned_abs());
        Self {
            budget: budget.name.to_string(),
            per: budget.per.word().to_string(),
            subject,
            period: budget.period.word().to_owned(),
            limit_usd: NanoUsd::to_decimal(budget.limit),
            spent_usd: NanoUsd::to_decimal(on_it.spent),
            assumed_usd: NanoUsd::to_decimal(on_it.assumed),
            reserved_usd: NanoUsd::to_decimal(on_it.reserved),
            unsettled_usd: NanoUsd::to_decimal(on_it.unsettled),
            used_percent: used.map(Ratio::percent),
            resets_at: shown.resets_at(now),
            unpriced: match budget.unpriced {
                Unpriced::Deny => "deny",
                Unpriced::Ceiling(_) => "ceiling",
            }
            .to_owned(),
        }
    }
}
