//! What the gateway counts about itself: atomics on the request path, a plain value for readers.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Counters of the gateway since start.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct GatewayCounters { $($(#[$doc])* pub $name: u64),+ }

        #[derive(Debug, Default)]
        pub(super) struct Live { $(pub(super) $name: AtomicU64),+ }

        impl Live {
            pub(super) fn read(&self) -> GatewayCounters {
                GatewayCounters { $($name: self.$name.load(Ordering::Relaxed)),+ }
            }
        }
    };
}

counters!(
    /// Calls received.
    requests,
    /// Calls answered by flowgauge itself: bad key, too large, no such route.
    refused,
    /// Upstreams that could not be reached or broke off before their head.
    unreachable,
    /// Upstreams that did not answer, or fell silent, for longer than allowed.
    timeouts,
    /// Requests made again after a failure.
    retries,
    /// Requests not made again because too many others were.
    retries_refused,
    /// Requests made to another target after a failure.
    fallbacks,
    /// Clients that left before the end.
    cancelled,
    /// Answers that stopped before their end.
    truncated,
    /// Abandoned calls read on for their usage.
    drains,
    /// Abandoned calls cut at once because too many were being read on.
    drains_refused,
    /// Calls whose tokens were counted here.
    counted,
    /// Calls whose tokens were not, because too many waited or counting failed.
    uncounted,
    /// Own header fields that were malformed and left out.
    malformed_headers,
    /// Answers whose copy could not be read.
    unreadable,
    /// Faults of flowgauge itself.
    panics,
);

/// Counts one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
