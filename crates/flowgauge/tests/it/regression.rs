//! `regression compare`: what stands on stdout and stderr, and the exit codes.

use crate::commands::{flowgauge, out};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

/// 40 values around a level, spread by a few percent.
fn around(level: f64) -> Vec<f64> {
    (0..40u32).map(|i| level * (1.0 + 0.05 * (f64::from(i * 37 % 41) / 41.0 - 0.5))).collect()
}

fn period(latency: f64, tokens: f64, quality: f64) -> Value {
    json!({
        "latency_p95": around(latency), "token_count": around(tokens), "quality_score": around(quality),
        "bucket": "hour",
    })
}

/// Writes both files and compares them: exit code, stdout as JSON, stderr.
fn compared(base: &str, current: &str, more: &[&str]) -> (Option<i32>, Value, String) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("base.json"), base).unwrap();
    std::fs::write(dir.path().join("current.json"), current).unwrap();
    run(dir.path(), &[&["base.json", "current.json"], more].concat())
}

fn run(dir: &Path, args: &[&str]) -> (Option<i32>, Value, String) {
    let done = flowgauge(dir).args(["regression", "compare"]).args(args).output().unwrap();
    let (stdout, stderr) = out(&done);
    (done.status.code(), serde_json::from_str(&stdout).unwrap_or(Value::Null), stderr)
}

#[test]
fn a_regression_is_exit_1_and_readable_by_the_guides_paths() {
    let base = period(800.0, 1500.0, 90.0).to_string();
    let (code, found, stderr) = compared(&base, &period(960.0, 1500.0, 90.0).to_string(), &[]);
    assert_eq!(code, Some(1), "{stderr}");
    let latency = &found["latency_regression"];
    assert_eq!(latency["significant"], json!(true));
    assert_eq!(latency["direction"], json!("increase"));
    assert_eq!(latency["verdict"], json!("regressed"));
    assert_eq!(latency["method"], json!("moving-block-bootstrap"));
    assert!(latency["p_value"].as_f64().unwrap() < 0.01);
    assert!((latency["magnitude"].as_f64().unwrap() - 0.2).abs() < 1e-9);
    assert_eq!(found["token_regression"]["verdict"], json!("fine"));
    assert_eq!(found["quality_regression"]["regression"], json!(false));
    assert_eq!(found.get("cost_regression"), None);
}

#[test]
fn an_improvement_is_exit_0() {
    let base = period(800.0, 1500.0, 80.0).to_string();
    let (code, found, stderr) = compared(&base, &period(600.0, 1000.0, 95.0).to_string(), &[]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    for key in ["latency_regression", "token_regression", "quality_regression"] {
        assert_eq!(found[key]["significant"], json!(true));
        assert_eq!(found[key]["regression"], json!(false));
        assert_eq!(found[key]["improvement"], json!(true));
    }
}

#[test]
fn too_little_data_is_exit_3_with_the_reason_on_both_streams() {
    let empty = r#"{"latency_p95": [], "token_count": [5], "quality_score": [0, 0]}"#;
    let (code, found, stderr) = compared(empty, empty, &[]);
    assert_eq!(code, Some(3));
    let reason = found["latency_regression"]["reason"].as_str().unwrap();
    assert_eq!(reason, "the baseline has 0 points; 7 are needed");
    assert!(stderr.contains(&format!("latency_regression: {reason}")), "{stderr}");
    assert_eq!(found["latency_regression"]["p_value"], Value::Null);
    assert_eq!(found["quality_regression"]["magnitude"], Value::Null);
    assert_eq!(found["token_regression"]["significant"], json!(false));
}

#[test]
fn a_regression_counts_more_than_missing_data() {
    let worse = json!({"latency_p95": around(160.0)}).to_string();
    let (code, found, _) =
        compared(&json!({"latency_p95": around(100.0)}).to_string(), &worse, &[]);
    assert_eq!(code, Some(1));
    assert_eq!(found["token_regression"]["verdict"], json!("insufficient_data"));
}

#[test]
fn unreadable_files_are_exit_65_and_stdout_still_has_every_key() {
    let good = period(800.0, 1500.0, 90.0).to_string();
    for (base, said) in [
        (
            r#"{"latency_p95": [1, "fast"]}"#,
            r#"base.json: latency_p95[1] is "fast"; write a finite number"#,
        ),
        ("{\"latency_p95\": [NaN]}", "base.json: line 1, column"),
        ("", "base.json: line 1, column 0: not JSON"),
    ] {
        let (code, found, stderr) = compared(base, &good, &[]);
        assert_eq!(code, Some(65));
        assert!(stderr.contains(said), "{stderr}");
        assert_eq!(found["latency_regression"]["significant"], json!(false));
        assert_eq!(found["quality_regression"]["verdict"], json!("insufficient_data"));
    }
    let dir = tempfile::tempdir().unwrap();
    let (code, found, stderr) = run(dir.path(), &["absent.json", "absent.json"]);
    assert_eq!(code, Some(65));
    assert!(stderr.starts_with("error: absent.json: "), "{stderr}");
    assert_eq!(found["token_regression"]["p_value"], Value::Null);
}

#[test]
fn method_confidence_and_adjustment_can_be_chosen() {
    let base = period(800.0, 1500.0, 90.0).to_string();
    let options = ["--method", "student", "--confidence", "0.99", "--adjust", "by"];
    let (code, found, _) = compared(&base, &base, &options);
    assert_eq!(code, Some(0));
    let latency = &found["latency_regression"];
    assert_eq!(latency["method"], json!("student"));
    assert_eq!(latency["confidence"], json!(0.99));
    assert_eq!(latency["adjustment"], json!("by"));
    assert!(latency["caveat"].as_str().unwrap().contains("independent"));
    let (code, ..) = compared(&base, &base, &["--confidence", "95"]);
    assert_eq!(code, Some(64));
}

#[test]
fn one_period_may_come_from_stdin() {
    let dir = tempfile::tempdir().unwrap();
    let base = period(800.0, 1500.0, 90.0).to_string();
    std::fs::write(dir.path().join("base.json"), &base).unwrap();
    let mut child = flowgauge(dir.path())
        .args(["regression", "compare", "base.json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(base.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(0));
    let (code, ..) = run(dir.path(), &["-", "-"]);
    assert_eq!(code, Some(64));
}
