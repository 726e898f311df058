//! What kind of work a span is, and whether it is a model call that costs.

use super::builder::Builder;
use super::table::Meaning;
use super::value::name;
use crate::call::{Protocol, Text};

/// Operations of the OpenTelemetry convention that cost.
const LEAVES: &[&str] = &["chat", "text_completion", "generate_content", "embeddings"];

/// Words of other dialects: what they are called here, and whether they cost.
const REQUEST_TYPES: &[(&str, &str)] = &[
    ("chat", "chat"),
    ("completion", "text_completion"),
    ("embedding", "embeddings"),
    ("rerank", "rerank"),
];
const OI_KINDS: &[(&str, &str)] =
    &[("LLM", "chat"), ("EMBEDDING", "embeddings"), ("RERANKER", "rerank")];
const LF_KINDS: &[(&str, &str)] = &[("generation", "chat"), ("embedding", "embeddings")];
const AI_OPERATIONS: &[(&str, &str)] = &[
    ("ai.generateText.doGenerate", "chat"),
    ("ai.streamText.doStream", "chat"),
    ("ai.generateObject.doGenerate", "chat"),
    ("ai.streamObject.doStream", "chat"),
    ("ai.embed.doEmbed", "embeddings"),
    ("ai.embedMany.doEmbed", "embeddings"),
];

/// Kinds by precedence, with the words that make a leaf.
const KINDS: &[(Meaning, &[(&str, &str)])] = &[
    (Meaning::TlKind, &[]),
    (Meaning::RequestType, REQUEST_TYPES),
    (Meaning::OiKind, OI_KINDS),
    (Meaning::AiOperation, AI_OPERATIONS),
    (Meaning::LfKind, LF_KINDS),
];

/// The operation, and whether the span is a leaf.
pub(super) fn operation(b: &Builder<'_>) -> (Text, bool) {
    let shown = || name(b.core.name).unwrap_or_else(|| Text::const_new("span"));
    if let Some(op) = b.str(Meaning::Operation) {
        return if LEAVES.contains(&op) { (Text::from(op), true) } else { (shown(), false) };
    }
    for (meaning, words) in KINDS {
        let Some(word) = b.str(*meaning) else { continue };
        return match words.iter().find(|(w, _)| word.eq_ignore_ascii_case(w)) {
            Some((_, op)) => (Text::const_new(op), true),
            None => (shown(), false),
        };
    }
    (shown(), false)
}

/// The shape of request and answer, as far as operation and provider tell.
pub(super) fn protocol(operation: &str, provider: Option<&str>, api: Option<&str>) -> Protocol {
    match (operation, provider, api) {
        (_, _, Some("responses")) => Protocol::Responses,
        ("embeddings", ..) => Protocol::Embeddings,
        ("text_completion", ..) => Protocol::Completions,
        ("chat", Some("anthropic"), _) => Protocol::Messages,
        ("chat", Some("openai" | "azure.ai.openai"), _) => Protocol::Chat,
        _ => Protocol::Other,
    }
}
