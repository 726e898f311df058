//! How many calls of a route are at a retry, so that a failing upstream is not asked ever more.
//!
//! A call counts until it has ended: that way the share of retries among the requests in flight is also
//! their share among the requests sent, however long answers take.

use crate::logic::retry::retries_allowed;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Calls of one route in flight.
#[derive(Debug, Default)]
pub(super) struct RetryBudget {
    calls: AtomicU64,
    retrying: AtomicU64,
}

/// One call that counts.
#[derive(Debug)]
pub(super) struct Counted {
    budget: Arc<RetryBudget>,
    retrying: bool,
}

impl Counted {
    /// A call begins at its first request.
    pub(super) fn begin(budget: &Arc<RetryBudget>) -> Self {
        budget.calls.fetch_add(1, Ordering::Relaxed);
        Self { budget: Arc::clone(budget), retrying: false }
    }

    /// Whether the call may go on to its next request; a call that did so before may.
    pub(super) fn may_retry(&mut self) -> bool {
        if !self.retrying {
            let calls = self.budget.calls.load(Ordering::Relaxed);
            let one_more = |n: u64| (n < retries_allowed(calls.saturating_sub(n))).then_some(n + 1);
            let order = Ordering::Relaxed;
            self.retrying = self.budget.retrying.fetch_update(order, order, one_more).is_ok();
        }
        self.retrying
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.budget.calls.fetch_sub(1, Ordering::Relaxed);
        if self.retrying {
            self.budget.retrying.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_share_of_the_calls_that_are_not_retried() {
        let budget = Arc::default();
        let mut calls: Vec<_> = (0..120).map(|_| Counted::begin(&budget)).collect();
        let granted = calls.iter_mut().filter_map(|c| c.may_retry().then_some(())).count();
        // 20 retried, 100 not.
        assert_eq!(granted, 20);
        assert!(calls[0].may_retry(), "a call at its retry may go on");
        calls.clear();
        assert_eq!(budget.retrying.load(Ordering::Relaxed), 0);
        assert_eq!(budget.calls.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_quiet_route_has_a_few_all_the_same() {
        let budget = Arc::default();
        let mut calls: Vec<_> = (0..5).map(|_| Counted::begin(&budget)).collect();
        assert_eq!(calls.iter_mut().filter_map(|c| c.may_retry().then_some(())).count(), 3);
    }
}
