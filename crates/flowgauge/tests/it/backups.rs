//! A backup of a running flowgauge, the way back, and what is otherwise meanwhile.

use super::api::client::{config, get, post};
use super::commands::{flowgauge, out};
use flowgauge::config::alerts::RuleSource;
use flowgauge::control::Wanted;
use flowgauge::logic::control::rollout::{Mode, Share};
use flowgauge::logic::control::state::Settings;
use flowgauge::serve::{Running, clock::Clock, start};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

async fn served(dir: &Path) -> Running {
    let mut config = config(dir);
    let variables = [("TOP_K_FINAL", "3"), ("CACHE_PASSWORD", "hunter2")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    config.told.variables = flowgauge::config::variables::told(&variables).into();
    start(config, Clock::real()).await.unwrap()
}

async fn change(running: &Running, edit: impl FnOnce(&mut Settings)) {
    let wanted = Wanted::by("ann", "a test");
    running.app().control().desk.change(&wanted, edit).await.unwrap();
}

fn settings(running: &Running) -> Settings {
    running.app().control().desk.live().load().settings.clone().unwrap()
}

async fn run(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = flowgauge(dir);
    command.env("USER", "ann").args(["--data-dir", "."]).args(args);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (stdout, stderr) = out(&done);
    (done.status.code(), stdout, stderr)
}

/// The files of the set, by what begins their name.
fn file(dir: &Path, begins: &str) -> PathBuf {
    let named = |path: &PathBuf| {
        path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with(begins))
    };
    let mut all = std::fs::read_dir(dir.join("set")).unwrap().map(|e| e.unwrap().path());
    all.find(named).unwrap_or_else(|| panic!("no {begins}"))
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_come_back_as_they_were_in_one_change_that_can_be_undone() {
    let dir = tempfile::tempdir().unwrap();
    let running = served(dir.path()).await;
    change(&running, |s| {
        s.rollouts.context_pruning.mode = Mode::Canary(Share::percent(10));
        s.prune.context_tokens = 1_200;
    })
    .await;
    let before = settings(&running);
    // No baseline is promoted yet, so the set is partial and says so.
    let (code, stdout, stderr) = run(dir.path(), &["config", "backup", "--dir", "set"]).await;
    assert_eq!(code, Some(1), "{stdout}{stderr}");
    assert!(stdout.contains("backup-manifest-") && stderr.contains("baseline"), "{stdout}{stderr}");
    change(&running, |s| {
        s.rollouts.context_pruning.mode = Mode::On;
        s.prune.context_tokens = 1_900;
        s.prompt.max_answer_tokens = Some(300);
    })
    .await;
    let (code, stdout, stderr) = run(dir.path(), &["config", "diff", "--from", "set"]).await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stdout.contains("/prune/context_tokens"), "{stdout}");
    let restore = ["config", "restore", "set", "--reason", "it was better", "--yes"];
    let (code, stdout, stderr) = run(dir.path(), &restore).await;
    assert_eq!((code, stdout.trim()), (Some(0), "3"), "{stderr}");
    assert_eq!(settings(&running), before);
    let (code, _, stderr) = run(dir.path(), &restore).await;
    assert_eq!(code, Some(0), "{stderr}");
    let (code, stdout, stderr) = run(dir.path(), &["config", "diff", "--from", "set"]).await;
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let (_, stdout, _) =
        run(dir.path(), &["config", "history", "--last", "1", "--format", "csv"]).await;
    assert!(stdout.contains("it was better"), "{stdout}");
    running.app().control().desk.undo(&Wanted::by("ann", "or not"), 3).await.unwrap();
    assert_eq!(settings(&running).prune.context_tokens, 1_900);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_tells_the_servers_environment_without_secrets_and_a_changed_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let running = served(dir.path()).await;
    change(&running, |s| s.prune.context_tokens = 1_200).await;
    run(dir.path(), &["config", "backup", "--dir", "set"]).await;
    let env = std::fs::read_to_string(file(dir.path(), "performance-env-")).unwrap();
    assert_eq!(env, "TOP_K_FINAL=3\n");
    let manifest = read(&file(dir.path(), "backup-manifest-"));
    assert_eq!(manifest["performance_metrics"]["p95_latency"], json!("n/a"));
    assert_eq!(manifest["metrics"]["p95_latency"], json!(null));
    assert!(manifest["files"].as_array().unwrap().len() >= 4, "{manifest}");
    let control = file(dir.path(), "performance-control-");
    let text = std::fs::read_to_string(&control).unwrap();
    std::fs::write(&control, text.replace("1200", "1300")).unwrap();
    let restore = ["config", "restore", "set", "--reason", "x", "--yes"];
    let (code, _, stderr) = run(dir.path(), &restore).await;
    assert_eq!(code, Some(65), "{stderr}");
    assert!(stderr.contains(control.file_name().unwrap().to_str().unwrap()), "{stderr}");
    assert_eq!(settings(&running).prune.context_tokens, 1_200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prices_and_rules_come_back_as_files_and_what_changed_is_in_the_history() {
    const RULE: &str = "alert: slow\ncondition: p95_latency > 2s for 5 minutes\nseverity: warning\n\
                        message: slow\nchannels: [slack]\n";
    let dir = tempfile::tempdir().unwrap();
    let rules = dir.path().join("rules.yaml");
    std::fs::write(&rules, RULE).unwrap();
    let mut config = config(dir.path());
    config.alerts.rules = vec![RuleSource::File(rules.clone())];
    let running = start(config, Clock::real()).await.unwrap();
    let set = |input: &'static str| async move {
        vec!["prices", "set", "ours", "--input", input, "--output", "15"]
    };
    let (code, _, stderr) = run(dir.path(), &set("3").await).await;
    assert_eq!(code, Some(0), "{stderr}");
    run(dir.path(), &["config", "backup", "--dir", "set"]).await;
    let prices = std::fs::read_to_string(dir.path().join("prices.json")).unwrap();
    run(dir.path(), &set("4").await).await;
    std::fs::write(&rules, RULE.replace("2s", "3s")).unwrap();
    post(running.addr, "/-/reload", "").await;
    let restore = ["config", "restore", "set", "--files", "--reason", "lost disk", "--yes"];
    let (code, _, stderr) = run(dir.path(), &[&restore[..], &["--dry-run"]].concat()).await;
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("rules.yaml") && stderr.contains("prices.json"), "{stderr}");
    assert_ne!(std::fs::read_to_string(&rules).unwrap(), RULE, "a dry run writes nothing");
    let (code, _, stderr) = run(dir.path(), &restore).await;
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(std::fs::read_to_string(&rules).unwrap(), RULE);
    assert_eq!(std::fs::read_to_string(dir.path().join("prices.json")).unwrap(), prices);
    let kept = std::fs::read_dir(dir.path())
        .unwrap()
        .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().contains(".before-"));
    assert_eq!(kept.count(), 2, "what was there is kept beside");
    let history = async |kind: &'static str| {
        let (_, stdout, _) =
            run(dir.path(), &["config", "history", "--kind", kind, "--json"]).await;
        let all: Value = serde_json::from_str(&stdout).unwrap();
        all.as_array().unwrap().clone()
    };
    let prices = history("prices").await;
    let told = |n: usize| prices[n]["what"].as_str().unwrap();
    assert_eq!(prices.len(), 3);
    assert_eq!(told(2), "new: ours");
    assert!(told(1).contains("input $3") && told(1).contains("-> input $4"), "{}", told(1));
    assert!(told(0).contains("-> input $3"), "{}", told(0));
    until(async || !history("rules").await.is_empty()).await;
    assert_eq!(history("rules").await[0]["what"], "changed: slow");
    assert_eq!(history("program").await, Vec::<Value>::new());
    running.stop().await;
}

/// Waits for what is done in the background.
async fn until(what: impl AsyncFn() -> bool) {
    while !what().await {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_switched_off_stays_off_unless_lifting_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let running = served(dir.path()).await;
    change(&running, |s| s.prune.context_tokens = 1_200).await;
    run(dir.path(), &["config", "backup", "--dir", "set"]).await;
    change(&running, |s| {
        s.kill.all = true;
        s.prune.context_tokens = 1_900;
    })
    .await;
    let mut restore = vec!["config", "restore", "set", "--reason", "x", "--yes"];
    run(dir.path(), &restore).await;
    let now = settings(&running);
    assert_eq!((now.kill.all, now.prune.context_tokens), (true, 1_200));
    restore.push("--lift-kill");
    run(dir.path(), &restore).await;
    assert!(!settings(&running).kill.all);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_section_is_checked_with_its_contradictions_and_unknown_prices() {
    let dir = tempfile::tempdir().unwrap();
    let running = served(dir.path()).await;
    let validate = ["config", "validate", "--section", "optimization", "--json"];
    let (code, stdout, stderr) = run(dir.path(), &validate).await;
    assert!(matches!(code, Some(0 | 1)), "{stdout}{stderr}");
    // A hundred tokens for the user's text under a context of 1,500 (catalogue E.4, 6).
    let wanted = Wanted::by("ann", "x");
    let wrong = running.app().control().desk.change(&wanted, |s| {
        s.prompt.max_user_tokens = Some(100);
    });
    assert!(wrong.await.is_err(), "a contradiction is refused before it is in force");
    let settings = get(running.addr, "/api/v1/control/settings").await.json();
    assert_eq!(settings["generation"], json!(0));
    let (code, stdout, _) = run(dir.path(), &["opt", "env", "--export"]).await;
    assert_eq!(code, Some(0));
    assert!(stdout.starts_with("export DISABLE_ALL_OPTIMIZATIONS=false\n"), "{stdout}");
    let (code, _, stderr) = run(dir.path(), &["cache", "tune"]).await;
    assert_eq!(code, Some(3), "{stderr}");
    let (code, _, stderr) = run(dir.path(), &["tokens", "limits", "check"]).await;
    assert_eq!(code, Some(3), "{stderr}");
    let (code, stdout, stderr) = run(dir.path(), &["opt", "propose", "--data-driven"]).await;
    assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
    running.stop().await;
}
