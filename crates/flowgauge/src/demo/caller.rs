//! The demo's HTTP client: JSON posts to loopback, answers read as server-sent events.
//!
//! Speaks plain HTTP only; nothing of the demo leaves the machine.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::collections::VecDeque;
use std::time::Duration;

/// Longest wait for an answer's head: far beyond what the pretend provider takes, so that a demo
/// whose parts hang says so instead of hanging too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Largest event accepted, bytes; the demo's own are a hundredth of it.
const EVENT_LIMIT: usize = 1 << 20;

/// A connection pool.
#[derive(Debug, Clone)]
pub struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
}

/// A request that got no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallFailed {
    /// URL or header is not valid.
    #[error("build request: {0}")]
    Malformed(#[from] http::Error),
    /// No connection, or it broke.
    #[error("call {url}: {source}")]
    Unreachable {
        /// Where to.
        url: String,
        /// Why.
        source: hyper_util::client::legacy::Error,
    },
    /// No head within the client's patience.
    #[error("call {0}: no answer within 60 s")]
    Silent(String),
    /// The answer broke off or was no event stream.
    #[error("read answer: {0}")]
    Broken(String),
}

impl Default for Caller {
    fn default() -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http() }
    }
}

impl Caller {
    /// Posts JSON and returns once the head of the answer is there.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Response<Incoming>, CallFailed> {
        let mut request = Request::post(url).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(url, request.body(Full::from(body))?).await
    }

    /// Gets a page, all of it.
    ///
    /// # Errors
    /// When there is no answer, or only a part of it.
    pub async fn get(&self, url: &str) -> Result<(StatusCode, Bytes), CallFailed> {
        let response = self.send(url, Request::get(url).body(Full::default())?).await?;
        let status = response.status();
        let body = response.into_body().collect().await;
        Ok((status, body.map_err(|e| CallFailed::Broken(e.to_string()))?.to_bytes()))
    }

    async fn send(
        &self,
        url: &str,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, CallFailed> {
        match tokio::time::timeout(PATIENCE, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(source)) => Err(CallFailed::Unreachable { url: url.to_owned(), source }),
            Err(_) => Err(CallFailed::Silent(url.to_owned())),
        }
    }
}

/// One server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// Its name; empty where it has none.
    pub name: String,
    /// Its data lines.
    pub data: String,
}

/// Reads an answer event by event.
#[derive(Debug)]
pub struct SseReader {
    body: Incoming,
    buffer: Vec<u8>,
    ready: VecDeque<SseEvent>,
}

impl SseReader {
    /// Reads this body.
    #[must_use]
    pub fn new(body: Incoming) -> Self {
        Self { body, buffer: Vec::new(), ready: VecDeque::new() }
    }

    /// The next event; nothing at the end.
    ///
    /// # Errors
    /// When the connection breaks or an event exceeds the limit.
    pub async fn next(&mut self) -> Result<Option<SseEvent>, CallFailed> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|e| CallFailed::Broken(e.to_string()))?;
            let Ok(bytes) = frame.into_data() else { continue };
            self.buffer.extend_from_slice(&bytes);
            split(&mut self.buffer, &mut self.ready);
            if self.buffer.len() > EVENT_LIMIT {
                return Err(CallFailed::Broken(format!("event over {EVENT_LIMIT} bytes")));
            }
        }
    }
}

/// Moves complete events out of the buffer. Understands `\n` only: both ends are ours.
fn split(buffer: &mut Vec<u8>, ready: &mut VecDeque<SseEvent>) {
    while let Some(end) = memchr::memmem::find(buffer, b"\n\n") {
        let block: Vec<u8> = buffer.drain(..end + 2).collect();
        let text = String::from_utf8_lossy(&block);
        let field = |prefix: &str| {
            let values = text.lines().filter_map(|l| l.strip_prefix(prefix));
            values.map(str::trim_start).collect::<Vec<_>>().join("\n")
        };
        ready.push_back(SseEvent { name: field("event:"), data: field("data:") });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_split_whatever_the_pieces_they_arrive_in() {
        let wire = b"event: token\ndata: {\"token\":\"a\"}\n\ndata: [DONE]\n\n";
        for size in 1..wire.len() {
            let (mut buffer, mut ready) = (Vec::new(), VecDeque::new());
            for piece in wire.chunks(size) {
                buffer.extend_from_slice(piece);
                split(&mut buffer, &mut ready);
            }
            let names: Vec<_> = ready.iter().map(|e| (&*e.name, &*e.data)).collect();
            assert_eq!(names, [("token", "{\"token\":\"a\"}"), ("", "[DONE]")]);
        }
    }
}
