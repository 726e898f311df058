//! Every number says whose word it is, and unknown ones say why.

use super::*;
use crate::logic::call::{Attempt, AttemptReason, InputTokens, OutputTokens};
use crate::logic::id::CallId;
use crate::logic::unit::{Micros, UnixMicros};

const PRICES: &str = r#"{"model-x": {"input_cost_per_token": 3e-06,
    "output_cost_per_token": 1.5e-05, "cache_creation_input_token_cost": 3.75e-06},
    "model-z": {"input_cost_per_token": 1e-05, "output_cost_per_token": 5e-05}}"#;

fn book() -> PriceBook {
    PriceBook::embedded().with_override(PRICES).unwrap()
}

fn call(model: &str) -> Call {
    let at = UnixMicros(1_700_000_000_000_000);
    let mut call = Call::begun(CallId::new(at, [1; 10]), at, at, Door::Gateway);
    call.what.leaf = true;
    call.what.model_used = Some(model.into());
    call.time.latency = Some(Micros(900));
    call.usage = Usage {
        input: Some(InputTokens { text: 3, cache_write_5m: 12_304, ..InputTokens::default() }),
        output: Some(OutputTokens { visible: 550, ..OutputTokens::default() }),
        source: UsageSource::Provider,
        ..Usage::default()
    };
    call
}

fn priced(mut call: Call) -> Call {
    book().price(&mut call);
    call
}

fn fact(call: &Call, field: &str) -> Fact {
    let found = facts(call).into_iter().find(|fact| fact.field == field);
    found.unwrap_or_else(|| panic!("no fact about {field}"))
}

#[test]
fn a_computed_cost_names_row_version_and_lines_that_sum_to_it() {
    let call = priced(call("model-x"));
    let cost = fact(&call, "cost_nanos");
    assert_eq!((cost.value.as_deref(), cost.source.as_str()), (Some("54399000"), "computed"));
    assert!(cost.why.contains(book().version()), "{}", cost.why);
    let told = &breakdown(&call, &book())[0];
    assert_eq!(told.sum_nanos, call.cost.nanos);
    assert_eq!((told.row.as_deref(), told.note.as_str()), (Some("model-x"), ""));
    let lines: Vec<_> =
        told.lines.iter().map(|l| (&*l.bucket, l.count, l.usd.as_deref())).collect();
    assert_eq!(
        lines,
        [
            ("input_text", 3, Some("0.000009")),
            ("cache_write_5m", 12_304, Some("0.04614")),
            ("output_visible", 550, Some("0.00825")),
        ]
    );
}

#[test]
fn a_cost_frozen_with_other_prices_says_so() {
    let call = priced(call("model-x"));
    let dearer = PRICES.replace("3e-06", "4e-06");
    let later = PriceBook::embedded().with_override(&dearer).unwrap();
    let told = &breakdown(&call, &later)[0];
    assert_ne!(told.sum_nanos, call.cost.nanos);
    assert!(told.note.starts_with("the cost was frozen with prices "), "{}", told.note);
}

#[test]
fn a_model_without_a_price_says_how_to_give_one() {
    let call = priced(call("model-y"));
    let cost = fact(&call, "cost_nanos");
    assert_eq!((cost.value, cost.source.as_str()), (None, "unknown"));
    assert!(cost.why.starts_with("no price for model model-y; "), "{}", cost.why);
    assert!(cost.why.contains("flowgauge prices set model-y"), "{}", cost.why);
    assert!(breakdown(&call, &book())[0].note.contains("flowgauge prices set model-y"));
}

#[test]
fn a_reported_cost_is_the_producers_and_stays_beside_a_computed_one() {
    let mut reported = call("model-y");
    reported.cost.reported = Some(NanoUsd(77));
    let reported = priced(reported);
    assert_eq!(fact(&reported, "cost_nanos").source, "reported");
    let mut both = call("model-x");
    both.cost.reported = Some(NanoUsd(77));
    let both = priced(both);
    assert_eq!(fact(&both, "cost_nanos").source, "computed");
    assert_eq!(fact(&both, "reported_cost_nanos").value.as_deref(), Some("77"));
}

#[test]
fn tokens_say_who_counted_and_what_was_odd() {
    let mut odd = call("model-x");
    odd.usage.source = UsageSource::Estimated;
    odd.usage.flags = Usage::INCLUDE_USAGE_REFUSED | Usage::PART_CAPPED;
    let why = fact(&odd, "input_tokens").why;
    assert!(why.starts_with("counted here"), "{why}");
    assert!(why.contains("refused") && why.contains("cut"), "{why}");
    assert_eq!(fact(&odd, "cache_write_5m").source, "estimated");
    odd.usage = Usage::default();
    let none = fact(&odd, "output_tokens");
    assert_eq!((none.value, none.why.as_str()), (None, "nobody counted"));
    assert_eq!(fact(&priced(odd), "cost_nanos").why, "no token counts to price");
}

#[test]
fn times_name_their_clock_and_a_missing_first_token_its_reason() {
    let mut call = call("model-x");
    assert_eq!(fact(&call, "latency_us").source, "gateway clock");
    call.what.stream = Some(false);
    assert!(fact(&call, "ttft_us").why.starts_with("not streamed"));
    call.origin.door = Door::OtlpHttp;
    assert_eq!(fact(&call, "latency_us").source, "span times");
    call.what.stream = Some(true);
    assert_eq!(fact(&call, "ttft_us").why, "the producer gave none");
    call.time.ttft = Some(Micros(400));
    call.time.ttft_source = TtftSource::Event;
    assert_eq!(fact(&call, "ttft_us").source, "span event");
    assert_eq!(fact(&call, "generation_us").value.as_deref(), Some("500"));
}

#[test]
fn the_model_is_the_answers_else_the_requests() {
    let mut call = call("model-x");
    assert_eq!(fact(&call, "model").source, "answer");
    call.what.model_used = None;
    assert_eq!(fact(&call, "model").value, None);
    call.what.model_requested = Some("model-x".into());
    assert_eq!(fact(&call, "model").source, "request");
}

#[test]
fn every_attempt_is_explained_at_its_own_models_rate() {
    let mut call = call("model-x");
    let usage = call.usage;
    let attempt = |number, model: &str, reason| {
        let charge = book().charge(None, model, None, &usage);
        let cost = Cost {
            source: CostSource::Computed,
            price_version: Some(book().version().into()),
            nanos: charge.ok().map(|charge| charge.nanos),
            ..Cost::default()
        };
        Attempt { number, reason, model: Some(model.into()), usage, cost, ..Attempt::default() }
    };
    call.attempts = vec![
        attempt(1, "model-z", AttemptReason::First),
        attempt(2, "model-x", AttemptReason::Fallback),
    ];
    let told = breakdown(&call, &book());
    let rows: Vec<_> = told.iter().map(|b| (b.attempt, b.row.as_deref(), &*b.note)).collect();
    assert_eq!(rows, [(Some(1), Some("model-z"), ""), (Some(2), Some("model-x"), "")]);
    assert_eq!(fact(&call, "attempt 2 cost_nanos").why, "fallback, priced as model-x");
}

#[test]
fn a_cache_hit_tells_what_it_avoided_and_a_span_that_is_no_call_has_no_cost() {
    let mut hit = call("model-x");
    hit.control.cache = CacheOutcome::HitExact;
    let hit = priced(hit);
    assert_eq!(fact(&hit, "cost_nanos").value.as_deref(), Some("0"));
    assert_eq!(fact(&hit, "avoided_cost_nanos").value.as_deref(), Some("54399000"));
    assert_eq!(breakdown(&hit, &book())[0].note, "");
    let mut merged = call("model-x");
    merged.what.leaf = false;
    merged.link.merged_into = Some(merged.id);
    assert!(fact(&merged, "cost_nanos").why.starts_with("counted in the row"));
    assert!(breakdown(&merged, &book()).is_empty());
}

#[test]
fn a_detail_survives_json() {
    let detail = RequestDetail::of(&priced(call("model-x")), &[], &book());
    let text = serde_json::to_string(&detail).unwrap();
    assert_eq!(serde_json::from_str::<RequestDetail>(&text).unwrap(), detail);
}
