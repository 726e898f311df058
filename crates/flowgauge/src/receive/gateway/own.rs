//! Providers asked by flowgauge itself, addressed and authorised as callers' requests are.
//!
//! Owns one request and its whole answer in memory. Refuses to try again and to record: whoever asks
//! does both.

use crate::config::{Gateway, Provider};
use crate::logic::call::Protocol;
use crate::logic::retry::Failure;
use crate::receive::egress::{Outbound, never_connected};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, USER_AGENT};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Limited};
use std::time::Duration;

use super::target::{Streams, Target, TargetError};

/// Path of a conversation, below the provider's address.
const CHAT: &str = "/v1/chat/completions";
/// Path of vectors, likewise.
const EMBEDDINGS: &str = "/v1/embeddings";
/// Largest answer read: a verdict has a kilobyte.
const MOST_BYTES: usize = 1 << 20;
/// How it names itself, by what it asks for.
const JUDGE: HeaderValue =
    HeaderValue::from_static(concat!("flowgauge-judge/", env!("CARGO_PKG_VERSION")));
const ENCODER: HeaderValue =
    HeaderValue::from_static(concat!("flowgauge-encoder/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A provider.
#[derive(Debug, Clone)]
pub struct OwnProvider(Target);

/// A whole answer. Its body is content and is not printed.
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Header fields.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}

impl OwnProvider {
    /// As configured.
    ///
    /// # Errors
    /// Its address or key cannot be used.
    pub fn new(provider: &Provider) -> Result<Self, TargetError> {
        Target::provider(provider, Streams::of(&Gateway::default())).map(Self)
    }

    /// Asks a model once and reads the whole answer within a time.
    ///
    /// # Errors
    /// There is no answer, or none in time.
    pub async fn chat(&self, body: Bytes, within: Duration) -> Result<Reply, Failure> {
        self.ask((CHAT, Protocol::Chat, JUDGE), body, within).await
    }

    /// Asks for vectors once, likewise.
    ///
    /// # Errors
    /// There is no answer, or none in time.
    pub async fn embeddings(&self, body: Bytes, within: Duration) -> Result<Reply, Failure> {
        self.ask((EMBEDDINGS, Protocol::Embeddings, ENCODER), body, within).await
    }

    async fn ask(
        &self,
        (path, protocol, agent): (&'static str, Protocol, HeaderValue),
        body: Bytes,
        within: Duration,
    ) -> Result<Reply, Failure> {
        let asked = Request::post(path).body(()).map_err(|_| Failure::Unreachable)?;
        let (mut parts, ()) = asked.into_parts();
        parts.headers.insert(CONTENT_TYPE, JSON);
        parts.headers.insert(USER_AGENT, agent);
        let body = Outbound::Whole(Some(body));
        let request = self.0.request(parts, body, protocol, false);
        let request = request.map_err(|_| Failure::Unreachable)?;
        let asking = async {
            let answer = self.0.egress.send(request).await.map_err(|e| failure(&e))?;
            let (head, body) = answer.into_parts();
            let read = Limited::new(body, MOST_BYTES).collect().await;
            let body = read.map_err(|_| Failure::Unreachable)?.to_bytes();
            Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
        };
        tokio::time::timeout(within, asking).await.unwrap_or(Err(Failure::Silent))
    }
}

fn failure(error: &hyper_util::client::legacy::Error) -> Failure {
    tracing::debug!(connected = !never_connected(error), "a provider could not be asked");
    Failure::Unreachable
}
