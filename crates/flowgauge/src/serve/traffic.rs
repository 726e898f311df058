//! The gateway as others see it: its counters for `/metrics`, the keys it asks.

use super::keys::KeyRing;
use crate::logic::call::Text;
use crate::receive::clients::Client;
use crate::receive::gateway::{CallerKeys, Gateway, KeyInfo};
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
        let counters = self.0.counters().each().into_iter();
        counters.map(|(name, help, value)| Counter { name, help, value }).collect()
    }

    fn clients(&self) -> Vec<Client> {
        self.0.clients()
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
