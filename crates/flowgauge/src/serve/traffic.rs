//! The gateway as others see it: its counters for `/metrics`, the keys it asks.

use super::keys::KeyRing;
use crate::logic::call::Text;
use crate::receive::gateway::{CallerKeys, Gateway, GatewayCounters, KeyInfo};
use crate::tell::page::{Counter, Traffic};
use std::sync::Arc;

/// The gateway's counters.
#[derive(Debug)]
pub(super) struct GatewayTraffic(pub(super) Arc<Gateway>);

impl Traffic for GatewayTraffic {
    fn in_flight(&self) -> u64 {
        self.0.in_flight()
    }

    fn counters(&self) -> Vec<Counter> {
        // Destructured without `..`, so that a new counter cannot be forgotten here.
        let GatewayCounters {
            requests,
            refused,
            unreachable,
            timeouts,
            retries,
            retries_refused,
            fallbacks,
            cancelled,
            truncated,
            drains,
            drains_refused,
            counted,
            uncounted,
            malformed_headers,
            unreadable,
            panics,
        } = self.0.counters();
        let counter = |name, help, value| Counter { name, help, value };
        vec![
            counter("gateway_requests", "Calls received.", requests),
            counter("gateway_refused", "Calls answered by flowgauge itself.", refused),
            counter("gateway_unreachable", "Upstreams that could not be reached.", unreachable),
            counter("gateway_timeouts", "Upstreams silent for longer than allowed.", timeouts),
            counter("gateway_retries", "Requests made again after a failure.", retries),
            counter("gateway_retries_refused", "Retries beyond their budget.", retries_refused),
            counter("gateway_fallbacks", "Requests made to another target.", fallbacks),
            counter("gateway_cancelled", "Clients that left before the end.", cancelled),
            counter("gateway_truncated", "Answers that stopped before their end.", truncated),
            counter("gateway_drains", "Abandoned calls read on for their usage.", drains),
            counter("gateway_drains_refused", "Abandoned calls cut at once.", drains_refused),
            counter("gateway_counted", "Calls whose tokens were counted here.", counted),
            counter("gateway_uncounted", "Calls whose tokens found no counting.", uncounted),
            counter("gateway_malformed_headers", "Own headers left out.", malformed_headers),
            counter("gateway_unreadable", "Answers whose copy could not be read.", unreadable),
            counter("gateway_panics", "Faults of flowgauge itself.", panics),
        ]
    }
}

/// The keys as the gateway asks for them.
#[derive(Debug)]
pub(super) struct GatewayKeys(pub(super) Arc<KeyRing>);

impl CallerKeys for GatewayKeys {
    fn check(&self, token: &str) -> Option<KeyInfo> {
        let holder = self.0.holder(token).filter(|h| h.scope.may_send())?;
        Some(KeyInfo { key_id: Text::from(&*holder.id), tenant: None })
    }

    fn any(&self) -> bool {
        !self.0.is_empty()
    }
}
