//! Old data by command, with a directory of one's own and through the server that has it.

use crate::commands::{flowgauge, out};
use flowgauge::config::Config;
use flowgauge::logic::call::{Call, Door};
use flowgauge::logic::id::CallId;
use flowgauge::logic::unit::UnixMicros;
use flowgauge::serve::clock::Clock;
use flowgauge::store::{Batch, Options, Store};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

/// Twenty calls of forty days ago, ten of now.
fn filled() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let now = Clock::real().now();
    let mut store = Store::open(dir.path(), Options::default(), now).unwrap().store;
    for (days, of) in [(40, 0..20u8), (0, 20..30)] {
        let calls = of.map(|i| {
            let at = UnixMicros(now.0 - days * UnixMicros::DAY - i64::from(i) * 1_000_000);
            let mut call = Call::begun(CallId::new(at, [i; 10]), at, at, Door::Gateway);
            call.what.leaf = true;
            call
        });
        let batch = Batch { calls: calls.collect(), ..Batch::default() };
        store.commit(batch, now).unwrap();
        store.seal_now(now).unwrap();
    }
    dir
}

fn run(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = flowgauge(dir);
    let done = command.args(args).args(["--data-dir", "."]).output().unwrap();
    let (stdout, stderr) = out(&done);
    (done.status.code(), stdout, stderr)
}

fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(dir.join("segments")).unwrap();
    let mut files: Vec<_> = files.map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn old_calls_are_archived_dropped_and_attached_again() {
    let dir = filled();
    let dir = dir.path();
    let (code, _, err) = run(dir, &["metrics", "prune", "--older-than", "30days"]);
    assert_eq!(code, Some(77), "{err}");
    let set = ["--set", "retention.archive=archive"];
    let args = [&["metrics", "prune", "--older-than", "30days", "--dry-run"][..], &set].concat();
    let (code, text, err) = run(dir, &args);
    assert_eq!(code, Some(1), "{text}{err}");
    assert!(err.contains("is not archived"), "{err}");
    let (code, text, err) =
        run(dir, &["metrics", "archive", "--older-than", "30days", "--to", "archive", "--verify"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(text.starts_with("20 rows"), "{text}");
    let args = [&["metrics", "prune", "--older-than", "30days", "--yes"][..], &set].concat();
    let (code, text, err) = run(dir, &args);
    assert_eq!(code, Some(0), "{err}");
    assert!(text.starts_with("20 rows"), "{text}");
    assert_eq!(segments(dir).len(), 1);

    let export = ["metrics", "export", "--format", "jsonl", "--since", "60d"];
    let lines = |dir: &Path| run(dir, &export).1.lines().count();
    assert_eq!(lines(dir), 10);
    assert_eq!(run(dir, &["metrics", "attach", "archive"]).0, Some(0));
    assert_eq!(lines(dir), 30);
    let (code, text, _) = run(dir, &["store", "fsck", "--json"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(run(dir, &["metrics", "detach", "archive"]).0, Some(0));
    assert_eq!(lines(dir), 10);
    assert_eq!(run(dir, &["metrics", "attach", "nowhere"]).0, Some(69));
}

#[test]
fn a_damaged_segment_is_named_set_aside_and_an_export_says_it_is_partial() {
    let dir = filled();
    let dir = dir.path();
    let file = segments(dir).remove(0);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let (code, text, _) = run(dir, &["store", "fsck"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("(20 rows)"), "{text}");
    let calls = ["metrics", "export", "--format", "csv", "--since", "60d", "--output", "calls.csv"];
    let (code, _, err) = run(dir, &calls);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("partial"), "{err}");
    assert_eq!(std::fs::read_to_string(dir.join("calls.csv")).unwrap().lines().count(), 11);
    let (code, text, err) = run(dir, &["store", "fsck", "--rebuild"]);
    assert_eq!(code, Some(0), "{text}{err}");
    assert!(text.contains("set aside"), "{text}");
    assert_eq!(run(dir, &["store", "fsck"]).0, Some(0));
    let (_, text, _) = run(dir, &["store", "status"]);
    assert!(text.contains("missing"), "{text}");
}

#[test]
fn a_running_server_does_the_same() {
    let dir = filled();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut config = Config { data_dir: dir.path().to_owned(), ..Config::default() };
    for listener in [
        &mut config.listen,
        &mut config.otlp_grpc,
        &mut config.otlp_http,
        &mut config.postgres.listener,
    ] {
        listener.addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    }
    let running = runtime.block_on(flowgauge::serve::start(config, Clock::real())).unwrap();
    let dir = dir.path();
    let (code, text, err) = run(dir, &["store", "fsck", "--json"]);
    assert_eq!(code, Some(0), "{text}{err}");
    assert_eq!(run(dir, &["store", "fsck", "--rebuild"]).0, Some(75));
    let (code, text, err) =
        run(dir, &["metrics", "archive", "--older-than", "30days", "--to", "archive"]);
    assert_eq!((code, text.starts_with("20 rows")), (Some(0), true), "{text}{err}");
    let (code, text, err) = run(dir, &["metrics", "prune", "--older-than", "30days", "--yes"]);
    assert_eq!((code, text.starts_with("20 rows")), (Some(0), true), "{text}{err}");
    let export = ["metrics", "export", "--format", "jsonl", "--since", "60d"];
    assert_eq!(run(dir, &export).1.lines().count(), 10);
    assert_eq!(run(dir, &["metrics", "attach", "archive"]).0, Some(0));
    assert_eq!(run(dir, &export).1.lines().count(), 30);
    runtime.block_on(running.stop());
}
