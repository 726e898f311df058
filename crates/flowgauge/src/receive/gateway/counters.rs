//! What the gateway counts about itself: atomics on the request path, a plain value for readers.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($name:ident: $about:literal),+ $(,)?) => {
        /// Counters of the gateway since start.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct GatewayCounters { $(#[doc = $about] pub $name: u64),+ }

        impl GatewayCounters {
            /// Each with its name and what it counts.
            #[must_use]
            pub fn each(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$((concat!("gateway_", stringify!($name)), $about, self.$name)),+]
            }
        }

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
    requests: "Calls received.",
    refused: "Calls answered by flowgauge itself: bad key, too large, no such route.",
    unreachable: "Upstreams that could not be reached or broke off before their head.",
    timeouts: "Upstreams that did not answer, or fell silent, for longer than allowed.",
    retries: "Requests made again after a failure.",
    retries_refused: "Requests not made again because too many others were.",
    fallbacks: "Requests made to another target after a failure.",
    cancelled: "Clients that left before the end.",
    truncated: "Answers that stopped before their end.",
    drains: "Abandoned calls read on for their usage.",
    drains_refused: "Abandoned calls cut at once because too many were being read on.",
    counted: "Calls whose tokens were counted here.",
    uncounted: "Calls whose tokens were not, because too many waited or counting failed.",
    budget_refused: "Calls no budget had room or a price for.",
    budget_unsaved: "Calls that went on before their reservation was on disk.",
    malformed_headers: "Own header fields that were malformed and left out.",
    unreadable: "Answers whose copy could not be read.",
    panics: "Faults of flowgauge itself.",
);

/// Counts one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
