//! Answers that the provider sampled, and billed, in several passes.

use super::stage::{Stage, Whole};
use flowgauge::config::Timeouts;
use flowgauge::logic::call::{AttemptReason, Call, CostUnknown, Status};
use flowgauge::logic::retry::Policy;
use flowgauge::logic::unit::{Micros, NanoUsd};
use flowgauge_testkit::upstream::Script;
use serde_json::{Value, json};

/// A declined pass of one model, then the answer of another. The top level repeats the answer's.
fn declined(first: &str) -> Value {
    json!({
        "input_tokens": 50_000, "output_tokens": 296,
        "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
        "iterations": [
            { "type": "message", "model": first, "input_tokens": 60_000, "output_tokens": 24 },
            { "type": "fallback_message", "model": "pass-b", "input_tokens": 50_000,
              "output_tokens": 296 },
        ],
    })
}

fn body(stream: bool) -> String {
    json!({ "model": "pass-b", "max_tokens": 512, "stream": stream, "messages": [] }).to_string()
}

async fn post(stage: &Stage, usage: Value, stream: bool) -> Whole {
    let script = Script { messages_usage: Some(usage), ..Script::default() };
    stage.post("/v1/messages", &script, &body(stream)).await
}

fn pieces(row: &Call) -> Vec<(Option<&str>, Option<u64>, Option<NanoUsd>)> {
    let of = |a: &flowgauge::logic::call::Attempt| a.usage.total().map(|t| t.0);
    row.attempts.iter().map(|a| (a.model.as_deref(), of(a), a.cost.nanos)).collect()
}

#[tokio::test]
async fn every_pass_is_priced_at_its_own_model_streamed_or_not() {
    let stage = Stage::new().await;
    for stream in [false, true] {
        let got = post(&stage, declined("pass-a"), stream).await;
        assert_eq!(got.status, 200);
        assert!(!got.headers.contains_key("x-flowgauge-attempts"), "there was one request");
    }
    let rows = stage.rows(2).await;
    for row in &rows {
        assert_eq!(row.cost.nanos, Some(NanoUsd(858_600_000)));
        assert_eq!(row.usage.input_total().map(|t| t.0), Some(110_000));
        assert_eq!(row.usage.output_total().map(|t| t.0), Some(320));
        assert_eq!((row.outcome.status, row.outcome.attempts), (Status::Ok, 1));
        let want = [
            (Some("pass-a"), Some(60_024), Some(NanoUsd(601_200_000))),
            (Some("pass-b"), Some(50_296), Some(NanoUsd(257_400_000))),
        ];
        assert_eq!(pieces(row), want);
        for (number, attempt) in (1..).zip(&row.attempts) {
            assert_eq!((attempt.number, attempt.reason), (number, AttemptReason::Iteration));
            assert_eq!(attempt.provider.as_deref(), Some("anthropic"));
            assert_eq!((attempt.http_status, attempt.latency), (Some(200), None));
        }
    }
    let [one, other] = &rows[..] else { panic!("two rows") };
    assert_eq!(
        (&one.usage, &one.cost, &one.attempts),
        (&other.usage, &other.cost, &other.attempts)
    );
}

#[tokio::test]
async fn one_pass_without_a_price_leaves_the_whole_cost_unknown() {
    let stage = Stage::new().await;
    post(&stage, declined("nobody-knows-this-model"), false).await;
    let row = stage.row().await;
    assert_eq!((row.cost.nanos, row.cost.unknown_reason), (None, CostUnknown::NoPrice));
    let costs: Vec<_> = row.attempts.iter().map(|a| a.cost.nanos).collect();
    assert_eq!(costs, [None, Some(NanoUsd(257_400_000))]);
    assert_eq!(
        row.usage.input_total().map(|t| t.0),
        Some(110_000),
        "tokens are known all the same"
    );
}

#[tokio::test]
async fn cache_buckets_of_every_pass_are_kept_and_a_lone_pass_is_the_call() {
    let stage = Stage::new().await;
    let cached = json!({
        "input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 100,
        "output_tokens_details": { "thinking_tokens": 3 },
        "iterations": [
            { "type": "compaction", "input_tokens": 20, "output_tokens": 7,
              "cache_creation_input_tokens": 30,
              "cache_creation": { "ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20 } },
            { "type": "message", "input_tokens": 10, "output_tokens": 5,
              "cache_read_input_tokens": 100, "cache_creation_input_tokens": 0 },
        ],
    });
    post(&stage, cached, true).await;
    let lone = json!({
        "input_tokens": 10, "output_tokens": 5,
        "iterations": [{ "type": "message", "input_tokens": 10, "output_tokens": 5 }],
    });
    post(&stage, lone, true).await;
    let rows = stage.rows(2).await;
    let two = rows.iter().find(|r| r.attempts.len() == 2).unwrap();
    let input = two.usage.input.unwrap();
    assert_eq!(
        (input.text, input.cache_read, input.cache_write_5m, input.cache_write_1h),
        (30, 100, 10, 20)
    );
    let output = two.usage.output.unwrap();
    assert_eq!((output.visible, output.reasoning), (9, 3));
    let models: Vec<_> = two.attempts.iter().map(|a| a.model.as_deref()).collect();
    assert_eq!(models, [Some("pass-b"); 2]);
    let lone = rows.iter().find(|r| r.attempts.is_empty()).unwrap();
    assert_eq!(lone.usage.total().map(|t| t.0), Some(15));
}

#[tokio::test]
async fn passes_after_a_retry_stand_behind_the_request_that_failed() {
    let stage = Stage::with(Timeouts::default(), |c| {
        let pause = Micros(1_000);
        let policy = Policy { attempts: 2, backoff: pause, max_backoff: pause };
        c.gateway.providers[1].retry = Some(policy);
    })
    .await;
    let answer = Script { messages_usage: Some(declined("pass-a")), ..Script::default() };
    let failure = Script { status: Some(529), ..Script::default() };
    let script = Script { turns: vec![failure, answer], ..Script::default() };
    stage.post("/v1/messages", &script, &body(true)).await;
    let row = stage.row().await;
    let reasons: Vec<_> = row.attempts.iter().map(|a| a.reason).collect();
    let pass = AttemptReason::Iteration;
    assert_eq!(reasons, [AttemptReason::First, pass, pass]);
    assert_eq!((row.outcome.attempts, row.cost.nanos), (2, Some(NanoUsd(858_600_000))));
    assert_eq!(row.attempts[0].http_status, Some(529));
}
