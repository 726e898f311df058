//! `alert test`, `alert replay`: rules proved before they count, through the program itself.

use super::commands::{flowgauge, out};
use std::fs;
use std::path::Path;

const BUDGET: &str = "budgets:\n  - {name: month, period: month, limit: 1000 USD}\n";

fn run(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let done = flowgauge(dir).arg("alert").args(args).output().unwrap();
    let (stdout, stderr) = out(&done);
    (done.status.code(), stdout, stderr)
}

/// A folder with a budget and the files of the fixtures.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("flowgauge.yaml"), BUDGET).unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/alerts/tests");
    for file in fs::read_dir(fixtures).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
    }
    dir
}

#[test]
fn the_printed_example_passes_with_the_guides_rules() {
    let dir = folder();
    let (code, stdout, stderr) = run(dir.path(), &["test", "as-printed.yaml"]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("1 of 1 passed"), "{stdout}");
}

#[test]
fn a_failed_test_ends_with_1_and_says_what_was_there() {
    let dir = folder();
    let text = fs::read_to_string(dir.path().join("as-printed.yaml")).unwrap();
    let text = text.replace(
        "at: 4m59s, alert: p95_latency_critical, state: pending",
        "at: 4m59s, alert: p95_latency_critical, state: firing",
    );
    fs::write(dir.path().join("wrong.yaml"), text).unwrap();
    let (code, stdout, stderr) = run(dir.path(), &["test", "wrong.yaml"]);
    assert_eq!(code, Some(1), "{stdout}{stderr}");
    assert!(
        stderr.contains(
            "wrong.yaml:13:5: at 4m59s p95_latency_critical: expected firing, it is pending"
        ),
        "{stderr}"
    );
}

#[test]
fn a_bad_test_file_ends_with_65_and_every_place() {
    let dir = folder();
    let text = "rule_files: [builtin:guide]\ntests:\n- strams: []\n  expect:\n  - {at: soon, alert: p95, state: on}\n";
    fs::write(dir.path().join("bad.yaml"), text).unwrap();
    let (code, _, stderr) = run(dir.path(), &["test", "bad.yaml"]);
    assert_eq!(code, Some(65), "{stderr}");
    assert!(stderr.contains("bad.yaml:3:3: unknown key `strams` in a test"), "{stderr}");
    assert!(stderr.contains("did you mean `streams`?"), "{stderr}");
    assert!(stderr.contains("bad.yaml:5:10: "), "{stderr}");
    let text = "rule_files: [builtin:guide]\ntests:\n- expect:\n  - {at: 1m, alert: p95_latency_critcal, state: firing}\n";
    fs::write(dir.path().join("name.yaml"), text).unwrap();
    let (code, _, stderr) = run(dir.path(), &["test", "name.yaml"]);
    assert_eq!(code, Some(65), "{stderr}");
    assert!(stderr.contains("did you mean `p95_latency_critical`?"), "{stderr}");
}

#[test]
fn a_replay_without_data_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, stderr) = run(dir.path(), &["replay", "--last", "1h"]);
    assert_eq!(code, Some(69), "{stderr}");
}
