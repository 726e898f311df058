//! Baselines and regression checks as a person meets them: by command against a running server.

use crate::api::client::{config, get};
use crate::commands::{flowgauge, out};
use flowgauge::logic::call::{Call, Door, InputTokens, OutputTokens, Status, Text, UsageSource};
use flowgauge::logic::id::CallId;
use flowgauge::logic::unit::{Micros, UnixMicros};
use flowgauge::serve::{self, clock::Clock};
use serde_json::{Value, json};
use std::path::Path;

/// Enough for a 95th percentile of an hour.
const PER_HOUR: i64 = 105;

/// An hour of calls, `ago` hours before now: around so many ms and tokens.
fn hour_of(now: UnixMicros, ago: i64, ms: i64, tokens: u64) -> Vec<Call> {
    let from = (now.0.div_euclid(UnixMicros::HOUR) - ago) * UnixMicros::HOUR;
    let wave = (ago * 7919).rem_euclid(41) - 20;
    let one = |i: i64| {
        let at = UnixMicros(from + i * 30_000_000);
        let mut seed = [0; 10];
        seed[..8].copy_from_slice(&(at.0 + i).to_be_bytes());
        let mut call = Call::begun(CallId::new(at, seed), at, at, Door::Gateway);
        call.what.leaf = true;
        call.what.intent = Some(Text::const_new("explain"));
        call.outcome.status = Status::Ok;
        call.time.latency = Some(Micros((ms + wave + i % 10 * 20) as u64 * 1_000));
        call.usage.input =
            Some(InputTokens { text: tokens + (wave + 20) as u64, ..InputTokens::default() });
        call.usage.output = Some(OutputTokens { visible: 40, ..OutputTokens::default() });
        call.usage.source = UsageSource::Provider;
        call
    };
    (0..PER_HOUR).map(one).collect()
}

async fn command(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = flowgauge(dir);
    command.args(["--data-dir", "."]).args(args).env("USER", "ada");
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (stdout, stderr) = out(&done);
    (done.status.code(), stdout, stderr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_proposes_promotes_and_checks_and_the_guide_s_files_go_in_and_out() {
    let dir = tempfile::tempdir().unwrap();
    let running = serve::start(config(dir.path()), Clock::real()).await.unwrap();
    let now = Clock::real().now();
    for ago in 1..=24 * 9 {
        // The last day answers a half slower, with as many tokens.
        let ms = if ago <= 24 { 1_200 } else { 800 };
        running.recorder.submit(hour_of(now, ago, ms, 300), Vec::new()).await.unwrap();
    }
    let none = command(dir.path(), &["regression", "check", "--days", "1"]).await;
    assert_eq!(none.0, Some(3), "{none:?}");
    assert!(none.2.contains("no baseline is promoted"), "{}", none.2);

    // A baseline of the whole time would hold the slow day: made from a file of the days before.
    let file = dir.path().join("lists.json");
    let file = file.to_str().unwrap();
    let export = ["metrics", "export", "--shape", "regression", "--days", "9", "--output", file];
    assert_eq!(command(dir.path(), &export).await.0, Some(0));
    let mut lists: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(lists["latency_p95"].as_array().unwrap().len(), 24 * 9);
    let mut kept = Vec::new();
    for key in ["latency_p95", "token_count", "quality_score", "cost"] {
        let (counts, times) = (lists["counts"][key].take(), lists["timestamps"][key].take());
        for list in [lists[key].take(), counts, times] {
            let Value::Array(mut values) = list else { panic!("{key} is a list") };
            values.truncate(24 * 8);
            kept.push(Value::Array(values));
        }
        lists["timestamps"][key] = kept.pop().unwrap();
        lists["counts"][key] = kept.pop().unwrap();
        lists[key] = kept.pop().unwrap();
    }
    std::fs::write(file, lists.to_string()).unwrap();
    let import = ["regression", "baseline", "import", file, "--name", "before"];
    assert_eq!(command(dir.path(), &import).await.1, "before\n");
    let again = command(dir.path(), &import).await;
    assert!(again.0 == Some(64) && again.2.contains("baselines never change"), "{again:?}");
    let promote = ["regression", "baseline", "promote", "before", "--why", "release 14"];
    assert_eq!(command(dir.path(), &promote).await.0, Some(0));

    let check = ["regression", "check", "--days", "1", "--alert", "--json"];
    let found = command(dir.path(), &check).await;
    assert_eq!(found.0, Some(1), "{found:?}");
    let view: Value = serde_json::from_str(&found.1).unwrap();
    let latency = &view["report"]["latency_regression"];
    assert_eq!(latency["verdict"], "regressed", "{latency}");
    assert_eq!(latency["direction"], "increase");
    assert_eq!(view["report"]["token_regression"]["regression"], false);
    assert_eq!(view["report"]["quality_regression"]["verdict"], "insufficient_data");
    assert_eq!(view["waiting"], json!(["latency_p95"]));
    assert!(found.2.contains("one more check that agrees raises an alert"), "{}", found.2);
    let kept = get(running.addr, "/api/v1/regressions").await.json();
    assert_eq!(kept[0]["verdict"], view["verdict"]);

    // The same without a server's store: the guide's two files.
    let current = dir.path().join("now.json");
    let current = current.to_str().unwrap();
    let export = ["metrics", "export", "--shape", "regression", "--days", "1", "--output", current];
    assert_eq!(command(dir.path(), &export).await.0, Some(0));
    let compared = command(dir.path(), &["regression", "compare", file, current]).await;
    assert_eq!(compared.0, Some(1), "{compared:?}");
    let compared: Value = serde_json::from_str(&compared.1).unwrap();
    assert_eq!(compared["latency_regression"]["verdict"], "regressed");

    // What is bad now never becomes what is usual.
    let propose =
        ["regression", "baseline", "propose", "--days", "2", "--name", "now", "--promote"];
    let refused = command(dir.path(), &propose).await;
    assert_eq!((refused.0, refused.1.as_str()), (Some(64), "now\n"), "{}", refused.2);
    assert!(refused.2.contains("P95 latency regressed"), "{}", refused.2);
    let list = command(dir.path(), &["regression", "baseline", "list", "--json"]).await;
    let list: Vec<Value> = serde_json::from_str(&list.1).unwrap();
    let standing: Vec<_> = list.iter().map(|b| (&b["name"], &b["standing"])).collect();
    let want = [(json!("now"), json!("candidate")), (json!("before"), json!("promoted"))];
    assert_eq!(standing, want.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>());
    let shown = command(dir.path(), &["regression", "baseline", "show", "--lists"]).await;
    assert_eq!(
        serde_json::from_str::<Value>(&shown.1).unwrap()["latency_p95"],
        lists["latency_p95"]
    );
    let history = command(dir.path(), &["regression", "baseline", "history"]).await;
    assert!(history.1.contains("release 14") && history.1.contains("ada"), "{}", history.1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_names_place_value_and_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let running = serve::start(config(dir.path()), Clock::real()).await.unwrap();
    let bad = dir.path().join("bad.json");
    std::fs::write(&bad, r#"{"latency_p95": [1, "x"]}"#).unwrap();
    let bad = bad.to_str().unwrap();
    let told = command(dir.path(), &["regression", "baseline", "import", bad, "--name", "b"]).await;
    assert!(told.0 == Some(65) && told.2.contains("latency_p95[1] is \"x\""), "{told:?}");
    let told = command(dir.path(), &["regression", "baseline", "propose"]).await;
    assert!(told.0 == Some(3) && told.2.contains("a baseline needs 7"), "{told:?}");
    let told = command(dir.path(), &["regression", "check", "--days", "0"]).await;
    assert!(told.0 == Some(64) && told.2.contains("whole days, 1 to 366"), "{told:?}");
    let told = command(dir.path(), &["regression", "baseline", "promote", "nobody"]).await;
    assert!(told.0 == Some(64) && told.2.contains("nobody"), "{told:?}");
    running.stop().await;
}
