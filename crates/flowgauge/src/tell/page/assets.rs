//! The embedded web page: HTML shell, modules, styles, licences and their headers.
//!
//! What is under `web/` is served as it was written. Refuses paths that are not embedded, a build
//! other than its own (an old tab must reload, not mix modules) and any source but itself (CSP).

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;

#[derive(RustEmbed)]
#[folder = "../../web"]
struct Web;

/// Placeholder of the build in `index.html`.
const BUILD_MARK: &str = "@BUILD@";
/// Bytes of the digest in the build's name: enough that two builds never share one.
const BUILD_BYTES: usize = 8;
/// Paths that answer with the shell; the page's own router does the rest.
const PAGES: &[&str] = &[
    "/",
    "/overview",
    "/live",
    "/latency",
    "/requests",
    "/requests/{id}",
    "/cost",
    "/quality",
    "/cache",
    "/regressions",
    "/alerts",
    "/alerts/{id}",
    "/timeline",
    "/control",
    "/reports",
    "/sql",
    "/settings",
    "/setup",
];
/// Modules never change under their address.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// What is made once, at start.
#[derive(Debug)]
struct Shell {
    build: String,
    html: String,
    policy: HeaderValue,
    licences: String,
}

/// Routes of the page: shell, assets, licences. Everything is in memory.
pub fn routes() -> Router {
    let mut router = Router::new();
    for page in PAGES {
        router = router.route(page, get(shell));
    }
    router
        .route("/assets/third-party-licenses.txt", get(licences))
        .route("/assets/{build}/{*path}", get(asset))
        .with_state(Arc::new(Shell::new()))
}

impl Shell {
    fn new() -> Self {
        let build = build_name();
        let html = text_of("index.html").replace(BUILD_MARK, &build);
        let policy = policy(import_map(&html).unwrap_or_default());
        Self { build, html, policy, licences: licence_texts() }
    }
}

async fn shell(State(shell): State<Arc<Shell>>) -> Response {
    let mut response = shell.html.clone().into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, shell.policy.clone());
    guard(headers);
    response
}

async fn licences(State(shell): State<Arc<Shell>>) -> Response {
    let mut response = shell.licences.clone().into_response();
    guard(response.headers_mut());
    response
}

async fn asset(
    State(shell): State<Arc<Shell>>,
    Path((build, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if build != shell.build {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Some(file) = Web::get(&path) else { return StatusCode::NOT_FOUND.into_response() };
    let etag = format!("\"{}\"", hex(&file.metadata.sha256_hash()));
    let known = headers.get(IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == etag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        file.data.into_owned().into_response()
    };
    let out = response.headers_mut();
    out.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(&path)));
    out.insert(CACHE_CONTROL, HeaderValue::from_static(IMMUTABLE));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        out.insert(ETAG, etag);
    }
    guard(out);
    response
}

/// Headers of every answer: no sniffing of types, no address in a referrer.
fn guard(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

/// A module with another type is refused by browsers, so it is decided here and not guessed.
fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("mjs" | "js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("html") => "text/html; charset=utf-8",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// The text between the tags of the one inline script.
fn import_map(html: &str) -> Option<&str> {
    let (_, rest) = html.split_once("<script type=\"importmap\">")?;
    rest.split_once("</script>").map(|(map, _)| map)
}

fn policy(import_map: &str) -> HeaderValue {
    let hash = STANDARD.encode(Sha256::digest(import_map.as_bytes()));
    let text = format!(
        "default-src 'none'; script-src 'self' 'sha256-{hash}'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

/// A name that changes with any embedded byte.
fn build_name() -> String {
    let mut names: Vec<_> = Web::iter().collect();
    names.sort();
    let mut digest = Sha256::new();
    for name in names {
        if let Some(file) = Web::get(&name) {
            digest.update(name.as_bytes());
            digest.update(file.metadata.sha256_hash());
        }
    }
    hex(digest.finalize().get(..BUILD_BYTES).unwrap_or_default())
}

fn licence_texts() -> String {
    let mut names: Vec<_> = Web::iter().filter(|n| n.starts_with("vendor/licenses/")).collect();
    names.sort();
    let mut out = String::from("Software of others inside the flowgauge web page.\n");
    for name in names {
        let title = name.trim_start_matches("vendor/licenses/").trim_end_matches(".txt");
        out.push_str("\n==== ");
        out.push_str(title);
        out.push_str(" ====\n\n");
        out.push_str(&text_of(&name));
    }
    out
}

fn text_of(name: &str) -> String {
    let bytes = Web::get(name).map(|file: EmbeddedFile| file.data.into_owned()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

#[cfg(test)]
mod tests;
