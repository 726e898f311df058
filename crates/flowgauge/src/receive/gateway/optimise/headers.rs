//! What the caller is told: whether its answer came from memory, and what optimisers changed.

use crate::logic::call::CacheOutcome;
use crate::logic::control::rollout::Mechanism;
use crate::logic::unit::Micros;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::super::flight::Flight;
use super::super::refuse::CACHE;

/// Mechanisms that acted, separated by commas.
const APPLIED: HeaderName = HeaderName::from_static("x-flowgauge-applied");
/// Arms of the comparisons the call is in.
const ARM: HeaderName = HeaderName::from_static("x-flowgauge-arm");
/// Tokens of input that went.
const SAVED: HeaderName = HeaderName::from_static("x-flowgauge-tokens-saved");
/// Model asked in the place of the caller's.
const MODEL: HeaderName = HeaderName::from_static("x-flowgauge-model");
/// Cosine of the question that was answered and this one.
const SIMILARITY: HeaderName = HeaderName::from_static("x-flowgauge-similarity");
/// Seconds since an answer from memory was made.
const AGE: HeaderName = HeaderName::from_static("x-flowgauge-age");

/// Writes what was done into the head of an answer.
pub(in super::super) fn tell(flight: &mut Flight, age: Option<Micros>, headers: &mut HeaderMap) {
    let Some(call) = flight.call() else { return };
    let control = call.control.clone();
    let says = match control.cache {
        CacheOutcome::HitExact => "hit",
        CacheOutcome::HitSemantic => "hit_semantic",
        CacheOutcome::Miss => "miss",
        CacheOutcome::Bypass | CacheOutcome::Disabled => "bypass",
    };
    headers.insert(CACHE, HeaderValue::from_static(says));
    let mut put = |name: HeaderName, text: String| {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    };
    if let Some(age) = age {
        put(AGE, (age.0 / 1_000_000).to_string());
    }
    if let Some(similarity) = control.similarity {
        put(SIMILARITY, format!("{similarity:.3}"));
    }
    if let Some(arm) = control.arm {
        put(ARM, arm.to_string());
    }
    if control.applied == 0 {
        return;
    }
    let acted = Mechanism::ALL.into_iter().filter(|m| control.applied & m.bit() != 0);
    put(APPLIED, acted.map(Mechanism::word).collect::<Vec<_>>().join(","));
    let saved = flight.terms().saved.all();
    if saved > 0 {
        put(SAVED, saved.to_string());
    }
    if let Some(model) = &flight.terms().asked_model {
        put(MODEL, model.to_string());
    }
}
