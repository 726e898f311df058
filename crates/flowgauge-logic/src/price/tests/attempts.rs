//! Calls with several attempts or billed passes, and stored calls priced anew.

use super::*;

#[test]
fn every_pass_is_charged_at_its_own_models_rate() {
    let seen = both_forms_of_messages(
        r#"{"input_tokens":50000,"output_tokens":296,"iterations":[{"model":"pass-a","input_tokens":60000,"output_tokens":24},{"model":"pass-b","input_tokens":50000,"output_tokens":296}]}"#,
    );
    let book = book();
    let charge = |pass: &crate::wire::Pass| {
        let model = pass.model.as_deref().unwrap();
        book.charge(None, model, None, &pass.usage).unwrap().nanos.0
    };
    let costs: Vec<i64> = seen.passes.iter().map(charge).collect();
    // 60,000 × 10 µ$ + 24 × 50 µ$, and 50,000 × 5 µ$ + 296 × 25 µ$
    assert_eq!(costs, [601_200_000, 257_400_000]);
    assert_eq!(costs.iter().sum::<i64>(), 858_600_000);
    assert_eq!(seen.usage.input_total().map(|t| t.0), Some(110_000));
    assert_eq!(seen.usage.output_total().map(|t| t.0), Some(320));

    let mut call = call("pass-b", seen.usage);
    call.take_passes(&seen.passes);
    book.price(&mut call);
    assert_eq!(call.cost.nanos, Some(NanoUsd(858_600_000)));
    let costs: Vec<_> = call.attempts.iter().map(|a| a.cost.nanos).collect();
    assert_eq!(costs, [Some(NanoUsd(601_200_000)), Some(NanoUsd(257_400_000))]);
}

#[test]
fn searches_are_charged_with_the_passes_of_their_answer() {
    let seen = both_forms_of_messages(
        r#"{"input_tokens":10,"output_tokens":1,"server_tool_use":{"web_search_requests":2},"iterations":[{"model":"tiered","input_tokens":10,"output_tokens":1},{"model":"tiered","input_tokens":10,"output_tokens":1}]}"#,
    );
    let mut call = call("tiered", seen.usage);
    call.take_passes(&seen.passes);
    book().price(&mut call);
    // 22 × 1 µ$ + 2 × 10 m$
    assert_eq!(call.cost.nanos, Some(NanoUsd(20_022_000)));
    assert_eq!(call.usage.web_searches, 2);
}

#[test]
fn a_single_pass_of_the_same_model_leaves_no_attempt() {
    let seen = both_forms_of_messages(
        r#"{"input_tokens":10,"output_tokens":8,"output_tokens_details":{"thinking_tokens":5},"iterations":[{"type":"message","input_tokens":10,"output_tokens":8}]}"#,
    );
    assert_eq!(seen.usage.output.map(|o| (o.visible, o.reasoning)), Some((3, 5)));
    let mut one = call("pass-b", seen.usage);
    one.take_passes(&seen.passes);
    assert!(one.attempts.is_empty());
    let mut other = call("pass-b", seen.usage);
    let pass = crate::wire::Pass { model: Some("pass-a".into()), usage: seen.usage };
    other.take_passes(&[pass]);
    assert_eq!(other.attempts.len(), 1);
}

#[test]
fn a_failed_attempt_costs_nothing_unless_the_provider_billed_it() {
    let failed =
        Attempt { status: Status::Error, model: Some("unheard-of".into()), ..Attempt::default() };
    let answered =
        Attempt { model: Some("pass-b".into()), usage: tokens(50_000, 296), ..Attempt::default() };
    let mut one = call("unheard-of", tokens(50_000, 296));
    one.attempts = vec![failed.clone(), answered.clone()];
    book().price(&mut one);
    assert_eq!(one.cost.nanos, Some(NanoUsd(257_400_000)));
    assert_eq!(one.attempts[0].cost.unknown_reason, CostUnknown::NoPrice);

    let billed = Attempt { usage: tokens(1, 0), ..failed.clone() };
    one.attempts = vec![billed, answered];
    book().price(&mut one);
    assert_eq!((one.cost.nanos, one.cost.unknown_reason), (None, CostUnknown::NoPrice));

    one.attempts = vec![failed.clone(), failed];
    book().price(&mut one);
    assert_eq!((one.cost.nanos, one.cost.unknown_reason), (None, CostUnknown::NoUsage));
}

#[test]
fn a_call_with_an_unpriced_pass_has_no_cost() {
    let passes = |model: &str| {
        [model, "pass-b"].map(|m| crate::wire::Pass { model: Some(m.into()), usage: tokens(1, 1) })
    };
    let mut call = call("pass-b", tokens(2, 2));
    call.take_passes(&passes("unheard-of"));
    book().price(&mut call);
    assert_eq!(call.cost.nanos, None);
    assert_eq!(call.cost.unknown_reason, CostUnknown::NoPrice);
}

#[test]
fn a_stored_call_is_priced_anew_only_where_its_cost_changes() {
    let mut stored = call("model-x", tokens(1, 1));
    book().price(&mut stored);
    assert_eq!(book().reprice(&stored), None);
    let dearer = SCENARIOS.replace(
        r#""model-x": {"input_cost_per_token": 1e-06"#,
        r#""model-x": {"input_cost_per_token": 5e-06"#,
    );
    let later = PriceBook::embedded().with_override(&dearer).unwrap();
    let new = later.reprice(&stored).unwrap();
    assert_eq!(new.cost.nanos, Some(NanoUsd(7_000)));
    assert_eq!(new.cost.price_version.as_deref(), Some(later.version()));
    let mut other = call("free", tokens(1, 1));
    book().price(&mut other);
    assert_eq!(later.reprice(&other), None);
    let mut unpriced = call("unheard-of", tokens(1, 1));
    book().price(&mut unpriced);
    let own = r#"{"unheard-of": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}}"#;
    let told = PriceBook::embedded().with_override(own).unwrap();
    let cost = told.reprice(&unpriced).unwrap().cost;
    assert_eq!((cost.nanos, cost.source), (Some(NanoUsd(2_000)), CostSource::Computed));
}

#[test]
fn attempts_are_priced_anew_at_their_own_models_and_the_call_at_their_sum() {
    use crate::call::Attempt;
    let mut stored = call("pass-b", tokens(110_000, 320));
    let attempt =
        |model: &str, usage| Attempt { model: Some(model.into()), usage, ..Attempt::default() };
    stored.attempts = vec![
        attempt("pass-a", tokens(60_000, 24)),
        attempt("pass-a", Usage::default()),
        attempt("pass-b", tokens(50_000, 296)),
    ];
    // Refused by the provider, so not billed.
    stored.attempts[1].status = crate::call::Status::Error;
    let new = book().reprice(&stored).unwrap();
    assert_eq!(new.cost.nanos, Some(NanoUsd(858_600_000)));
    let each: Vec<_> = new.attempts.iter().map(|cost| cost.nanos.map(|n| n.0)).collect();
    assert_eq!(each, [Some(601_200_000), None, Some(257_400_000)]);
    book().price(&mut stored);
    assert_eq!(book().reprice(&stored), None);
}

#[test]
fn a_call_of_an_application_costs_what_those_made_for_it_cost_anew() {
    let mut app = call("model-x", tokens(2, 2));
    let mut inner = [call("model-x", tokens(1, 1)), call("free", tokens(1, 1))];
    inner.iter_mut().for_each(|call| call.what.leaf = false);
    let new = book().reprice_with(&app, &inner).unwrap();
    assert_eq!(new.cost.nanos, Some(NanoUsd(3_000)));
    app.cost = new.cost;
    assert_eq!(book().reprice_with(&app, &inner), None);
    inner[1].what.model_used = Some("unheard-of".into());
    let own = book().reprice_with(&app, &inner).unwrap();
    assert_eq!(own.cost.nanos, Some(NanoUsd(6_000)));
    app.usage.flags = Usage::APP_CACHED;
    assert_eq!(book().reprice(&app), None);
}
