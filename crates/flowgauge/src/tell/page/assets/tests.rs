//! Tests of the embedded page.

use super::*;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

async fn ask(path: &str, etag: Option<&str>) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::builder().uri(path);
    if let Some(etag) = etag {
        request = request.header(IF_NONE_MATCH, etag);
    }
    let request = request.body(Body::empty()).expect("request");
    let response = routes().oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.expect("body").to_bytes();
    (parts.status, parts.headers, String::from_utf8_lossy(&bytes).into_owned())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[tokio::test]
async fn every_page_answers_with_the_same_uncached_shell() {
    let (_, _, first) = ask("/", None).await;
    for path in [
        "/overview",
        "/live",
        "/latency",
        "/requests",
        "/requests/0199",
        "/cost",
        "/quality",
        "/cache",
        "/regressions",
        "/alerts",
        "/alerts/0199",
        "/timeline",
        "/control",
        "/reports",
        "/sql",
        "/settings",
        "/setup",
    ] {
        let (status, headers, body) = ask(path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(body, first, "{path}");
        assert_eq!(header(&headers, "cache-control"), "no-store");
        assert_eq!(header(&headers, "x-content-type-options"), "nosniff");
        assert_eq!(header(&headers, "referrer-policy"), "no-referrer");
    }
}

#[tokio::test]
async fn policy_carries_the_hash_of_the_import_map_as_served() {
    let (_, headers, body) = ask("/", None).await;
    let map = import_map(&body).expect("import map");
    serde_json::from_str::<serde_json::Value>(map).expect("JSON");
    let hash = STANDARD.encode(Sha256::digest(map.as_bytes()));
    assert_eq!(
        header(&headers, "content-security-policy"),
        format!(
            "default-src 'none'; script-src 'self' 'sha256-{hash}'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )
    );
}

#[tokio::test]
async fn every_address_in_the_shell_is_served_with_its_type() {
    let (_, _, body) = ask("/", None).await;
    let mut seen = 0;
    for address in body.split('"').filter(|part| part.starts_with("/assets/")) {
        let (status, headers, _) = ask(address, None).await;
        assert_eq!(status, StatusCode::OK, "{address}");
        let kind = header(&headers, "content-type");
        let wanted = match address.rsplit_once('.').map(|(_, e)| e) {
            Some("mjs" | "js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(kind, wanted, "{address}");
        seen += 1;
    }
    assert!(seen >= 10, "{seen} addresses");
}

#[tokio::test]
async fn assets_are_immutable_and_known_ones_are_not_sent_again() {
    let address = format!("/assets/{}/app.mjs", build_name());
    let (status, headers, body) = ask(&address, None).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(header(&headers, "cache-control"), IMMUTABLE);
    assert!(body.contains("render("));
    let (status, _, body) = ask(&address, Some(header(&headers, "etag"))).await;
    assert_eq!(status, StatusCode::NOT_MODIFIED);
    assert_eq!(body, "");
}

#[tokio::test]
async fn other_builds_and_paths_outside_are_not_found() {
    let build = build_name();
    for address in [
        "/assets/0000000000000000/app.mjs".to_owned(),
        format!("/assets/{build}/no.mjs"),
        format!("/assets/{build}/../Cargo.toml"),
        format!("/assets/{build}/%2e%2e/Cargo.toml"),
    ] {
        assert_eq!(ask(&address, None).await.0, StatusCode::NOT_FOUND, "{address}");
    }
}

#[tokio::test]
async fn licences_of_all_vendored_modules_are_served() {
    let (status, headers, body) = ask("/assets/third-party-licenses.txt", None).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(header(&headers, "content-type"), "text/plain; charset=utf-8");
    for name in ["==== preact ====", "==== htm ====", "==== preact-signals ====", "==== uplot ===="]
    {
        assert!(body.contains(name), "{name}");
    }
}

#[test]
fn manifest_names_every_vendored_file_with_its_hash() {
    let manifest: serde_json::Value =
        serde_json::from_str(&text_of("vendor/MANIFEST.json")).expect("JSON");
    let modules = manifest.get("modules").and_then(|m| m.as_array()).expect("modules");
    let mut named = Vec::new();
    for module in modules {
        let text = |key: &str| module.get(key).and_then(|v| v.as_str()).expect("text").to_owned();
        let file = format!("vendor/{}", text("file"));
        let embedded = Web::get(&file).expect("embedded");
        assert_eq!(hex(&Sha256::digest(&embedded.data)), text("sha256"), "{file}");
        assert!(Web::get(&format!("vendor/{}", text("license_text"))).is_some(), "{file}");
        named.push(file);
    }
    let loose: Vec<_> = Web::iter()
        .filter(|n| n.starts_with("vendor/") && !n.starts_with("vendor/licenses/"))
        .filter(|n| n.as_ref() != "vendor/MANIFEST.json" && !named.contains(&n.to_string()))
        .collect();
    assert!(loose.is_empty(), "not in the manifest: {loose:?}");
}
