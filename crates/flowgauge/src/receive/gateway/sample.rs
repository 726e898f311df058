//! Whether a call is scored once it has ended, decided before it is forwarded.
//!
//! Owns which calls could be: model calls of users, whole in memory, that stand for themselves. For all
//! others, and where nothing is sampled, this is one look.

use crate::logic::call::{Protocol, Source};
use crate::receive::egress::Outbound;

use super::Gateway;
use super::flight::Flight;

/// Chooses, and keeps the request of a call that is chosen by sharing its bytes.
pub(super) fn consider(gateway: &Gateway, flight: &mut Flight, body: &Outbound) {
    let (Some(samples), Outbound::Whole(Some(request))) = (&gateway.samples, body) else { return };
    if flight.terms().kin.parent().is_some() {
        return;
    }
    let Some(call) = flight.call().filter(|c| c.what.leaf) else { return };
    let read = matches!(
        call.what.protocol,
        Protocol::Chat
            | Protocol::Messages
            | Protocol::Responses
            | Protocol::Completions
            | Protocol::FlowReader
    );
    if !read || call.origin.source != Source::Observed {
        return;
    }
    let intent = call.what.intent.as_deref().unwrap_or_default();
    let times = gateway.control.pace.sampling(gateway.clock.now());
    let chosen = samples.choose((intent, times), call.id, request, call.time.received);
    flight.terms().chosen = chosen;
}
