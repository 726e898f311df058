//! How one request is answered.

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::style::Style;

/// Where an answer stands still for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hang {
    /// Before its head.
    Head,
    /// After its first frame.
    Body,
    /// After its first frame, sending comments.
    Comments,
}

/// How one request is answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// Status instead of 200; the body is then an error object.
    pub status: Option<u16>,
    /// Wait before the head, ms.
    pub head_delay_ms: u64,
    /// Wait before each event after the first, ms.
    pub chunk_delay_ms: u64,
    /// Words of content; 8 where not said.
    pub words: Option<usize>,
    /// What is said instead of the words; in a stream only with `words: 1`.
    pub text: Option<String>,
    /// Bytes per write instead of one event per write.
    pub split: Option<usize>,
    /// Usage in a chat stream even where the request did not ask.
    pub usage: bool,
    /// An error event after so many events, then the end.
    pub error_after: Option<usize>,
    /// Where it stands still.
    pub hang: Option<Hang>,
    /// The connection breaks after so many bytes of the body.
    pub cut_at: Option<usize>,
    /// The stream ends cleanly after so many events.
    pub stop_after: Option<usize>,
    /// Line end of a stream instead of LF.
    pub line_end: Option<String>,
    /// FlowReader's answer comes from the application's own cache.
    pub cached: bool,
    /// A comment before each event.
    pub comments: bool,
    /// Events per write.
    pub together: Option<usize>,
    /// The body is compressed so (`gzip`).
    pub encoding: Option<String>,
    /// A body of so many bytes of padding instead of an answer.
    pub padding: Option<usize>,
    /// Usage of the answer, literally, in its own family's shape.
    pub usage_object: Option<Value>,
    /// Model named in the answer, where it is another than the one asked for.
    pub answered_by: Option<String>,
    /// Id of the answer instead of the fixed one.
    pub response_id: Option<String>,
    /// A 400 that names the option, where the request has `stream_options`.
    pub refuses_usage: bool,
    /// Wait before the first event with content, ms; what comes before it comes at once.
    pub content_delay_ms: u64,
    /// Wait before the event that carries usage, ms.
    pub usage_delay_ms: u64,
    /// How the events of a stream are written.
    pub style: Option<Style>,
    /// Usage of an Anthropic answer, instead of one that fits its words.
    pub messages_usage: Option<Value>,
    /// A `retry-after-ms` field beside a status.
    pub retry_after_ms: Option<u64>,
    /// An `x-should-retry` field beside a status.
    pub should_retry: Option<bool>,
    /// Requests with an equal script are answered by these in turn, over and over.
    pub turns: Vec<Self>,
    /// Tells equal scripts apart.
    pub case: u64,
}

impl Script {
    /// As a header value for `x-script`.
    #[must_use]
    pub fn header(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The script of a request, before turns.
    pub(super) fn of(headers: &HeaderMap, model: &str, named: &[(String, Self)]) -> Self {
        if let Some(asked) = headers.get("x-script").and_then(|v| v.to_str().ok()) {
            return serde_json::from_str(asked)
                .unwrap_or_else(|_| Self { status: Some(400), ..Self::default() });
        }
        if let Some((_, script)) = named.iter().find(|(name, _)| name == model) {
            return script.clone();
        }
        match model.split_once('-').map(|(word, n)| (word, n.parse::<u16>())) {
            Some(("slow", Ok(ms))) => Self { head_delay_ms: u64::from(ms), ..Self::default() },
            Some(("error", Ok(status))) => Self { status: Some(status), ..Self::default() },
            _ => Self::default(),
        }
    }
}
