//! A request as a conversation: who said what, where it stands in the body, and which tool results answer which calls.
//!
//! Owns the reading of the three families that hold one. Refuses what it cannot read for certain, and histories in
//! which a result has no call: those are the application's affair, and no optimisation may touch them.

use super::body::{Members, Node, member};
use crate::call::Protocol;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

/// Largest body that is read: a quarter of a million tokens of text. What is read in it is linear, so this bounds the
/// time an optimisation takes.
const MAX_BODY: usize = 1 << 20;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    System,
    User,
    Assistant,
    Tool,
}

/// A text and the string it is in.
#[derive(Debug, Clone)]
pub(super) struct Piece<'a> {
    pub(super) node: Node<'a>,
    pub(super) text: Cow<'a, str>,
}

/// One message, or one item of a list of them.
#[derive(Debug, Clone)]
pub(super) struct Message<'a> {
    pub(super) role: Role,
    pub(super) node: Node<'a>,
    pub(super) pieces: Vec<Piece<'a>>,
    /// Ids of the calls it makes.
    calls: Vec<String>,
    /// Ids of the calls it answers.
    results: Vec<String>,
    /// The provider was told to remember up to here.
    pub(super) marked: bool,
    /// It holds parts that are neither text nor of tools.
    pub(super) other_parts: bool,
}

impl Message<'_> {
    /// Whether it calls tools or answers a call.
    pub(super) fn uses_tools(&self) -> bool {
        !self.calls.is_empty() || !self.results.is_empty()
    }
}

/// A request's conversation.
#[derive(Debug, Clone)]
pub(super) struct Conversation<'a> {
    pub(super) members: Members<'a>,
    /// What stands outside the messages: `system`, `instructions`.
    pub(super) outside: Vec<Piece<'a>>,
    pub(super) messages: Vec<Message<'a>>,
}

impl<'a> Conversation<'a> {
    /// Reads a body; nothing where any of it is not understood.
    pub(super) fn read(protocol: Protocol, body: &'a [u8]) -> Option<Self> {
        if body.len() > MAX_BODY {
            return None;
        }
        let members = Node::object(body)?.members()?;
        let (list, outside) = match protocol {
            Protocol::Chat => ("messages", None),
            Protocol::Messages => ("messages", Some("system")),
            Protocol::Responses => ("input", Some("instructions")),
            _ => return None,
        };
        let outside = match outside.and_then(|name| member(&members, name)) {
            Some(node) => pieces(node)?.0,
            None => Vec::new(),
        };
        let said = member(&members, list)?;
        let messages = match said.text() {
            Some(text) if protocol == Protocol::Responses => vec![Message {
                role: Role::User,
                node: said,
                pieces: vec![Piece { node: said, text }],
                calls: Vec::new(),
                results: Vec::new(),
                marked: false,
                other_parts: false,
            }],
            _ => said.items()?.into_iter().map(message).collect::<Option<_>>()?,
        };
        let read = Self { members, outside, messages };
        read.is_legal().then_some(read)
    }

    /// Where each turn of the user begins; results of tools are no turn.
    pub(super) fn turns(&self) -> Vec<usize> {
        let begins = |m: &Message<'_>| m.role == Role::User && m.results.is_empty();
        (0..self.messages.len()).filter(|i| self.messages.get(*i).is_some_and(begins)).collect()
    }

    /// Turns before the last, oldest first. One that holds a system message is left out, and so is all behind it:
    /// what it says may hold for the rest.
    pub(super) fn old_turns(&self) -> Vec<Range<usize>> {
        let begins = self.turns();
        let turns = begins.windows(2).map(|w| w[0]..w[1]);
        let speaks = |r: &Range<usize>| {
            self.messages.get(r.clone()).unwrap_or_default().iter().any(|m| m.role == Role::System)
        };
        turns.take_while(|t| !speaks(t)).collect()
    }

    /// Whether every result answers a call made before it, once.
    fn is_legal(&self) -> bool {
        let mut open = BTreeSet::new();
        for message in &self.messages {
            // A turn of the user while calls are open is refused by providers.
            if message.role == Role::User && message.results.is_empty() && !open.is_empty() {
                return false;
            }
            if !message.results.iter().all(|id| open.remove(id)) {
                return false;
            }
            if !message.calls.iter().all(|id| open.insert(id.clone())) {
                return false;
            }
        }
        true
    }
}

fn message(node: Node<'_>) -> Option<Message<'_>> {
    let members = node.members()?;
    let word = |name: &str| member(&members, name).and_then(Node::text);
    let id = |name: &str| word(name).map(Cow::into_owned);
    let mut read = Message {
        role: Role::Assistant,
        node,
        pieces: Vec::new(),
        calls: Vec::new(),
        results: Vec::new(),
        marked: false,
        other_parts: false,
    };
    match word("type").as_deref() {
        None | Some("message") => {}
        Some("reasoning") => return Some(read),
        Some("function_call" | "custom_tool_call") => {
            read.calls.push(id("call_id")?);
            return Some(read);
        }
        Some("function_call_output" | "custom_tool_call_output") => {
            read.role = Role::Tool;
            read.results.push(id("call_id")?);
            return Some(read);
        }
        Some(_) => return None,
    }
    read.role = match word("role")?.as_ref() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        _ => return None,
    };
    if read.role == Role::Tool {
        read.results.push(id("tool_call_id")?);
    }
    if let Some(calls) = member(&members, "tool_calls").filter(|c| !c.is_empty()) {
        for call in calls.items()? {
            read.calls.push(member(&call.members()?, "id")?.text()?.into_owned());
        }
    }
    if let Some(content) = member(&members, "content").filter(|c| !c.is_empty()) {
        let (texts, parts) = pieces(content)?;
        read.pieces = texts;
        for part in parts {
            let word = |name: &str| member(&part, name).and_then(Node::text).map(Cow::into_owned);
            match word("type").as_deref() {
                Some("tool_use") => read.calls.push(word("id")?),
                Some("tool_result") => read.results.push(word("tool_use_id")?),
                Some(
                    "text" | "input_text" | "output_text" | "thinking" | "redacted_thinking"
                    | "refusal",
                ) => {}
                _ => read.other_parts = true,
            }
            read.marked |= member(&part, "cache_control").is_some_and(|c| !c.is_empty());
        }
    }
    Some(read)
}

/// Texts of a content: a string, or a list of parts, of which those that are text have one.
fn pieces(content: Node<'_>) -> Option<(Vec<Piece<'_>>, Vec<Members<'_>>)> {
    if let Some(text) = content.text() {
        return Some((vec![Piece { node: content, text }], Vec::new()));
    }
    let (mut texts, mut parts) = (Vec::new(), Vec::new());
    for part in content.items()? {
        let part = part.members()?;
        let kind = member(&part, "type").and_then(Node::text);
        if matches!(kind.as_deref(), Some("text" | "input_text" | "output_text")) {
            let node = member(&part, "text")?;
            texts.push(Piece { node, text: node.text()? });
        }
        parts.push(part);
    }
    Some((texts, parts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &serde_json::Value) -> Option<(usize, Vec<usize>)> {
        let body = body.to_string();
        let read = Conversation::read(Protocol::Chat, body.as_bytes())?;
        Some((read.messages.len(), read.turns()))
    }

    #[test]
    fn turns_begin_where_the_user_speaks() {
        let body = json!({"messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "1"}, {"id": "2"}]},
            {"role": "tool", "tool_call_id": "2", "content": "x"},
            {"role": "tool", "tool_call_id": "1", "content": "x"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": [{"type": "text", "text": "c"}]}
        ]});
        assert_eq!(read(&body), Some((7, vec![1, 6])));
    }

    #[test]
    fn a_result_without_its_call_and_a_call_without_its_result_are_refused() {
        let tool = json!({"role": "tool", "tool_call_id": "1", "content": "x"});
        let user = json!({"role": "user", "content": "a"});
        let call = json!({"role": "assistant", "tool_calls": [{"id": "1"}]});
        assert_eq!(read(&json!({"messages": [user, tool]})), None);
        assert_eq!(read(&json!({"messages": [user, call, user]})), None);
        assert_eq!(read(&json!({"messages": [user, call, tool, tool]})), None);
        assert!(read(&json!({"messages": [user, call, tool]})).is_some());
        assert_eq!(read(&json!({"messages": [{"role": "critic", "content": "x"}]})), None);
        assert_eq!(read(&json!({})), None);
    }

    #[test]
    fn results_inside_a_users_message_are_no_turn() {
        let body = json!({"system": [{"type": "text", "text": "s"}], "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "x"}]}
        ]})
        .to_string();
        let read = Conversation::read(Protocol::Messages, body.as_bytes()).unwrap();
        assert_eq!((read.turns(), read.outside.len()), (vec![0], 1));
    }

    #[test]
    fn a_plain_input_is_one_turn() {
        let read = Conversation::read(Protocol::Responses, br#"{"input":"a"}"#).unwrap();
        assert_eq!(read.messages[0].pieces[0].text, "a");
    }
}
