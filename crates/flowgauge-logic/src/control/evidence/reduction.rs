//! "Tokens saved", in the three ways of the catalogue (D5). They answer different questions and are never mixed.

use crate::control::rollout::Mechanism;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Method (a): what would have been sent against what was, request by request, as the gateway saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counterfactual {
    original: u64,
    sent: u64,
    saved: BTreeMap<Mechanism, u64>,
}

impl Counterfactual {
    /// Takes a request: its tokens before any optimisation, and what each mechanism took off. A cache hit takes off all
    /// that was left. More than there was is not counted.
    pub fn observe(&mut self, original: u64, saved: &[(Mechanism, u64)]) {
        let mut left = original;
        for (mechanism, tokens) in saved {
            let taken = (*tokens).min(left);
            left -= taken;
            *self.saved.entry(*mechanism).or_insert(0) += taken;
        }
        self.original = self.original.saturating_add(original);
        self.sent = self.sent.saturating_add(left);
    }

    /// Share saved: a ratio of sums, never a mean of shares (catalogue S56).
    #[must_use]
    pub fn reduction(&self) -> Option<f64> {
        (self.original > 0).then(|| 1.0 - self.sent as f64 / self.original as f64)
    }

    /// Share that one mechanism saved.
    #[must_use]
    pub fn by(&self, mechanism: Mechanism) -> Option<f64> {
        let saved = self.saved.get(&mechanism).copied().unwrap_or(0);
        (self.original > 0).then(|| saved as f64 / self.original as f64)
    }
}

/// A part of the traffic, endpoint by intent, in method (c).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Requests of the current window.
    pub requests: u64,
    /// Their mean of tokens.
    pub current: f64,
    /// The baseline's mean.
    pub baseline: f64,
}

/// Method (c): against a stored baseline, with the mix of now on both sides: `1 − Σ w t / Σ w b`. Nothing where no
/// group has both.
#[must_use]
pub fn baseline_reduction(groups: &[Group]) -> Option<f64> {
    let usable = groups.iter().filter(|g| g.current.is_finite() && g.baseline.is_finite());
    let (now, then) = usable.fold((0.0, 0.0), |(now, then), g| {
        let weight = g.requests as f64;
        (now + weight * g.current, then + weight * g.baseline)
    });
    (then > 0.0).then(|| 1.0 - now / then)
}
