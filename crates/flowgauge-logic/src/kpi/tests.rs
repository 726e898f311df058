//! Every KPI against a hand-computed fixture, and the words it is judged by.

use super::*;
use crate::rollup::Rollup;

fn value(name: &str, r: &Rollup) -> Known<f64> {
    measure(Kpi::find(name).unwrap(), r, Context { minutes: 10.0 }).value
}

fn hundred() -> Rollup {
    let mut r = Rollup { success: 100, ..Rollup::default() };
    (1..=100u64).for_each(|ms| r.latency.record(ms * 1_000));
    r
}

#[test]
fn names_are_unique_and_every_entry_says_what_it_means() {
    for (i, k) in CATALOGUE.iter().enumerate() {
        assert!(!k.meaning.is_empty(), "{} has no meaning", k.name);
        assert!(CATALOGUE.iter().skip(i + 1).all(|o| o.name != k.name), "{} twice", k.name);
    }
}

#[test]
fn every_figure_is_the_same_over_what_it_says_it_needs() {
    let mut r = Rollup { success: 400, streamed: 400, priced: 400, ..Rollup::default() };
    for n in 1..=400u64 {
        for d in [&mut r.latency, &mut r.ttft, &mut r.overhead, &mut r.tpot] {
            d.record(n * 1_000);
        }
        r.input.record(n * 3);
        r.output.record(n * 2);
    }
    let context = Context { minutes: 10.0 };
    let mut known = 0;
    for kpi in CATALOGUE {
        let whole = measure(kpi, &r, context);
        assert_eq!(measure(kpi, &r.cut_to(kpi.spreads()), context), whole, "{}", kpi.name);
        known += usize::from(matches!(whole.value, Known::Value(_)));
    }
    assert!(known > 25, "{known} figures were compared by value");
}

#[test]
fn the_median_of_one_to_a_hundred_ms_is_fifty_and_a_half() {
    let Known::Value(v) = value("p50_latency", &hundred()) else { panic!("no value") };
    assert!((v - 50.5).abs() <= 0.005 * 50.5, "{v}");
}

#[test]
fn a_p99_of_fourteen_requests_is_not_a_number() {
    let mut r = Rollup { success: 14, ..Rollup::default() };
    (0..14).for_each(|_| r.latency.record(1));
    assert_eq!(value("p99_latency", &r), Known::Unknown(Reason::TooFew));
    assert_eq!(value("p99_latency", &Rollup::default()), Known::Unknown(Reason::NoData));
}

#[test]
fn the_error_rate_leaves_out_what_counts_apart() {
    let r = Rollup { success: 90, failure: 10, apart: 100, ..Rollup::default() };
    assert_eq!(value("error_rate", &r), Known::Value(10.0));
    assert_eq!(value("request_availability", &r), Known::Value(90.0));
}

#[test]
fn the_hit_rate_is_unknown_while_caching_is_off() {
    let mut r = hundred();
    r.by_cache = [100, 0, 0, 0, 0];
    assert_eq!(value("cache_hit_rate", &r), Known::Unknown(Reason::SwitchedOff));
    r.by_cache = [0, 20, 10, 70, 50];
    assert_eq!(value("cache_hit_rate", &r), Known::Value(30.0));
}

#[test]
fn cost_of_calls_nobody_priced_is_unknown_and_not_zero() {
    let r = Rollup { success: 5, unpriced: 5, ..Rollup::default() };
    assert_eq!(value("total_cost", &r), Known::Unknown(Reason::NotPriced));
    let r =
        Rollup { success: 3, priced: 2, unpriced: 1, cost_nanos: 4_000_000, ..Rollup::default() };
    assert_eq!(value("cost_per_request", &r), Known::Value(0.002));
}

#[test]
fn throughput_leaves_out_the_clients_own_retries() {
    let r = Rollup { success: 90, failure: 20, retries: 10, ..Rollup::default() };
    assert_eq!(value("throughput", &r), Known::Value(10.0));
}

#[test]
fn states_follow_the_guides_ladder() {
    let p95 = Kpi::find("p95_latency").unwrap();
    for (v, want) in [
        (1500.0, State::Met),
        (1500.1, State::OffTarget),
        (2000.1, State::Alert),
        (2500.1, State::Critical),
    ] {
        assert_eq!(p95.state(Known::Value(v)), want);
    }
    assert_eq!(p95.state(Known::Unknown(Reason::NoData)), State::NoData);
    assert_eq!(p95.target_text().as_deref(), Some("< 1500 ms"));
}

#[test]
fn a_quantile_is_found_from_either_end_of_its_name() {
    assert_eq!(Kpi::find("p95_input_tokens").map(|k| k.name), Some("input_tokens_p95"));
    assert_eq!(Kpi::find("p95_nonsense"), None);
}

#[test]
fn a_mistyped_name_gets_a_suggestion_and_nonsense_does_not() {
    assert_eq!(Kpi::nearest("p95_latncy"), Some("p95_latency"));
    assert_eq!(Kpi::nearest("xyz"), None);
}
