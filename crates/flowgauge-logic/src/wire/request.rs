//! What a request asks for, read in one pass from its body.
//!
//! Owns the few members that become dimensions of a call, and the splice that asks for usage.
//! Refuses prompts, tools and everything else: they are skipped without being kept.

use super::json::{Count, Word};
use crate::call::{Protocol, Text};
use serde::Deserialize;

/// What was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Model.
    pub model: Option<Text>,
    /// Whether the answer shall be streamed; `None` where the request does not say.
    pub stream: Option<bool>,
    /// `stream_options.include_usage`.
    pub include_usage: Option<bool>,
    /// Limit of output tokens, under any of its names.
    pub max_tokens: Option<u64>,
    /// End user as the application names it; hash it before it is stored.
    pub user: Option<Text>,
    /// Purpose, for FlowReader's own routes.
    pub intent: Option<Text>,
    /// The body is no JSON object, or is nested too deeply (128 levels) to be read.
    pub parse_failed: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    model: Word,
    stream: Flag,
    stream_options: Options,
    max_tokens: Count,
    max_completion_tokens: Count,
    max_output_tokens: Count,
    user: Word,
    safety_identifier: Word,
    metadata: Metadata,
    intent: Word,
}

/// A boolean; anything else says nothing.
#[derive(Default)]
struct Flag(Option<bool>);

/// `stream_options`, or nothing where it is no object.
#[derive(Default)]
struct Options(Option<bool>);

/// `metadata.user_id` of Anthropic, or nothing.
#[derive(Default)]
struct Metadata(Word);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Bool(bool),
            Other(serde::de::IgnoredAny),
        }
        Ok(Self(match Either::deserialize(d)? {
            Either::Bool(flag) => Some(flag),
            Either::Other(_) => None,
        }))
    }
}

impl<'de> Deserialize<'de> for Options {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Known {
            #[serde(default)]
            include_usage: Flag,
        }
        Ok(Self(Option::<Known>::deserialize(d)?.and_then(|k| k.include_usage.0)))
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Known {
            #[serde(default)]
            user_id: Word,
        }
        Ok(Self(Option::<Known>::deserialize(d)?.map(|k| k.user_id).unwrap_or_default()))
    }
}

impl Asked {
    /// Reads a request body. Never fails: what cannot be read is not known.
    #[must_use]
    pub fn read(protocol: Protocol, body: &[u8]) -> Self {
        if protocol == Protocol::Other {
            return Self::default();
        }
        let Ok(body) = serde_json::from_slice::<Body>(body) else {
            return Self { parse_failed: true, ..Self::default() };
        };
        let limit = body.max_completion_tokens.or_before(body.max_output_tokens);
        Self {
            model: body.model.0,
            stream: body.stream.0,
            include_usage: body.stream_options.0,
            max_tokens: limit.or_before(body.max_tokens).get(),
            user: body.user.0.or(body.safety_identifier.0).or(body.metadata.0.0),
            intent: body.intent.0.filter(|_| protocol == Protocol::FlowReader),
            parse_failed: false,
        }
    }
}
