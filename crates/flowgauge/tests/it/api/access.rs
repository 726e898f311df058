//! Who may ask what, over every route there is.

use super::client::{Served, ask, get, post, request, send, served};
use bytes::Bytes;
use flowgauge::serve::keys::Scope;
use flowgauge::tell::page::{self, Need};
use http::StatusCode;
use http_body_util::Full;
use serde_json::json;
use std::collections::BTreeSet;

fn routes(served: &Served) -> Vec<(String, String, Need)> {
    let routes = page::declared(served.running.app());
    let declared = routes.declared().iter();
    declared.map(|d| (d.method.to_string(), d.path.clone(), d.need)).collect()
}

#[tokio::test]
async fn every_route_is_documented_and_every_documented_route_exists() {
    let served = served().await;
    let addr = served.running.addr;
    let declared: BTreeSet<(String, String)> =
        routes(&served).into_iter().map(|(method, path, _)| (method, path)).collect();
    let document = get(addr, "/api/v1/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            documented.insert((method.to_uppercase(), path.clone()));
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(!summary.is_empty(), "{method} {path} says nothing");
        }
    }
    assert_eq!(declared, documented);
    for (method, path) in &declared {
        let answer = send(addr, request(method, addr, path).body(Full::default()).unwrap()).await;
        assert_ne!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        let unknown = "no such address";
        if answer.status() == StatusCode::NOT_FOUND {
            let again = ask(addr, request(method, addr, path).body(Full::default()).unwrap()).await;
            assert!(!again.text().contains(unknown), "{method} {path}");
        }
    }
    let yaml = get(addr, "/api/v1/openapi.yaml").await;
    assert!(yaml.text().contains("/api/v1/kpis"), "{}", yaml.text());
    served.running.stop().await;
}

#[tokio::test]
async fn every_route_obeys_its_scope() {
    let served = served().await;
    let addr = served.running.addr;
    let keys = served.running.keys();
    let made: Vec<(Scope, String)> = Scope::ALL
        .into_iter()
        .map(|scope| (scope, keys.make("test", scope, None).unwrap().text))
        .collect();
    let least = |need| match need {
        Need::Nothing => None,
        Need::Sender | Need::Application => Some(Scope::Gateway),
        Need::Viewer => Some(Scope::Viewer),
        Need::Operator => Some(Scope::Operator),
        Need::Admin => Some(Scope::Admin),
    };
    for (method, path, need) in routes(&served) {
        let plain = request(&method, addr, &path).body(Full::default()).unwrap();
        let refused = least(need).is_some();
        let status = send(addr, plain).await.status();
        // Who sends from this machine needs no key, as at the gateway.
        let keyless = refused && !matches!(need, Need::Sender | Need::Application);
        assert_eq!(status == StatusCode::UNAUTHORIZED, keyless, "{method} {path} without key");
        let wrong = request(&method, addr, &path).header("authorization", "Bearer fg_nonsense");
        let status = send(addr, wrong.body(Full::default()).unwrap()).await.status();
        assert_eq!(status == StatusCode::UNAUTHORIZED, refused, "{method} {path} with a bad key");
        for (scope, key) in &made {
            let asked = request(&method, addr, &path).header("x-api-key", key);
            let status = send(addr, asked.body(Full::default()).unwrap()).await.status();
            let forbidden = match need {
                Need::Sender => !scope.may_send(),
                need => least(need).is_some_and(|least| *scope < least),
            };
            assert_eq!(status == StatusCode::FORBIDDEN, forbidden, "{method} {path} {scope:?}");
            assert_ne!(status, StatusCode::UNAUTHORIZED, "{method} {path} {scope:?}");
        }
    }
    served.running.stop().await;
}

#[tokio::test]
async fn a_key_is_shown_once_and_refused_after_it_is_revoked() {
    let served = served().await;
    let addr = served.running.addr;
    let made = post(addr, "/api/v1/keys", r#"{"name":"ops","scope":"admin"}"#).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let (key, id) = (made.json()["key"].clone(), made.json()["id"].clone());
    let (key, id) = (key.as_str().unwrap(), id.as_str().unwrap());
    let with_key = |method: &str, path: &str| {
        let bearer = format!("Bearer {key}");
        request(method, addr, path).header("authorization", bearer).body(Full::default()).unwrap()
    };
    assert_eq!(get(addr, "/api/v1/keys").await.status, StatusCode::UNAUTHORIZED);
    let listed = ask(addr, with_key("GET", "/api/v1/keys")).await;
    assert_eq!(listed.json()["keys"][0]["id"], json!(id));
    assert!(!listed.text().contains(key));
    let gone = ask(addr, with_key("DELETE", &format!("/api/v1/keys/{id}"))).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(ask(addr, with_key("GET", "/api/v1/keys")).await.status, StatusCode::UNAUTHORIZED);
    let wrong = post(addr, "/api/v1/keys", r#"{"name":"x","scope":"root"}"#).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    served.running.stop().await;
}

#[tokio::test]
async fn foreign_names_sites_and_odd_paths_are_refused() {
    let served = served().await;
    let addr = served.running.addr;
    let empty = Full::<Bytes>::default;
    let rebound = http::Request::get("/api/v1/kpis").header("host", "evil.example:4000");
    let answer = ask(addr, rebound.body(empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST);
    let foreign = request("POST", addr, "/api/v1/keys").header("origin", "https://evil.example");
    assert_eq!(ask(addr, foreign.body(empty()).unwrap()).await.status, StatusCode::FORBIDDEN);
    for path in ["//api/v1/kpis", "/api/v1/../v1/kpis", "/api%2fv1/kpis", "/api/v1/kpis;x"] {
        let answer = get(addr, path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
    }
    let missing = get(addr, "/api/v1/nothing").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.headers.get("access-control-allow-origin").is_none());
    assert_eq!(missing.headers["x-content-type-options"], "nosniff");
    served.running.stop().await;
}
