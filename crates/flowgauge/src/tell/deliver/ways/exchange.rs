//! One HTTP POST to a receiver: bounded in time and size, never redirected, its answer read once.
//!
//! Refuses to know what is posted: what an answer means beyond its status is the channel's matter.

use super::{Outcome, Sent};
use crate::config::Secret;
use crate::logic::retry::Wish;
use crate::logic::unit::Micros;
use crate::receive::egress::{
    Answer, Egress, EgressError, Forbidden, Outbound, Reach, never_connected,
};
use crate::serve::clock::Clock;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use std::error::Error as StdError;
use std::time::Duration;

/// One attempt ends within this; the Standard Webhooks text asks for 15 to 30 s.
pub(super) const TIMEOUT: Duration = Duration::from_secs(15);
/// Name, TCP and TLS together. Shorter than [`TIMEOUT`], so that a timeout of the whole says that
/// the request was on its way.
const CONNECT: Duration = Duration::from_secs(5);
/// So much of an answer is read: receivers answer with a word or a small JSON object.
const MAX_ANSWER: usize = 16 << 10;
/// So much of it is kept for people, characters.
const MAX_SHOWN: usize = 300;
/// How it names itself.
const AGENT: &str = concat!("flowgauge/", env!("CARGO_PKG_VERSION"));

/// Clients for receivers.
#[derive(Debug)]
pub(super) struct Post {
    guarded: Egress,
    open: Egress,
    clock: Clock,
}

/// What is posted.
#[derive(Debug)]
pub(super) struct Letter<'a> {
    pub(super) url: &'a str,
    pub(super) body: String,
    pub(super) headers: HeaderMap,
    /// Whether link-local and metadata addresses are allowed.
    pub(super) allow_internal: bool,
}

impl<'a> Letter<'a> {
    pub(super) fn json(url: &'a str, body: &serde_json::Value) -> Self {
        Self { url, body: body.to_string(), headers: HeaderMap::new(), allow_internal: false }
    }

    /// Shows a bearer token.
    pub(super) fn bearer(mut self, token: &Secret) -> Self {
        if let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", token.reveal())) {
            value.set_sensitive(true);
            self.headers.insert(AUTHORIZATION, value);
        }
        self
    }
}

/// What came back.
#[derive(Debug)]
pub(super) enum Reply {
    /// An answer.
    Answered {
        status: StatusCode,
        /// `Retry-After`, where given.
        after: Option<Micros>,
        body: String,
    },
    /// None.
    Failed(Sent),
}

impl Post {
    pub(super) fn new(clock: Clock) -> Result<Self, EgressError> {
        Ok(Self {
            guarded: Egress::within(Reach::NotInternal, CONNECT)?,
            open: Egress::new(CONNECT)?,
            clock,
        })
    }

    /// Posts JSON.
    pub(super) async fn json(&self, url: &str, body: &serde_json::Value) -> Reply {
        self.send(Letter::json(url, body)).await
    }

    /// Posts a letter.
    pub(super) async fn send(&self, letter: Letter<'_>) -> Reply {
        let egress = if letter.allow_internal { &self.open } else { &self.guarded };
        let request = match request(letter) {
            Ok(request) => request,
            Err(error) => {
                let sent = Sent::refused(error.to_string(), "check the address of the channel");
                return Reply::Failed(sent);
            }
        };
        match tokio::time::timeout(TIMEOUT, self.exchange(egress, request)).await {
            Ok(reply) => reply,
            Err(_) => Reply::Failed(Sent {
                outcome: Outcome::Ambiguous,
                answer: format!("no answer within {} s", TIMEOUT.as_secs()),
            }),
        }
    }

    async fn exchange(&self, egress: &Egress, request: Request<Outbound>) -> Reply {
        match egress.send(request).await {
            Ok(answer) => self.read(answer).await,
            Err(error) => Reply::Failed(failure(&error)),
        }
    }

    async fn read(&self, answer: Answer) -> Reply {
        let (head, mut body) = answer.into_parts();
        let after = head.headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok());
        let after = match Wish::read(None, None, after, self.clock.now()) {
            Wish::After(after) => Some(after),
            Wish::None | Wish::Never => None,
        };
        let mut bytes = body.read_ahead(MAX_ANSWER).await;
        bytes.truncate(MAX_ANSWER);
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Reply::Answered { status: head.status, after, body }
    }
}

impl Reply {
    /// What follows from the status alone.
    pub(super) fn sent(self) -> Sent {
        match self {
            Self::Failed(sent) => sent,
            Self::Answered { status, after, body } => by_status(status, after, &body),
        }
    }
}

/// What follows from a status: 2xx is delivered; 408, 425, 429 and 5xx may pass; the rest does not.
pub(super) fn by_status(status: StatusCode, after: Option<Micros>, body: &str) -> Sent {
    let answer = shown(status, body);
    let outcome = match status.as_u16() {
        200..=299 => Outcome::Delivered,
        300..=399 => Outcome::Refused {
            hint: "the receiver redirects, which is not followed; write the final address".into(),
        },
        408 | 425 | 429 | 500..=599 => Outcome::Later { after },
        401 | 403 => Outcome::Refused { hint: "check the secret of the channel".into() },
        404 => Outcome::Refused { hint: "check the address of the channel".into() },
        410 => Outcome::Gone,
        _ => Outcome::Refused { hint: "the receiver does not accept this message".into() },
    };
    Sent { outcome, answer }
}

/// An answer in one short line for people.
pub(super) fn shown(status: StatusCode, body: &str) -> String {
    let words: Vec<&str> = body.split_whitespace().collect();
    let line = format!("HTTP {} {}", status.as_u16(), words.join(" "));
    line.trim_end().chars().take(MAX_SHOWN).collect()
}

fn request(letter: Letter<'_>) -> Result<Request<Outbound>, http::Error> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(letter.url)
        .header(USER_AGENT, AGENT)
        .header(CONTENT_TYPE, "application/json")
        .body(Outbound::Whole(Some(Bytes::from(letter.body))))?;
    request.headers_mut().extend(letter.headers);
    Ok(request)
}

fn failure(error: &hyper_util::client::legacy::Error) -> Sent {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    let mut last = String::new();
    while let Some(link) = cause {
        if let Some(forbidden) = link.downcast_ref::<Forbidden>() {
            let hint = "set allow_internal on the channel where this is meant";
            return Sent::refused(forbidden.to_string(), hint);
        }
        last = link.to_string();
        cause = link.source();
    }
    let answer: String = last.chars().take(MAX_SHOWN).collect();
    if never_connected(error) {
        return Sent::later(answer);
    }
    Sent { outcome: Outcome::Ambiguous, answer }
}
