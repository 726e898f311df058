//! The tokens of a request: its texts, and what the form of a conversation adds to them.

use crate::logic::call::Protocol;
use serde_json::Value;

use super::vocabulary::Vocabulary;

/// Tokens around each message of a conversation, as OpenAI documents them for its chat models.
const PER_MESSAGE: u64 = 3;
/// Tokens that begin the answer.
const PRIMING: u64 = 3;
/// A name costs its own tokens and this.
const PER_NAME: u64 = 1;
/// Content parts within parts looked at: a tool's result holds parts, and those hold text.
const MAX_DEPTH: u8 = 4;

/// Tokens of a request body; nothing where it is no JSON object.
pub(super) fn tokens(vocabulary: &Vocabulary<'_>, protocol: Protocol, body: &[u8]) -> Option<u64> {
    let body: Value = serde_json::from_slice(body).ok().filter(Value::is_object)?;
    let count = Count { vocabulary };
    Some(match protocol {
        Protocol::Chat => count.conversation(&body["messages"]) + count.tools(&body),
        Protocol::Messages => {
            let system = match &body["system"] {
                Value::Null => 0,
                system => PER_MESSAGE + count.content(system, MAX_DEPTH),
            };
            count.conversation(&body["messages"]) + system + count.tools(&body)
        }
        Protocol::Responses => {
            let input = match &body["input"] {
                Value::String(text) => PER_MESSAGE + count.text(text) + PRIMING,
                items => count.conversation(items),
            };
            let instructions = match &body["instructions"] {
                Value::String(text) => PER_MESSAGE + count.text(text),
                _ => 0,
            };
            input + instructions + count.tools(&body)
        }
        Protocol::Completions => count.plain(&body["prompt"]),
        Protocol::Embeddings => count.plain(&body["input"]),
        Protocol::FlowReader | Protocol::Other => return None,
    })
}

struct Count<'a> {
    vocabulary: &'a Vocabulary<'a>,
}

impl Count<'_> {
    fn text(&self, text: &str) -> u64 {
        self.vocabulary.count(text)
    }

    fn conversation(&self, messages: &Value) -> u64 {
        let Value::Array(messages) = messages else { return PRIMING };
        let mut sum = PRIMING;
        for message in messages {
            sum += PER_MESSAGE + self.content(&message["content"], MAX_DEPTH);
            if let Value::String(role) = &message["role"] {
                sum += self.text(role);
            }
            if let Value::String(name) = &message["name"] {
                sum += PER_NAME + self.text(name);
            }
            for key in ["tool_calls", "arguments", "output"] {
                sum += self.written(&message[key]);
            }
        }
        sum
    }

    /// Text, or parts of which some are text. Images and audio are not counted.
    fn content(&self, content: &Value, depth: u8) -> u64 {
        let Some(deeper) = depth.checked_sub(1) else { return 0 };
        match content {
            Value::String(text) => self.text(text),
            Value::Array(parts) => parts.iter().map(|part| self.content(part, deeper)).sum(),
            Value::Object(part) => {
                let within = |key: &str| part.get(key).map_or(0, |v| self.content(v, deeper));
                let tool = part.get("input").map_or(0, |input| self.written(input));
                within("text") + within("content") + tool
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
    }

    /// Tools are shown to the model in a form of its provider's; their JSON is about as long.
    fn tools(&self, body: &Value) -> u64 {
        self.written(&body["tools"]) + self.written(&body["functions"])
    }

    fn written(&self, value: &Value) -> u64 {
        match value {
            Value::Null => 0,
            Value::String(text) => self.text(text),
            value => self.text(&value.to_string()),
        }
    }

    /// A text, several texts, or tokens.
    fn plain(&self, input: &Value) -> u64 {
        match input {
            Value::String(text) => self.text(text),
            Value::Array(items) => items
                .iter()
                .map(|item| match item {
                    Value::Number(_) => 1,
                    item => self.plain_item(item),
                })
                .sum(),
            _ => 0,
        }
    }

    fn plain_item(&self, item: &Value) -> u64 {
        match item {
            Value::String(text) => self.text(text),
            Value::Array(tokens) => tokens.len() as u64,
            _ => 0,
        }
    }
}
