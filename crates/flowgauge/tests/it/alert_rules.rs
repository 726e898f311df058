//! `alert check`, `alert fmt`, `alert import`, `alert export`: rule files without a server.

use super::commands::{flowgauge, out};
use std::fs;
use std::path::Path;

const GUIDE: &str = include_str!("../../../../rules/guide.yaml");
const BUDGET: &str = "budgets:\n  - {name: month, period: month, limit: 1000 USD}\n";

fn run(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = flowgauge(dir);
    for name in ["SLACK_WEBHOOK_URL", "ADMIN_EMAIL", "PAGERDUTY_ROUTING_KEY", "PAGERDUTY_API_KEY"] {
        command.env_remove(name);
    }
    let done = command.arg("alert").args(args).output().unwrap();
    let (stdout, stderr) = out(&done);
    (done.status.code(), stdout, stderr)
}

#[test]
fn the_guides_rules_are_eight_in_any_form() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("flowgauge.yaml"), BUDGET).unwrap();
    fs::write(dir.path().join("a.yml"), GUIDE).unwrap();
    let (code, stdout, stderr) = run(dir.path(), &["check", "a.yml"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.starts_with("8 rules\n"), "{stdout}");
    assert!(stdout.contains("p95_latency > 2500ms for 5m"), "{stdout}");
    assert!(stderr.contains("SLACK_WEBHOOK_URL is not set"), "{stderr}");
    let (code, _, stderr) = run(dir.path(), &["fmt", "a.yml", "--check"]);
    assert_eq!(code, Some(1), "{stderr}");
    assert_eq!(run(dir.path(), &["fmt", "a.yml", "--write"]).0, Some(0));
    assert_eq!(run(dir.path(), &["fmt", "a.yml", "--check"]).0, Some(0));
    let (code, stdout, stderr) = run(dir.path(), &["check", "a.yml", "--json"]);
    assert_eq!(code, Some(0), "{stderr}");
    let checked: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(checked["rules"].as_array().unwrap().len(), 8);
}

#[test]
fn a_fault_ends_with_its_place_and_the_code_for_bad_data() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yml"), GUIDE.replace("2500ms", "2500")).unwrap();
    let (code, stdout, stderr) = run(dir.path(), &["check", "a.yml"]);
    assert_eq!(code, Some(65), "{stderr}");
    assert!(stdout.is_empty(), "{stdout}");
    assert!(stderr.contains("a.yml:3:26: "), "{stderr}");
    assert!(stderr.contains("budgets"), "the missing budget is named: {stderr}");
    assert_eq!(run(dir.path(), &["check"]).0, Some(0), "shipped rules need no budget");
}

#[test]
fn rules_go_to_prometheus_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = run(dir.path(), &["export", "prometheus"]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("left out daily_summary: a schedule is no expression"), "{stderr}");
    fs::write(dir.path().join("p.yml"), stdout).unwrap();
    let (code, stdout, stderr) = run(dir.path(), &["import", "prometheus", "p.yml"]);
    assert_eq!(code, Some(0), "{stderr}");
    fs::write(dir.path().join("a.yml"), stdout).unwrap();
    let (code, _, stderr) = run(dir.path(), &["check", "a.yml"]);
    assert_eq!(code, Some(0), "{stderr}");
}
