//! The chores of a running flowgauge: asked for by command, done once, told step by step.

use super::api::client::{config, get};
use super::commands::{flowgauge, out};
use flowgauge::config::schedules::Scheduled;
use flowgauge::logic::job::JobName;
use flowgauge::logic::schedule::Timetable;
use flowgauge::serve::{Running, clock::Clock, start};
use serde_json::{Value, json};
use std::path::Path;

async fn served(dir: &Path) -> Running {
    let mut config = config(dir);
    config.retention.archive = Some(flowgauge::config::ArchiveAt::Dir(dir.join("archive")));
    config.schedules.push(Scheduled {
        name: "chores".to_owned(),
        when: Timetable::read("weekly_schedule on monday at 03:00", config.time_zone).unwrap(),
        job: JobName::MaintainWeekly,
        channels: Vec::new(),
        catch_up: 1,
        place: None,
    });
    start(config, Clock::real()).await.unwrap()
}

async fn run(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = flowgauge(dir);
    command.env("USER", "ann").args(["--data-dir", "."]).args(args);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (stdout, stderr) = out(&done);
    (done.status.code(), stdout, stderr)
}

fn step<'a>(run: &'a Value, name: &str) -> &'a Value {
    let steps = run["steps"].as_array().unwrap();
    steps.iter().find(|s| s["step"] == name).unwrap_or_else(|| panic!("no {name} in {run}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weekly_chores_are_done_in_order_once_and_say_what_came_of_each_step() {
    let dir = tempfile::tempdir().unwrap();
    let running = served(dir.path()).await;
    let maintain = ["ops", "maintain", "weekly", "--yes", "--json"];
    let (code, stdout, stderr) = run(dir.path(), &maintain).await;
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stderr.contains("Weekly maintenance completed."), "{stderr}");
    let done: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&done["state"], &done["by"]), (&json!("done"), &json!("ann")));
    let order: Vec<&str> =
        done["steps"].as_array().unwrap().iter().map(|s| s["step"].as_str().unwrap()).collect();
    let expected = [
        "config_backup",
        "store_check",
        "report",
        "regression_check",
        "baseline_proposal",
        "threshold_proposals",
        "cache_proposal",
        "quality_audit",
        "archive",
        "prune",
    ];
    assert_eq!(order, expected);
    for (name, state, says) in [
        ("config_backup", "done", "backup-manifest-"),
        ("store_check", "done", "whole"),
        ("report", "done", "4 files in"),
        ("regression_check", "skipped", "no baseline is promoted"),
        ("baseline_proposal", "skipped", ""),
        ("archive", "done", "archive"),
        ("prune", "done", "dropped"),
    ] {
        let step = step(&done, name);
        assert_eq!(step["state"], state, "{step}");
        assert!(step["detail"].as_str().unwrap().contains(says), "{step}");
    }
    let kept = ["config", "restore", "backups", "--reason", "a look", "--dry-run", "--yes"];
    let (code, _, stderr) = run(dir.path(), &kept).await;
    assert_eq!(code, Some(0), "what chores kept can be put back: {stderr}");
    let (code, stdout, stderr) = run(dir.path(), &maintain).await;
    let again: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &again["id"]), (Some(0), &done["id"]), "{stderr}");
    assert!(stderr.contains("--again"), "{stderr}");
    running.stop().await;
    // After the server, the ledger is read from the directory.
    let (code, stdout, _) = run(dir.path(), &["jobs", "history", "--json"]).await;
    let history: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, history.as_array().unwrap().len()), (Some(0), 1), "{stdout}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_and_a_refusal_leave_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let running = served(dir.path()).await;
    let dry = ["ops", "maintain", "monthly", "--dry-run", "--json"];
    let (code, stdout, stderr) = run(dir.path(), &dry).await;
    let would: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, would.as_array().unwrap().len()), (Some(0), 10), "{stderr}");
    let (code, _, stderr) = run(dir.path(), &["ops", "maintain", "weekly"]).await;
    assert_eq!(code, Some(77), "{stderr}");
    let (code, _, stderr) = run(dir.path(), &["jobs", "run", "maintain-weakly"]).await;
    assert_eq!(code, Some(64), "{stderr}");
    assert!(stderr.contains("did you mean maintain-weekly?"), "{stderr}");
    let (code, _, stderr) =
        run(dir.path(), &["jobs", "run", "maintain-weekly", "--period", "2026-01"]).await;
    assert_eq!(code, Some(64), "{stderr}");
    let listed = get(running.addr, "/api/v1/jobs").await.json();
    let weekly = listed.as_array().unwrap().iter().find(|j| j["job"] == "maintain-weekly").unwrap();
    assert_eq!(weekly["when"], "every Monday at 03:00 (UTC)");
    assert!(weekly["next"].is_string() && weekly["last"].is_null(), "{weekly}");
    let history = get(running.addr, "/api/v1/jobs/history").await.json();
    assert_eq!(history, json!([]));
    running.stop().await;
}
