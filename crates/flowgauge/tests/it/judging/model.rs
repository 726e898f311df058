//! A judging model that grades, talks, breaks, hangs, or costs too much.

use super::scene::{JUDGE, MARKER, Scene, VERDICT, answer, judge, question, scene};
use flowgauge::config::quality::Judge;
use flowgauge::logic::unit::{Micros, NanoUsd};
use flowgauge_testkit::upstream::{Hang, Script};
use serde_json::{Value, json};

fn says(text: &str) -> Script {
    Script { text: Some(text.to_owned()), ..Script::default() }
}

async fn graded_by(script: Script, change: impl FnOnce(&mut Judge)) -> Scene {
    let mut judge = judge();
    change(&mut judge);
    scene(script, |c| c.quality.judge = Some(judge)).await
}

fn counts(status: &Value) -> &Value {
    &status["intents"][0]["counts"]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_among_prose_is_a_score_of_the_call_and_its_cost_is_nobodys() {
    let said = format!("My verdict, {MARKER} considered:\n```json\n{VERDICT}\n```\n");
    let scene = graded_by(says(&said), |_| {}).await;
    scene.post("chat", &question(false), &answer()).await;
    let status = scene.status(|s| counts(s)["judged"] == 1).await;
    let version = status["judge"]["version"].as_str().unwrap().to_owned();
    assert_eq!((&status["judge"]["trouble"], version.len()), (&Value::Null, 16));
    assert_ne!(status["judge"]["spent_usd"], "0", "{status}");

    let scores = scene.get("/api/v1/scores").await;
    let items = scores["items"].as_array().unwrap();
    let graded = items.iter().find(|s| s["evaluator"] == format!("judge:{JUDGE}")).unwrap();
    assert_eq!(
        (&graded["evaluator_version"], &graded["annotator"], &graded["explanation"]),
        (&json!(version), &json!("llm"), &Value::Null)
    );
    assert!((graded["quality"].as_f64().unwrap() - 85.0).abs() < 1e-6, "{graded}");

    scene.a_moment_later();
    let own = scene.own_calls(1).await;
    assert!(own[0].cost.nanos.is_some_and(|n| n.0 > 0) && own[0].usage.total().is_some());
    let users = scene.get("/api/v1/kpis/request_count").await;
    assert_eq!(users["value"], 1.0, "the judging model's call is no user's");

    let asked = scene.upstream.requests();
    let ours = |headers: &http::HeaderMap| {
        headers.get("user-agent").is_some_and(|a| a.to_str().unwrap().contains("judge"))
    };
    let asked = asked.iter().find(|r| ours(&r.headers));
    let asked = String::from_utf8(asked.unwrap().body.to_vec()).unwrap();
    assert!(asked.contains("rabbit hole") && asked.contains("supported"));
    assert_eq!(scene.files_with(MARKER), Vec::<std::path::PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_gives_no_score_and_a_reason() {
    let scene = graded_by(says("I like it, four of five!"), |_| {}).await;
    scene.post("chat", &question(false), &answer()).await;
    let status = scene.status(|s| counts(s)["judge_failed"] == 1).await;
    assert_eq!(status["judge"]["trouble"], "its answer holds no JSON object");
    let scores = scene.get("/api/v1/scores").await;
    assert!(!scores.to_string().contains("judge:"), "{scores}");
    scene.a_moment_later();
    let own = scene.own_calls(1).await;
    assert!(own[0].cost.nanos.is_some_and(|n| n.0 > 0), "it is billed all the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passing_failure_is_asked_again_and_a_lasting_one_is_given_up() {
    let turns = |first: u16| Script {
        turns: vec![
            Script { status: Some(first), retry_after_ms: Some(1), ..Script::default() },
            says(VERDICT),
        ],
        ..Script::default()
    };
    for status in [429, 500] {
        let scene = graded_by(turns(status), |_| {}).await;
        scene.post("chat", &question(false), &answer()).await;
        scene.status(|s| counts(s)["judged"] == 1).await;
        scene.a_moment_later();
        assert_eq!(scene.own_calls(1).await[0].outcome.attempts, 2, "{status}");
    }
    let scene = graded_by(Script { status: Some(500), ..Script::default() }, |_| {}).await;
    scene.post("chat", &question(false), &answer()).await;
    let status = scene.status(|s| counts(s)["judge_failed"] == 1).await;
    assert_eq!(status["judge"]["trouble"], "it answered with status 500");
    scene.a_moment_later();
    let own = scene.own_calls(1).await;
    assert_eq!((own[0].outcome.attempts, own[0].outcome.http_status), (2, Some(500)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_hangs_is_left_and_holds_up_nobody() {
    let hangs = Script { hang: Some(Hang::Head), ..Script::default() };
    let scene = graded_by(hangs, |j| {
        j.timeout = Micros::from_millis(100);
        j.retry.attempts = 1;
    })
    .await;
    for _ in 0..3 {
        scene.post("chat", &question(false), &answer()).await;
    }
    let status = scene.status(|s| counts(s)["judge_failed"] == 3).await;
    assert_eq!(status["judge"]["trouble"], "it did not answer in time");
    assert_eq!((&counts(&status)["scored"], &status["held_bytes"]), (&json!(3), &json!(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spent_budget_ends_grading_and_says_so_while_our_own_evaluators_go_on() {
    let scene = graded_by(says(VERDICT), |j| {
        j.budget_per_day = NanoUsd(1_000);
        j.concurrency = 1;
    })
    .await;
    for _ in 0..3 {
        scene.post("chat", &question(false), &answer()).await;
    }
    let status = scene.status(|s| counts(s)["judge_skipped"] == 3).await;
    assert_eq!(
        (&status["judge"]["resting"], &counts(&status)["judged"]),
        (&json!(true), &json!(0))
    );
    let why = status["judge"]["trouble"].as_str().unwrap();
    assert!(why.contains("quality.judge") && why.contains("until 2026-05-06"), "{why}");
    scene.status(|s| counts(s)["scored"] == 3).await;
    assert!(scene.own_calls_now().is_empty(), "nothing was asked");
    let metrics = crate::api::client::get(scene.running.addr, "/metrics").await;
    let text = metrics.text();
    assert!(text.contains("flowgauge_quality_judge_skipped_total 3"), "{text}");
    assert!(
        text.contains("flowgauge_quality_judge_resting 1")
            && text.contains("flowgauge_quality_scored_total 3")
    );
    let budgets = scene.get("/api/v1/budgets").await;
    assert!(budgets.to_string().contains("quality.judge"), "{budgets}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_without_a_price_is_not_asked() {
    let scene = graded_by(says(VERDICT), |j| j.model = "house-grader".into()).await;
    scene.post("chat", &question(false), &answer()).await;
    let status = scene.status(|s| counts(s)["judge_skipped"] == 1).await;
    let why = status["judge"]["trouble"].as_str().unwrap();
    assert!(why.contains("house-grader") && why.contains("prices set"), "{why}");
    assert!(scene.own_calls_now().is_empty());
}
