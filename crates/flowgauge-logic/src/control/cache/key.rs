//! The identity of a request: 256 bits over who asks, what rules were in force and every member of the body.
//!
//! Owns the canonical form (order of members and whitespace do not count, everything else does) and the list of
//! requests that are never answered from memory. Refuses shortened identities: a key that is not the whole identity
//! hands one caller's answer to another (LiteLLM CVE-2026-35030, Pingora RUSTSEC-2026-0035).

mod canonical;

#[cfg(test)]
mod tests;

use crate::call::Protocol;
use crate::control::body::{Members, Node, member};
use canonical::canonical;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// Largest body that is looked up: a quarter of a million tokens of text. Larger ones are mostly images, which
/// nobody sends twice.
const MAX_BODY: usize = 1 << 20;

/// What makes two equal bodies different requests. All of it is part of the key.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Tenant or project.
    pub tenant: Option<&'a str>,
    /// Whose credential is used towards the provider: the id of the flowgauge key, or a digest of the caller's own.
    pub credential: &'a str,
    /// Provider or target that is asked.
    pub target: &'a str,
    /// Path and query of the request.
    pub path: &'a str,
    /// Header fields that change the answer (`anthropic-version`, `openai-beta`, …), lower-case names, sorted.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Shape of the request.
    pub protocol: Protocol,
    /// Generation of the settings that shape an answer: an answer made under others is another answer.
    pub policy: u64,
}

/// What may be looked up, beyond the rules that always hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Also routes of an application: their requests may have effects that only the application knows.
    pub application_routes: bool,
    /// Also embeddings.
    pub embeddings: bool,
    /// Highest temperature, in thousandths; nothing is any. Whoever asks for variety by a high temperature wants no
    /// copy, but common applications run at 0.7 and ask the same again.
    pub max_temperature_milli: Option<u32>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { application_routes: false, embeddings: true, max_temperature_milli: None }
    }
}

/// The identity of a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(8).try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// Why a request is not looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bypass {
    /// No model call of a family we read, or a route that may not be cached.
    Route,
    /// Larger than a megabyte.
    TooLarge,
    /// No JSON object, a member named twice, nested too deep, or text that is no Unicode.
    Unreadable,
    /// It offers tools, is a step of a loop that uses them, or searches: the answer is an action, or is news.
    Tools,
    /// It asks for several answers, which shall differ.
    SeveralAnswers,
    /// It continues or leaves something on the provider's side (`store`, `previous_response_id`, …).
    Stateful,
    /// Its temperature is above the limit.
    Temperature,
    /// Its question is not one text (semantic lookup only).
    NoQuestion,
}

/// The key of a request, or why it has none.
pub fn exact(scope: &Scope<'_>, policy: &Policy, body: &[u8]) -> Result<Key, Bypass> {
    let node = cacheable(scope, policy, body)?.0;
    let form = canonical(node.raw(), None).ok_or(Bypass::Unreadable)?;
    Ok(digest(b"exact", scope, &form))
}

/// What must be equal before two questions are compared at all: everything but the last question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Identity of the rest: caller, model, system prompt, parameters, the conversation so far.
    pub scope: Key,
    /// The question.
    pub question: String,
}

/// The question of a request and the identity of all the rest, or why it has none.
pub fn asked(scope: &Scope<'_>, policy: &Policy, body: &[u8]) -> Result<Asked, Bypass> {
    let (node, members) = cacheable(scope, policy, body)?;
    let question = question(scope.protocol, &members).ok_or(Bypass::NoQuestion)?;
    let text = question.text().ok_or(Bypass::Unreadable)?.into_owned();
    let within = question.span().start.checked_sub(node.span().start);
    let form = canonical(node.raw(), within).ok_or(Bypass::Unreadable)?;
    Ok(Asked { scope: digest(b"rest", scope, &form), question: text })
}

/// Hashes every part with its length, so that none runs into the next.
fn digest(kind: &[u8], scope: &Scope<'_>, form: &[u8]) -> Key {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(kind);
    part(&[u8::from(scope.tenant.is_some())]);
    part(scope.tenant.unwrap_or_default().as_bytes());
    part(scope.credential.as_bytes());
    part(&scope.policy.to_le_bytes());
    part(scope.target.as_bytes());
    part(scope.path.as_bytes());
    part(scope.protocol.word().as_bytes());
    for (name, value) in scope.headers {
        part(name.as_bytes());
        part(value);
    }
    part(form);
    Key(hash.finalize().into())
}

/// The body, where it may be looked up.
fn cacheable<'a>(
    scope: &Scope<'_>,
    policy: &Policy,
    body: &'a [u8],
) -> Result<(Node<'a>, Members<'a>), Bypass> {
    let allowed = match scope.protocol {
        Protocol::Chat | Protocol::Responses | Protocol::Messages | Protocol::Completions => true,
        Protocol::Embeddings => policy.embeddings,
        Protocol::FlowReader => policy.application_routes,
        Protocol::Other => false,
    };
    if !allowed {
        return Err(Bypass::Route);
    }
    if body.len() > MAX_BODY {
        return Err(Bypass::TooLarge);
    }
    let node = Node::object(body).ok_or(Bypass::Unreadable)?;
    let members = node.members().ok_or(Bypass::Unreadable)?;
    let filled = |name: &str| member(&members, name).is_some_and(|n| !n.is_empty());
    if ["tools", "functions", "tool_choice", "function_call", "mcp_servers", "container"]
        .iter()
        .any(|n| filled(n))
    {
        return Err(Bypass::Tools);
    }
    // What is found on the net or in a store of data is another answer tomorrow; there `{}` means yes.
    let searches =
        |name: &str| member(&members, name).is_some_and(|n| !matches!(n.raw(), "null" | "false"));
    if ["web_search_options", "search_parameters", "data_sources", "plugins"]
        .iter()
        .any(|n| searches(n))
    {
        return Err(Bypass::Tools);
    }
    if ["store", "background", "conversation", "previous_response_id", "prompt"]
        .iter()
        .any(|n| filled(n) && !(*n == "prompt" && scope.protocol == Protocol::Completions))
    {
        return Err(Bypass::Stateful);
    }
    let several = |name: &str| {
        member(&members, name).is_some_and(|n| n.raw() != "null" && n.count() != Some(1))
    };
    if several("n") || several("best_of") {
        return Err(Bypass::SeveralAnswers);
    }
    if too_warm(policy, &members) {
        return Err(Bypass::Temperature);
    }
    if uses_tools(&members)? {
        return Err(Bypass::Tools);
    }
    Ok((node, members))
}

fn too_warm(policy: &Policy, members: &Members<'_>) -> bool {
    let Some(limit) = policy.max_temperature_milli else { return false };
    // Providers take 1 where none is given.
    let given = member(members, "temperature").map_or("1", Node::raw);
    given.parse::<f64>().ok().is_none_or(|t| t * 1_000.0 > f64::from(limit))
}

/// Whether the conversation is in the middle of using tools.
fn uses_tools(members: &Members<'_>) -> Result<bool, Bypass> {
    for list in ["messages", "input"] {
        let Some(items) = member(members, list).and_then(Node::items) else { continue };
        for item in items {
            if !item.raw().starts_with('{') {
                continue;
            }
            let message = item.members().ok_or(Bypass::Unreadable)?;
            let word = |name: &str| member(&message, name).and_then(Node::text);
            let by_tool = matches!(word("role").as_deref(), Some("tool" | "function"));
            let kind = word("type");
            let item_of_tool = kind.is_some_and(|k| k != "message" && k != "reasoning");
            let calls = ["tool_calls", "function_call"]
                .iter()
                .any(|n| member(&message, n).is_some_and(|n| !n.is_empty()));
            let parts = member(&message, "content").and_then(Node::items).unwrap_or_default();
            let in_parts = parts.iter().any(|p| {
                let kind = p.members().and_then(|m| member(&m, "type").and_then(Node::text));
                kind.is_some_and(|k| {
                    k.starts_with("tool_") || k.contains("tool_use") || k.contains("tool_result")
                })
            });
            if by_tool || item_of_tool || calls || in_parts {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The string that is the question: the last message's, where a user says it in one text.
fn question<'a>(protocol: Protocol, members: &Members<'a>) -> Option<Node<'a>> {
    let only = |node: Node<'a>| node.raw().starts_with('"').then_some(node);
    let said = match protocol {
        Protocol::Chat | Protocol::Messages => member(members, "messages")?,
        Protocol::Responses => match member(members, "input")? {
            text if text.raw().starts_with('"') => return Some(text),
            items => items,
        },
        // A question lies in a prompt or a selection among other text: which words are it is not known.
        _ => return None,
    };
    let last = said.items()?.last()?.members()?;
    if member(&last, "role")?.text()? != "user" {
        return None;
    }
    let content = member(&last, "content")?;
    let Some(parts) = content.items() else { return only(content) };
    let [part] = parts.as_slice() else { return None };
    let part = part.members()?;
    matches!(member(&part, "type")?.text()?.as_ref(), "text" | "input_text")
        .then(|| member(&part, "text"))?
        .and_then(only)
}
