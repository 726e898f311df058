//! The guide's names as installed: every wrapper runs, every invocation the guide shows is understood, and ends with an
//! exit code of its row.

use super::api::client::config;
use super::commands::{flowgauge, out};
use flowgauge::logic::call::{Call, Door};
use flowgauge::logic::id::CallId;
use flowgauge::logic::shims::{self, FUNCTIONS, Row};
use flowgauge::serve::clock::Clock;
use flowgauge::serve::start;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Every invocation the guide shows.
const INVOCATIONS: &str =
    include_str!("../../../flowgauge-logic/tests/golden/guide-invocations.txt");
/// Names that go on until somebody interrupts.
const ENDLESS: [&str; 4] = ["C01", "C03", "C04", "C07"];

fn installed(dir: &Path) -> PathBuf {
    let done = flowgauge(dir).args(["shims", "install", "--dir", "scripts"]).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", out(&done).1);
    // The guide writes its reports there.
    std::fs::create_dir_all(dir.join("tmp")).unwrap();
    dir.join("scripts")
}

/// A wrapper in a folder, without the environment's configuration; the guide's paths lie below `dir`.
fn wrapper(dir: &Path, row: &Row) -> Command {
    let at = if row.name.contains('/') {
        dir.join(row.name)
    } else {
        dir.join("scripts").join(row.name)
    };
    let mut command = match row.name.rsplit('.').next() {
        Some("py") => {
            let mut python = Command::new("python3");
            python.arg(at);
            python
        }
        // Node reads it once it is told that it is a module: tsx does that by itself.
        Some("ts") => {
            let module = dir.join("test.mjs");
            std::fs::copy(at, &module).unwrap();
            let mut node = Command::new("node");
            node.arg(module);
            node
        }
        _ => Command::new(at),
    };
    for (name, _) in std::env::vars().filter(|(n, _)| n.starts_with("FLOWGAUGE")) {
        command.env_remove(name);
    }
    command.env("FLOWGAUGE_BIN", env!("CARGO_BIN_EXE_flowgauge"));
    command.env("FLOWGAUGE_GUIDE_ROOT", dir);
    command.env("FLOWGAUGE_DATA_DIR", dir.join("data"));
    command.current_dir(dir).stdin(Stdio::null());
    command
}

/// A name and its arguments; files lie in `dir`.
fn words(line: &str, dir: &Path) -> (&'static Row, Vec<String>) {
    let mut all = line.split_whitespace();
    let row = shims::find(all.next().unwrap()).unwrap();
    (row, all.map(|word| word.replace("/tmp", &dir.to_string_lossy())).collect())
}

/// What the program of this build lacks.
fn is_absent(stderr: &str) -> bool {
    stderr.contains("is not part of this version")
}

fn check(row: &Row, line: &str, done: &std::process::Output) {
    let code = done.status.code().and_then(|c| u8::try_from(c).ok()).unwrap();
    let (_, stderr) = out(done);
    if is_absent(&stderr) {
        assert_eq!(code, 64, "{line}: {stderr}");
        return;
    }
    // Of any command: too little data to say, and bad configuration (`catalogue.md` B0).
    let always = [3, 78];
    assert!(
        row.exits.contains(&code) || always.contains(&code),
        "{line} ended with {code}: {stderr}"
    );
}

#[test]
fn every_wrapper_runs_and_says_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    installed(dir.path());
    for row in shims::rows() {
        let done = wrapper(dir.path(), row).arg("--help").output().unwrap();
        let (stdout, stderr) = out(&done);
        assert_eq!(done.status.code(), Some(0), "{}: {stderr}", row.name);
        let command = format!("flowgauge {}", row.command.join(" "));
        assert!(stdout.contains(&command) && stdout.starts_with(row.base()), "{stdout}");
    }
}

#[test]
fn the_program_under_a_name_of_the_guide_is_that_name() {
    let dir = tempfile::tempdir().unwrap();
    let link = ["shims", "install", "--dir", "links", "--style", "link"];
    assert!(flowgauge(dir.path()).args(link).status().unwrap().success());
    let at = dir.path().join("links/clear-all-caches.sh");
    let done = Command::new(at).arg("--help").output().unwrap();
    let (stdout, _) = out(&done);
    assert!(stdout.starts_with("clear-all-caches.sh: "), "{stdout}");
}

#[test]
fn a_file_of_somebody_else_is_left_alone_unless_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let scripts = installed(dir.path());
    let theirs = scripts.join("clear-all-caches.sh");
    std::fs::write(&theirs, "#!/bin/sh\necho mine\n").unwrap();
    let again = |force: &[&str]| {
        let mut command = flowgauge(dir.path());
        command.args(["shims", "install", "--dir", "scripts"]).args(force);
        out(&command.output().unwrap())
    };
    let (_, stderr) = again(&[]);
    assert!(stderr.contains("clear-all-caches.sh") && stderr.contains("--force"), "{stderr}");
    assert!(std::fs::read_to_string(&theirs).unwrap().contains("echo mine"));
    again(&["--force"]);
    assert!(!std::fs::read_to_string(&theirs).unwrap().contains("echo mine"));
}

#[test]
fn an_unknown_name_is_wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    let done = flowgauge(dir.path()).args(["shims", "run", "no-such-name.sh"]).output().unwrap();
    assert_eq!(done.status.code(), Some(64));
    assert!(out(&done).1.contains("shims list"));
}

#[test]
fn every_invocation_is_understood_where_no_server_runs() {
    let dir = tempfile::tempdir().unwrap();
    installed(dir.path());
    for line in INVOCATIONS.lines() {
        let (row, given) = words(line, dir.path());
        let mut command = wrapper(dir.path(), row);
        // Nobody listens on port 9.
        command.env("FLOWGAUGE_SERVER", "http://127.0.0.1:9").args(&given);
        check(row, line, &command.output().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_invocation_ends_with_an_exit_code_of_its_row_where_a_server_runs() {
    let dir = tempfile::tempdir().unwrap();
    installed(dir.path());
    let running = start(config(&dir.path().join("data")), Clock::real()).await.unwrap();
    for line in INVOCATIONS.lines() {
        let (row, given) = words(line, dir.path());
        let mut command = wrapper(dir.path(), row);
        command.args(&given);
        if ENDLESS.contains(&row.id) && !given.iter().any(|w| w == "--duration") {
            let given = given.iter().any(|w| w == "3600");
            // Positions are given: an option wins over them.
            command.args(["--duration", "1"]).args(if given {
                vec!["--interval", "1"]
            } else {
                vec![]
            });
        } else if ENDLESS.contains(&row.id) {
            command.args(["--help"]);
        }
        let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        check(row, line, &done);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_is_logged_in_the_guides_file_and_an_unknown_severity_is_not() {
    let dir = tempfile::tempdir().unwrap();
    installed(dir.path());
    let running = start(config(&dir.path().join("data")), Clock::real()).await.unwrap();
    let row = shims::find("performance-emergency-response.sh").unwrap();
    let log = dir.path().join("var/log/flowreader/emergency-responses.log");
    for (severity, lines) in [("dreadful", 0), ("medium", 1), ("high", 2)] {
        let mut command = wrapper(dir.path(), row);
        command.arg(severity);
        let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let (stdout, stderr) = out(&done);
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        assert_eq!(text.lines().count(), lines, "{severity}: {stderr}");
        if lines > 0 {
            let first = format!("🚨 Performance Emergency Response - Severity: {severity}\n");
            assert!(stdout.starts_with(&first), "{stdout}");
            let said = format!("Emergency response executed for {severity} severity issue");
            assert!(text.lines().last().unwrap().ends_with(&said), "{text}");
        } else {
            assert_eq!(done.status.code(), Some(64), "{stderr}");
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_says_the_guides_words_and_a_backup_names_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    installed(dir.path());
    let running = start(config(&dir.path().join("data")), Clock::real()).await.unwrap();
    let run = |name: &'static str| {
        let mut command = wrapper(dir.path(), shims::find(name).unwrap());
        async move { tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap() }
    };
    let done = run("emergency-optimization-rollback.sh").await;
    let (stdout, stderr) = out(&done);
    assert_eq!(done.status.code(), Some(0), "{stderr}");
    let lines: Vec<&str> = stdout.lines().collect();
    let [first, last] = lines[..] else { panic!("two lines: {stdout}") };
    assert_eq!(first, "⚠️  EMERGENCY: Rolling back all performance optimizations");
    // No request came since: it is off, and nobody has seen it work.
    assert!(last.starts_with("Switched off at ") && !stdout.contains("completed"), "{stdout}");
    assert!(last.contains("not yet seen in traffic: no request since"), "{stdout}");
    assert!(stderr.contains("not yet seen in traffic: no request since"), "{stderr}");
    let mut seen =
        Call::begun(CallId([9; 16]), Clock::real().now(), Clock::real().now(), Door::Gateway);
    (seen.what.leaf, seen.control.generation) = (true, u64::MAX);
    running.recorder.submit(vec![seen], Vec::new()).await.unwrap();
    let done = run("emergency-optimization-rollback.sh").await;
    let (stdout, stderr) = out(&done);
    assert_eq!(
        stdout,
        "⚠️  EMERGENCY: Rolling back all performance optimizations\n\
         ✅ Emergency rollback completed. Monitor performance for stability.\n",
        "{stderr}"
    );
    let app = dir.path().join("app/api/_lib/performance-config.ts");
    std::fs::create_dir_all(app.parent().unwrap()).unwrap();
    std::fs::write(&app, "export const config = {};\n").unwrap();
    let done = run("backup-performance-configuration.sh").await;
    let (stdout, stderr) = out(&done);
    let folder = dir.path().join("var/backup/flowreader/performance");
    assert_eq!(
        stdout,
        format!("Performance configuration backed up to: {}\n", folder.display()),
        "{stderr}"
    );
    let names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    for (begin, end) in [
        ("performance-config-", ".ts"),
        ("performance-env-", ".txt"),
        ("performance-alerts-", ".yml"),
        ("backup-manifest-", ".json"),
    ] {
        assert!(
            names.iter().any(|n| n.starts_with(begin) && n.ends_with(end)),
            "{begin}: {names:?}"
        );
    }
    running.stop().await;
}

#[test]
fn rules_of_the_guides_path_that_cannot_be_read_are_errors_of_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    installed(dir.path());
    let rules = dir.path().join("etc/monitoring/performance-alerts.yml");
    std::fs::create_dir_all(rules.parent().unwrap()).unwrap();
    std::fs::write(&rules, "alert: a\ncondition: p95_latncy > 2s\n").unwrap();
    let done = wrapper(dir.path(), shims::find("validate-performance-config.sh").unwrap()).output();
    let done = done.unwrap();
    let (_, stderr) = out(&done);
    assert_eq!(done.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("p95_latncy"), "{stderr}");
}

#[test]
fn the_ten_functions_are_defined_and_print_a_number_or_say_why_not() {
    let dir = tempfile::tempdir().unwrap();
    let shell = |text: &str| {
        let init = "eval \"$(\"$FLOWGAUGE_BIN\" shims shell-init)\"; ";
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{init}{text}")]).current_dir(dir.path());
        command.env("FLOWGAUGE_BIN", env!("CARGO_BIN_EXE_flowgauge"));
        command.env("FLOWGAUGE_SERVER", "http://127.0.0.1:9");
        command.output().unwrap()
    };
    for function in FUNCTIONS.iter().filter(|f| f.id != "H6") {
        let done = shell(function.name);
        assert_eq!(done.status.code(), Some(69), "{}: {}", function.name, out(&done).1);
    }
    for (value, word, code) in [("900", "met", 0), ("1742", "off target", 1), ("2600", "alert", 1)]
    {
        let done = shell(&format!("get_status p95_latency {value}"));
        assert_eq!((out(&done).0.trim(), done.status.code()), (word, Some(code)));
    }
}
