//! Makes a streamed request ask for its usage, and copes with providers that refuse to be asked.
//!
//! Owns when the splice is made, the one retry without it, and the memory of who refuses. Refuses to
//! touch a request that is signed, and to read more of an error than a bound.

use crate::logic::call::{Protocol, Text, Usage};
use crate::logic::wire::request::{Asked, with_include_usage};
use crate::receive::egress::{Answer, Outbound};
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use memchr::memmem;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::attempts::Sending;
use super::count::MAX_REQUEST;
use super::decode::Decoder;
use super::flight::Flight;
use super::target::{Kind, Target};

/// Pairs of provider and model remembered: far more than any set-up has, and little memory. When made-up
/// model names fill it, it begins anew.
const MAX_REFUSALS: usize = 1024;
/// Bytes read of an error before it is passed on; a refusal names the option in its first sentence.
const MAX_REFUSAL: usize = 64 << 10;
/// An error's body follows its head at once; one that does not is passed on unread.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(5);
/// Splicing a body larger than this takes long enough to hold up other calls, so it is done elsewhere.
const SPLICE_INLINE: usize = 1 << 20;
/// Fields that vouch for the body: a changed one would be refused.
pub(super) const SIGNATURES: [&str; 5] =
    ["content-digest", "digest", "content-md5", "x-amz-content-sha256", "signature"];
/// What a refusal names.
const NAMES: [&str; 2] = ["stream_options", "include_usage"];

const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// Who refuses to be asked, until the configuration changes.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// Whether there is any: spares all others the lock.
    any: AtomicBool,
    known: Mutex<HashSet<(Text, Text)>>,
}

impl Refusals {
    fn knows(&self, provider: &Text, model: &Text) -> bool {
        self.any.load(Ordering::Acquire)
            && self.known.lock().contains(&(provider.clone(), model.clone()))
    }

    fn remember(&self, provider: &Text, model: &Text) {
        let mut known = self.known.lock();
        if known.len() >= MAX_REFUSALS {
            known.clear();
        }
        known.insert((provider.clone(), model.clone()));
        self.any.store(true, Ordering::Release);
    }
}

/// A request as the client made it, for the case that the provider refuses ours. It holds content, so it
/// cannot be printed.
pub(super) struct Original {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
    model: Text,
}

/// Makes a request ask for its usage where that is wanted, possible and not known to be refused.
pub(super) async fn ask(
    flight: &mut Flight,
    asked: Option<&Asked>,
    sending: &mut Sending,
) -> Option<Original> {
    let target = sending.way.target();
    let protocol = flight.protocol();
    keep_request(flight, target, &sending.body);
    let asked = asked.filter(|a| wants(target, protocol, a))?;
    let model = asked.model.clone().unwrap_or_default();
    let Outbound::Whole(Some(body)) = &sending.body else { return None };
    let headers = &mut sending.parts.headers;
    if SIGNATURES.iter().any(|name| headers.contains_key(*name)) {
        return None;
    }
    if flight.gateway().refusals.knows(&target.name, &model) {
        flight.terms().flags |= Usage::INCLUDE_USAGE_REFUSED;
        return None;
    }
    let body = body.clone();
    let spliced = splice(&body).await?;
    let parts = sending.parts.clone();
    let length = HeaderValue::from(spliced.len());
    let headers = &mut sending.parts.headers;
    if headers.contains_key(header::CONTENT_LENGTH) {
        headers.insert(header::CONTENT_LENGTH, length);
    }
    // An encoded stream cannot be spliced on its way back.
    headers.insert(header::ACCEPT_ENCODING, IDENTITY);
    sending.body = Outbound::Whole(Some(Bytes::from(spliced)));
    flight.terms().asked_for_client = true;
    Some(Original { parts, body, model })
}

/// Keeps the request for the case that its tokens have to be counted.
fn keep_request(flight: &mut Flight, target: &Target, body: &Outbound) {
    let readable = !matches!(flight.protocol(), Protocol::Other | Protocol::FlowReader);
    if let (true, Kind::Provider, Outbound::Whole(Some(body))) = (readable, &target.kind, body) {
        let kept = if body.len() <= MAX_REQUEST { body.clone() } else { Bytes::new() };
        flight.terms().request = Some(kept);
    }
}

fn wants(target: &Target, protocol: Protocol, asked: &Asked) -> bool {
    matches!(target.kind, Kind::Provider)
        && target.streams.inject_usage
        && matches!(protocol, Protocol::Chat | Protocol::Completions)
        && asked.stream == Some(true)
        && asked.include_usage != Some(true)
}

async fn splice(body: &Bytes) -> Option<Vec<u8>> {
    if body.len() <= SPLICE_INLINE {
        return with_include_usage(body);
    }
    let copy = body.clone();
    tokio::task::spawn_blocking(move || with_include_usage(&copy)).await.ok()?
}

/// Whether an answer to a request that was made to ask refuses that. Reads the beginning of an error; the
/// client gets it all the same.
pub(super) async fn is_refused(flight: &mut Flight, answer: &mut Answer) -> bool {
    if !answer.status().is_client_error() {
        return false;
    }
    // If the client leaves meanwhile, the row knows that nothing was generated.
    let status = answer.status().as_u16();
    flight.note(|call| call.outcome.http_status = Some(status));
    let reading = answer.body_mut().read_ahead(MAX_REFUSAL);
    let Ok(read) = tokio::time::timeout(REFUSAL_PATIENCE, reading).await else { return false };
    names_option(answer.headers(), &read)
}

/// The client's own request was answered after ours was refused: that provider is not asked again. Where
/// it was refused again, the option was not what it minded.
pub(super) fn learn(flight: &mut Flight, target: &Target, original: &Original, answer: &Answer) {
    if !answer.status().is_client_error() {
        flight.terms().flags |= Usage::INCLUDE_USAGE_REFUSED;
        flight.gateway().refusals.remember(&target.name, &original.model);
    }
}

fn names_option(headers: &HeaderMap, body: &[u8]) -> bool {
    let coding = headers.get(header::CONTENT_ENCODING).and_then(|v| v.to_str().ok());
    let named = |text: &[u8]| NAMES.iter().any(|n| memmem::find(text, n.as_bytes()).is_some());
    match Decoder::of(coding) {
        Ok(None) => named(body),
        Ok(Some(mut decoder)) => decoder.feed(body).is_ok_and(|plain| named(&plain)),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_models_do_not_grow_the_memory_for_ever() {
        let refusals = Refusals::default();
        let provider = Text::from("p");
        for n in 0..=MAX_REFUSALS {
            refusals.remember(&provider, &compact_str::format_compact!("m{n}"));
        }
        assert_eq!(refusals.known.lock().len(), 1);
        let last = compact_str::format_compact!("m{MAX_REFUSALS}");
        assert!(refusals.knows(&provider, &last) && !refusals.knows(&last, &provider));
    }

    #[test]
    fn a_refusal_is_known_by_the_name_it_gives() {
        let plain = HeaderMap::new();
        assert!(names_option(&plain, br#"{"error":{"message":"unknown field stream_options"}}"#));
        assert!(names_option(&plain, b"Extra inputs: include_usage"));
        assert!(!names_option(&plain, b"you sent too much"));
        let coding = (header::CONTENT_ENCODING, HeaderValue::from_static("compress"));
        let odd = HeaderMap::from_iter([coding]);
        assert!(!names_option(&odd, b"stream_options"));
    }
}
