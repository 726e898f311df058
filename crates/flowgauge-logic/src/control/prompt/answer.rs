//! How long an answer may be.

use super::{Insert, wants_form};
use crate::call::Protocol;
use crate::control::body::{Edits, Members, member};

/// Lowers the limit of an answer to `limit`, or sets it; whether something changed. A limit is never raised, and never
/// set where a fixed form or reasoning is asked for: half a JSON object is worth nothing.
pub(super) fn limit(
    protocol: Protocol,
    members: &Members<'_>,
    limit: u64,
    insert: Insert,
    edits: &mut Edits,
) -> Option<bool> {
    if wants_form(members) {
        return None;
    }
    let names: &[&str] = match protocol {
        Protocol::Chat => &["max_completion_tokens", "max_tokens"],
        Protocol::Messages => &["max_tokens"],
        Protocol::Responses => &["max_output_tokens"],
        _ => return None,
    };
    for name in names {
        let Some(node) = member(members, name).filter(|n| n.raw() != "null") else { continue };
        let lower = node.count()? > limit;
        if lower {
            edits.replace(node.span(), limit.to_string());
        }
        return Some(lower);
    }
    let name = match (protocol, insert) {
        (Protocol::Chat, Insert::MaxTokens) => "max_tokens",
        (Protocol::Chat, Insert::MaxCompletionTokens) => "max_completion_tokens",
        (Protocol::Responses, Insert::MaxTokens | Insert::MaxCompletionTokens) => {
            "max_output_tokens"
        }
        _ => return None,
    };
    match member(members, name) {
        // It is there, and null.
        Some(null) => edits.replace(null.span(), limit.to_string()),
        // Behind the last value, so that everything the provider may remember stays as it was.
        None => {
            let end = members.last()?.1.span().end;
            edits.replace(end..end, format!(",\"{name}\":{limit}"));
        }
    }
    Some(true)
}
