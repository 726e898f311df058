//! Whether budgets have room for a call, before it is forwarded.

use crate::logic::budget::Size;
use crate::logic::call::Call;
use crate::logic::wire::request::Asked;
use crate::receive::egress::Outbound;
use crate::record::ledger::Reserved;
use http_body::Body as _;
use std::sync::Arc;

use super::Gateway;
use super::counters::count;
use super::flight::Flight;
use super::refuse::Refusal;
use super::target::{Kind, Target};
use super::way::Step;

/// Sets aside what a call may cost on every account it falls under. Without budgets this is one look.
///
/// Only model calls to providers are held back: what an application spends it spends through them.
pub(super) async fn reserve(
    gateway: &Gateway,
    flight: &mut Flight,
    target: &Target,
    size: Option<Size>,
) -> Result<(), Refusal> {
    let (false, Kind::Provider, Some(size)) = (gateway.budgets.is_empty(), &target.kind, size)
    else {
        return Ok(());
    };
    flight.terms().size = Some(size);
    let Some(call) = flight.call().filter(|call| call.what.leaf) else { return Ok(()) };
    match gateway.budgets.reserve(call, size).await {
        Ok(Reserved::Nothing) => return Ok(()),
        Ok(Reserved::OnDisk) => {}
        Ok(Reserved::InMemory) => count(&gateway.counters.budget_unsaved),
        Err(denied) => {
            count(&gateway.counters.budget_refused);
            return Err(Refusal::denied(&denied));
        }
    }
    flight.hold();
    Ok(())
}

/// Sets aside what a call may cost where it goes on to another target; whether there is room. What is set aside for the
/// first stays: its answer may still be billed.
pub(super) async fn reserve_for(flight: &mut Flight, step: &Step) -> bool {
    let Some(size) = flight.terms().size else { return true };
    let gateway = Arc::clone(flight.gateway());
    let Some(call) = flight.call().filter(|call| call.what.leaf) else { return true };
    let mut there = Box::new(Call::clone(call));
    there.what.provider = Some(step.target.name.clone());
    if step.model.is_some() {
        there.what.model_requested.clone_from(&step.model);
    }
    match gateway.budgets.reserve(&there, size).await {
        Ok(Reserved::Nothing) => return true,
        Ok(Reserved::OnDisk) => {}
        Ok(Reserved::InMemory) => count(&gateway.counters.budget_unsaved),
        Err(_) => return false,
    }
    flight.hold();
    true
}

/// What the size of a request says about its cost; nothing where no body was read.
pub(super) fn size(body: &Outbound, asked: Option<&Asked>) -> Option<Size> {
    let asked = asked?;
    let body_bytes = body.size_hint().lower();
    Some(Size { body_bytes, max_tokens: asked.max_tokens, answers: asked.answers })
}
