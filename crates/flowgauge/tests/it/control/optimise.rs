//! Shorter requests and other models: what the provider gets, what the row says, and what happens when it is refused.

use super::super::gateway::stage::{Stage, until};
use super::{PATH, change, field, on, with};
use flowgauge::config::Timeouts;
use flowgauge::logic::call::{AttemptReason, CacheOutcome, Status, Text};
use flowgauge::logic::control::model::{Model, Rule};
use flowgauge::logic::control::rollout::{Mechanism, Mode, Share};
use flowgauge::logic::unit::Micros;
use flowgauge_testkit::upstream::Script;
use serde_json::{Value, json};

/// A question about eight passages, of which one matters.
fn with_context() -> String {
    let passages: String = (0..8)
        .map(|n| {
            let about = [
                "whaling",
                "sextants",
                "hammocks",
                "barometers",
                "harpoons",
                "rigging",
                "ballast",
                "charts",
            ][n];
            let text = format!(
                "This passage is about {about} and says what sailors did with {about} at sea. "
            )
            .repeat(12);
            format!("<chunk id=\"{n}\">{text}</chunk>\n")
        })
        .collect();
    json!({
        "model": "gpt-4o-mini",
        "messages": [
            {"role": "system", "content": format!("Answer from the context.\n{passages}")},
            {"role": "user", "content": "What did sailors do with harpoons?"},
        ],
    })
    .to_string()
}

/// A gateway whose optimisers have all the time they want: what is tested is not this machine's speed.
async fn patient() -> Stage {
    let patience = Micros::from_millis(60_000);
    Stage::with(Timeouts::default(), |c| c.gateway.optimiser_time = patience).await
}

fn sent(stage: &Stage) -> Value {
    serde_json::from_slice(&stage.upstream.requests().last().unwrap().body).unwrap()
}

#[tokio::test]
async fn context_that_does_not_matter_is_left_out_and_the_question_stays() {
    let stage = patient().await;
    on(&stage, Mechanism::ContextPruning).await;
    let got = stage.post(PATH, &Script::default(), &with_context()).await;
    assert_eq!(got.status, 200);
    assert_eq!(field(&got, "x-flowgauge-applied"), Some("context_pruning"));
    let saved: u64 = field(&got, "x-flowgauge-tokens-saved").unwrap().parse().unwrap();
    let system = sent(&stage)["messages"][0]["content"].to_string();
    assert!(system.contains("harpoons") && !system.contains("barometers"), "{system}");
    assert_eq!(sent(&stage)["messages"][1]["content"], "What did sailors do with harpoons?");
    let row = stage.row().await;
    assert_eq!(row.control.applied, Mechanism::ContextPruning.bit());
    let input = row.usage.input_total().unwrap().0;
    assert_eq!(row.control.original_input_tokens.map(|t| t.0), Some(input + saved));
    assert!(row.cost.avoided.is_some_and(|c| c.0 > 0));
    assert_eq!(row.control.generation, 1);
}

/// Scenario 18: a 400 to a pruned request.
#[tokio::test]
async fn a_refused_change_is_sent_once_as_it_came_and_the_optimiser_rests() {
    let stage = patient().await;
    on(&stage, Mechanism::ContextPruning).await;
    let turns = vec![Script { status: Some(400), ..Script::default() }, Script::default()];
    let got = stage.post(PATH, &Script { turns, ..Script::default() }, &with_context()).await;
    assert_eq!((got.status.as_u16(), field(&got, "x-flowgauge-applied")), (200, None));
    assert_eq!(sent(&stage), serde_json::from_str::<Value>(&with_context()).unwrap());
    let row = stage.row().await;
    assert_eq!((row.outcome.status, row.control.applied), (Status::Ok, 0));
    let reasons: Vec<_> = row.attempts.iter().map(|a| a.reason).collect();
    assert_eq!(reasons, [AttemptReason::First, AttemptReason::OptimisationRefused]);
    let standing = stage.control.breakers.standing(row.time.start);
    assert_eq!((standing.len(), standing[0].refused), (1, 1));
    assert!(standing[0].rests_until.is_some());
    stage.post(PATH, &Script::default(), &with_context()).await;
    assert_eq!(sent(&stage), serde_json::from_str::<Value>(&with_context()).unwrap(), "it rests");
}

#[tokio::test]
async fn what_the_provider_refuses_either_way_is_the_application_s() {
    let stage = patient().await;
    on(&stage, Mechanism::ContextPruning).await;
    let script = Script { status: Some(400), ..Script::default() };
    let got = stage.post(PATH, &script, &with_context()).await;
    let want = stage.direct(PATH, &script, &with_context()).await;
    assert_eq!((got.status, got.body), (want.status, want.body));
    assert!(stage.control.breakers.standing(stage.row().await.time.start).is_empty());
}

#[tokio::test]
async fn a_simple_question_goes_to_the_model_that_is_good_enough() {
    let stage = patient().await;
    change(&stage, |s| {
        s.rollouts.model_selection.mode = Mode::On;
        s.model.models.push(Model {
            name: Text::from("gpt-4o-mini"),
            context_tokens: 128_000,
            tools: true,
            images: true,
            forms: true,
        });
        s.model.rules.push(Rule {
            intents: vec![Text::from("simple")],
            to: vec![Text::from("gpt-4o-mini")],
            ..Rule::default()
        });
    })
    .await;
    let body = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}"#;
    let got = with(&stage, &[("x-flowgauge-intent", "simple")], body).await;
    assert_eq!(field(&got, "x-flowgauge-model"), Some("gpt-4o-mini"));
    assert_eq!(sent(&stage)["model"], "gpt-4o-mini");
    with(&stage, &[("x-flowgauge-intent", "complex")], body).await;
    assert_eq!(sent(&stage)["model"], "gpt-4o");
    let rows = stage.rows(2).await;
    let simple = rows.iter().find(|r| r.what.intent.as_deref() == Some("simple")).unwrap();
    assert_eq!(simple.what.model_requested.as_deref(), Some("gpt-4o"));
    assert!(simple.what.model_used.as_deref().unwrap().starts_with("gpt-4o-mini"));
    assert_eq!(simple.control.applied, Mechanism::ModelSelection.bit());
    let complex = rows.iter().find(|r| r.what.intent.as_deref() == Some("complex")).unwrap();
    let (paid, dear) = (simple.cost.nanos.unwrap(), complex.cost.nanos.unwrap());
    assert!(paid < dear && complex.cost.avoided.is_none());
    assert_eq!(
        simple.cost.avoided.unwrap().0,
        dear.0 - paid.0,
        "what the other model would have cost more"
    );
}

#[tokio::test]
async fn in_shadow_nothing_changes_and_what_would_have_is_counted() {
    let stage = patient().await;
    change(&stage, |s| s.rollouts.context_pruning.mode = Mode::Shadow).await;
    let got = stage.post(PATH, &Script::default(), &with_context()).await;
    assert_eq!(field(&got, "x-flowgauge-applied"), None);
    assert_eq!(sent(&stage), serde_json::from_str::<Value>(&with_context()).unwrap());
    let looked = stage.control.tally.of(Mechanism::ContextPruning);
    assert_eq!((looked.looked, looked.changed), (1, 1));
    assert!(looked.saved > 100, "{looked:?}");
}

#[tokio::test]
async fn a_person_stays_in_one_arm_and_the_held_out_are_untouched() {
    let stage = patient().await;
    change(&stage, |s| {
        s.rollouts.context_pruning.mode = Mode::On;
        s.rollouts.context_pruning.holdout = Share::percent(5);
        s.rollouts.response_caching.mode = Mode::Canary(Share::percent(50));
    })
    .await;
    let mut arms = std::collections::BTreeMap::<String, u32>::new();
    for user in 0..120 {
        let name = format!("user-{user}");
        let fields = [("x-flowgauge-user", name.as_str()), ("x-flowgauge-optimizations", "on")];
        let body = with_context().replace("What did", &format!("{user}: What did"));
        let [first, again] =
            [with(&stage, &fields, &body).await, with(&stage, &fields, &body).await];
        let arm = field(&first, "x-flowgauge-arm").unwrap().to_owned();
        assert_eq!(Some(arm.as_str()), field(&again, "x-flowgauge-arm"));
        let held = arm.contains("context_pruning=hold_out");
        let pruned =
            field(&first, "x-flowgauge-applied").is_some_and(|a| a.contains("context_pruning"));
        assert_eq!(held, !pruned, "{arm}");
        *arms.entry(arm).or_insert(0) += 1;
    }
    let count =
        |word: &str| arms.iter().filter(|(a, _)| a.contains(word)).map(|(_, n)| n).sum::<u32>();
    assert!((1..=15).contains(&count("context_pruning=hold_out")), "{arms:?}");
    assert!((40..=80).contains(&count("response_caching=treated")), "{arms:?}");
    assert!(count("response_caching=waiting") > 0);
    let rows = stage.rows(240).await;
    assert!(rows.iter().all(|r| r.control.arm.is_some()));
    assert!(rows.iter().any(|r| r.control.cache == CacheOutcome::Bypass));
}

#[tokio::test]
async fn a_request_that_is_signed_or_wishes_it_is_sent_as_it_came() {
    let stage = patient().await;
    for mechanism in Mechanism::ALL {
        on(&stage, mechanism).await;
    }
    let own = serde_json::from_str::<Value>(&with_context()).unwrap();
    for fields in [[("content-digest", "sha-256=:x:")], [("x-flowgauge-optimizations", "off")]] {
        for _ in 0..2 {
            let got = with(&stage, &fields, &with_context()).await;
            assert_eq!((got.status.as_u16(), field(&got, "x-flowgauge-applied")), (200, None));
            assert_eq!(sent(&stage), own);
        }
    }
    until(|| stage.gateway.in_flight() == 0).await;
    assert_eq!(stage.upstream.requests().len(), 4, "nothing came from memory");
}

/// Reliability C09.
#[tokio::test]
async fn an_optimiser_that_takes_too_long_is_passed_over_and_rests_after_the_fifth_time() {
    let stage = Stage::with(Timeouts::default(), |c| c.gateway.optimiser_time = Micros(0)).await;
    on(&stage, Mechanism::ContextPruning).await;
    for _ in 0..6 {
        let got = stage.post(PATH, &Script::default(), &with_context()).await;
        assert_eq!((got.status.as_u16(), field(&got, "x-flowgauge-applied")), (200, None));
        assert_eq!(sent(&stage), serde_json::from_str::<Value>(&with_context()).unwrap());
    }
    let now = stage.rows(6).await[0].time.start;
    let standing = stage.control.breakers.standing(now);
    assert_eq!((standing[0].overran, standing[0].rests_until.is_some()), (5, true));
}

#[tokio::test]
async fn what_the_provider_s_prompt_cache_holds_is_worth_more_than_a_little_less_context() {
    let stage = patient().await;
    on(&stage, Mechanism::ContextPruning).await;
    let usage = json!({
        "prompt_tokens": 40_000,
        "completion_tokens": 5,
        "total_tokens": 40_005,
        "prompt_tokens_details": {"cached_tokens": 39_000},
    });
    let script = Script { usage_object: Some(usage), ..Script::default() };
    let first = stage.post(PATH, &script, &with_context()).await;
    assert_eq!(field(&first, "x-flowgauge-applied"), Some("context_pruning"));
    until(|| stage.gateway.in_flight() == 0).await;
    let again = stage.post(PATH, &script, &with_context()).await;
    assert_eq!(field(&again, "x-flowgauge-applied"), None, "the prefix is cached");
    assert_eq!(sent(&stage), serde_json::from_str::<Value>(&with_context()).unwrap());
}
