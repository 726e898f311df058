//! Half of all requests fail: retries must not make it worse.

use super::stage::{CHAT, Stage, connect, post};
use flowgauge::config::Timeouts;
use flowgauge::logic::retry::Policy;
use flowgauge::logic::unit::Micros;
use flowgauge_testkit::upstream::Script;
use http_body_util::BodyExt;

/// Callers at once: enough that a fifth of them is well above the retries that are always allowed.
const CALLERS: u64 = 100;
/// Calls of each, one after the other.
const CALLS: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_failures_is_amplified_by_a_fifth_at_most() {
    let stage = Stage::with(Timeouts::default(), |c| {
        let policy = Policy { attempts: 3, backoff: Micros(4_000), max_backoff: Micros(8_000) };
        c.gateway.providers[0].retry = Some(policy);
    })
    .await;
    let answer = |status| Script { status, head_delay_ms: 20, ..Script::default() };
    let half = Script { turns: vec![answer(Some(503)), answer(None)], ..Script::default() };
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (addr, half) = (stage.addr, half.clone());
        callers.spawn(async move {
            let mut client = connect(addr).await;
            for _ in 0..CALLS {
                client.ready().await.unwrap();
                let request = post("/v1/chat/completions", &half, CHAT);
                let answer = client.send_request(request).await.unwrap();
                answer.into_body().collect().await.unwrap();
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
    let calls = CALLERS * CALLS;
    let requests = stage.upstream.requests().len() as u64;
    let counters = stage.gateway.counters();
    println!(
        "{requests} requests for {calls} calls: ×{:.3}; {} retries, {} refused",
        requests as f64 / calls as f64,
        counters.retries,
        counters.retries_refused
    );
    assert_eq!(requests, calls + counters.retries);
    assert!(requests * 10 <= calls * 12, "amplified more than 1.2 times");
    assert!(requests * 10 >= calls * 11, "the budget was used");
    assert!(counters.retries_refused > 0, "and it was not enough for all");
    let rows = stage.rows(calls).await;
    let attempts: u64 = rows.iter().map(|r| u64::from(r.outcome.attempts)).sum();
    assert_eq!(attempts, requests, "every request is in a row");
}
