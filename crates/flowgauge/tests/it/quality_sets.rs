//! `quality run` and `quality audit` as people call them: a real gateway, the pretend provider behind
//! it, scores that are stored.

use crate::commands::{flowgauge, out};
use flowgauge::config::{Config, Gateway, Provider, StreamSettings, Timeouts};
use flowgauge::demo::local::LocalServer;
use flowgauge::demo::model_server::{self, Pace};
use flowgauge::serve::{self, clock::Clock};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// A thousand times life: answers in a millisecond or two.
const FAST: f64 = 1_000.0;

struct Stage {
    dir: tempfile::TempDir,
    running: serve::Running,
    _provider: LocalServer,
}

/// A gateway before a provider that fails this share of requests.
async fn stage(failures: f64) -> Stage {
    let dir = tempfile::tempdir().unwrap();
    let pace = Pace::new(Clock::real(), FAST, "enhance");
    let provider = model_server::start_with(1, pace, failures).await.unwrap();
    let upstream = Provider {
        name: "demo".to_owned(),
        base_url: format!("{}/v1", provider.url()),
        api_key: None,
        timeouts: Timeouts::default(),
        retry: None,
        streams: StreamSettings::default(),
    };
    let mut config = Config {
        data_dir: dir.path().to_owned(),
        gateway: Gateway { providers: vec![upstream], ..Gateway::default() },
        ..Config::default()
    };
    for listener in [
        &mut config.listen,
        &mut config.otlp_grpc,
        &mut config.otlp_http,
        &mut config.postgres.listener,
    ] {
        listener.addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    }
    let running = serve::start(config, Clock::real()).await.unwrap();
    Stage { dir, running, _provider: provider }
}

async fn run(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = flowgauge(dir);
    command.arg("quality").args(args);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (stdout, stderr) = out(&done);
    (done.status.code(), stdout, stderr)
}

/// All scores, once each has found its call: a score may be handed in before its call is stored.
async fn attached(stage: &Stage, server: &str) -> Vec<Value> {
    let asking = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        loop {
            ticks.tick().await;
            let list = ["scores", "--server", server, "--limit", "100", "--json"];
            let listed = run(stage.dir.path(), &list).await;
            let items: Vec<Value> = serde_json::from_str(&listed.1).unwrap();
            if items.iter().all(|s| s["call_id"].is_string()) {
                return items;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_is_run_through_the_gateway_and_its_scores_are_stored_beside_the_probes() {
    let stage = stage(0.0).await;
    let server = format!("http://{}", stage.running.addr);
    let set = ["run", "--model", "demo-small", "--server", server.as_str(), "--output", "json"];
    let (code, stdout, stderr) =
        run(stage.dir.path(), &[&set[..], &["--threshold", "50"]].concat()).await;
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let told: Value = serde_json::from_str(&stdout).unwrap();
    let quality = told["overall_quality"].as_f64().unwrap();
    assert!((50.0..=100.0).contains(&quality), "{quality}");
    assert_eq!((&told["n"], &told["errors"], &told["stored"]), (&70.into(), &0.into(), &70.into()));
    assert_eq!(told["calibration"], "calibrated");
    for intent in ["ask", "explain", "analyze", "enhance", "translate"] {
        assert!(told["by_intent"][intent]["quality"].is_number(), "{intent}");
    }

    let items = attached(&stage, &server).await;
    assert_eq!(items.len(), 70);
    assert!(items.iter().all(|s| s["evaluator"] == "flowgauge.local"));

    let audit = run(stage.dir.path(), &["audit", "--server", &server, "--json"]).await;
    let told: Value = serde_json::from_str(&audit.1).unwrap();
    assert_eq!((audit.0, &told["findings"]), (Some(0), &Value::Array(Vec::new())), "{}", audit.2);
    assert_eq!(told["stored"]["evaluators"][0]["n"], 70);

    let (code, stdout, _) =
        run(stage.dir.path(), &[&set[..5], &["--threshold", "99.9"]].concat()).await;
    assert_eq!(code, Some(1));
    assert!(stdout.contains("translate") && stdout.contains("all"), "{stdout}");
    stage.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_in_which_most_fails_says_too_little_and_one_without_a_server_unreachable() {
    let stage = stage(1.0).await;
    let server = format!("http://{}", stage.running.addr);
    std::fs::write(
        stage.dir.path().join("mine.jsonl"),
        "{\"id\":\"a\",\"intent\":\"ask\",\"question\":\"Who rings the bell?\",\"context\":[\"book:1:3\"]}\n",
    )
    .unwrap();
    let mine = ["run", "--set", "mine.jsonl", "--model", "demo-small", "--json", "--server"];
    let (code, stdout, stderr) =
        run(stage.dir.path(), &[&mine[..], &[server.as_str()]].concat()).await;
    assert_eq!(code, Some(3), "{stderr}");
    let told: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&told["overall_quality"], &told["errors"]), (&Value::Null, &1.into()));
    assert_eq!(told["calibration"], "uncalibrated");
    assert!(stderr.contains("uncalibrated"), "{stderr}");
    stage.running.stop().await;
    let (code, _, _) = run(stage.dir.path(), &[&mine[..], &["http://127.0.0.1:9"]].concat()).await;
    assert_eq!(code, Some(69));
}

#[tokio::test]
async fn an_audit_needs_no_server_and_says_when_there_are_too_few_labels() {
    let dir = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = run(dir.path(), &["audit", "--offline"]).await;
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("calibrated") && stdout.contains("kappa"), "{stdout}");
    let case = "{\"id\":\"a\",\"intent\":\"ask\",\"question\":\"Who?\",\"answers\":[{\"text\":\"Marta.\",\"label\":90}]}";
    std::fs::write(dir.path().join("few.jsonl"), case).unwrap();
    let (code, _, stderr) = run(dir.path(), &["audit", "--offline", "--set", "few.jsonl"]).await;
    assert_eq!(code, Some(3), "{stderr}");
    std::fs::write(dir.path().join("bad.jsonl"), "{}").unwrap();
    let (code, _, stderr) = run(dir.path(), &["audit", "--offline", "--set", "bad.jsonl"]).await;
    assert_eq!(code, Some(65), "{stderr}");
    assert!(stderr.contains("bad.jsonl: line 1"), "{stderr}");
}
