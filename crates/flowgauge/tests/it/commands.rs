//! Reading commands against a data directory that nobody serves: stdout, stderr and exit codes.

use flowgauge::logic::call::{Call, Door, Status};
use flowgauge::logic::id::CallId;
use flowgauge::logic::unit::{Micros, UnixMicros};
use flowgauge::serve::clock::Clock;
use flowgauge::store::{Batch, Options, Store};
use std::path::Path;
use std::process::{Command, Output};

/// The built binary in a folder of its own, without the environment's configuration.
pub(crate) fn flowgauge(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowgauge"));
    command.current_dir(dir);
    for (name, _) in std::env::vars().filter(|(n, _)| n.starts_with("FLOWGAUGE")) {
        command.env_remove(name);
    }
    command
}

pub(crate) fn out(done: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&done.stdout), text(&done.stderr))
}

/// A folder with 40 successes of 100 ms and 2 failures, all within the last minutes.
fn filled() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let now = Clock::real().now();
    let mut store = Store::open(dir.path(), Options::default(), now).unwrap().store;
    let mut calls = Vec::new();
    for i in 0..42u8 {
        let at = UnixMicros(now.0 - UnixMicros::MINUTE - i64::from(i) * 1_000_000);
        let mut call = Call::begun(CallId::new(at, [i; 10]), at, at, Door::Gateway);
        call.what.leaf = true;
        call.what.endpoint = Some("chat/stream".into());
        call.time.latency = Some(Micros::from_millis(100));
        if i >= 40 {
            call.outcome.status = Status::Error;
            call.outcome.class = flowgauge::logic::call::ErrorClass::Upstream5xx;
        }
        calls.push(call);
    }
    store.commit(Batch { calls, ..Batch::default() }, now).unwrap();
    dir
}

fn run(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = flowgauge(dir);
    let done = command.args(["--data-dir", "."]).args(args).output().unwrap();
    let (stdout, stderr) = out(&done);
    (done.status.code(), stdout, stderr)
}

#[test]
fn a_metric_is_one_bare_number() {
    let dir = filled();
    let (code, stdout, stderr) =
        run(dir.path(), &["metrics", "get", "request_count", "--since", "1h"]);
    assert_eq!((code, stdout.as_str()), (Some(0), "42\n"), "{stderr}");
    let (code, stdout, _) = run(dir.path(), &["metrics", "get", "p95_latency"]);
    let p95: f64 = stdout.trim().parse().unwrap();
    assert!(code == Some(0) && (p95 - 100.0).abs() < 1.0, "{stdout}");
}

#[test]
fn an_unknown_value_is_na_with_code_3_and_an_unknown_name_is_64() {
    let dir = filled();
    let (code, stdout, stderr) = run(dir.path(), &["metrics", "get", "quality_score"]);
    assert_eq!((code, stdout.as_str()), (Some(3), "n/a\n"));
    assert!(stderr.starts_with("n/a: "), "{stderr}");
    let (code, stdout, stderr) = run(dir.path(), &["metrics", "get", "p95_latensy"]);
    assert_eq!((code, stdout.as_str()), (Some(64), ""));
    assert!(stderr.contains("did you mean p95_latency?"), "{stderr}");
}

#[test]
fn requests_are_listed_as_an_array_and_shown_one_by_one() {
    let dir = filled();
    let (code, stdout, _) = run(dir.path(), &["requests", "list", "--status", "error", "--json"]);
    let found: Vec<serde_json::Value> = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, found.len()), (Some(0), 2));
    let id = found[0]["call_id"].as_str().unwrap();
    let (code, stdout, _) = run(dir.path(), &["requests", "get", id]);
    assert!(
        code == Some(0)
            && stdout.contains("100000")
            && stdout.contains("gateway clock: begin to the last byte"),
        "{stdout}"
    );
    let (code, _, _) = run(dir.path(), &["requests", "get", "nonsense"]);
    assert_eq!(code, Some(64));
}

#[test]
fn requests_are_listed_by_answer_and_by_trace() {
    let dir = filled();
    let (code, stdout, _) = run(dir.path(), &["requests", "list", "--response", "r", "--json"]);
    assert_eq!((code, stdout.trim()), (Some(0), "[]"));
    let (code, _, stderr) = run(dir.path(), &["requests", "list", "--trace", "r"]);
    assert_eq!(code, Some(64));
    assert!(stderr.contains("32 hexadecimal digits"), "{stderr}");

    let now = Clock::real().now();
    let at = UnixMicros(now.0 - 8 * UnixMicros::DAY);
    let mut old = Call::begun(CallId::new(at, [9; 10]), at, at, Door::Gateway);
    old.what.leaf = true;
    old.link.response_id = Some("r".into());
    let mut store = Store::open(dir.path(), Options::default(), now).unwrap().store;
    store.commit(Batch { calls: vec![old.clone()], ..Batch::default() }, now).unwrap();
    drop(store);
    let (_, stdout, stderr) = run(dir.path(), &["requests", "list", "--response", "r", "--json"]);
    let found: Vec<serde_json::Value> = serde_json::from_str(&stdout).expect(&stderr);
    assert_eq!(found.len(), 1, "of any age");
    assert_eq!(found[0]["call_id"], old.id.to_string());
}

#[test]
fn errors_are_grouped_and_health_has_an_exit_code() {
    let dir = filled();
    let (_, stdout, stderr) =
        run(dir.path(), &["health", "errors", "--last", "30min", "--format", "csv"]);
    assert!(stdout.contains("upstream_5xx,2,"), "{stdout}");
    assert!(stderr.contains("2 of 42 requests failed"), "{stderr}");
    let (code, stdout, _) = run(dir.path(), &["health", "check", "--nagios"]);
    assert!(matches!(code, Some(0..=2)) && stdout.starts_with("FLOWGAUGE "), "{code:?} {stdout}");
    assert!(stdout.contains("|'p50_latency'=") || stdout.contains(" 'p95_latency'="), "{stdout}");
}

#[test]
fn without_server_and_data_the_code_is_69_and_wrong_usage_is_64() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, stderr) = run(dir.path(), &["metrics", "get", "p95_latency"]);
    assert_eq!(code, Some(69), "{stderr}");
    let (code, _, stderr) = run(dir.path(), &["metrcs"]);
    assert!(code == Some(64) && stderr.contains("'metrics'"), "{stderr}");
    let (code, stdout, _) = run(dir.path(), &["metrics", "get", "--help"]);
    assert!(code == Some(0) && stdout.contains("Examples:") && stdout.contains("Exit codes:"));
}
