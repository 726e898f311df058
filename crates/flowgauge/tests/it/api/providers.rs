//! Where requests go and where their keys come from; never the keys.

use super::client::{Served, ask, config, get, request};
use flowgauge::config::{Provider, Secret, StreamSettings, Timeouts};
use flowgauge::serve::{self, clock::Clock, keys::Scope};
use http::StatusCode;
use http_body_util::Full;
use serde_json::{Value, json};

const KEY: &str = "sk-never-shown-4711";

fn provider(name: &str, api_key: Option<Secret>) -> Provider {
    Provider {
        name: name.to_owned(),
        base_url: format!("http://127.0.0.1:9/{name}"),
        api_key,
        timeouts: Timeouts::default(),
        retry: None,
        streams: StreamSettings::default(),
    }
}

/// Four providers: no key, a variable's, and two files', one of which will change.
async fn served_with_keys() -> Served {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::frozen(super::client::NOW);
    let mut config = config(dir.path());
    let file = |name: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, KEY).unwrap();
        Some(Secret::from_reference(KEY, &format!("file:{}", path.display())))
    };
    config.gateway.providers = vec![
        provider("plain", None),
        provider("variable", Some(Secret::from_reference(KEY, "env:OPENAI_API_KEY"))),
        provider("kept", file("kept")),
        provider("moved", file("moved")),
    ];
    let running = serve::start(config, clock).await.unwrap();
    Served { running, hand, dir }
}

fn key_of<'a>(told: &'a Value, name: &str) -> &'a Value {
    let all = told["providers"].as_array().unwrap();
    &all.iter().find(|one| one["name"] == name).unwrap()["key"]
}

#[tokio::test]
async fn providers_are_told_with_where_their_key_comes_from_and_whether_it_is_still_there() {
    let served = served_with_keys().await;
    let addr = served.running.addr;
    std::fs::write(served.dir.path().join("moved"), "sk-another").unwrap();
    let answer = get(addr, "/api/v1/providers").await;
    assert_eq!(answer.status, StatusCode::OK);
    let told = answer.json();
    let nothing = json!({"from": "caller", "reference": null, "state": null, "why": null});
    assert_eq!(key_of(&told, "plain"), &nothing);
    assert_eq!(key_of(&told, "variable")["reference"], "env:OPENAI_API_KEY");
    assert_eq!(key_of(&told, "variable")["state"], "in_use");
    assert_eq!(key_of(&told, "kept")["state"], "in_use");
    assert_eq!(key_of(&told, "moved")["state"], "changed");
    assert_eq!(told["providers"][0]["base_url"], "http://127.0.0.1:9/plain");
    assert_eq!(told["resting_models"], json!([]));
    std::fs::remove_file(served.dir.path().join("moved")).unwrap();
    let told = get(addr, "/api/v1/providers").await.json();
    assert_eq!(key_of(&told, "moved")["state"], "missing");
    assert!(key_of(&told, "moved")["why"].as_str().unwrap().contains("cannot be read"));
    served.running.stop().await;
}

#[tokio::test]
async fn no_answer_of_the_api_holds_a_provider_s_key() {
    let served = served_with_keys().await;
    let addr = served.running.addr;
    std::fs::write(served.dir.path().join("moved"), "sk-another").unwrap();
    for path in [
        "/api/v1/providers",
        "/api/v1/config/backup",
        "/api/v1/status",
        "/api/v1/health",
        "/api/v1/openapi.json",
        "/metrics",
    ] {
        let answer = get(addr, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        for secret in [KEY, "sk-another"] {
            assert!(!answer.text().contains(secret), "{path} tells a key");
        }
    }
    served.running.stop().await;
}

#[tokio::test]
async fn who_may_only_read_figures_is_not_told_where_keys_lie() {
    let served = served_with_keys().await;
    let addr = served.running.addr;
    for (scope, status) in
        [(Scope::Viewer, StatusCode::FORBIDDEN), (Scope::Operator, StatusCode::OK)]
    {
        let key = served.running.keys().make("test", scope, None).unwrap().text;
        let asked = request("GET", addr, "/api/v1/providers");
        let asked = asked.header("authorization", format!("Bearer {key}"));
        let answer = ask(addr, asked.body(Full::default()).unwrap()).await;
        assert_eq!(answer.status, status, "{scope:?}");
    }
    served.running.stop().await;
}
