//! `opt`, `cache` and `tokens limits` at a terminal's reach: output, exit codes, and an emergency in which little works.

use super::commands::{flowgauge, out};
use flowgauge::config::Config;
use flowgauge::serve::{self, clock::Clock};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};

fn config(dir: &Path) -> Config {
    let mut config = Config { data_dir: dir.to_owned(), ..Config::default() };
    for listener in [
        &mut config.listen,
        &mut config.otlp_grpc,
        &mut config.otlp_http,
        &mut config.postgres.listener,
    ] {
        listener.addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    }
    config
}

async fn run(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = flowgauge(dir);
    command.env("USER", "ann").args(["--data-dir", "."]).args(args).stdin(Stdio::null());
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (stdout, stderr) = out(&done);
    (done.status.code(), stdout, stderr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_shown_confirmed_changed_and_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let running = serve::start(config(dir.path()), Clock::real()).await.unwrap();
    let dir = dir.path();
    let rollout = ["opt", "rollout", "response_caching", "--mode", "canary=5%", "--holdout", "2%"];
    let with = |more: &[&'static str]| [&rollout[..], more].concat();
    assert_eq!(run(dir, &with(&["--yes"])).await.0, Some(64), "without a reason");
    let (code, stdout, stderr) = run(dir, &with(&["--reason", "try"])).await;
    assert_eq!((code, stdout.as_str()), (Some(77), ""), "{stderr}");
    let (code, stdout, stderr) = run(dir, &with(&["--reason", "try", "--dry-run"])).await;
    assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
    assert!(stderr.contains("/rollouts/response_caching/mode  \"off\" -> {\"canary\":50000}"));
    let (code, stdout, stderr) = run(dir, &with(&["--reason", "try", "--yes"])).await;
    assert_eq!((code, stdout.as_str()), (Some(0), "1\n"), "{stderr}");
    assert!(stderr.contains("flowgauge opt undo 1"), "{stderr}");
    let (code, stdout, _) = run(dir, &["opt", "status"]).await;
    assert!(code == Some(0) && stdout.contains("canary 5 %"), "{stdout}");
    let wrong = ["opt", "set", "/prune/context_tokens=9", "--reason", "x", "--yes"];
    let (code, _, stderr) = run(dir, &wrong).await;
    assert!(code == Some(65) && stderr.contains("500 to 2000"), "{stderr}");

    let lower = ["tokens", "limits", "set", "--profile", "lower", "--reason", "slow", "--yes"];
    let (code, stdout, stderr) = run(dir, &lower).await;
    assert_eq!((code, stdout.as_str()), (Some(0), "2\n"), "{stderr}");
    let (code, stdout, _) = run(dir, &["tokens", "limits", "show", "--json"]).await;
    let limits: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, limits["context_tokens"].as_u64()), (Some(0), Some(1_200)));
    let except = ["opt", "rollout", "context_pruning", "--mode", "shadow", "--intent", "legal"];
    let except = [&except[..], &["--reason", "x", "--yes"]].concat();
    assert_eq!(run(dir, &except).await.1, "3\n");
    let (_, stdout, _) = run(dir, &["opt", "history", "--json"]).await;
    let history: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(history[0]["diff"][0]["after"][0]["intent"], "legal");
    assert!(history[1]["expires"].is_string(), "{history}");
    let undo = ["opt", "undo", "2", "--reason", "fast again", "--yes"];
    let (code, stdout, stderr) = run(dir, &undo).await;
    assert_eq!((code, stdout.as_str()), (Some(0), "4\n"), "{stderr}");
    assert_eq!(run(dir, &undo).await.0, Some(64));
    let (code, stdout, _) = run(dir, &["cache", "status", "--json"]).await;
    assert!(code == Some(0) && stdout.contains("\"hit_rate\": null"), "{stdout}");
    assert_eq!(run(dir, &["cache", "memory"]).await.0, Some(0));
    let (code, stdout, _) = run(dir, &["cache", "clear", "--all", "--yes"]).await;
    assert!(code == Some(0) && stdout.starts_with("response 0 answers"), "{stdout}");
    running.stop().await;

    let (code, stdout, stderr) = run(dir, &["opt", "history", "--json"]).await;
    let stored: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, stored.as_array().unwrap().len()), (Some(0), 4), "{stderr}");
    assert!(stderr.contains("no server runs"), "{stderr}");
    let only = ["opt", "history", "--mechanism", "response_caching", "--json"];
    let (_, stdout, _) = run(dir, &only).await;
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap()[0]["id"], 1);
    let (code, stdout, _) = run(dir, &["opt", "status", "--json"]).await;
    let status: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (code, &status["from"], &status["generation"]),
        (Some(0), &"stored".into(), &4.into())
    );
    let (code, stdout, stderr) = run(dir, &["opt", "status"]).await;
    assert!(code == Some(0) && stdout.contains("canary 5 %"), "{stdout}{stderr}");
    let nowhere = flowgauge(dir).args(["opt", "status", "--data-dir", "nowhere"]).output().unwrap();
    assert_eq!(nowhere.status.code(), Some(69));
}

/// Reliability C10.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_needs_neither_a_good_configuration_nor_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let running = serve::start(config(dir.path()), Clock::real()).await.unwrap();
    std::fs::write(dir.path().join("flowgauge.yaml"), "store: [nonsense").unwrap();
    let only = ["opt", "rollback", "--only", "model_selection", "--reason", "harm"];
    assert_eq!(run(dir.path(), &only).await.0, Some(77));
    let (code, stdout, stderr) = run(dir.path(), &[&only[..], &["--yes"]].concat()).await;
    assert_eq!((code, stdout.as_str()), (Some(0), "1\n"), "{stderr}");
    assert!(stderr.contains("the configuration is refused"), "{stderr}");
    assert!(stderr.contains("switch_off") && stderr.contains("opt restore 1"), "{stderr}");
    running.stop().await;

    let (code, stdout, stderr) = run(dir.path(), &["opt", "rollback", "--all", "--yes"]).await;
    assert_eq!((code, stdout.as_str()), (Some(0), "2\n"), "{stderr}");
    assert!(stderr.contains("the next start is off"), "{stderr}");
    std::fs::remove_file(dir.path().join("flowgauge.yaml")).unwrap();

    let running = serve::start(config(dir.path()), Clock::real()).await.unwrap();
    let (code, stdout, _) = run(dir.path(), &["opt", "status", "--json"]).await;
    let status: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, status["kill_all"].as_bool()), (Some(0), Some(true)));
    let (code, stdout, _) = run(dir.path(), &["opt", "verify-rollback"]).await;
    assert!(code == Some(3) && stdout.contains("nothing to prove yet"), "{stdout}");
    assert_eq!(run(dir.path(), &["opt", "restore", "--all", "--yes"]).await.0, Some(64));
    let restore = ["opt", "restore", "--all", "--reason", "well", "--by", "ann", "--yes"];
    let (code, stdout, stderr) = run(dir.path(), &restore).await;
    assert_eq!((code, stdout.as_str()), (Some(0), "3\n"), "{stderr}");
    running.stop().await;
    let (code, _, _) = run(dir.path(), &["opt", "rollback", "--only", "luck", "--yes"]).await;
    assert_eq!(code, Some(64));
    let nowhere = ["opt", "rollback", "--all", "--yes", "--data-dir", "nowhere"];
    let done = flowgauge(dir.path()).args(nowhere).output().unwrap();
    assert_eq!(done.status.code(), Some(69));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_switches_all_off_and_the_server_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("flowgauge.yaml"),
        "otlp:\n  grpc:\n    enabled: false\n  http:\n    enabled: false\n",
    )
    .unwrap();
    let mut server = flowgauge(dir.path())
        .args(["--data-dir", ".", "serve", "--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
    let mut until = |text: &str| lines.any(|line| line.unwrap().contains(text));
    assert!(until("  gateway  http://"));
    let pid = server.id().to_string();
    let signal = |name: &str| {
        let kill = format!("kill {name} {pid}");
        Command::new("sh").args(["-c", &kill]).status().unwrap().success()
    };
    assert!(signal("-USR1") && until("switch_off  Done") && until("  watch  "));
    let (code, stdout, stderr) = run(dir.path(), &["opt", "history", "--json"]).await;
    assert_eq!(code, Some(0), "{stderr}");
    let history: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(history[0]["author"], "signal");
    assert_eq!(history[0]["diff"][0]["path"], "/kill/all");
    assert!(signal("-TERM") && server.wait().unwrap().success());
}
