//! Whether a request has its answer in memory, or waits for another's.

use crate::control::memory::{Look, Question, Wanted, Woke, Words};
use crate::logic::call::{CacheOutcome, Protocol};
use crate::logic::control::cache::key::{self, Asked, Key, Scope};
use crate::logic::control::cache::meaning::Meaning;
use crate::logic::control::rollout::{Act, Mechanism};
use crate::logic::control::state::{Semantic, Settings};
use crate::logic::fingerprint::fingerprint;
use crate::receive::egress::Outbound;
use http::request::Parts;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;

use super::super::Gateway;
use super::super::flight::Flight;
use super::super::target::{Kind, Target};
use super::{Plan, Replayed};

/// Fields that change an answer, or the form it comes in.
const SHAPING: [&str; 9] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "anthropic-beta",
    "anthropic-version",
    "content-type",
    "openai-beta",
    "openai-organization",
    "openai-project",
];
/// Fields that say on whose account a call is made.
const CREDENTIALS: [&str; 5] =
    ["authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"];

/// An answer from memory. Without one the call has a place where its answer goes, or may have none.
pub(in super::super) async fn look(
    gateway: &Gateway,
    flight: &mut Flight,
    plan: &Plan,
    parts: &Parts,
    target: &Target,
    body: &Outbound,
) -> Option<Replayed> {
    let act = plan.act(Mechanism::ResponseCaching);
    let settings = plan.snapshot.settings.as_ref()?;
    let (true, Outbound::Whole(Some(body))) = (plan.looks(Mechanism::ResponseCaching), body) else {
        return None;
    };
    let serves = act == Act::Apply;
    let request = (parts, target, &body[..]);
    let Some((mut wanted, asked)) = wanted(flight, plan, settings, request, serves) else {
        flight.note(|call| call.control.cache = CacheOutcome::Bypass);
        return None;
    };
    wanted.question = question(gateway, &wanted.key, asked).await;
    let found = match gateway.control.memory.look(wanted, gateway.clock.now()) {
        Look::Wait(wait) => {
            let clock = gateway.clock.clone();
            match wait.end(move || clock.now()).await? {
                Woke::Hit(hit) => Look::Hit(hit),
                Woke::Ask(slot) => Look::Miss(slot),
            }
        }
        other => other,
    };
    let found = match found {
        // Only where it would be given: what is watched costs nobody a way there and back.
        Look::Miss(slot) if serves => {
            match gateway.control.memory.look_behind(slot, gateway.clock.now()).await {
                Ok(hit) => Look::Hit(hit),
                Err(slot) => Look::Miss(slot),
            }
        }
        other => other,
    };
    let outcome = match &found {
        _ if !serves => CacheOutcome::Bypass,
        Look::Hit(hit) if hit.similarity.is_some() => CacheOutcome::HitSemantic,
        Look::Hit(_) => CacheOutcome::HitExact,
        Look::Miss(_) | Look::Wait(_) => CacheOutcome::Miss,
    };
    flight.note(|call| call.control.cache = outcome);
    match found {
        Look::Hit(hit) => {
            if let Some(call) = flight.call() {
                gateway.control.disputes.served(call.id, hit.key);
            }
            flight.note(|call| {
                call.control.similarity = hit.similarity;
                call.control.cache_age = Some(hit.age);
                call.control.applied |= Mechanism::ResponseCaching.bit();
            });
            Some(Replayed::of(hit))
        }
        Look::Miss(slot) => {
            flight.terms().slot = Some(slot);
            None
        }
        Look::Wait(_) => None,
    }
}

/// The question as it is looked for in other words; nothing where the request itself is known, or its question gets no
/// vector in time.
async fn question(gateway: &Gateway, key: &Key, asked: Option<Asked>) -> Option<Question> {
    let Asked { scope, question } = asked?;
    let memory = &gateway.control.memory;
    if memory.knows(key, gateway.clock.now()) {
        return None;
    }
    let meaning = Meaning::of(&question)?;
    let vector = memory.encoder().encode(&question, &meaning).await?;
    Some(Question { scope, vector, meaning, text: Words(Arc::from(question)) })
}

/// The identity of a request, and its question where other words are looked for.
fn wanted(
    flight: &Flight,
    plan: &Plan,
    settings: &Settings,
    (parts, target, body): (&Parts, &Target, &[u8]),
    serves: bool,
) -> Option<(Wanted, Option<Asked>)> {
    let call = flight.call()?;
    let credential = credential(call.who.key_id.as_deref(), parts);
    let headers: Vec<(&str, &[u8])> = SHAPING
        .iter()
        .filter_map(|name| Some((*name, parts.headers.get(*name)?.as_bytes())))
        .collect();
    let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
    // An application's route is no model call: what else it does is known to the application only.
    let protocol = match target.kind {
        Kind::Provider => call.what.protocol,
        Kind::App { .. } if call.what.protocol == Protocol::FlowReader => Protocol::FlowReader,
        Kind::App { .. } => Protocol::Other,
    };
    let cache = &settings.cache;
    let scope = Scope {
        tenant: call.who.tenant.as_deref(),
        credential: &credential,
        target: &target.name,
        path,
        headers: &headers,
        protocol,
        policy: fingerprint(&[&plan.snapshot.shape().to_le_bytes(), &[plan.applies()]]),
    };
    let key = key::exact(&scope, &cache.policy, body).ok()?;
    let asked = (cache.semantic != Semantic::Off)
        .then(|| key::asked(&scope, &cache.policy, body).ok())
        .flatten();
    let (semantic, likeness) = (cache.semantic, cache.likeness);
    Some((Wanted { key, question: None, semantic, likeness, serves }, asked))
}

/// Whose credential is used: the flowgauge key's id and a digest of the caller's own. It is hashed once more with the
/// rest, and never printed.
fn credential(key_id: Option<&str>, parts: &Parts) -> String {
    let mut hash = Sha256::new();
    for name in CREDENTIALS {
        for value in parts.headers.get_all(name) {
            hash.update((value.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
            hash.update(value.as_bytes());
        }
    }
    let mut text = String::from(key_id.unwrap_or_default());
    text.push('/');
    for byte in hash.finalize() {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
