//! Costs worked out by hand, to the nano-dollar.

mod attempts;

use super::*;
use crate::call::{
    Attempt, CacheOutcome, Call, Cost, CostSource, CostUnknown, Door, InputTokens, OutputTokens,
    Protocol, Status, Usage, UsageSource,
};
use crate::id::CallId;
use crate::unit::{Micros, NanoUsd, UnixMicros};
use crate::wire::{Observed, Observer};
use proptest::prelude::*;

/// A table with the rates a scenario names, in dollars per million: input, output, read, write, 1 h.
const SCENARIOS: &str = r#"{
  "sample_spec": {"date": "2030-01-02"},
  "additive": {"input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05,
    "cache_read_input_token_cost": 3e-07, "cache_creation_input_token_cost": 3.75e-06,
    "cache_creation_input_token_cost_above_1hr": 6e-06},
  "inclusive": {"input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06,
    "cache_read_input_token_cost": 5e-07, "cache_creation_input_token_cost": 2.5e-06},
  "inclusive-no-write": {"input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06,
    "cache_read_input_token_cost": 5e-07},
  "pass-a": {"input_cost_per_token": 1e-05, "output_cost_per_token": 5e-05},
  "pass-b": {"input_cost_per_token": 5e-06, "output_cost_per_token": 2.5e-05},
  "model-x": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
  "free": {"input_cost_per_token": 0, "output_cost_per_token": 0.0},
  "half-priced": {"input_cost_per_token": 1e-06},
  "refund": {"input_cost_per_token": -1e-06, "output_cost_per_token": 2e-06},
  "painter": {"mode": "image_generation", "output_cost_per_image": 0.04},
  "vectors": {"mode": "embedding", "input_cost_per_token": 2e-08},
  "east/agreed": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
  "west/agreed": {"input_cost_per_token": 0.000001, "output_cost_per_token": 0.000002},
  "west/eu/agreed": {"input_cost_per_token": 9e-06, "output_cost_per_token": 9e-06},
  "east/disputed": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
  "west/disputed": {"input_cost_per_token": 3e-06, "output_cost_per_token": 2e-06},
  "tiered": {"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06,
    "input_cost_per_token_above_128k_tokens": 2e-06, "input_cost_per_token_above_200k_tokens": 4e-06,
    "input_cost_per_token_batches": 5e-07, "output_cost_per_reasoning_token": 3e-06,
    "search_context_cost_per_query": {"low": 0.01, "high": 0.01},
    "file_search_cost_per_1k_calls": 2.5, "code_interpreter_cost_per_session": 0.03}
}"#;

fn book() -> &'static PriceBook {
    static BOOK: std::sync::LazyLock<PriceBook> =
        std::sync::LazyLock::new(|| PriceBook::embedded().with_override(SCENARIOS).unwrap());
    &BOOK
}

fn call(model: &str, usage: Usage) -> Call {
    let id = CallId::new(UnixMicros(0), [0; 10]);
    let mut call = Call::begun(id, UnixMicros(0), UnixMicros(0), Door::Gateway);
    call.what.leaf = true;
    call.what.model_requested = Some(model.into());
    call.usage = usage;
    call
}

fn priced(model: &str, usage: Usage) -> Cost {
    let mut call = call(model, usage);
    book().price(&mut call);
    call.cost
}

fn tokens(text: u64, visible: u64) -> Usage {
    Usage {
        input: Some(InputTokens { text, ..Default::default() }),
        output: Some(OutputTokens { visible, ..Default::default() }),
        source: UsageSource::Provider,
        ..Usage::default()
    }
}

fn observed(protocol: Protocol, event_stream: bool, body: &str) -> Observed {
    let mut observer = Observer::new(protocol, event_stream);
    observer.feed(body.as_bytes(), Micros(1));
    observer.finish(true)
}

/// The usage of one Anthropic answer, from its streamed and its unstreamed form.
fn both_forms_of_messages(usage: &str) -> Observed {
    let whole = format!(r#"{{"type":"message","id":"m","model":"any","usage":{usage}}}"#);
    let whole = observed(Protocol::Messages, false, &whole);
    let stream = format!(
        "event: message_start\ndata: {{\"type\":\"message_start\",\"message\":{{\"id\":\"m\",\"model\":\
         \"any\",\"usage\":{{\"input_tokens\":1,\"output_tokens\":1}}}}}}\n\nevent: message_delta\n\
         data: {{\"type\":\"message_delta\",\"delta\":{{}},\"usage\":{usage}}}\n\nevent: message_stop\n\
         data: {{\"type\":\"message_stop\"}}\n\n"
    );
    assert_eq!(observed(Protocol::Messages, true, &stream), whole);
    whole
}

/// The same for chat completions.
fn both_forms_of_chat(usage: &str) -> Observed {
    let whole = format!(r#"{{"id":"c","model":"any","choices":[],"usage":{usage}}}"#);
    let stream = format!("data: {whole}\n\ndata: [DONE]\n\n");
    let whole = observed(Protocol::Chat, false, &whole);
    assert_eq!(observed(Protocol::Chat, true, &stream), whole);
    whole
}

#[test]
fn a_cache_write_is_charged_once() {
    let seen = both_forms_of_messages(
        r#"{"input_tokens":3,"cache_creation_input_tokens":12304,"cache_read_input_tokens":0,"output_tokens":550}"#,
    );
    // 3 × 3 µ$ + 12,304 × 3.75 µ$ + 550 × 15 µ$
    assert_eq!(9_000 + 46_140_000 + 8_250_000, 54_399_000);
    let cost = priced("additive", seen.usage);
    assert_eq!(cost.nanos, Some(NanoUsd(54_399_000)));
    assert_eq!((cost.source, cost.flags), (CostSource::Computed, 0));
}

#[test]
fn an_inclusive_input_is_charged_by_its_parts() {
    let seen = both_forms_of_chat(
        r#"{"prompt_tokens":130213,"completion_tokens":0,"total_tokens":130213,"prompt_tokens_details":{"cached_tokens":128955,"cache_write_tokens":1253}}"#,
    );
    assert_eq!(seen.usage.input.map(|i| i.text), Some(5));
    // 5 × 3 µ$ + 128,955 × 0.3 µ$ + 1,253 × 3.75 µ$
    assert_eq!(priced("additive", seen.usage).nanos, Some(NanoUsd(43_400_250)));
}

#[test]
fn reasoning_is_charged_within_the_output() {
    let seen = both_forms_of_chat(
        r#"{"prompt_tokens":0,"completion_tokens":1970,"total_tokens":1970,"completion_tokens_details":{"reasoning_tokens":956}}"#,
    );
    // 1,970 × 8 µ$
    assert_eq!(priced("inclusive", seen.usage).nanos, Some(NanoUsd(15_760_000)));
    // 1,014 × 1 µ$ + 956 × 3 µ$
    assert_eq!(priced("tiered", seen.usage).nanos, Some(NanoUsd(3_882_000)));
}

#[test]
fn one_hour_writes_have_their_own_rate() {
    let seen = both_forms_of_messages(
        r#"{"input_tokens":10,"cache_creation_input_tokens":3000,"cache_creation":{"ephemeral_5m_input_tokens":1000,"ephemeral_1h_input_tokens":2000},"output_tokens":100}"#,
    );
    // 10 × 3 µ$ + 1,000 × 3.75 µ$ + 2,000 × 6 µ$ + 100 × 15 µ$
    assert_eq!(priced("additive", seen.usage).nanos, Some(NanoUsd(17_280_000)));
}

#[test]
fn the_lines_of_an_explanation_sum_to_the_charge() {
    let seen = both_forms_of_messages(
        r#"{"input_tokens":3,"cache_creation_input_tokens":12304,"cache_read_input_tokens":0,"output_tokens":550}"#,
    );
    let told = book().explain(None, "additive", None, &seen.usage).unwrap();
    let lines: Vec<_> = told.lines.iter().map(|l| (l.bucket, l.count, l.usd().unwrap())).collect();
    let line = |bucket, count, usd: &str| (bucket, count, usd.to_owned());
    assert_eq!(
        lines,
        [
            line("input_text", 3, "0.000009"),
            line("cache_write_5m", 12_304, "0.04614"),
            line("output_visible", 550, "0.00825"),
        ]
    );
    let sum: i128 = told.lines.iter().filter_map(Line::amount).sum();
    assert_eq!(decimal::round(sum).0, told.charge.nanos);
    assert_eq!(told.charge.nanos, NanoUsd(54_399_000));
}

#[test]
fn openai_cache_writes_are_charged_and_a_missing_rate_is_flagged() {
    let seen = both_forms_of_chat(
        r#"{"prompt_tokens":5000,"completion_tokens":200,"total_tokens":5200,"prompt_tokens_details":{"cached_tokens":1000,"cache_write_tokens":3000}}"#,
    );
    // 1,000 × 2 µ$ + 1,000 × 0.5 µ$ + 3,000 × 2.5 µ$ + 200 × 8 µ$
    let cost = priced("inclusive", seen.usage);
    assert_eq!((cost.nanos, cost.flags), (Some(NanoUsd(11_600_000)), 0));
    // 1,000 × 2 µ$ + 1,000 × 0.5 µ$ + 3,000 × 2 µ$ + 200 × 8 µ$
    let cost = priced("inclusive-no-write", seen.usage);
    assert_eq!((cost.nanos, cost.flags), (Some(NanoUsd(10_100_000)), Cost::RATE_SUBSTITUTED));
}

#[test]
fn names_are_looked_up_exactly_then_without_prefix_then_without_date() {
    let book = book();
    let found = |model: &str| book.lookup(None, model).map(|r| r.name.to_owned());
    for (asked, row) in [
        ("model-x", "model-x"),
        ("model-x-20250930", "model-x"),
        ("model-x@20250930", "model-x"),
        ("model-x-2025-09-30", "model-x"),
        ("router/maker/model-x-20250930", "model-x"),
        ("gpt-4o-2024-08-06", "gpt-4o-2024-08-06"),
        ("gpt-4o-2030-01-31", "gpt-4o"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("openai/gpt-4o-mini", "gpt-4o-mini"),
        ("claude-sonnet-4-5-20300131", "claude-sonnet-4-5"),
        ("agreed", "east/agreed"),
        ("west/eu/agreed", "west/eu/agreed"),
    ] {
        assert_eq!(found(asked).as_deref(), Some(row), "{asked}");
    }
    for unknown in ["model-xl", "model-x-2025", "model-y-20250930", "disputed", "half-priced", ""] {
        assert_eq!(found(unknown), None, "{unknown}");
    }
    assert_eq!(book.lookup(Some("west"), "disputed").map(|r| r.name), Some("west/disputed"));
}

#[test]
fn the_operators_row_wins_and_changes_the_version() {
    let own = r#"{"gpt-4o": {"input_cost_per_token": "7e-6", "output_cost_per_token": 0}}"#;
    let shipped = PriceBook::embedded();
    let book = PriceBook::embedded().with_override(own).unwrap();
    assert_ne!(book.version(), shipped.version());
    assert!(book.version().starts_with("2026-"), "{}", book.version());
    let row = book.lookup(None, "openai/gpt-4o-2030-01-31").unwrap();
    assert_eq!(row.matched, Matched::WithoutDate);
    assert_eq!(row.table, TableName::Operator);
    assert_eq!(row.row.usd_per_million(Unit::Input).as_deref(), Some("7"));
    let twice = book.rows().filter(|r| r.name == "gpt-4o").count();
    assert_eq!(twice, 1);
}

#[test]
fn a_model_without_a_price_has_no_cost_and_says_why() {
    let cost = priced("unheard-of", tokens(1, 1));
    assert_eq!((cost.nanos, cost.source), (None, CostSource::Unknown));
    assert_eq!(cost.unknown_reason, CostUnknown::NoPrice);
    assert_eq!(priced("model-x", Usage::default()).unknown_reason, CostUnknown::NoUsage);
    assert_eq!(priced("painter", tokens(1, 1)).unknown_reason, CostUnknown::UnitUnpriced);
    let mut nameless = call("", tokens(1, 1));
    nameless.what.model_requested = None;
    book().price(&mut nameless);
    assert_eq!(nameless.cost.unknown_reason, CostUnknown::NoModel);
    assert!(nameless.cost.price_version.is_some());
}

#[test]
fn a_reported_cost_stands_in_for_no_computed_one_and_beside_a_computed_one() {
    let mut reported = call("unheard-of", tokens(1, 1));
    reported.cost.reported = Some(NanoUsd(77));
    book().price(&mut reported);
    assert_eq!(reported.cost.nanos, Some(NanoUsd(77)));
    assert_eq!(reported.cost.source, CostSource::Reported);
    let mut both = call("model-x", tokens(1, 1));
    both.cost.reported = Some(NanoUsd(77));
    book().price(&mut both);
    assert_eq!((both.cost.nanos, both.cost.reported), (Some(NanoUsd(3_000)), Some(NanoUsd(77))));
}

#[test]
fn a_reported_zero_is_no_cost() {
    let mut reported = call("unheard-of", tokens(1, 1));
    reported.cost.reported = Some(NanoUsd(0));
    book().price(&mut reported);
    assert_eq!((reported.cost.nanos, reported.cost.reported), (None, Some(NanoUsd(0))));
    assert_eq!(reported.cost.unknown_reason, CostUnknown::NoPrice);
}

#[test]
fn the_served_model_is_priced_and_a_free_one_costs_zero() {
    let mut served = call("model-x", tokens(1, 1));
    served.what.model_used = Some("free".into());
    book().price(&mut served);
    assert_eq!(served.cost.nanos, Some(NanoUsd(0)));
    assert_eq!(served.cost.source, CostSource::Computed);
}

#[test]
fn a_cache_hit_costs_nothing_and_avoids_the_price() {
    let mut hit = call("model-x", tokens(1_000, 1_000));
    hit.control.cache = CacheOutcome::HitExact;
    book().price(&mut hit);
    assert_eq!(hit.cost.nanos, Some(NanoUsd(0)));
    assert_eq!(hit.cost.avoided, Some(NanoUsd(3_000_000)));
}

#[test]
fn the_highest_tier_passed_applies_to_the_whole_call() {
    for (input, nanos) in [
        (128_000, 128_000_000),
        (128_001, 256_002_000),
        (200_000, 400_000_000),
        (200_001, 800_004_000),
    ] {
        assert_eq!(priced("tiered", tokens(input, 0)).nanos, Some(NanoUsd(nanos)), "{input}");
    }
}

#[test]
fn the_service_tier_has_its_rates_and_a_missing_one_is_flagged() {
    let mut batch = call("tiered", tokens(10, 0));
    batch.cost.service_tier = Some("batch".into());
    book().price(&mut batch);
    assert_eq!((batch.cost.nanos, batch.cost.flags), (Some(NanoUsd(5_000)), 0));
    batch.usage = tokens(10, 1);
    book().price(&mut batch);
    assert_eq!(batch.cost.nanos, Some(NanoUsd(6_000)));
    assert_eq!(batch.cost.flags, Cost::RATE_SUBSTITUTED);
}

#[test]
fn web_searches_are_charged_or_leave_the_cost_unknown() {
    let searched = Usage { web_searches: 2, ..tokens(1, 0) };
    assert_eq!(priced("tiered", searched).nanos, Some(NanoUsd(20_001_000)));
    assert_eq!(priced("model-x", searched).unknown_reason, CostUnknown::UnitUnpriced);
}

#[test]
fn file_searches_and_code_sessions_are_charged_or_leave_the_cost_unknown() {
    let searched = Usage { file_searches: 4, ..tokens(1, 0) };
    assert_eq!(priced("tiered", searched).nanos, Some(NanoUsd(10_001_000)));
    let ran = Usage { code_sessions: 2, ..tokens(1, 0) };
    assert_eq!(priced("tiered", ran).nanos, Some(NanoUsd(60_001_000)));
    for used in [searched, ran] {
        assert_eq!(priced("model-x", used).unknown_reason, CostUnknown::UnitUnpriced);
    }
    let row = book().lookup(None, "tiered").unwrap().row;
    assert_eq!(row.usd_per_file_search().as_deref(), Some("0.0025"));
    assert_eq!(row.usd_per_code_session().as_deref(), Some("0.03"));
}

#[test]
fn a_fetched_page_costs_its_tokens_and_no_more() {
    let fetched = Usage { web_fetches: 3, ..tokens(1, 1) };
    assert_eq!(priced("model-x", fetched).nanos, Some(NanoUsd(3_000)));
}

#[test]
fn embeddings_need_no_output_rate() {
    let vectors = observed(
        Protocol::Embeddings,
        false,
        r#"{"object":"list","data":[{"embedding":[0.1,-0.2]}],"model":"vectors","usage":{"prompt_tokens":1000,"total_tokens":1000}}"#,
    );
    assert_eq!(vectors.usage.flags, 0);
    assert_eq!(priced("vectors", vectors.usage).nanos, Some(NanoUsd(20_000)));
}

#[test]
fn a_sum_beyond_money_saturates_and_says_so() {
    let cost = priced("pass-a", tokens(1 << 53, 1 << 53));
    assert_eq!((cost.nanos, cost.flags), (Some(NanoUsd(i64::MAX)), Cost::SATURATED));
}

#[test]
fn unusable_rows_are_listed_and_a_broken_file_is_refused() {
    let book = book();
    let mut names: Vec<&str> = book.dropped().map(|(_, name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["half-priced", "refund"]);
    let broken = PriceBook::embedded().with_override("[1]").unwrap_err().to_string();
    assert!(broken.contains("line 1"), "{broken}");
}

#[test]
fn the_shipped_table_is_whole_dated_and_charges_for_every_row() {
    let book = PriceBook::embedded();
    assert_eq!(book.dropped().count(), 0);
    assert!(book.rows().count() > 1_000);
    let (date, source) = book.header(TableName::Shipped);
    assert!(book.version().starts_with(date.unwrap()));
    assert!(source.unwrap().starts_with("litellm "));
    for found in book.rows() {
        let charges = found.row.rates().any(|rate| rate.units > 0);
        assert!(charges || found.row.per_unit_only, "{}", found.name);
        assert!(found.row.provider.is_some() && found.row.mode.is_some(), "{}", found.name);
    }
    assert!(book.lookup(None, "demo-small").is_some());
    assert!(book.lookup(None, "demo-large").is_some());
}

#[test]
fn shipped_rates_are_those_of_the_list() {
    let book = PriceBook::embedded();
    for (provider, model, input, output) in [
        ("openai", "gpt-4-turbo-preview", "10", "30"),
        ("openai", "gpt-4o-mini-2024-07-18", "0.15", "0.6"),
        ("anthropic", "claude-sonnet-4-5-20250929", "3", "15"),
        ("azure.ai.openai", "gpt-4o", "2.5", "10"),
        ("gcp.gemini", "gemini-2.5-pro", "1.25", "10"),
        ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.3", "16.5"),
        ("groq", "openai/gpt-oss-120b", "0.15", "0.6"),
    ] {
        let row = book.lookup(Some(provider), model).map(|found| found.row);
        let rate = |unit| row.and_then(|row| row.usd_per_million(unit));
        assert_eq!(rate(Unit::Input).as_deref(), Some(input), "{model}");
        assert_eq!(rate(Unit::Output).as_deref(), Some(output), "{model}");
    }
    let long = book.charge(Some("anthropic"), "claude-sonnet-4-5", None, &tokens(200_001, 1));
    // 200,001 × 6 µ$ + 22.5 µ$
    assert_eq!(long.map(|charge| charge.nanos), Ok(NanoUsd(1_200_028_500)));
}

#[test]
fn patterns_of_the_operator_are_the_last_resort() {
    let own = r#"{
        "re:^ours-[a-z]+$": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
        "re:^gpt-4o": {"input_cost_per_token": 9e-6, "output_cost_per_token": 9e-6},
        "re:^(broken": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    }"#;
    let book = PriceBook::embedded().with_override(own).unwrap();
    let found = |model: &str| book.lookup(None, model).map(|found| (found.name, found.matched));
    assert_eq!(found("ours-fast"), Some(("re:^ours-[a-z]+$", Matched::Pattern)));
    assert_eq!(found("ours-2"), None);
    assert_eq!(found("gpt-4o"), Some(("gpt-4o", Matched::Exact)));
    assert_eq!(found("gpt-4o-ours"), Some(("re:^gpt-4o", Matched::Pattern)));
    let dropped: Vec<_> = book.dropped().collect();
    let why = "the pattern after re: is no regular expression";
    assert_eq!(dropped, [(TableName::Operator, "re:^(broken", why)]);
}

#[test]
fn a_model_charged_by_the_query_is_never_free() {
    let own = r#"{"ranker": {"mode": "rerank", "input_cost_per_query": 0.002,
        "input_cost_per_token": 0.0, "output_cost_per_token": 0.0}}"#;
    let book = PriceBook::embedded().with_override(own).unwrap();
    let charge = book.charge(None, "ranker", None, &tokens(10, 0));
    assert_eq!(charge, Err(CostUnknown::UnitUnpriced));
    assert_eq!(
        PriceBook::embedded().charge(Some("cohere"), "rerank-v3.5", None, &tokens(10, 0)),
        Err(CostUnknown::UnitUnpriced)
    );
}

#[test]
fn every_rate_has_its_tier_and_a_paid_tier_without_one_is_flagged() {
    let own = r#"{"long": {
        "input_cost_per_token": 1e-6, "input_cost_per_token_above_200k_tokens": 2e-6,
        "output_cost_per_token": 3e-6, "output_cost_per_token_above_200k_tokens": 4e-6,
        "cache_read_input_token_cost": 5e-7, "cache_read_input_token_cost_above_200k_tokens": 6e-7,
        "cache_creation_input_token_cost": 7e-6,
        "cache_creation_input_token_cost_above_200k_tokens": 8e-6,
        "input_cost_per_token_priority": 1e-5, "output_cost_per_token_priority": 3e-5,
        "cache_read_input_token_cost_priority": 5e-6,
        "cache_creation_input_token_cost_priority": 7e-5}}"#;
    let book = PriceBook::embedded().with_override(own).unwrap();
    let usage = |text| Usage {
        input: Some(InputTokens {
            text,
            cache_read: 50_000,
            cache_write_5m: 50_000,
            ..InputTokens::default()
        }),
        ..tokens(0, 1_000)
    };
    let charged = |text, tier| {
        let charge = book.charge(None, "long", tier, &usage(text)).unwrap();
        (charge.nanos.0, charge.flags)
    };
    // 100,000 × 1 µ$ + 50,000 × 0.5 µ$ + 50,000 × 7 µ$ + 1,000 × 3 µ$
    assert_eq!(charged(100_000, None), (478_000_000, 0));
    // 100,001 × 2 µ$ + 50,000 × 0.6 µ$ + 50,000 × 8 µ$ + 1,000 × 4 µ$
    assert_eq!(charged(100_001, None), (634_002_000, 0));
    // 100,000 × 10 µ$ + 50,000 × 5 µ$ + 50,000 × 70 µ$ + 1,000 × 30 µ$
    assert_eq!(charged(100_000, Some("priority")), (4_780_000_000, 0));
    assert_eq!(charged(100_001, Some("priority")), (4_780_010_000, Cost::RATE_SUBSTITUTED));
}

#[test]
fn images_made_have_their_rate_or_that_of_the_output() {
    let own = r#"{"draws": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6,
        "output_cost_per_image_token": 3e-5}}"#;
    let book = PriceBook::embedded().with_override(own).unwrap();
    let output = Some(OutputTokens { image: 10, ..OutputTokens::default() });
    let drawn = Usage { output, ..tokens(0, 0) };
    assert_eq!(book.charge(None, "draws", None, &drawn).map(|c| c.nanos), Ok(NanoUsd(300_000)));
    assert_eq!(priced("model-x", drawn).nanos, Some(NanoUsd(20_000)));
}

/// The release build is what people wait for; an unoptimised one may take several times as long.
const MAX_PARSE_MS: u128 = 200;

#[test]
fn the_shipped_table_is_read_quickly() {
    #[expect(clippy::disallowed_methods, reason = "measures real work")]
    let begin = std::time::Instant::now();
    let rows = PriceBook::embedded().rows().count();
    let took = begin.elapsed().as_millis();
    eprintln!("{rows} rows read in {took} ms");
    assert!(took < MAX_PARSE_MS, "{took} ms");
}

proptest! {
    #[test]
    fn the_cost_of_two_buckets_is_exact(input in 0u64..1 << 40, output in 0u64..1 << 40) {
        let charge = book().charge(None, "model-x", None, &tokens(input, output)).unwrap();
        let exact = i64::try_from(input * 1_000 + output * 2_000).unwrap();
        prop_assert_eq!(charge.nanos, NanoUsd(exact));
    }

    #[test]
    fn parts_of_a_call_cost_what_the_call_costs_but_for_their_rounding(
        parts in proptest::collection::vec((0u64..1 << 20, 0u64..1 << 20), 1..20),
    ) {
        let rates = r#"{"odd": {"input_cost_per_token": 1.23456789e-7,
            "output_cost_per_token": 9.87654321e-7}}"#;
        static ODD: std::sync::OnceLock<PriceBook> = std::sync::OnceLock::new();
        let book = ODD.get_or_init(|| PriceBook::embedded().with_override(rates).unwrap());
        let cost = |input, output| book.charge(None, "odd", None, &tokens(input, output)).unwrap();
        let sum: i64 = parts.iter().map(|(input, output)| cost(*input, *output).nanos.0).sum();
        let (input, output) = parts.iter().fold((0, 0), |(i, o), part| (i + part.0, o + part.1));
        // Half a nano-dollar for each part, and half for the whole.
        let most = i64::try_from(parts.len().div_ceil(2) + 1).unwrap();
        prop_assert!((sum - cost(input, output).nanos.0).abs() <= most);
    }

    #[test]
    fn any_name_is_looked_up_without_panic(name in "[a-z0-9@/-]{0,24}|.{0,12}") {
        let _ = book().lookup(Some(&name), &name);
    }
}
