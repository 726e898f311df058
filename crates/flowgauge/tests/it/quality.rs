//! Evaluations, ratings, users and uptime through the real API: counted once, in the window of the
//! call, whichever came first.

use crate::api::client::{Answer, NOW, Served, ask, call, config, get, post, request, served};
use crate::commands::{flowgauge, out};
use bytes::Bytes;
use flowgauge::config::{Check, Config, Evaluator};
use flowgauge::logic::call::{Call, Text};
use flowgauge::logic::score::Scale;
use flowgauge::logic::unit::{Micros, UnixMicros};
use flowgauge::serve::{self, clock::Clock};
use http::StatusCode;
use http_body_util::Full;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

async fn send_json(addr: SocketAddr, path: &str, body: &Value) -> Answer {
    let asked = request("POST", addr, path).header("content-type", "application/json");
    ask(addr, asked.body(Full::new(Bytes::from(body.to_string()))).unwrap()).await
}

async fn served_with(change: impl FnOnce(&mut Config)) -> Served {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::frozen(NOW);
    let mut config = config(dir.path());
    change(&mut config);
    let running = serve::start(config, clock).await.unwrap();
    Served { running, hand, dir }
}

fn answered(number: u8, seconds: i64, response: &str) -> Call {
    let mut call = call(number, seconds);
    call.link.response_id = Some(Text::from(response));
    call
}

/// Asks until the answer is as wanted.
async fn until(addr: SocketAddr, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let asking = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        loop {
            ticks.tick().await;
            let answer = get(addr, path).await.json();
            if wanted(&answer) {
                return answer;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking).await.expect("in time")
}

async fn kpi(addr: SocketAddr, name: &str, query: &str) -> Value {
    get(addr, &format!("/api/v1/kpis/{name}?{query}")).await.json()
}

#[tokio::test]
async fn two_ratings_of_one_user_on_one_call_count_once_in_the_window_of_the_call() {
    let served = served().await;
    let addr = served.running.addr;
    let rated = answered(1, 60, "chatcmpl-1");
    served.running.recorder.submit(vec![rated.clone()], Vec::new()).await.unwrap();
    let by_id = json!({"request_id": rated.id.to_string(), "user": "ada", "rating": 2});
    let first = send_json(addr, "/api/v1/feedback", &by_id).await;
    let told = json!({"stored": 1, "replaced": 0, "unchanged": 0, "attached": 1});
    assert_eq!((first.status, first.json()), (StatusCode::OK, told));
    let again = send_json(addr, "/api/v1/feedback", &by_id).await.json();
    assert_eq!(again["unchanged"], 1);

    served.hand.advance(Micros(5 * 3_600_000_000));
    let by_answer = json!({"response_id": "chatcmpl-1", "user": "ada", "thumb": "up",
        "type": "praise", "category": "ai-interaction"});
    let later = send_json(addr, "/api/v1/feedback", &by_answer).await.json();
    assert_eq!((&later["replaced"], &later["attached"]), (&json!(1), &json!(1)));

    let report = get(addr, "/api/v1/feedback").await.json();
    assert_eq!(report["whole"]["ratings"], json!([0, 0, 0, 0, 1]));
    assert_eq!(
        (&report["whole"]["thumbs"], &report["whole"]["unknown"]),
        (&json!(1), &json!("too_few"))
    );
    let since_the_call = get(addr, "/api/v1/feedback?since=4h").await.json();
    assert_eq!(since_the_call["whole"]["n"], 0, "the call began five hours ago");
    let rows = get(addr, &format!("/api/v1/scores?call={}", rated.id)).await.json();
    assert_eq!(rows["items"].as_array().unwrap().len(), 1);
    assert_eq!(rows["items"][0]["call_start"], json!(rated.time.start.to_rfc3339()));
    assert!(!rows.to_string().contains("\"ada\""), "users are hashed");
    served.running.stop().await;
}

#[tokio::test]
async fn a_rating_before_its_call_waits_survives_a_restart_and_is_attached() {
    let first = served().await;
    let addr = first.running.addr;
    for (user, rating) in [("ada", 4), ("bob", 2)] {
        let body = json!({"response_id": "chatcmpl-7", "user": user, "rating": rating});
        let kept = send_json(addr, "/api/v1/feedback", &body).await.json();
        assert_eq!((&kept["stored"], &kept["attached"]), (&json!(1), &json!(0)));
    }
    let Served { running, dir, .. } = first;
    running.stop().await;
    let (clock, _hand) = Clock::frozen(NOW);
    let running = serve::start(config(dir.path()), clock).await.unwrap();
    let addr = running.addr;
    let waiting = get(addr, "/api/v1/scores").await.json();
    assert_eq!(waiting["items"][0]["call_id"], Value::Null);
    assert_eq!(get(addr, "/api/v1/feedback").await.json()["whole"]["n"], 0);

    let call = answered(7, 30, "chatcmpl-7");
    running.recorder.submit(vec![call.clone()], Vec::new()).await.unwrap();
    let report = until(addr, "/api/v1/feedback", |r| r["whole"]["n"] == 2).await;
    assert_eq!(report["whole"]["ratings"], json!([0, 1, 0, 1, 0]));
    let rows = get(addr, "/api/v1/scores?kind=feedback").await.json();
    assert!(rows["items"].as_array().unwrap().iter().all(|r| r["call_id"] == call.id.to_string()));
    running.stop().await;
}

#[tokio::test]
async fn quality_weighs_intents_and_goes_with_tokens_and_cost() {
    let stars = Scale::new(1.0, 5.0).unwrap();
    let served = served_with(|c| {
        let name = "helpfulness".to_owned();
        c.evaluators = vec![Evaluator {
            name,
            scale: stars,
            version: Some(Text::from("3")),
            preferred: false,
        }];
    })
    .await;
    let addr = served.running.addr;
    assert_eq!(kpi(addr, "quality_score", "").await["unknown"], "no_data");
    // 30 requests explain, 10 translate; 10 of each are scored.
    let mut rows = Vec::new();
    for n in 1..=40 {
        let mut call = call(n, 60);
        call.what.intent = Some(Text::from(if n <= 30 { "explain" } else { "translate" }));
        rows.push(call);
    }
    let scored: Vec<Value> = rows
        .iter()
        .enumerate()
        .filter(|(at, _)| *at < 10 || *at >= 30)
        .map(|(at, call)| {
            let score = if at < 10 { 5.0 } else { 2.0 };
            json!({"request_id": call.id.to_string(), "evaluator": "helpfulness", "score": score,
                "annotator": "llm"})
        })
        .collect();
    served.running.recorder.submit(rows, Vec::new()).await.unwrap();
    let kept = send_json(addr, "/api/v1/scores", &json!(scored)).await;
    assert_eq!(kept.json()["attached"], 20, "{}", kept.text());

    // 5 of 1..5 is 100, 2 is 25: 0.75 × 100 + 0.25 × 25.
    let near = |told: &Value, want: f64| {
        let value = told["value"].as_f64().unwrap_or_else(|| panic!("no value: {told}"));
        assert!((value - want).abs() < 1e-9, "{value} against {want}");
    };
    let quality = kpi(addr, "quality_score", "since=1h").await;
    near(&quality, 81.25);
    assert_eq!((&quality["n"], &quality["state"]), (&json!(20), &json!("met")));
    let explain = kpi(addr, "quality_score", "where=intent=explain").await;
    assert_eq!((&explain["n"], &explain["unknown"]), (&json!(10), &json!("too_few")));
    // 20 × 120 tokens and 20 × 54,000 nano-dollars over Σ score / 100 = 12.5.
    near(&kpi(addr, "token_efficiency", "").await, 2_400.0 / 12.5);
    near(&kpi(addr, "cost_per_quality_unit", "").await, 0.001_08 / 12.5);
    let table = get(addr, "/api/v1/series?kpi=quality_score,request_count&by=intent").await.json();
    let values: Vec<_> =
        table["rows"].as_array().unwrap().iter().map(|r| r["values"].clone()).collect();
    assert_eq!(values[0][0]["n"], 10);
    assert_eq!(values[1][1]["value"], json!({"value": 10.0}));
    let row = get(addr, "/api/v1/scores?limit=1").await.json()["items"][0].clone();
    assert_eq!((&row["evaluator_version"], &row["scale"]), (&json!("3"), &json!([1.0, 5.0])));

    let outside = json!({"response_id": "x", "evaluator": "helpfulness", "score": 5.5});
    send_json(addr, "/api/v1/scores", &outside).await;
    let all = get(addr, "/api/v1/scores?limit=1000").await.json();
    let row = all["items"].as_array().unwrap().iter().find(|r| r["score"] == 5.5).unwrap();
    assert_eq!((&row["quality"], &row["no_quality"]), (&Value::Null, &json!("scale")));
    served.running.stop().await;
}

fn string(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn double(key: &str, value: f64) -> Value {
    json!({"key": key, "value": {"doubleValue": value}})
}

fn span(trace: &str, id: &str, attributes: &[Value], links: &Value) -> Value {
    let start = NOW.0 * 1_000 - 2_000_000_000;
    json!({"resourceSpans": [{"scopeSpans": [{"scope": {"name": "test"}, "spans": [{
        "traceId": trace, "spanId": id, "name": "s",
        "startTimeUnixNano": start.to_string(),
        "endTimeUnixNano": (start + 1_500_000_000).to_string(),
        "links": links, "attributes": attributes}]}]}]})
}

fn chat() -> Value {
    let attributes = [
        string("gen_ai.operation.name", "chat"),
        string("gen_ai.provider.name", "openai"),
        string("gen_ai.request.model", "gpt-4o-mini"),
        string("gen_ai.response.id", "chatcmpl-9"),
    ];
    span(TRACE, SPAN, &attributes, &json!([]))
}

fn evaluation(attributes: &[Value], span: bool) -> Value {
    let mut record = json!({"timeUnixNano": (NOW.0 * 1_000).to_string(),
        "eventName": "gen_ai.evaluation.result", "attributes": attributes});
    if span {
        record["traceId"] = json!(TRACE);
        record["spanId"] = json!(SPAN);
    }
    json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})
}

#[tokio::test]
async fn evaluations_in_telemetry_find_their_span_or_answer_early_and_late() {
    let served = served().await;
    let addr = served.running.addr;
    let of = |name: &str, value: f64| {
        vec![
            string("gen_ai.evaluation.name", name),
            double("gen_ai.evaluation.score.value", value),
            string("gen_ai.evaluation.explanation", "MARKER words"),
        ]
    };
    let relevance = evaluation(&of("relevance", 0.9), true);
    assert_eq!(send_json(addr, "/v1/logs", &relevance).await.json(), json!({}));
    let mut by_answer = of("tone", 0.5);
    by_answer.push(string("gen_ai.response.id", "chatcmpl-9"));
    send_json(addr, "/v1/logs", &evaluation(&by_answer, false)).await;
    let mut failed = of("broken", 0.1);
    failed.push(string("error.type", "timeout"));
    assert_eq!(send_json(addr, "/v1/logs", &evaluation(&failed, true)).await.json(), json!({}));
    let nameless = send_json(addr, "/v1/logs", &evaluation(&[], true)).await.json();
    assert_eq!(nameless["partialSuccess"]["rejectedLogRecords"], "1", "{nameless}");

    assert_eq!(send_json(addr, "/v1/traces", &chat()).await.json(), json!({}));
    let carrier = [
        string("annotations.0.annotation.name", "correctness"),
        double("annotations.0.annotation.score", 1.0),
        string("annotations.0.annotation.annotator_kind", "HUMAN"),
    ];
    let link = json!([{"traceId": TRACE, "spanId": SPAN}]);
    let carrier = span("1af7651916cd43dd8448eb211c80319c", "17ad6b7169203331", &carrier, &link);
    send_json(addr, "/v1/traces", &carrier).await;
    send_json(addr, "/v1/logs", &relevance).await;

    let attached = |list: &Value| {
        let items = list["items"].as_array().unwrap();
        items.len() == 3 && items.iter().all(|i| i["call_id"].is_string())
    };
    let list = until(addr, "/api/v1/scores?since=1h", attached).await;
    let page = get(addr, "/api/v1/requests").await.json();
    let id = page["items"][0]["call_id"].clone();
    assert!(list["items"].as_array().unwrap().iter().all(|i| i["call_id"] == id), "{list}");
    let mut names: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|i| i["evaluator"].clone()).collect();
    names.sort_by_key(ToString::to_string);
    assert_eq!(names, ["correctness", "relevance", "tone"]);
    let quality = get(addr, "/api/v1/series?kpi=quality_score&by=model").await.json();
    assert_eq!(
        quality["rows"][0]["values"][0]["n"], 1,
        "they are three evaluators; the busiest counts"
    );
    assert!(!list.to_string().contains("MARKER"), "content is not asked for");
    served.running.stop().await;
}

#[tokio::test]
async fn wrong_fields_are_named_all_at_once_and_nothing_of_the_body_is_kept() {
    let served = served().await;
    let addr = served.running.addr;
    let body = json!([
        {"request_id": "01900000000070008000000000000001", "rating": 5},
        {"request_id": "zz", "rating": 6, "stars": 1},
        {"response_id": "a", "thumb": "sideways", "category": "it is bad"},
        {"rating": 3, "time": "yesterday"}
    ]);
    let answer = send_json(addr, "/api/v1/feedback", &body).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text());
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let problem = answer.json();
    let places: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|e| e["place"].clone()).collect();
    for place in [
        "body[1].stars",
        "body[1].request_id",
        "body[1].rating",
        "body[2].thumb",
        "body[2].category",
        "body[3].request_id",
        "body[3].time",
    ] {
        assert!(places.contains(&json!(place)), "{place} in {places:?}");
    }
    let none = send_json(addr, "/api/v1/scores", &json!({"response_id": "a"})).await.json();
    let places: Vec<_> =
        none["errors"].as_array().unwrap().iter().map(|e| e["place"].clone()).collect();
    assert_eq!(places, [json!("body.evaluator"), json!("body.score")]);
    assert_eq!(post(addr, "/api/v1/scores", "{").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(get(addr, "/api/v1/scores").await.json()["items"], json!([]));
    served.running.stop().await;
}

#[tokio::test]
async fn what_users_write_is_kept_only_where_content_is() {
    for store_content in [false, true] {
        let served = served_with(|c| c.privacy.store_content = store_content).await;
        let addr = served.running.addr;
        let body = json!({"response_id": "a", "rating": 1, "user": "ada@example.org",
            "comment": "MARKER the answer is wrong"});
        assert_eq!(send_json(addr, "/api/v1/feedback", &body).await.status, StatusCode::OK);
        let listed = get(addr, "/api/v1/scores").await;
        assert_eq!(listed.text().contains("MARKER"), store_content);
        let Served { running, dir, .. } = served;
        running.stop().await;
        let mut kept = Vec::new();
        for name in ["state.db", "state.db-wal", "hot.db", "hot.db-wal"] {
            kept.extend(std::fs::read(dir.path().join(name)).unwrap_or_default());
        }
        let holds = |text: &str| kept.windows(text.len()).any(|w| w == text.as_bytes());
        assert_eq!(holds("MARKER"), store_content);
        assert!(!holds("ada@example.org"));
    }
}

#[tokio::test]
async fn concurrent_users_are_the_largest_number_within_five_minutes() {
    let served = served().await;
    let addr = served.running.addr;
    let by = |n: u8, minutes: i64, user: &str| {
        let mut call = call(n, minutes * 60);
        call.who.user_key = Some(Text::from(user));
        call
    };
    assert_eq!(kpi(addr, "concurrent_users", "").await["unknown"], "no_data");
    served.running.recorder.submit(vec![call(9, 60)], Vec::new()).await.unwrap();
    assert_eq!(kpi(addr, "concurrent_users", "").await["unknown"], "not_reported");
    let mut retry = by(6, 31, "eve");
    retry.outcome.client_retry = 1;
    let mut session = call(7, 31 * 60);
    session.who.session_key = Some(Text::from("s1"));
    let rows = vec![
        by(1, 35, "ada"),
        by(2, 31, "bob"),
        by(3, 30, "bob"),
        by(4, 29, "cyd"),
        retry,
        session,
        by(5, 10, "ada"),
    ];
    served.running.recorder.submit(rows, Vec::new()).await.unwrap();
    // Minutes −35 to −31 hold ada, bob, s1; −33 to −29 hold bob, cyd, s1; eve is a retry.
    let told = kpi(addr, "concurrent_users", "since=1h").await;
    assert_eq!((&told["value"], &told["n"]), (&json!(3.0), &json!(8)));
    assert_eq!(kpi(addr, "concurrent_users", "since=20min").await["value"], 1.0);
    let long = kpi(addr, "concurrent_users", "since=30d").await;
    assert_eq!((&long["value"], &long["unknown"]), (&Value::Null, &json!("window_too_long")));
    let steps = get(addr, "/api/v1/series?kpi=concurrent_users&step=20min&since=1h").await.json();
    let peaks: Vec<_> = steps["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["values"][0]["value"]["value"].clone())
        .collect();
    assert_eq!(peaks, [json!(3.0), json!(1.0)]);
    served.running.stop().await;
}

#[tokio::test]
async fn a_check_is_good_bad_or_did_not_run_and_availability_says_which() {
    let answering = served().await;
    let check = |name: &str, url: String, expect_status| Check {
        name: name.to_owned(),
        url,
        every: Micros(1_000_000),
        timeout: Micros(2_000_000),
        expect_status,
    };
    let up = format!("http://{}/-/healthy", answering.running.addr);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let checked = served_with(|c| {
        c.checks = vec![
            check("up", up.clone(), 200),
            check("teapot", up, 418),
            check("closed", format!("http://{closed}/"), 200),
        ];
    })
    .await;
    let addr = checked.running.addr;
    let ran = |r: &Value| r["checks"].as_array().unwrap().iter().all(|c| c["ran"] != 0);
    // The clock stands still in the minute that begins now.
    checked.hand.advance(Micros(1));
    let report = until(addr, "/api/v1/checks", ran).await;
    let told: Vec<_> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["name"].as_str().unwrap(), c["last_good"].clone(), c["availability"].clone()))
        .collect();
    let want = |name, good: bool| (name, json!(good), json!(if good { 100.0 } else { 0.0 }));
    assert_eq!(told, [want("closed", false), want("teapot", false), want("up", true)]);
    assert_eq!(report["checks"][1]["last_detail"], "HTTP 200");
    let availability = kpi(addr, "availability", "since=10min").await;
    assert!(availability["value"].as_f64().is_some_and(|v| v > 0.0 && v < 100.0), "{availability}");
    let before =
        kpi(addr, "availability", "from=2026-05-05T10:00:00Z&to=2026-05-05T11:00:00Z").await;
    assert_eq!(before["unknown"], "no_data", "nothing ran then, which is no outage");
    let none = kpi(answering.running.addr, "availability", "").await;
    assert_eq!(none["unknown"], "not_configured");
    checked.running.stop().await;
    answering.running.stop().await;
}

struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Already gone where the test killed it itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server process of its own, and its address.
async fn process(dir: &std::path::Path) -> (Killed, SocketAddr) {
    let published = dir.join("data").join("server.url");
    let _ = std::fs::remove_file(&published);
    let mut command = flowgauge(dir);
    command.args(["--data-dir", "data", "serve", "--listen", "127.0.0.1:0"]);
    for knob in ["otlp.grpc.enabled=false", "otlp.http.enabled=false"] {
        command.args(["--set", knob]);
    }
    let child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let child = Killed(child);
    let asking = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        loop {
            ticks.tick().await;
            let text = std::fs::read_to_string(&published).unwrap_or_default();
            if let Ok(addr) = text.trim().trim_start_matches("http://").parse() {
                return addr;
            }
        }
    };
    let addr = tokio::time::timeout(Duration::from_secs(30), asking).await.expect("it starts");
    (child, addr)
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_kill_once_and_still_finds_its_call() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, addr) = process(dir.path()).await;
    for n in 0..20 {
        let body = json!({"response_id": format!("r{n}"), "user": "ada", "rating": 1 + n % 5});
        let kept = send_json(addr, "/api/v1/feedback", &body).await;
        assert_eq!(kept.json()["stored"], 1, "{}", kept.text());
    }
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    let (_child, addr) = process(dir.path()).await;
    let again = json!({"response_id": "r7", "user": "ada", "rating": 3});
    assert_eq!(send_json(addr, "/api/v1/feedback", &again).await.json()["unchanged"], 1);
    let mut line = answered(1, 5, "r7");
    let now = Clock::real().now();
    line.time.start = UnixMicros(now.0 - 5_000_000);
    line.id = flowgauge::logic::id::CallId::new(line.time.start, [9; 10]);
    let line = serde_json::to_string(&line).unwrap();
    assert_eq!(post(addr, "/api/v1/import", &line).await.json()["stored"], 1);
    let report = until(addr, "/api/v1/feedback", |r| r["whole"]["n"] == 1).await;
    assert_eq!(report["whole"]["ratings"], json!([0, 0, 1, 0, 0]));
    let all = get(addr, "/api/v1/scores?limit=100").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 20);
}

async fn command(dir: &std::path::Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = flowgauge(dir);
    command.args(["--data-dir", "."]).args(args);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (stdout, stderr) = out(&done);
    (done.status.code(), stdout, stderr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_hand_in_and_show_scores_with_and_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let running = serve::start(config(dir.path()), Clock::real()).await.unwrap();
    let now = Clock::real().now();
    let rows: Vec<Call> = (1..=31)
        .map(|n| {
            let mut call = answered(n, 0, &format!("r{n}"));
            call.time.start = UnixMicros(now.0 - 60_000_000);
            call.what.intent = Some(Text::from("explain"));
            call
        })
        .collect();
    running.recorder.submit(rows, Vec::new()).await.unwrap();
    let few = command(dir.path(), &["quality", "satisfaction"]).await;
    assert_eq!(few.0, Some(3), "{few:?}");
    let ratings: Vec<Value> =
        (1..=30).map(|n| json!({"response_id": format!("r{n}"), "rating": 4})).collect();
    send_json(running.addr, "/api/v1/feedback", &json!(ratings)).await;
    let rate = ["quality", "rate", "5", "--response", "r31", "--user", "ada"];
    assert_eq!(command(dir.path(), &rate).await.1, "stored\n");
    assert_eq!(command(dir.path(), &rate).await.1, "known already; nothing changed\n");
    let score = ["quality", "score", "0.5", "--evaluator", "tone", "--response", "not-yet"];
    let told = command(dir.path(), &score).await;
    assert_eq!(told.1, "stored; its call is not known yet\n", "{}", told.2);
    let wrong = ["quality", "score", "0.5", "--evaluator", "tone", "--request", "zz"];
    let told = command(dir.path(), &wrong).await;
    assert!(told.0 != Some(0) && told.2.contains("request_id"), "{told:?}");

    let served = command(dir.path(), &["quality", "satisfaction"]).await;
    assert_eq!(served.0, Some(0), "{served:?}");
    assert!(served.1.contains("explain") && served.1.contains("4.03"), "{}", served.1);
    running.stop().await;
    let alone = command(dir.path(), &["quality", "satisfaction"]).await;
    assert_eq!((alone.0, &alone.1), (Some(0), &served.1), "{}", alone.2);
    let scores = command(dir.path(), &["quality", "scores", "--limit", "1000", "--json"]).await;
    let scores: Vec<Value> = serde_json::from_str(&scores.1).unwrap();
    assert_eq!(scores.len(), 32);
    let checks = command(dir.path(), &["health", "checks"]).await;
    assert_eq!(checks.0, Some(3), "none is configured: {checks:?}");
}

#[test]
fn the_clock_of_these_tests_begins_a_minute() {
    assert_eq!(NOW, UnixMicros::from_minute(NOW.minute()));
}

#[tokio::test]
async fn evaluators_are_held_against_each_other_over_the_calls_that_both_scored() {
    let served = served().await;
    let addr = served.running.addr;
    let rows: Vec<Call> = (1..=20).map(|n| call(n, 60)).collect();
    served.running.recorder.submit(rows.clone(), Vec::new()).await.unwrap();
    let unjudged = get(addr, "/api/v1/requests").await.json();
    let (quality, by) = (&unjudged["items"][0]["quality"], &unjudged["items"][0]["quality_by"]);
    assert_eq!((quality, by), (&Value::Null, &Value::Null));
    let alone = get(addr, "/api/v1/quality/agreement").await.json();
    assert_eq!((&alone["evaluators"], &alone["all"]), (&json!([]), &json!(true)));
    let mut scores = Vec::new();
    for (n, call) in (1..).zip(&rows) {
        let about = call.id.to_string();
        let strict = f64::from(n) / 40.0;
        scores.push(json!({"request_id": about, "evaluator": "mild", "score": strict + 0.1}));
        if n <= 12 {
            scores.push(json!({"request_id": about, "evaluator": "strict", "score": strict}));
        }
        if n <= 3 {
            scores.push(json!({"request_id": about, "evaluator": "rare", "score": 0.5}));
        }
    }
    send_json(addr, "/api/v1/scores", &json!(scores)).await;
    let told = get(addr, "/api/v1/quality/agreement").await.json();
    assert_eq!((&told["read"], &told["least"]), (&json!(35), &json!(10)));
    let pair = &told["pairs"][0];
    assert_eq!(
        (&pair["first"], &pair["second"], &pair["n"]),
        (&json!("mild"), &json!("strict"), &json!(12))
    );
    let apart = pair["difference"]["value"].as_f64().unwrap();
    assert!((apart + 10.0).abs() < 1e-6, "{pair}");
    assert!((pair["rank"]["value"].as_f64().unwrap() - 1.0).abs() < 1e-9, "{pair}");
    let few = &told["pairs"][1];
    assert_eq!(
        (&few["n"], &few["difference"], &few["rank"]),
        (&json!(3), &json!(null), &json!(null))
    );
    let list = get(addr, "/api/v1/requests").await.json();
    let row = |n: usize| {
        let id = rows[n].id.to_string();
        let items = list["items"].as_array().unwrap();
        items.iter().find(|r| r["call_id"] == json!(id)).unwrap().clone()
    };
    let first = row(0);
    assert_eq!(first["quality_by"], json!("mild"), "the busiest of the page, for all rows");
    assert!((first["quality"].as_f64().unwrap() - 12.5).abs() < 1e-6, "{first}");
    let none = get(addr, "/api/v1/quality/agreement?where=model=nobody").await.json();
    assert_eq!((&none["read"], &none["pairs"]), (&json!(35), &json!([])));
    served.running.stop().await;
}
