//! Clients that hang up: the row is written, with the provider's usage where it was worth the wait.

use super::stage::{MESSAGES_STREAM, Stage, connect, post, send, until};
use flowgauge::config::{Route, StreamSettings, Timeouts};
use flowgauge::logic::call::{Call, Status, Usage, UsageSource};
use flowgauge::logic::unit::{Micros, Tokens};
use flowgauge::receive::gateway::MAX_DRAINS;
use flowgauge_testkit::upstream::{Hang, Script};
use http_body_util::BodyExt;

const CHAT: &str = "/v1/chat/completions";
const UNASKED: &str = r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"tiktoken is great!"}]}"#;

/// "tiktoken is great!" as a message of a user: 3 + 1 + 6, and 3 to begin the answer.
const PROMPT: u64 = 13;

/// The row of a client that left after the first event of this stream.
async fn left_after_one_event(stage: &Stage, script: &Script, path: &str, body: &str) -> Call {
    let mut answer = send(stage.addr, post(path, script, body)).await.into_body();
    answer.frame().await.unwrap().unwrap();
    drop(answer);
    stage.row().await
}

fn is_flagged(row: &Call) -> bool {
    row.usage.flags & Usage::NOT_AWAITED != 0
}

#[tokio::test]
async fn usage_100_ms_after_the_hang_up_is_the_provider_s() {
    let stage = Stage::new().await;
    let script = Script { usage_delay_ms: 100, ..Script::default() };
    let row = left_after_one_event(&stage, &script, CHAT, UNASKED).await;
    assert_eq!((row.outcome.status, row.usage.source), (Status::Cancelled, UsageSource::Provider));
    assert_eq!(row.usage.output_total(), Some(Tokens(8)));
    assert!(!is_flagged(&row));
}

#[tokio::test]
async fn usage_5_s_after_the_hang_up_is_not_awaited_and_estimated() {
    let stage = Stage::new().await;
    let script = Script { usage_delay_ms: 5_000, ..Script::default() };
    let row = left_after_one_event(&stage, &script, CHAT, UNASKED).await;
    assert_eq!((row.outcome.status, row.usage.source), (Status::Cancelled, UsageSource::Estimated));
    assert!(is_flagged(&row));
    assert_eq!(row.usage.input_total(), Some(Tokens(PROMPT)));
    // `word0 word1 …` are three tokens each: `word`, the number, and the space joins the next word.
    assert!(row.usage.output_total().is_some_and(|t| (16..=25).contains(&t.0)), "{:?}", row.usage);
    assert!(row.cost.nanos.is_some_and(|n| n.0 > 0));
    until(|| stage.upstream.aborted_at().len() == 1).await;
    let counters = stage.gateway.counters();
    assert_eq!((counters.counted, counters.uncounted), (1, 0));
}

#[tokio::test]
async fn a_window_of_10_s_on_the_route_awaits_it() {
    let stage = Stage::with(Timeouts::default(), |c| {
        let drain_window = Some(Micros::from_millis(10_000));
        c.gateway.routes = vec![Route {
            model: Some("gpt-4o*".into()),
            provider: "openai".into(),
            streams: StreamSettings { drain_window, ..StreamSettings::default() },
            ..Route::default()
        }];
    })
    .await;
    let script = Script { usage_delay_ms: 600, ..Script::default() };
    let row = left_after_one_event(&stage, &script, CHAT, UNASKED).await;
    assert_eq!((row.outcome.status, row.usage.source), (Status::Cancelled, UsageSource::Provider));
    assert!(!is_flagged(&row) && stage.upstream.aborted_at().is_empty());
}

#[tokio::test]
async fn an_explicit_zero_stays_zero() {
    let stage = Stage::new().await;
    let script = Script { words: Some(0), usage_delay_ms: 50, ..Script::default() };
    let row = left_after_one_event(&stage, &script, CHAT, UNASKED).await;
    assert_eq!((row.outcome.status, row.usage.source), (Status::Cancelled, UsageSource::Provider));
    assert_eq!(row.usage.output_total(), Some(Tokens(0)));
}

#[tokio::test]
async fn before_the_first_token_it_is_the_same() {
    let stage = Stage::new().await;
    for (delay, hang) in [(60, None), (0, Some(Hang::Head))] {
        let script = Script { head_delay_ms: delay, hang, ..Script::default() };
        let before = stage.upstream.requests().len();
        let mut client = connect(stage.addr).await;
        let waiting = tokio::spawn(client.send_request(post(CHAT, &script, UNASKED)));
        until(|| stage.upstream.requests().len() > before).await;
        waiting.abort();
        drop(client);
    }
    let mut rows = stage.rows(2).await;
    rows.sort_by_key(|row| row.id);
    assert!(rows.iter().all(|row| row.outcome.status == Status::Cancelled));
    assert_eq!(rows[0].usage.source, UsageSource::Provider);
    assert_eq!(rows[0].usage.output_total(), Some(Tokens(8)));
    assert_eq!(rows[1].usage.source, UsageSource::Estimated);
    assert_eq!(rows[1].usage.input_total(), Some(Tokens(PROMPT)));
    assert_eq!(rows[1].usage.output_total(), Some(Tokens(0)));
    assert!(!is_flagged(&rows[0]) && is_flagged(&rows[1]));
}

#[tokio::test]
async fn what_nobody_saw_of_an_unstreamed_answer_stays_unknown() {
    let stage = Stage::new().await;
    let hang = Script { hang: Some(Hang::Head), ..Script::default() };
    let unstreamed = UNASKED.replace("\"stream\":true,", "");
    let mut client = connect(stage.addr).await;
    let waiting = tokio::spawn(client.send_request(post(CHAT, &hang, &unstreamed)));
    until(|| stage.upstream.requests().len() == 1).await;
    waiting.abort();
    drop(client);
    let cut = Script { cut_at: Some(150), ..Script::default() };
    stage.post(CHAT, &cut, &unstreamed).await;
    for row in stage.rows(2).await {
        assert_eq!(row.usage.source, UsageSource::Estimated);
        assert_eq!((row.usage.input_total(), row.usage.output), (Some(Tokens(PROMPT)), None));
        assert_eq!(row.cost.nanos, None);
    }
}

#[tokio::test]
async fn the_output_an_answer_stated_at_its_beginning_is_not_taken_for_the_whole() {
    let stage = Stage::new().await;
    let script = Script { chunk_delay_ms: 90, ..Script::default() };
    let row = left_after_one_event(&stage, &script, "/v1/messages", MESSAGES_STREAM).await;
    assert_eq!((row.outcome.status, row.usage.source), (Status::Cancelled, UsageSource::Estimated));
    assert_eq!(row.usage.input_total(), Some(Tokens(12)), "the provider's own figure");
    assert!(is_flagged(&row));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_hang_ups_at_random_bytes_leave_a_thousand_cancelled_rows_and_no_unflagged_estimate()
 {
    const CALLS: u64 = 1_000;
    // Connections open at once: what the file limit of a test run allows.
    const AT_ONCE: usize = 300;
    let stage = std::sync::Arc::new(Stage::new().await);
    // The stream never ends and its usage never comes, so that every hang-up is one.
    let script = Script { words: Some(60), usage_delay_ms: 3_600_000, ..Script::default() };
    let whole = stage.direct(CHAT, &Script { words: Some(60), ..Script::default() }, UNASKED).await;
    let last_word = whole.text().find("\"finish_reason\":\"stop\"").unwrap();
    let room = std::sync::Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    let mut clients = tokio::task::JoinSet::new();
    let mut random = 0x9e37_79b9_u64;
    for _ in 0..CALLS {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let upto = usize::try_from(random >> 33).unwrap() % last_word;
        let (stage, room, script) = (stage.clone(), room.clone(), script.clone());
        clients.spawn(async move {
            let _room = room.acquire_owned().await.unwrap();
            let mut body = send(stage.addr, post(CHAT, &script, UNASKED)).await.into_body();
            let mut read = 0;
            while read < upto {
                read += body.frame().await.unwrap().unwrap().into_data().unwrap().len();
            }
        });
    }
    while let Some(left) = clients.join_next().await {
        left.unwrap();
        assert!(stage.gateway.draining() <= MAX_DRAINS);
    }
    let rows = stage.rows(CALLS).await;
    for row in &rows {
        assert_eq!(row.outcome.status, Status::Cancelled);
        assert_eq!(row.usage.source, UsageSource::Estimated, "{:?}", row.usage);
        assert!(is_flagged(row) && row.usage.input_total() == Some(Tokens(PROMPT)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_than_256_abandoned_calls_are_read_on_at_once() {
    const OVER: usize = 20;
    let stage = Stage::with(Timeouts::default(), |c| {
        c.gateway.providers[0].streams.drain_window = Some(Micros::from_millis(60_000));
    })
    .await;
    let script = Script { hang: Some(Hang::Body), ..Script::default() };
    let mut open = Vec::new();
    for _ in 0..MAX_DRAINS + OVER {
        let mut body = send(stage.addr, post(CHAT, &script, UNASKED)).await.into_body();
        body.frame().await.unwrap().unwrap();
        open.push(body);
    }
    drop(open);
    until(|| stage.recorder.stats().stored == OVER as u64).await;
    assert_eq!(stage.gateway.draining(), MAX_DRAINS);
    assert_eq!(stage.upstream.aborted_at().len(), OVER, "the others are cut at once");
    let counters = stage.gateway.counters();
    assert_eq!((counters.drains, counters.drains_refused), (MAX_DRAINS as u64, OVER as u64));
}

#[tokio::test]
async fn a_stop_lets_go_of_what_is_read_on_and_waits_for_its_rows() {
    let stage = Stage::with(Timeouts::default(), |c| {
        c.gateway.drain_window = Micros::from_millis(60_000);
    })
    .await;
    let script = Script { hang: Some(Hang::Body), ..Script::default() };
    let mut body = send(stage.addr, post(CHAT, &script, UNASKED)).await.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    until(|| stage.gateway.draining() == 1).await;
    stage.gateway.end().await;
    assert_eq!((stage.gateway.in_flight(), stage.recorder.stats().received), (0, 1));
    let row = stage.row().await;
    assert_eq!((row.outcome.status, row.usage.source), (Status::Cancelled, UsageSource::Estimated));
    assert!(is_flagged(&row));
}
