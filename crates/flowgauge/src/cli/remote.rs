//! Asks a running server over HTTP: JSON answers, streams of events, and the server's own words
//! where it refuses. Every wait has a limit.

use super::exit::{BAD_DATA, Failure, NOT_PERMITTED, TRY_LATER, UNREACHABLE, USAGE};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A server on the same machine answers the connect at once; one across the world within seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest question, months of rollups, takes a few seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The same for work over a whole window: a hundred million calls take hours.
const LONG_TIMEOUT: Duration = Duration::from_secs(12 * 60 * 60);
/// Largest answer read: 10 000 requests as JSON are about 20 MB.
const MAX_ANSWER: usize = 64 << 20;
/// Most of an error answer that is read for its words.
const MAX_PROBLEM: usize = 64 << 10;

/// A server.
#[derive(Debug)]
pub(crate) struct Remote {
    runtime: tokio::runtime::Runtime,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    key: Option<String>,
}

/// What a refusing server says, RFC 9457.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
    code: Option<String>,
}

impl Remote {
    /// A client of the server at `base`, with a flowgauge key where one is needed.
    pub(crate) fn new(base: &str, key: Option<String>) -> Result<Self, Failure> {
        let base = if base.contains("://") { base.to_owned() } else { format!("http://{base}") };
        let uri = base.parse::<http::Uri>().ok().filter(|u| u.host().is_some());
        if uri.is_none() {
            return Err(Failure::usage(format!("{base:?} is no address of a server"))
                .hint("write for example http://127.0.0.1:4000"));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.enforce_http(false);
        let provider = rustls::crypto::ring::default_provider();
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)
            .map_err(|e| Failure::new(UNREACHABLE, e.to_string()))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new()).build(https);
        Ok(Self { runtime, client, base: base.trim_end_matches('/').to_owned(), key })
    }

    /// Its address.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Runs a future on this client's runtime.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Whether a flowgauge answers there.
    pub(crate) fn is_up(&self) -> bool {
        let ask = self.send(Method::GET, "/-/healthy", &[], Bytes::new());
        self.block_on(async {
            match tokio::time::timeout(CONNECT_TIMEOUT, ask).await {
                Ok(Ok(answer)) => answer.status() == StatusCode::OK,
                Ok(Err(_)) | Err(_) => false,
            }
        })
    }

    /// A JSON answer.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, Failure> {
        let path = with_query(path, query);
        self.call(Method::GET, &path, &[], Bytes::new())
    }

    /// Sends a body, reads a JSON answer.
    pub(crate) fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<T, Failure> {
        self.block_on(self.ask(method, path, headers, body))
    }

    /// The same inside this client's runtime.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<T, Failure> {
        self.ask_within(ANSWER_TIMEOUT, method, path, headers, body).await
    }

    async fn ask_within<T: DeserializeOwned>(
        &self,
        limit: Duration,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<T, Failure> {
        let work = async {
            let answer = accepted(self.send(method, path, headers, body).await?).await?;
            body_of(answer.into_body(), MAX_ANSWER).await
        };
        let text = tokio::time::timeout(limit, work)
            .await
            .unwrap_or_else(|_| Err(self.silent("did not answer in time")))?;
        serde_json::from_slice(&text).map_err(|e| {
            Failure::new(
                BAD_DATA,
                format!("{}{path} answered what is not understood: {e}", self.base),
            )
            .hint("server and command are of different versions")
        })
    }

    /// An answer that is plain text.
    pub(crate) fn text(&self, path: &str) -> Result<String, Failure> {
        self.block_on(async {
            let work = async {
                let sent = self.send(Method::GET, path, &[], Bytes::new()).await?;
                body_of(accepted(sent).await?.into_body(), MAX_ANSWER).await
            };
            let text = tokio::time::timeout(ANSWER_TIMEOUT, work)
                .await
                .unwrap_or_else(|_| Err(self.silent("did not answer in time")))?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        })
    }

    /// Sends JSON whose answer may take as long as the work does.
    pub(crate) fn call_long<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Bytes,
    ) -> Result<T, Failure> {
        let json = [("content-type", "application/json")];
        self.block_on(self.ask_within(LONG_TIMEOUT, Method::POST, path, &json, body))
    }

    /// Sends JSON whose answer is a file.
    pub(crate) fn bytes(&self, path: &str, body: Bytes) -> Result<Bytes, Failure> {
        let json = [("content-type", "application/json")];
        self.block_on(async {
            let sent = self.send(Method::POST, path, &json, body);
            let work =
                async { body_of(accepted(sent.await?).await?.into_body(), MAX_ANSWER).await };
            tokio::time::timeout(LONG_TIMEOUT, work)
                .await
                .unwrap_or_else(|_| Err(self.silent("did not answer in time")))
        })
    }

    /// A file, and what is said with it.
    pub(crate) fn file(&self, path: &str) -> Result<(http::HeaderMap, Bytes), Failure> {
        self.block_on(async {
            let (head, body) = self.answer(path).await?.into_parts();
            Ok((head.headers, body_of(body, MAX_ANSWER).await?))
        })
    }

    /// Asks what takes as long as reading everything does.
    pub(crate) fn get_long<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.block_on(self.ask_within(LONG_TIMEOUT, Method::GET, path, &[], Bytes::new()))
    }

    /// A change without an answer.
    pub(crate) fn change(&self, method: Method, path: &str) -> Result<(), Failure> {
        self.block_on(async {
            let work = async {
                accepted(self.send(method, path, &[], Bytes::new()).await?).await.map(|_| ())
            };
            tokio::time::timeout(ANSWER_TIMEOUT, work)
                .await
                .unwrap_or_else(|_| Err(self.silent("did not answer in time")))
        })
    }

    /// The head of an answer whose body streams.
    pub(crate) async fn open(&self, path: &str) -> Result<Incoming, Failure> {
        let headers = [("accept", "text/event-stream")];
        let send = self.send(Method::GET, path, &headers, Bytes::new());
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, send)
            .await
            .unwrap_or_else(|_| Err(self.silent("did not answer in time")))?;
        Ok(accepted(answer).await?.into_body())
    }

    /// An accepted answer whose body is a stream of bytes; its head may wait for all to be checked.
    pub(crate) async fn answer(&self, path: &str) -> Result<http::Response<Incoming>, Failure> {
        let send = self.send(Method::GET, path, &[], Bytes::new());
        let answer = tokio::time::timeout(LONG_TIMEOUT, send)
            .await
            .unwrap_or_else(|_| Err(self.silent("did not answer in time")))?;
        accepted(answer).await
    }

    /// Sends one request; the answer may be any status.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<http::Response<Incoming>, Failure> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let has_own = headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("authorization"));
        if let Some(key) = self.key.as_ref().filter(|_| !has_own) {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let request = request
            .body(Full::new(body))
            .map_err(|e| Failure::usage(format!("{}{path} cannot be asked: {e}", self.base)))?;
        self.client.request(request).await.map_err(|e| self.silent(&causes(&e)))
    }

    fn silent(&self, why: &str) -> Failure {
        Failure::new(UNREACHABLE, format!("{}: {why}", self.base))
            .hint("start it with `flowgauge serve`, or name another with --server URL")
    }
}

/// An error with its causes; the outer one alone says little.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}

async fn body_of(body: Incoming, limit: usize) -> Result<Bytes, Failure> {
    let read = Limited::new(body, limit).collect().await;
    read.map(http_body_util::Collected::to_bytes)
        .map_err(|e| Failure::new(UNREACHABLE, format!("the answer broke off: {e}")))
}

/// The answer where it is a success, else the server's words with the exit code they mean.
async fn accepted(answer: http::Response<Incoming>) -> Result<http::Response<Incoming>, Failure> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let text = body_of(answer.into_body(), MAX_PROBLEM).await.unwrap_or_default();
    let problem: Problem = serde_json::from_slice(&text).unwrap_or_default();
    let words = match (problem.detail.is_empty(), problem.title.is_empty()) {
        (false, _) => problem.detail,
        (true, false) => problem.title,
        (true, true) => format!("the server answered {status}"),
    };
    let mut failure = Failure::new(code_of(status), words);
    failure.kind = problem.code;
    Err(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            failure.hint("set FLOWGAUGE_KEY to a key made with `flowgauge key create`")
        }
        _ => failure,
    })
}

fn code_of(status: StatusCode) -> u8 {
    match status.as_u16() {
        401 | 403 => NOT_PERMITTED,
        413 | 415 | 422 => BAD_DATA,
        429 | 503 => TRY_LATER,
        400..=499 => USAGE,
        _ => UNREACHABLE,
    }
}

/// A path with a query; unset parts are left out by the caller.
pub(crate) fn with_query(path: &str, query: &[(&str, String)]) -> String {
    let mut out = path.to_owned();
    for (i, (name, value)) in query.iter().enumerate() {
        out.push(if i == 0 { '?' } else { '&' });
        out.push_str(name);
        out.push('=');
        out.push_str(&escaped(value));
    }
    out
}

/// Percent-encoded but for RFC 3986's unreserved characters.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_escaped() {
        let query = [("where", "model=gpt 4".to_owned()), ("since", "1h".to_owned())];
        assert_eq!(with_query("/a", &query), "/a?where=model%3Dgpt%204&since=1h");
        assert_eq!(with_query("/a", &[]), "/a");
    }

    #[test]
    fn refusals_keep_their_meaning() {
        assert_eq!(code_of(StatusCode::NOT_FOUND), USAGE);
        assert_eq!(code_of(StatusCode::SERVICE_UNAVAILABLE), TRY_LATER);
        assert_eq!(code_of(StatusCode::BAD_GATEWAY), UNREACHABLE);
    }
}
