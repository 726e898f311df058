//! What passes between application and provider, read from a copy of the bytes.
//!
//! Owns the reading of requests and of answers in every family flowgauge forwards, and the errors it
//! says in their language. Refuses to guess: what an answer does not state stays unknown. Content is kept
//! only where asked, in memory, up to a bound, until its tokens are counted. Reading never changes a
//! byte; the splices there are (naming another model, asking a stream for its usage and taking that out
//! again) live in `request` and `strip`.

pub mod request;
pub mod sse;
pub mod strip;

mod answer;
mod buckets;
mod flowreader;
mod json;
mod messages;
mod openai;
mod responses;

#[cfg(test)]
mod tests;

pub use answer::{error_body, error_event};

use crate::call::{Protocol, Text, Usage};
use crate::unit::{Micros, NanoUsd};

/// Bytes of an unstreamed answer held for reading. An answer over 16 MiB (large images) is forwarded
/// and not read.
pub const MAX_BODY_BYTES: usize = 16 << 20;

/// Bytes of an answer's text kept so that its tokens can be counted: about 8,000 tokens, twice what
/// common answers have. Of a longer one the rest is counted at the same bytes per token.
pub const MAX_TEXT_BYTES: usize = 32 << 10;

/// Text of an answer, or the beginning of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Produced {
    /// At most [`MAX_TEXT_BYTES`].
    pub text: String,
    /// Bytes there were in all.
    pub bytes: u64,
    /// Stretches of the text that are not said to the user, in bytes: reasoning, arguments of tools.
    pub asides: Vec<(usize, usize)>,
}

impl Produced {
    /// What of the text is said to the user.
    #[must_use]
    pub fn spoken(&self) -> String {
        let mut out = String::with_capacity(self.text.len());
        let mut from = 0;
        for (begin, end) in &self.asides {
            out.push_str(self.text.get(from..*begin).unwrap_or_default());
            from = *end;
        }
        out.push_str(self.text.get(from..).unwrap_or_default());
        out
    }
}

impl std::fmt::Debug for Produced {
    /// Content stays out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Produced").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// What an answer said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Tokens, in exclusive buckets.
    pub usage: Usage,
    /// Model that answered.
    pub model: Option<Text>,
    /// The provider's id of the answer.
    pub response_id: Option<Text>,
    /// Why generation ended; different reasons are joined by a comma.
    pub finish_reason: Option<Text>,
    /// An error object, also one inside a successful answer.
    pub error: Option<SeenError>,
    /// When the first text, refusal, reasoning or tool-call delta came; never for unstreamed answers.
    pub first_content: Option<Micros>,
    /// The answer has its own end mark (`[DONE]`, `message_stop`, …), or is one whole JSON value.
    pub complete: bool,
    /// Service tier that was billed.
    pub service_tier: Option<Text>,
    /// What the answer says it cost.
    pub reported_cost: Option<NanoUsd>,
    /// The application answered from its own cache: its tokens were not spent again.
    pub cached: bool,
    /// A total stated without a split into input and output. It is kept beside `usage`, which stays
    /// unknown: any split would be invented.
    pub unsplit_tokens: Option<u64>,
    /// Sampling passes, where one answer was billed as several.
    pub passes: Vec<Pass>,
    /// The usage is the one stated at the beginning; what the output took was still to come.
    pub usage_opening: bool,
    /// Its text, where the observer keeps text.
    pub produced: Produced,
}

/// One of several sampling passes billed for one answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pass {
    /// Model of this pass, where it is not the answer's.
    pub model: Option<Text>,
    /// Its tokens.
    pub usage: Usage,
}

/// What an error object names. Its message may quote the prompt and is not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenError {
    /// Type, e.g. `overloaded_error`.
    pub kind: Option<Text>,
    /// Code, e.g. `rate_limit_exceeded`.
    pub code: Option<Text>,
}

/// Watches a copy of one answer's body.
#[derive(Debug)]
pub struct Observer {
    protocol: Protocol,
    body: Body,
    seen: Seen,
}

#[derive(Debug)]
enum Body {
    /// `text/event-stream`.
    Events(sse::Parser),
    /// One JSON value, so far.
    Whole(Vec<u8>),
    /// Too large or of no family we read.
    Ignored,
}

/// What was seen so far; `messages` states usage in pieces that replace each other.
#[derive(Debug, Default)]
struct Seen {
    out: Observed,
    keeps_text: bool,
    messages: buckets::Additive,
    declined: messages::Declined,
}

impl Seen {
    /// One event of a stream, received at `at`.
    fn event(&mut self, protocol: Protocol, event: sse::Event<'_>, at: Micros) {
        if event.oversized {
            self.unreadable();
            return;
        }
        match protocol {
            Protocol::Chat | Protocol::Completions | Protocol::Embeddings => {
                openai::event(self, event.data, at);
            }
            Protocol::Responses => responses::event(self, event.data, at),
            Protocol::Messages => messages::event(self, event.data, at),
            Protocol::FlowReader => flowreader::event(self, event.name, event.data, at),
            Protocol::Other => {}
        }
    }

    /// A whole unstreamed answer.
    fn whole(&mut self, protocol: Protocol, body: &[u8]) {
        match protocol {
            Protocol::Chat | Protocol::Completions => openai::whole(self, body, false),
            Protocol::Embeddings => openai::whole(self, body, true),
            Protocol::Responses => responses::whole(self, body),
            Protocol::Messages => messages::whole(self, body),
            Protocol::FlowReader => flowreader::whole(self, body),
            Protocol::Other => {}
        }
    }

    fn unreadable(&mut self) {
        self.out.usage.flags |= Usage::PARSE_FAILED;
    }

    /// Replaces the usage; what could not be read before stays flagged.
    fn state_usage(&mut self, usage: Usage) {
        let failed = self.out.usage.flags & Usage::PARSE_FAILED;
        self.out.usage = usage;
        self.out.usage.flags |= failed;
    }

    /// Keeps what was said to the user, up to the bound.
    fn say(&mut self, said: &json::Said<'_>) {
        self.keep(said, true);
    }

    /// Keeps what was produced but not said, up to the bound.
    fn mutter(&mut self, said: &json::Said<'_>) {
        self.keep(said, false);
    }

    fn keep(&mut self, said: &json::Said<'_>, aloud: bool) {
        if !self.keeps_text {
            return;
        }
        let produced = &mut self.out.produced;
        produced.bytes = produced.bytes.saturating_add(said.text.len() as u64);
        let room = MAX_TEXT_BYTES.saturating_sub(produced.text.len());
        let mut end = room.min(said.text.len());
        while !said.text.is_char_boundary(end) {
            end -= 1;
        }
        let begin = produced.text.len();
        produced.text.push_str(said.text.get(..end).unwrap_or_default());
        let end = produced.text.len();
        match produced.asides.last_mut() {
            _ if aloud || begin == end => {}
            Some((_, last)) if *last == begin => *last = end,
            Some(_) | None => produced.asides.push((begin, end)),
        }
    }

    fn content(&mut self, at: Micros) {
        self.out.first_content.get_or_insert(at);
    }

    fn finish_reason(&mut self, reason: json::Word) {
        let Some(reason) = reason.0 else { return };
        match &mut self.out.finish_reason {
            None => self.out.finish_reason = Some(reason),
            Some(all) if all.split(',').any(|r| r == reason) => {}
            Some(all) => *all = json::short(&format!("{all},{reason}")),
        }
    }
}

/// The first statement stays: providers repeat id and model in every chunk.
fn keep(slot: &mut Option<Text>, word: json::Word) {
    if slot.is_none() {
        *slot = word.0;
    }
}

impl Observer {
    /// An observer for an answer of `protocol`; `event_stream` says its type is `text/event-stream`.
    #[must_use]
    pub fn new(protocol: Protocol, event_stream: bool) -> Self {
        let body = match (protocol, event_stream) {
            (_, true) => Body::Events(sse::Parser::default()),
            (Protocol::Other, false) => Body::Ignored,
            (_, false) => Body::Whole(Vec::new()),
        };
        Self { protocol, body, seen: Seen::default() }
    }

    /// The same, keeping the answer's text so that its tokens can be counted.
    #[must_use]
    pub const fn keeping_text(mut self) -> Self {
        self.seen.keeps_text = true;
        self
    }

    /// The next bytes of the decoded body; `at` is how long after the request's start they came.
    pub fn feed(&mut self, bytes: &[u8], at: Micros) {
        let (protocol, seen) = (self.protocol, &mut self.seen);
        match &mut self.body {
            Body::Events(parser) => {
                parser.feed(bytes, &mut |event| seen.event(protocol, event, at));
            }
            Body::Whole(held) if held.len().saturating_add(bytes.len()) <= MAX_BODY_BYTES => {
                held.extend_from_slice(bytes);
            }
            Body::Whole(_) => {
                seen.unreadable();
                self.body = Body::Ignored;
            }
            Body::Ignored => {}
        }
    }

    /// Whether an error event may be appended here: the body is an event stream and no event is open.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        matches!(&self.body, Body::Events(parser) if parser.at_boundary())
    }

    /// Whether an in-stream error or the end mark was seen, so that the outcome is already known.
    #[must_use]
    pub const fn settled(&self) -> bool {
        self.seen.out.complete || self.seen.out.error.is_some()
    }

    /// When the first content came, so far.
    #[must_use]
    pub const fn first_content(&self) -> Option<Micros> {
        self.seen.out.first_content
    }

    /// The end of the body; `clean_end` says that the transport ended it properly.
    #[must_use]
    pub fn finish(mut self, clean_end: bool) -> Observed {
        let (protocol, seen) = (self.protocol, &mut self.seen);
        match &mut self.body {
            // A cut event still counts where it is whole JSON: its usage was billed. It brings no
            // first content, as nobody was shown it.
            Body::Events(parser) => {
                let first = seen.out.first_content;
                let failed = seen.out.usage.flags & Usage::PARSE_FAILED;
                let mut oversized = false;
                parser.finish(&mut |event| {
                    oversized |= event.oversized;
                    seen.event(protocol, event, Micros(0));
                });
                seen.out.first_content = first;
                // Half an event is not JSON, and no fault of the answer's.
                if !oversized {
                    seen.out.usage.flags &= !Usage::PARSE_FAILED;
                    seen.out.usage.flags |= failed;
                }
            }
            Body::Whole(held) if clean_end => {
                seen.whole(protocol, held);
                seen.out.first_content = None;
            }
            Body::Whole(_) => seen.unreadable(),
            Body::Ignored => {}
        }
        self.seen.out
    }
}
