//! One call, several upstream requests: what is asked again, when, by whom, and what the row says.

use super::stage::{CHAT, CHAT_STREAM, Stage, Whole, connect, post, send, short, until, whole};
use flowgauge::config::{Config, Fallback, Provider, Route, Secret, Timeouts};
use flowgauge::logic::call::{AttemptReason, Call, ErrorClass, Status};
use flowgauge::logic::retry::Policy;
use flowgauge::logic::unit::Micros;
use flowgauge_testkit::upstream::{Hang, Script, Upstream};

const PATH: &str = "/v1/chat/completions";

fn policy(attempts: u16) -> Policy {
    Policy { attempts, backoff: Micros(2_000), max_backoff: Micros(50_000) }
}

fn retrying(attempts: u16) -> impl FnOnce(&mut Config) {
    move |c| c.gateway.providers[0].retry = Some(policy(attempts))
}

fn status(code: u16) -> Script {
    Script { status: Some(code), ..Script::default() }
}

fn turns(turns: &[Script]) -> Script {
    Script { turns: turns.to_vec(), ..Script::default() }
}

fn header<'a>(answer: &'a Whole, name: &str) -> Option<&'a str> {
    answer.headers.get(name).map(|v| v.to_str().unwrap())
}

fn reasons(row: &Call) -> Vec<AttemptReason> {
    row.attempts.iter().map(|a| a.reason).collect()
}

#[tokio::test]
async fn a_failure_is_asked_again_and_every_request_is_a_row() {
    let stage = Stage::with(Timeouts::default(), retrying(3)).await;
    let script = turns(&[status(503), status(500), Script::default()]);
    for body in [CHAT, CHAT_STREAM] {
        let got = stage.post(PATH, &script, body).await;
        let want = stage.direct(PATH, &Script::default(), body).await;
        assert_eq!((got.status.as_u16(), &got.body), (200, &want.body));
        assert_eq!(header(&got, "x-flowgauge-attempts"), Some("3"));
        assert_eq!(header(&got, "x-flowgauge-model"), Some("gpt-4o-mini"));
    }
    for row in stage.rows(2).await {
        assert_eq!((row.outcome.status, row.outcome.attempts), (Status::Ok, 3));
        let retry = AttemptReason::Retry;
        assert_eq!(reasons(&row), [AttemptReason::First, retry, retry]);
        let http: Vec<_> = row.attempts.iter().filter_map(|a| a.http_status).collect();
        assert_eq!(http, [503, 500, 200]);
        let numbers: Vec<_> = row.attempts.iter().map(|a| a.number).collect();
        assert_eq!(numbers, [1, 2, 3]);
        let [first, _, last] = &row.attempts[..] else { panic!("three attempts") };
        assert_eq!((first.status, first.class), (Status::Error, ErrorClass::Upstream5xx));
        assert_eq!((first.usage.total(), first.cost.nanos), (None, None));
        assert_eq!(first.provider.as_deref(), Some("openai"));
        assert_eq!((last.usage, last.cost.nanos), (row.usage, row.cost.nanos));
        assert!(row.cost.nanos.is_some());
        let spent: u64 = row.attempts.iter().filter_map(|a| a.latency).map(|l| l.0).sum();
        assert!(row.time.latency.unwrap().0 >= spent, "the call holds all its attempts");
        assert!(row.time.upstream.unwrap() <= row.time.latency.unwrap());
    }
    assert_eq!(stage.gateway.counters().retries, 4);
}

#[tokio::test]
async fn a_wrong_request_is_never_asked_again() {
    let stage = Stage::with(Timeouts::default(), retrying(5)).await;
    let wrong = [400, 401, 403, 404, 413, 422];
    for code in wrong {
        let got = stage.post(PATH, &status(code), CHAT).await;
        assert_eq!(got.status.as_u16(), code);
        assert_eq!(header(&got, "x-flowgauge-attempts"), None);
    }
    assert_eq!(stage.upstream.requests().len(), wrong.len());
    let again = [408, 409, 429];
    for code in again {
        let wait = Script { retry_after_ms: Some(1), ..status(code) };
        let got = stage.post(PATH, &turns(&[wait, Script::default()]), CHAT).await;
        assert_eq!(got.status, 200, "{code}");
    }
    for row in stage.rows((wrong.len() + again.len()) as u64).await {
        assert_eq!(row.attempts.is_empty(), row.outcome.attempts == 1);
    }
}

#[tokio::test]
async fn nothing_is_asked_again_without_a_policy() {
    let stage = Stage::new().await;
    let got = stage.post(PATH, &status(503), CHAT).await;
    assert_eq!((got.status.as_u16(), stage.upstream.requests().len()), (503, 1));
    let row = stage.row().await;
    assert_eq!((row.outcome.attempts, row.attempts.len()), (1, 0));
}

#[tokio::test]
async fn a_wish_beyond_the_longest_pause_goes_to_the_client() {
    let stage = Stage::with(Timeouts::default(), retrying(3)).await;
    let long = Script { retry_after_ms: Some(60_000), ..status(429) };
    let never = Script { should_retry: Some(false), ..status(503) };
    for script in [long, never] {
        let got = stage.post(PATH, &script, CHAT).await;
        let want = stage.direct(PATH, &script, CHAT).await;
        assert_eq!((got.status, &got.body), (want.status, &want.body));
        assert_eq!(got.headers.get("retry-after-ms"), want.headers.get("retry-after-ms"));
    }
    for row in stage.rows(2).await {
        assert_eq!(row.outcome.attempts, 1);
    }
}

#[tokio::test]
async fn when_all_requests_fail_the_client_gets_the_last_answer_unchanged() {
    let stage = Stage::with(Timeouts::default(), retrying(2)).await;
    let got = stage.post(PATH, &turns(&[status(500), status(503)]), CHAT).await;
    let want = stage.direct(PATH, &status(503), CHAT).await;
    assert_eq!((got.status.as_u16(), &got.body), (503, &want.body));
    let row = stage.row().await;
    assert_eq!((row.outcome.status, row.outcome.class), (Status::Error, ErrorClass::Upstream5xx));
    assert_eq!(
        (row.outcome.attempts, row.attempts.len(), row.outcome.http_status),
        (2, 2, Some(503))
    );
}

#[tokio::test]
async fn silence_is_asked_again_and_a_broken_stream_is_not() {
    let stage = Stage::with(short(1_000), retrying(2)).await;
    let silent = Script { hang: Some(Hang::Head), ..Script::default() };
    let got = stage.post(PATH, &turns(&[silent, Script::default()]), CHAT).await;
    assert_eq!(got.status, 200);
    let cut = Script { cut_at: Some(40), ..Script::default() };
    let got = stage.post(PATH, &turns(&[cut, Script::default()]), CHAT).await;
    assert!(got.broken);
    let rows = stage.rows(2).await;
    let silent = rows.iter().find(|r| r.outcome.attempts == 2).unwrap();
    assert_eq!(silent.attempts[0].class, ErrorClass::Timeout);
    assert_eq!(silent.attempts[0].http_status, None);
    let cut = rows.iter().find(|r| r.outcome.status == Status::Truncated).unwrap();
    assert_eq!((cut.outcome.attempts, cut.attempts.len()), (1, 0));
}

#[tokio::test]
async fn a_client_that_leaves_during_the_pause_ends_it() {
    let stage = Stage::with(Timeouts::default(), |c| {
        let backoff = Micros::from_millis(600_000);
        c.gateway.providers[0].retry = Some(Policy { attempts: 2, backoff, max_backoff: backoff });
        c.gateway.providers[0].timeouts.total = Micros::from_millis(1_200_000);
    })
    .await;
    let mut client = connect(stage.addr).await;
    let waiting = tokio::spawn(client.send_request(post(PATH, &status(503), CHAT)));
    until(|| stage.gateway.counters().retries == 1).await;
    waiting.abort();
    drop(client);
    let row = stage.row().await;
    assert_eq!((row.outcome.status, row.outcome.attempts), (Status::Cancelled, 1));
    assert!(row.attempts.is_empty());
    assert_eq!(stage.upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_client_that_leaves_during_the_second_request_leaves_both_attempts() {
    let stage = Stage::with(Timeouts::default(), retrying(2)).await;
    let silent = Script { hang: Some(Hang::Head), ..Script::default() };
    let mut client = connect(stage.addr).await;
    let script = turns(&[status(503), silent]);
    let waiting = tokio::spawn(client.send_request(post(PATH, &script, CHAT)));
    until(|| stage.upstream.requests().len() == 2).await;
    waiting.abort();
    drop(client);
    let row = stage.row().await;
    let ends: Vec<_> = row.attempts.iter().map(|a| a.status).collect();
    assert_eq!(ends, [Status::Error, Status::Cancelled]);
    assert_eq!(row.outcome.status, Status::Cancelled);
}

/// A second provider with a key, and a route to it and to another model there.
fn second(url: &str) -> impl FnOnce(&mut Config) {
    move |c| {
        let first = &mut c.gateway.providers[0];
        let mut other = Provider::clone(first);
        (other.name, other.base_url) = ("spare".into(), format!("{url}/v1"));
        other.api_key = Some(Secret::new("sk-spare"));
        c.gateway.providers.push(other);
        c.gateway.routes = vec![Route {
            path: Some("/v1/chat".into()),
            provider: "openai".into(),
            retry: Some(policy(2)),
            fallback: vec![Fallback { provider: "spare".into(), model: Some("gpt-4o".into()) }],
            ..Route::default()
        }];
    }
}

#[tokio::test]
async fn after_its_retries_the_next_target_is_asked_for_its_own_model() {
    let spare = Upstream::start(Vec::new()).await.unwrap();
    let stage = Stage::with(Timeouts::default(), second(&spare.base_url())).await;
    // By name: the first upstream fails on this model, the other one has never heard of a failure.
    let body = CHAT_STREAM.replace("gpt-4o-mini", "error-503");
    let mut request = post(PATH, &Script::default(), &body);
    request.headers_mut().remove("x-script");
    for (name, value) in [
        ("authorization", "Bearer sk-caller"),
        ("openai-organization", "org-caller"),
        ("x-stainless-retry-count", "0"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let got = whole(send(stage.addr, request).await).await;
    assert_eq!(got.status, 200);
    assert_eq!(header(&got, "x-flowgauge-model"), Some("gpt-4o"));
    assert_eq!(header(&got, "x-flowgauge-attempts"), Some("3"));

    let first = stage.upstream.requests();
    assert_eq!(
        (first.len(), &first[0].headers["authorization"]),
        (2, &"Bearer sk-caller".parse().unwrap())
    );
    let [there] = &spare.requests()[..] else { panic!("one request to the spare") };
    assert_eq!(there.headers["authorization"], "Bearer sk-spare");
    assert!(!there.headers.contains_key("openai-organization"));
    assert!(!format!("{:?}", there.headers).contains("caller"), "nothing of the caller's leaks");
    let named = body.replace("error-503", "gpt-4o");
    assert_eq!(there.body, named, "only the model's value differs");

    let row = stage.row().await;
    assert_eq!(row.what.model_requested.as_deref(), Some("error-503"));
    assert_eq!(row.what.model_used.as_deref(), Some("gpt-4o"));
    assert_eq!(row.what.provider.as_deref(), Some("spare"));
    assert_eq!(row.outcome.fallback_reason.as_deref(), Some("upstream_5xx"));
    assert_eq!(row.outcome.attempts, 3);
    let retry_then_fallback = [AttemptReason::First, AttemptReason::Retry, AttemptReason::Fallback];
    assert_eq!(reasons(&row), retry_then_fallback);
    let asked: Vec<_> = row.attempts.iter().map(|a| a.model.as_deref().unwrap()).collect();
    assert_eq!(asked, ["error-503", "error-503", "gpt-4o"]);
    let providers: Vec<_> = row.attempts.iter().map(|a| a.provider.as_deref().unwrap()).collect();
    assert_eq!(providers, ["openai", "openai", "spare"]);
    assert!(row.cost.nanos.is_some(), "priced at the model that answered");
    assert_eq!(row.attempts[2].cost.nanos, row.cost.nanos);
}

#[tokio::test]
async fn an_unreachable_provider_is_replaced_and_a_wrong_request_is_not() {
    let spare = Upstream::start(Vec::new()).await.unwrap();
    let stage = Stage::with(Timeouts::default(), |c| {
        second(&spare.base_url())(c);
        c.gateway.routes[0].retry = None;
        c.gateway.routes[0].path = Some("/v1/chat".into());
    })
    .await;
    let got = stage.post(PATH, &status(400), CHAT).await;
    assert_eq!((got.status.as_u16(), spare.requests().len()), (400, 0));

    let closed = Stage::with(Timeouts::default(), |c| {
        second(&spare.base_url())(c);
        c.gateway.providers[0].base_url = "http://127.0.0.1:1/v1".into();
        c.gateway.routes[0].retry = None;
    })
    .await;
    let got = closed.post(PATH, &Script::default(), CHAT).await;
    assert_eq!((got.status.as_u16(), spare.requests().len()), (200, 1));
    let row = closed.row().await;
    assert_eq!(row.outcome.fallback_reason.as_deref(), Some("unreachable"));
    assert_eq!(row.attempts[0].class, ErrorClass::Unreachable);
}

#[tokio::test]
async fn when_every_target_fails_the_client_gets_our_own_answer_or_the_last() {
    let stage = Stage::with(Timeouts::default(), |c| {
        second("http://127.0.0.1:1")(c);
        c.gateway.routes[0].retry = None;
    })
    .await;
    let got = stage.post(PATH, &status(503), CHAT).await;
    assert_eq!(got.status, 502);
    assert_eq!(header(&got, "x-flowgauge-attempts"), Some("2"));
    let row = stage.row().await;
    assert_eq!((row.outcome.class, row.outcome.http_status), (ErrorClass::Unreachable, Some(502)));
    assert_eq!((row.what.provider.as_deref(), row.what.model_used), (Some("spare"), None));
    assert_eq!(row.outcome.fallback_reason.as_deref(), Some("upstream_5xx"));
    assert_eq!(row.attempts.len(), 2);
}

#[tokio::test]
async fn a_long_wish_sends_the_call_to_the_next_target_at_once() {
    let stage = Stage::with(Timeouts::default(), |c| {
        c.gateway.routes = vec![Route {
            path: Some("/v1/chat".into()),
            provider: "openai".into(),
            retry: Some(policy(3)),
            // The same provider, so the caller's own credential goes there.
            fallback: vec![Fallback { provider: "openai".into(), model: Some("gpt-4o".into()) }],
            ..Route::default()
        }];
    })
    .await;
    let body = CHAT.replace("gpt-4o-mini", "error-429");
    let mut request = post(PATH, &Script::default(), &body);
    request.headers_mut().remove("x-script");
    request.headers_mut().insert("authorization", "Bearer sk-caller".parse().unwrap());
    let got = whole(send(stage.addr, request).await).await;
    assert_eq!((got.status.as_u16(), header(&got, "x-flowgauge-attempts")), (200, Some("2")));
    for seen in stage.upstream.requests() {
        assert_eq!(seen.headers["authorization"], "Bearer sk-caller");
    }
    let row = stage.row().await;
    assert_eq!(row.outcome.fallback_reason.as_deref(), Some("upstream_429"));
    assert_eq!(row.what.model_used.as_deref(), Some("gpt-4o"));
    assert_eq!(stage.gateway.counters().retries, 0);
}

#[tokio::test]
async fn only_posts_to_model_endpoints_are_asked_again() {
    let stage = Stage::with(Timeouts::default(), retrying(3)).await;
    let got = stage.post("/v1/files", &status(503), "{}").await;
    assert_eq!(got.status, 503);
    let mut list = post("/v1/models", &status(503), "");
    *list.method_mut() = http::Method::GET;
    assert_eq!(send(stage.addr, list).await.status(), 503);
    let app = stage.post("/api/chat/stream", &status(503), r#"{"intent":"ask"}"#).await;
    assert_eq!(app.status, 503);
    assert_eq!(stage.upstream.requests().len(), 3);
    for row in stage.rows(3).await {
        assert_eq!(row.outcome.attempts, 1);
    }
}

#[tokio::test]
async fn a_refused_option_is_left_out_of_every_later_request() {
    let stage = Stage::with(Timeouts::default(), retrying(2)).await;
    let refusal = Script { refuses_usage: true, ..Script::default() };
    let script = turns(&[refusal, status(503), Script::default()]);
    let body = r#"{"model":"gpt-4o-mini","stream":true,"messages":[]}"#;
    let got = stage.post(PATH, &script, body).await;
    assert_eq!(got.status, 200);
    let seen = stage.upstream.requests();
    assert_ne!(seen[0].body, body, "asked for its usage");
    assert!(seen[1].body == body && seen[2].body == body && seen.len() == 3);
    let row = stage.row().await;
    let want = [AttemptReason::First, AttemptReason::OptionRefused, AttemptReason::Retry];
    assert_eq!(reasons(&row), want);
    assert_eq!(row.attempts[0].class, ErrorClass::Client4xx);
    assert_eq!((row.attempts[2].usage, row.attempts[2].cost.nanos), (row.usage, row.cost.nanos));
}
