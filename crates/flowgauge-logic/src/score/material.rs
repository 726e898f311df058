//! The question of a request and the passages it was to be answered from, read from its body.
//!
//! Owns how providers' requests are taken apart. Refuses what it would have to guess: earlier answers
//! of the model are no evidence, and the first paragraph of an instruction is no passage.

use crate::call::Protocol;
use serde_json::Value;

/// Values within values looked at: a list of parts, of which one is a tool's result, a list of parts
/// again, and the text of one are five.
const MAX_DEPTH: u8 = 6;

/// What an answer is compared with.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Material {
    /// The last paragraph of what the user said last.
    pub question: String,
    /// The paragraphs before it, results of tools, documents, and what follows the first paragraph of
    /// the instructions.
    pub context: Vec<String>,
}

impl std::fmt::Debug for Material {
    /// Content stays out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Material").field("passages", &self.context.len()).finish_non_exhaustive()
    }
}

impl Material {
    /// Of a request; nothing where its protocol has no question or its body is no JSON object.
    #[must_use]
    pub fn read(protocol: Protocol, body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok().filter(Value::is_object)?;
        let mut out = Self::default();
        match protocol {
            Protocol::Chat => out.conversation(&body["messages"]),
            Protocol::Messages => {
                out.instructions(&body["system"]);
                out.conversation(&body["messages"]);
            }
            Protocol::Responses => {
                out.instructions(&body["instructions"]);
                match &body["input"] {
                    Value::String(text) => out.asked(text),
                    items => out.conversation(items),
                }
            }
            Protocol::Completions => out.asked(body["prompt"].as_str()?),
            Protocol::FlowReader => out.reader(&body),
            Protocol::Embeddings | Protocol::Other => return None,
        }
        Some(out)
    }

    /// A reader asks about a selection, or hands in the selection alone. What the application finds in
    /// the book besides is not shown to us.
    fn reader(&mut self, body: &Value) {
        let selected = body["selection"]["text"].as_str().unwrap_or_default();
        let query = body["query"].as_str().map(str::trim).filter(|q| !q.is_empty());
        self.question = query.unwrap_or(selected).to_owned();
        self.passages(selected);
    }

    fn conversation(&mut self, messages: &Value) {
        let Value::Array(messages) = messages else { return };
        let role = |m: &Value| m["role"].as_str().unwrap_or_default().to_owned();
        let spoken = |m: &Value| role(m) == "user" && !text(&m["content"], false).trim().is_empty();
        let last = messages.iter().rposition(spoken);
        for (at, message) in messages.iter().enumerate() {
            match role(message).as_str() {
                "system" | "developer" => self.instructions(&message["content"]),
                "tool" | "function" => self.passages(&text(&message["content"], false)),
                "user" => {
                    self.passages(&text(&message["content"], true));
                    if Some(at) == last {
                        self.asked(&text(&message["content"], false));
                    }
                }
                // An item without a role: the output of a tool.
                "" => self.passages(message["output"].as_str().unwrap_or_default()),
                _ => {}
            }
        }
    }

    /// What follows the first paragraph may be passages; the first says what to do.
    fn instructions(&mut self, content: &Value) {
        let text = text(content, false);
        let after = paragraphs(&text).skip(1).map(str::to_owned);
        self.context.extend(after);
    }

    fn passages(&mut self, text: &str) {
        self.context.extend(paragraphs(text).map(str::to_owned));
    }

    fn asked(&mut self, text: &str) {
        let mut all: Vec<&str> = paragraphs(text).collect();
        self.question = all.pop().unwrap_or_default().to_owned();
        self.context.extend(all.into_iter().map(str::to_owned));
    }
}

fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n").map(str::trim).filter(|p| !p.is_empty())
}

/// The text of a content: what is said, or what is handed over beside it (documents, tools' results).
fn text(content: &Value, handed: bool) -> String {
    let mut out = String::new();
    gather(content, handed, false, MAX_DEPTH, &mut out);
    out
}

fn gather(content: &Value, handed: bool, within: bool, depth: u8, out: &mut String) {
    let Some(deeper) = depth.checked_sub(1) else { return };
    let mut say = |text: &str| {
        if handed == within {
            if !out.is_empty() {
                out.push_str("\n\n");
            }
            out.push_str(text);
        }
    };
    match content {
        Value::String(text) => say(text),
        Value::Array(parts) => {
            parts.iter().for_each(|part| gather(part, handed, within, deeper, out));
        }
        Value::Object(part) => {
            let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
            let within = within || matches!(kind, "tool_result" | "document" | "search_result");
            for key in ["text", "content"] {
                if let Some(inner) = part.get(key) {
                    gather(inner, handed, within, deeper, out);
                }
            }
            // A document of plain text.
            if let Some(data) = part.get("source").filter(|s| s["type"] == "text") {
                gather(&data["data"], handed, within, deeper, out);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(protocol: Protocol, body: &Value) -> (String, Vec<String>) {
        let read = Material::read(protocol, body.to_string().as_bytes()).unwrap();
        (read.question, read.context)
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|t| (*t).to_owned()).collect()
    }

    #[test]
    fn the_last_paragraph_of_the_last_message_is_the_question_and_those_before_are_passages() {
        let chat = json!({"messages": [
            {"role": "system", "content": "You help.\n\nToday is Monday."},
            {"role": "user", "content": "Earlier?"},
            {"role": "assistant", "content": "An earlier answer."},
            {"role": "user", "content": [{"type": "text", "text": "Alice fell.\n\nShe slept.\n\nWho fell?"}]},
        ]});
        let want =
            ("Who fell?".to_owned(), owned(&["Today is Monday.", "Alice fell.", "She slept."]));
        assert_eq!(read(Protocol::Chat, &chat), want);
        let completion = json!({"prompt": "Alice fell.\n\nWho fell?"});
        assert_eq!(read(Protocol::Completions, &completion).1, owned(&["Alice fell."]));
    }

    #[test]
    fn results_of_tools_and_documents_are_passages_in_every_dialect() {
        let chat = json!({"messages": [
            {"role": "user", "content": "Who fell?"},
            {"role": "assistant", "tool_calls": []},
            {"role": "tool", "content": "Alice fell."},
        ]});
        let messages = json!({"system": [{"type": "text", "text": "You help."}], "messages": [
            {"role": "user", "content": "Who fell?"},
            {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "Alice fell."}]}]},
        ]});
        let document = json!({"messages": [{"role": "user", "content": [
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Alice fell."}},
            {"type": "text", "text": "Who fell?"}]}]});
        let responses = json!({"instructions": "You help.", "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Who fell?"}]},
            {"type": "function_call_output", "output": "Alice fell."}]});
        let want = ("Who fell?".to_owned(), owned(&["Alice fell."]));
        assert_eq!(read(Protocol::Chat, &chat), want);
        assert_eq!(read(Protocol::Messages, &messages), want);
        assert_eq!(read(Protocol::Messages, &document), want);
        assert_eq!(read(Protocol::Responses, &responses), want);
    }

    #[test]
    fn a_reader_asks_about_a_selection() {
        let ask = json!({"bookId": "b", "intent": "ask", "query": "Who fell?"});
        assert_eq!(read(Protocol::FlowReader, &ask), ("Who fell?".to_owned(), owned(&[])));
        let explain = json!({"intent": "explain", "selection": {"text": "Alice fell."}});
        let want = ("Alice fell.".to_owned(), owned(&["Alice fell."]));
        assert_eq!(read(Protocol::FlowReader, &explain), want);
    }

    #[test]
    fn what_has_no_question_is_not_read() {
        assert_eq!(Material::read(Protocol::Embeddings, b"{\"input\": \"x\"}"), None);
        assert_eq!(Material::read(Protocol::Chat, b"[1]"), None);
        assert_eq!(Material::read(Protocol::Chat, b"{}"), Some(Material::default()));
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_fault(body in "[\\[\\]{}\":,a-z\\\\n ]{0,200}") {
            let _ = Material::read(Protocol::Chat, body.as_bytes());
        }
    }
}
