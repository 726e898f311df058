//! What a call adds to a rollup, and that merging loses nothing.

use super::*;
use crate::call::{Door, InputTokens, OutputTokens, Usage};
use crate::id::CallId;
use crate::unit::{Micros, NanoUsd, Tokens, UnixMicros};

fn call(latency_ms: u64) -> Call {
    let mut c = Call::begun(CallId([1; 16]), UnixMicros(0), UnixMicros(0), Door::Gateway);
    c.what.leaf = true;
    c.time.latency = Some(Micros::from_millis(latency_ms));
    c.usage = Usage {
        input: Some(InputTokens { text: 100, cache_read: 20, ..InputTokens::default() }),
        output: Some(OutputTokens { visible: 10, ..OutputTokens::default() }),
        source: UsageSource::Provider,
        ..Usage::default()
    };
    c
}

#[test]
fn a_failed_call_adds_no_latency() {
    let mut c = call(5_000);
    c.outcome.status = Status::Error;
    c.outcome.class = ErrorClass::Upstream5xx;
    let mut r = Rollup::default();
    r.record(&c);
    assert_eq!((r.failure, r.latency.count()), (1, 0));
}

#[test]
fn a_wrong_request_and_a_client_that_left_are_no_failures() {
    let mut r = Rollup::default();
    let mut wrong = call(5);
    wrong.outcome.status = Status::Error;
    wrong.outcome.class = ErrorClass::Client4xx;
    let mut left = call(5);
    left.outcome.status = Status::Cancelled;
    r.record(&wrong);
    r.record(&left);
    assert_eq!((r.success, r.failure, r.apart), (0, 0, 2));
}

#[test]
fn a_call_without_a_price_is_counted_and_never_free() {
    let mut r = Rollup::default();
    r.record(&call(5));
    let mut priced = call(5);
    priced.cost.nanos = Some(NanoUsd(7));
    r.record(&priced);
    assert_eq!((r.priced, r.unpriced, r.cost_nanos), (1, 1, 7));
}

#[test]
fn merging_equals_recording_both() {
    let (mut a, mut b, mut both) = (Rollup::default(), Rollup::default(), Rollup::default());
    for ms in 1..50 {
        a.record(&call(ms));
        both.record(&call(ms));
    }
    for ms in 40..90 {
        b.record(&call(ms));
        both.record(&call(ms));
    }
    a.merge(&b);
    assert_eq!(a, both);
}

#[test]
fn probes_do_not_count_unless_asked_for() {
    let mut c = call(1);
    c.origin.source = Source::Probe;
    let key = SeriesKey::of(&c);
    assert!(!Filter::default().accepts(&key));
    assert!(Filter::parse(["source=probe"]).unwrap().accepts(&key));
}

#[test]
fn several_values_of_one_dimension_are_alternatives() {
    let f = Filter::parse(["intent=ask", "intent=translate"]).unwrap();
    let mut c = call(1);
    c.what.intent = Some("translate".into());
    assert!(f.accepts(&SeriesKey::of(&c)));
    c.what.intent = Some("explain".into());
    assert!(!f.accepts(&SeriesKey::of(&c)));
}

#[test]
fn a_retry_that_counts_apart_takes_nothing_from_the_others() {
    let mut r = Rollup::default();
    r.record(&call(5));
    let mut again = call(5);
    again.outcome.client_retry = 1;
    r.record(&again);
    again.outcome.status = Status::Cancelled;
    r.record(&again);
    assert_eq!((r.success, r.apart, r.retries), (2, 1, 1));
}

#[test]
fn calls_are_told_apart_by_whether_they_are_the_clients_retries() {
    let mut again = call(1);
    again.outcome.client_retry = 2;
    for (text, first, second) in [("retry=false", true, false), ("client_retry=true", false, true)]
    {
        let f = Filter::parse([text]).unwrap();
        assert_eq!(f.accepts(&SeriesKey::of(&call(1))), first, "{text}");
        assert_eq!(f.accepts(&SeriesKey::of(&again)), second, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn forgetting_undoes_recording(kept in proptest::collection::vec(1u64..90_000, 0..20), gone in 1u64..90_000) {
        let mut r = Rollup::default();
        kept.iter().for_each(|ms| r.record(&call(*ms)));
        let before = r.clone();
        r.record(&call(gone));
        r.forget(&call(gone));
        proptest::prop_assert_eq!(&r, &before);
        proptest::prop_assert_eq!(r.is_empty(), kept.is_empty());
    }
}

fn from_memory() -> Call {
    let mut hit = call(1);
    hit.usage.input = Some(InputTokens::default());
    hit.control.original_input_tokens = Some(Tokens(120));
    hit
}

#[test]
fn what_was_taken_off_is_a_share_of_all_calls_and_not_of_those_it_was_taken_off() {
    let mut r = Rollup::default();
    // 3 calls of 120 tokens each, one of them answered from memory.
    for c in [call(1), call(1), from_memory()] {
        r.record(&c);
    }
    assert_eq!(r.counterfactual(), Known::Value((360, 240)));
    let mut pruned = call(1);
    pruned.control.original_input_tokens = Some(Tokens(240));
    r.record(&pruned);
    assert_eq!(r.counterfactual(), Known::Value((600, 360)));
}

#[test]
fn what_was_taken_off_is_unknown_where_nothing_was_and_where_the_others_have_no_counts() {
    let mut r = Rollup::default();
    r.record(&call(1));
    assert_eq!(r.counterfactual(), Known::Unknown(Reason::SwitchedOff));
    let mut r = Rollup::default();
    let mut uncounted = call(1);
    uncounted.usage = Usage::default();
    r.record(&uncounted);
    r.record(&from_memory());
    assert_eq!(r.counterfactual(), Known::Unknown(Reason::NotReported));
    let mut r = Rollup::default();
    r.record(&from_memory());
    assert_eq!(r.counterfactual(), Known::Value((120, 0)), "all of it came from memory");
}
