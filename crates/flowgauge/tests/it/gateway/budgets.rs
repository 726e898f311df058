//! Budgets in the data path: who is let through, what the others are told, what is counted.

use super::stage::{Stage, post, send, until, whole};
use flowgauge::config::{Config, Fallback, Route, Timeouts};
use flowgauge::logic::budget::{Budget, Ceiling, Per, Period, Trait, Unpriced};
use flowgauge::logic::call::{ErrorClass, Status};
use flowgauge::logic::unit::NanoUsd;
use flowgauge_testkit::upstream::Script;

const PATH: &str = "/v1/chat/completions";
/// At most 100 tokens of `pass-a` at $50 per million: half a cent, and a little for the input.
const ASK: &str =
    r#"{"model":"pass-a","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}"#;
const UNPRICED: &str =
    r#"{"model":"no-such","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}"#;
/// Room for one such call and no second, not even once the first has ended and cost less.
const ROOM_FOR_ONE: NanoUsd = NanoUsd(5_400_000);

fn per_user(limit: NanoUsd, unpriced: Unpriced) -> impl FnOnce(&mut Config) {
    move |config| {
        config.budgets = vec![Budget {
            name: "per-user".into(),
            per: Per::Each(Trait::User),
            matches: Vec::new(),
            period: Period::Month,
            limit,
            zone: chrono_tz::Tz::Asia__Kolkata,
            unpriced,
            default_max_tokens: 4_096,
        }];
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_requests_at_once_one_reaches_the_provider() {
    const TRIALS: u64 = 20;
    let stage = Stage::with(Timeouts::default(), per_user(ROOM_FOR_ONE, Unpriced::Deny)).await;
    let slow = Script { head_delay_ms: 50, ..Script::default() };
    for trial in 0..TRIALS {
        let mut crowd = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let mut request = post(PATH, &slow, ASK);
            let user = format!("user-{trial}").parse().unwrap();
            request.headers_mut().insert("x-flowgauge-user", user);
            let addr = stage.addr;
            crowd.spawn(async move { whole(send(addr, request).await).await });
        }
        let mut admitted = 0;
        while let Some(answer) = crowd.join_next().await {
            let answer = answer.unwrap();
            if answer.status.as_u16() == 200 {
                admitted += 1;
                continue;
            }
            assert_eq!(answer.status.as_u16(), 429);
            assert_eq!(answer.headers["x-should-retry"], "false");
            let error: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(error["error"]["code"], "budget_exceeded");
            let message = error["error"]["message"].as_str().unwrap();
            assert!(message.contains("per-user") && message.contains("+05:30"), "{message}");
        }
        assert_eq!(admitted, 1, "trial {trial}");
    }
    assert_eq!(stage.upstream.requests().len() as u64, TRIALS);
    let rows = stage.rows(TRIALS * 200).await;
    let refused: Vec<_> = rows.iter().filter(|r| r.outcome.status == Status::Refused).collect();
    assert_eq!(refused.len() as u64, TRIALS * 199);
    for row in refused {
        assert_eq!((row.outcome.class, row.outcome.attempts), (ErrorClass::OwnLimit, 0));
        assert_eq!(row.outcome.error_type.as_deref(), Some("budget_exceeded"));
    }
}

#[tokio::test]
async fn a_failed_call_gives_all_back_and_an_ended_one_counts_its_cost() {
    let stage = Stage::with(Timeouts::default(), per_user(ROOM_FOR_ONE, Unpriced::Deny)).await;
    let broken = Script { status: Some(500), ..Script::default() };
    for _ in 0..3 {
        assert_eq!(stage.post(PATH, &broken, ASK).await.status.as_u16(), 500);
        until(|| stage.gateway.in_flight() == 0).await;
    }
    let answer = stage.post(PATH, &Script::default(), ASK).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    let rows = stage.rows(4).await;
    let cost: i64 = rows.iter().filter_map(|r| r.cost.nanos).map(|c| c.0).sum();
    assert!(cost > 0);
    let [shown] = &stage.budgets.shown()[..] else { panic!("one account") };
    let (_, account) = shown.account.as_ref().unwrap();
    assert_eq!((account.spent, account.reserved), (NanoUsd(cost), NanoUsd(0)));
}

#[tokio::test]
async fn a_model_without_a_price_is_refused_or_counts_at_the_ceiling_and_never_as_nothing() {
    let stage = Stage::with(Timeouts::default(), per_user(ROOM_FOR_ONE, Unpriced::Deny)).await;
    let answer = stage.post(PATH, &Script::default(), UNPRICED).await;
    assert_eq!(answer.status.as_u16(), 403);
    assert_eq!(answer.headers["x-should-retry"], "false");
    assert!(answer.text().contains("flowgauge prices set no-such"), "{}", answer.text());
    assert!(stage.upstream.requests().is_empty());

    let rates = Ceiling { input: 10_000_000_000_000_000_000, output: 10_000_000_000_000_000_000 };
    let ceiling = per_user(ROOM_FOR_ONE, Unpriced::Ceiling(rates));
    let stage = Stage::with(Timeouts::default(), ceiling).await;
    assert_eq!(stage.post(PATH, &Script::default(), UNPRICED).await.status.as_u16(), 200);
    let row = stage.row().await;
    let tokens = row.usage.total().unwrap().0;
    let [shown] = &stage.budgets.shown()[..] else { panic!("one account") };
    let (_, account) = shown.account.as_ref().unwrap();
    // $10 per million tokens is 10,000 nano-dollars each.
    assert_eq!(account.spent.0.unsigned_abs(), tokens * 10_000);
    assert_eq!((account.assumed, row.cost.nanos), (account.spent, None));
}

#[tokio::test]
async fn calls_of_an_application_and_other_paths_are_not_held_back() {
    let stage = Stage::with(Timeouts::default(), per_user(NanoUsd(1), Unpriced::Deny)).await;
    let asked = r#"{"bookId":"b","intent":"ask","query":"why"}"#;
    let answer = stage.post("/api/chat/stream", &Script::default(), asked).await;
    assert_ne!(answer.status.as_u16(), 429);
    assert_ne!(answer.status.as_u16(), 403);
    let anthropic = r#"{"model":"pass-a","max_tokens":9,"messages":[]}"#;
    let refused = stage.post("/v1/messages", &Script::default(), anthropic).await;
    assert_eq!(refused.status.as_u16(), 429);
    let error: serde_json::Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!(error["type"], "error", "the shape of its family: {error}");
}

/// A call that fails where it is asked, and goes on to a dearer model.
const FAILS: &str =
    r#"{"model":"error-503","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}"#;

/// A dollar per million tokens where a model has no price, and so much room.
fn falling_back(limit: NanoUsd) -> impl FnOnce(&mut Config) {
    let rates = Ceiling { input: 1_000_000_000_000_000_000, output: 1_000_000_000_000_000_000 };
    move |config| {
        per_user(limit, Unpriced::Ceiling(rates))(config);
        let dearer = Fallback { provider: "openai".into(), model: Some("gpt-4o".into()) };
        config.gateway.routes = vec![Route {
            path: Some("/v1/chat".into()),
            provider: "openai".into(),
            fallback: vec![dearer],
            ..Route::default()
        }];
    }
}

/// A tenth of a cent is what 100 tokens of the dearer model may cost.
#[tokio::test]
async fn a_call_goes_on_to_a_dearer_model_only_where_the_budget_has_room_for_that_one() {
    for (limit, status, asked) in [(500_000, 503, 1), (2_000_000, 200, 2)] {
        let stage = Stage::with(Timeouts::default(), falling_back(NanoUsd(limit))).await;
        let mut request = post(PATH, &Script::default(), FAILS);
        request.headers_mut().remove("x-script");
        let got = whole(send(stage.addr, request).await).await;
        assert_eq!(got.status.as_u16(), status);
        assert_eq!(stage.upstream.requests().len(), asked, "{limit}");
        let row = stage.row().await;
        until(|| stage.budgets.shown()[0].account.as_ref().is_none_or(|(_, a)| a.reserved.0 == 0))
            .await;
        let [shown] = &stage.budgets.shown()[..] else { panic!("one account") };
        let spent = shown.account.as_ref().map_or(0, |(_, a)| a.spent.0);
        assert_eq!(spent, row.cost.nanos.map_or(0, |n| n.0), "{limit}");
        assert_eq!(spent > 0, status == 200, "{limit}");
    }
}
