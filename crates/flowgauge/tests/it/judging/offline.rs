//! Evaluators that need no network: scores in the KPI, bytes as before, no content on disk.

use super::scene::{MARKER, answer, question, scene};
use flowgauge::logic::call::Text;
use flowgauge::logic::score::grounded::GROUNDED;
use flowgauge::logic::score::reference::LOCAL;
use flowgauge::logic::score::sampling::Plan;
use flowgauge_testkit::upstream::Script;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sampled_calls_are_scored_and_their_quality_is_a_kpi_while_no_word_reaches_the_disk() {
    let scene = scene(Script::default(), |c| {
        c.quality.scorers = vec![GROUNDED.name, LOCAL.name];
        c.evaluators = vec![flowgauge::config::Evaluator {
            name: GROUNDED.name.to_owned(),
            scale: flowgauge::logic::score::Scale::default(),
            version: None,
            preferred: true,
        }];
    })
    .await;
    for n in 0..24 {
        scene.post("chat", &question(n % 2 == 0), &answer()).await;
    }
    let status = scene.status(|s| s["intents"][0]["counts"]["scored"] == 48).await;
    assert_eq!((&status["on"], &status["intents"][0]["rate"]), (&json!(true), &json!(1.0)));
    assert_eq!((&status["held_bytes"], &status["waiting"]), (&json!(0), &json!(0)));
    scene.a_moment_later();
    let kpi = scene.until("/api/v1/kpis/quality_score", |k| k["n"] == 24).await;
    assert!(kpi["value"].as_f64().unwrap() > 80.0, "every claim stands in the passages: {kpi}");
    assert_eq!((&kpi["evaluator"], &kpi["n"]), (&json!("flowgauge.grounded 1"), &json!(24)));
    let scores = scene.get("/api/v1/scores").await;
    assert_eq!(scores["items"].as_array().unwrap().len(), 48);
    assert!(scores["items"][0]["explanation"].is_null() && scores["items"][0]["weight"] == 1.0);
    assert!(!scores.to_string().contains(MARKER) && !status.to_string().contains(MARKER));
    assert_eq!(scene.files_with(MARKER), Vec::<std::path::PathBuf>::new());
    // The search finds what is there.
    assert!(!scene.files_with("gpt-4o").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_are_the_same_whether_a_call_is_sampled_or_not() {
    let sampled = scene(Script::default(), |_| {}).await;
    let plain = scene(Script::default(), |c| c.quality.plan = Plan::default()).await;
    let scripts = [
        answer(),
        Script { words: Some(40), split: Some(7), ..Script::default() },
        Script { encoding: Some("gzip".into()), ..Script::default() },
        Script { status: Some(503), ..Script::default() },
    ];
    for script in &scripts {
        for stream in [false, true] {
            let body = question(stream);
            let (a, b) =
                (sampled.post("", &body, script).await, plain.post("", &body, script).await);
            assert_eq!((a.status, &a.body), (b.status, &b.body), "{script:?} {stream}");
        }
    }
    let status = sampled.status(|s| s["intents"][0]["counts"]["scored"] == 6).await;
    assert_eq!(status["intents"][0]["counts"]["unanswered"], 2);
    let sent = |scene: &super::scene::Scene| {
        scene.upstream.requests().iter().map(|r| r.body.clone()).collect::<Vec<_>>()
    };
    assert_eq!(sent(&sampled), sent(&plain));
    assert_eq!(plain.get("/api/v1/quality/status").await["on"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_and_intents_without_a_share_are_left_alone() {
    let scene = scene(Script::default(), |c| {
        c.quality.plan = Plan { by_intent: vec![(Text::from("chat"), 1.0)], ..Plan::default() };
    })
    .await;
    scene.post("secret", &question(false), &answer()).await;
    let addr = scene.running.addr;
    let probe = crate::api::client::request("POST", addr, "/v1/chat/completions")
        .header("content-type", "application/json")
        .header("x-flowgauge-intent", "chat")
        .header("x-flowgauge-source", "probe")
        .header("x-script", answer().header());
    let body = http_body_util::Full::new(bytes::Bytes::from(question(false)));
    crate::api::client::ask(addr, probe.body(body).unwrap()).await;
    scene.post("chat", &question(false), &answer()).await;
    let status = scene.status(|s| s["intents"][0]["counts"]["scored"] == 1).await;
    assert_eq!(status["intents"].as_array().unwrap().len(), 1, "{status}");
    assert_eq!(status["intents"][0]["counts"]["seen"], 1);
}
