//! A request on its way to the provider, shortened or sent to another model.
//!
//! Owns the order (model, context, prompt), each one's time budget, and what is remembered so that the request can be
//! sent as it came. Refuses to hold up other calls: a large body is worked on elsewhere, and what takes too long is
//! sent unchanged.

use crate::control::Snapshot;
use crate::logic::call::{Protocol, Text};
use crate::logic::control::breaker::Fault;
use crate::logic::control::model::{self, Features};
use crate::logic::control::prune::{self, Prefix};
use crate::logic::control::rollout::{Act, Mechanism};
use crate::logic::control::{prompt, state::Settings};
use crate::logic::fingerprint::fingerprint;
use crate::logic::wire::request::with_model;
use crate::receive::egress::Outbound;
use crate::receive::estimate::Vocabularies;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::request::Parts;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::super::Gateway;
use super::super::attempts::Sending;
use super::super::flight::Flight;
use super::super::target::Kind;
use super::Plan;
use super::world::World;

/// Working on a body larger than this takes long enough to hold up other calls, so it is done elsewhere.
const WORK_INLINE: usize = 16 << 10;
/// The order in which a request is worked on: the model first, since its vocabulary counts the tokens.
const ORDER: [Mechanism; 3] =
    [Mechanism::ModelSelection, Mechanism::ContextPruning, Mechanism::PromptOptimization];

/// A request as the caller made it, for the case that the provider refuses ours. It holds content, so it cannot be
/// printed.
pub(in super::super) struct AsItCame {
    pub(in super::super) parts: Parts,
    pub(in super::super) body: Bytes,
    pub(in super::super) route: Text,
}

/// What an optimiser made of a request.
pub(in super::super) struct Changed {
    body: Vec<u8>,
    /// Tokens of input that went.
    saved: u64,
    /// The model that is asked now.
    model: Option<Text>,
}

/// Everything an optimiser works with, so that it can be moved elsewhere.
struct Work {
    snapshot: Arc<Snapshot>,
    vocabularies: Arc<Vocabularies>,
    world: World,
    protocol: Protocol,
    model: Option<Text>,
    intent: Option<Text>,
    prefix: Prefix,
}

/// Changes a request as far as the plan lets. What it was is handed back where anything changed.
pub(in super::super) async fn change(
    gateway: &Gateway,
    flight: &mut Flight,
    plan: &Plan,
    sending: &mut Sending,
) -> Option<AsItCame> {
    let target = Arc::clone(sending.way.target());
    if !matches!(target.kind, Kind::Provider) || !ORDER.iter().any(|m| plan.looks(*m)) {
        return None;
    }
    let Outbound::Whole(Some(original)) = &sending.body else { return None };
    let original = original.clone();
    gateway.counter.warm().await;
    let world = World::new(gateway, target.name.clone());
    let prefix = prefix(gateway, flight, &world);
    let call = flight.call()?;
    let mut work = Arc::new(Work {
        snapshot: Arc::clone(&plan.snapshot),
        vocabularies: gateway.counter.vocabularies(),
        world,
        prefix,
        protocol: call.what.protocol,
        model: call.what.model_requested.clone(),
        intent: call.what.intent.clone(),
    });
    let mut body = original.clone();
    for mechanism in ORDER {
        let now = gateway.clock.now();
        let rests = || !gateway.control.breakers.allows(mechanism, &plan.route, now);
        if !plan.looks(mechanism) || rests() {
            continue;
        }
        let made = match within(gateway, Arc::clone(&work), mechanism, body.clone()).await {
            Ok(Some(made)) => made,
            Ok(None) => {
                gateway.control.tally.looked(mechanism, 0, false);
                continue;
            }
            Err(fault) => {
                gateway.control.breakers.fault(mechanism, &plan.route, fault, now);
                continue;
            }
        };
        gateway.control.tally.looked(mechanism, made.saved, true);
        if plan.act(mechanism) != Act::Apply {
            continue;
        }
        body = Bytes::from(made.body);
        flight.terms().saved.add(mechanism, made.saved);
        flight.note(|call| call.control.applied |= mechanism.bit());
        if let (Some(model), Some(work)) = (made.model, Arc::get_mut(&mut work)) {
            flight.terms().asked_model = Some(model.clone());
            work.model = Some(model);
        }
    }
    if body == original {
        return None;
    }
    let parts = sending.parts.clone();
    let headers = &mut sending.parts.headers;
    if headers.contains_key(header::CONTENT_LENGTH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    sending.body = Outbound::Whole(Some(body));
    Some(AsItCame { parts, body: original, route: plan.route.clone() })
}

/// What the provider's prompt cache holds of the conversation, and what reading it costs.
fn prefix(gateway: &Gateway, flight: &mut Flight, world: &World) -> Prefix {
    let Some(call) = flight.call() else { return Prefix::default() };
    let who = call.who.session_key.as_deref().or(call.who.user_key.as_deref());
    let model = call.what.model_requested.clone().unwrap_or_default();
    let parts = [call.who.key_id.as_deref(), who, call.what.endpoint.as_deref(), Some(&*model)];
    let conversation = fingerprint(&parts.map(|p| p.unwrap_or_default().as_bytes()));
    flight.terms().conversation = Some(conversation);
    let tokens = gateway.control.prefixes.of(conversation, gateway.clock.now());
    Prefix { tokens, price_milli: world.read_price_milli(&model) }
}

/// Lets one optimiser work within its time; a panic is its fault alone.
async fn within(
    gateway: &Gateway,
    work: Arc<Work>,
    mechanism: Mechanism,
    body: Bytes,
) -> Result<Option<Changed>, Fault> {
    let begun = gateway.clock.monotonic();
    let inline = body.len() <= WORK_INLINE;
    let run = move || {
        catch_unwind(AssertUnwindSafe(|| work.run(mechanism, &body))).map_err(|_| Fault::Panicked)
    };
    if inline {
        let made = run()?;
        let took = gateway.clock.monotonic().saturating_sub(begun);
        return if took <= gateway.optimiser_time { Ok(made) } else { Err(Fault::Overran) };
    }
    let budget = Duration::from_micros(gateway.optimiser_time.0);
    match tokio::time::timeout(budget, tokio::task::spawn_blocking(run)).await {
        Ok(Ok(made)) => made,
        Ok(Err(_)) => Err(Fault::Panicked),
        Err(_) => Err(Fault::Overran),
    }
}

impl Work {
    fn run(&self, mechanism: Mechanism, body: &[u8]) -> Option<Changed> {
        let settings = self.snapshot.settings.as_ref()?;
        match mechanism {
            Mechanism::ModelSelection => self.select(settings, body),
            Mechanism::ContextPruning => self.prune(settings, body),
            Mechanism::PromptOptimization => self.shorten(settings, body),
            Mechanism::ResponseCaching => None,
        }
    }

    fn prune(&self, settings: &Settings, body: &[u8]) -> Option<Changed> {
        let count = self.vocabularies.counting(self.model.as_deref().unwrap_or_default());
        let intent = self.intent.as_deref();
        let pruned =
            prune::prune(self.protocol, body, intent, &settings.prune, self.prefix, &count).ok()?;
        let saved = pruned.before.saturating_sub(pruned.after);
        Some(Changed { body: pruned.body, saved, model: None })
    }

    fn shorten(&self, settings: &Settings, body: &[u8]) -> Option<Changed> {
        let count = self.vocabularies.counting(self.model.as_deref().unwrap_or_default());
        let intent = self.intent.as_deref();
        let short = prompt::shorten(self.protocol, body, intent, &settings.prompt, &count).ok()?;
        let saved = short.before.saturating_sub(short.after);
        Some(Changed { body: short.body, saved, model: None })
    }

    fn select(&self, settings: &Settings, body: &[u8]) -> Option<Changed> {
        let asked = self.model.as_deref()?;
        let count = self.vocabularies.counting(asked);
        let features = Features::read(self.protocol, body, &count)?;
        let intent = self.intent.as_deref();
        let choice = model::choose(asked, intent, &features, &settings.model, &self.world);
        if !choice.changes() {
            return None;
        }
        let body = with_model(body, &choice.served)?;
        Some(Changed { body, saved: 0, model: Some(choice.served) })
    }
}
