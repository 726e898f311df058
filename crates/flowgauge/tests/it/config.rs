//! `config`: errors with carets, origins of values, the example file.

use super::commands::{flowgauge, out};
use std::fs;

#[test]
fn every_problem_of_a_file_is_shown_with_a_caret_in_one_run() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bad.yaml");
    let text = "listn: 1\ngateway:\n  providers:\n    - {name: a, base_url: \"http://x\", api_key: sk-live-1}\n\
                store: {seal_age: 5}\napps:\n  - {name: x, prefix: /v1/foo, upstream: http://y}\n";
    fs::write(&file, text).unwrap();
    let done = flowgauge(dir.path()).args(["config", "validate"]).arg(&file).output().unwrap();
    let (stdout, stderr) = out(&done);
    assert_eq!(done.status.code(), Some(78), "{stderr}");
    assert!(stdout.is_empty(), "{stdout}");
    assert!(
        stderr.contains("bad.yaml:1:1: unknown key `listn`\n    1 | listn: 1\n      | ^^^^^"),
        "{stderr}"
    );
    assert!(stderr.contains("did you mean `listen`?"), "{stderr}");
    assert!(stderr.contains("bad.yaml:5:19: \"5\" has no unit"), "{stderr}");
    assert!(stderr.contains("would hide flowgauge's own /v1"), "{stderr}");
    assert!(!stderr.contains("sk-live-1"), "a secret was echoed: {stderr}");
}

#[test]
fn explain_names_value_and_origin_and_hides_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let text = "store: {seal_age: 10min, seal_size: 1MiB}\ngateway:\n  providers:\n    - name: a\n      \
                base_url: http://x\n      api_key: env:OPENAI_KEY\n";
    fs::write(dir.path().join("flowgauge.yaml"), text).unwrap();
    let done = flowgauge(dir.path())
        .env("FLOWGAUGE__STORE__SEAL_AGE", "20min")
        .env("OPENAI_KEY", "sk-live-2")
        .args(["--set", "store.max_series=7", "config", "explain", "--json"])
        .output()
        .unwrap();
    let (stdout, stderr) = out(&done);
    assert_eq!(done.status.code(), Some(0), "{stderr}");
    let all: Vec<serde_json::Value> = serde_json::from_str(&stdout).unwrap();
    let of = |key: &str| {
        let found = all.iter().find(|k| k["key"] == key).unwrap();
        (found["value"].as_str().unwrap().to_owned(), found["origin"].as_str().unwrap().to_owned())
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(of("store.seal_age"), pair("20min", "environment FLOWGAUGE__STORE__SEAL_AGE"));
    assert_eq!(of("store.max_series"), pair("7", "option --set"));
    assert_eq!(of("store.seal_size"), pair("1MiB", "flowgauge.yaml:1:37"));
    assert_eq!(of("time_zone"), pair("UTC", "default"));
    assert_eq!(of("gateway.providers.0.api_key").0, "[secret from env:OPENAI_KEY]");
    assert!(!stdout.contains("sk-live-2"));
}

#[test]
fn no_provider_and_no_route_drains_for_more_than_a_minute() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bad.yaml");
    let text = "gateway:\n  usage: {inject: maybe}\n  providers:\n    - {name: a, base_url: \"http://x\", drain_window: 61s}\n  \
                routes:\n    - {model: m, provider: a, drain_window: 2min, usage: {inject: false}}\n  \
                tokenizers:\n    - {model: m}\n";
    fs::write(&file, text).unwrap();
    let done = flowgauge(dir.path()).args(["config", "validate"]).arg(&file).output().unwrap();
    let (_, stderr) = out(&done);
    assert_eq!(done.status.code(), Some(78), "{stderr}");
    for problem in [
        "bad.yaml:2:19: \"maybe\" is neither true nor false",
        "bad.yaml:4:53: \"61s\" is longer than the 60s a stream may be drained",
        "bad.yaml:6:45: \"2min\" is longer than the 60s",
        "bad.yaml:8:7: `file` is missing here",
    ] {
        assert!(stderr.contains(problem), "{problem}: {stderr}");
    }
}

#[test]
fn the_example_is_valid() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("example.yaml");
    let done =
        flowgauge(dir.path()).args(["config", "example", "--output"]).arg(&file).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", out(&done).1);
    let done = flowgauge(dir.path()).args(["config", "validate"]).arg(&file).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", out(&done).1);
}

#[test]
fn retries_and_fallbacks_are_checked_and_explained() {
    let dir = tempfile::tempdir().unwrap();
    let text = "gateway:\n  providers:\n    - {name: one, base_url: \"http://x\", retry: {attempts: 2, backoff: 9s}}\n    \
                - {name: two, base_url: \"http://y\", api_key: env:TWO}\n    - {name: bare, base_url: \"http://z\"}\n  \
                routes:\n    - model: a\n      provider: one\n      retry: {attempts: 0}\n      fallback:\n        \
                - {provider: bare}\n        - {provider: one}\n        - {provider: tow}\n        \
                - {provider: two, modle: b}\n";
    let bad = dir.path().join("bad.yaml");
    fs::write(&bad, text).unwrap();
    let done = flowgauge(dir.path()).args(["config", "validate"]).arg(&bad).output().unwrap();
    let (_, stderr) = out(&done);
    assert_eq!(done.status.code(), Some(78), "{stderr}");
    for want in [
        "bad.yaml:3:48: backoff is longer than max_backoff",
        "bad.yaml:9:25: \"0\" is no number from 1 to 10",
        "bad.yaml:11:22: the provider \"bare\" has no api_key",
        "bad.yaml:12:22: \"one\" is the route's provider already",
        "bad.yaml:13:22: no provider is named \"tow\"",
        "unknown key `modle` in `gateway.routes[].fallback[]`",
    ] {
        assert!(stderr.contains(want), "{want}\n{stderr}");
    }

    let text = "gateway:\n  providers:\n    - {name: one, base_url: \"http://x\"}\n    \
                - {name: two, base_url: \"http://y\", api_key: env:TWO}\n  routes:\n    \
                - {model: a, provider: one, retry: {attempts: 2}, fallback: [{provider: two, model: b}, {provider: one, model: c}]}\n";
    fs::write(dir.path().join("flowgauge.yaml"), text).unwrap();
    let done = flowgauge(dir.path()).args(["config", "explain", "--json"]).output().unwrap();
    let (stdout, stderr) = out(&done);
    assert_eq!(done.status.code(), Some(0), "{stderr}");
    let all: Vec<serde_json::Value> = serde_json::from_str(&stdout).unwrap();
    let of = |key: &str| all.iter().find(|k| k["key"] == key).unwrap()["value"].clone();
    assert_eq!(of("gateway.routes.0.retry.attempts"), "2");
    assert_eq!(of("gateway.routes.0.retry.max_backoff"), "5s");
    assert_eq!(of("gateway.routes.0.fallback.0.model"), "b");
    assert_eq!(of("gateway.routes.0.fallback.1.provider"), "one");
    assert_eq!(of("gateway.providers.0.retry.attempts"), "1");
}
