//! What the pretend provider reads and answers, in the OpenAI wire format. Pure.

use super::extract;
use crate::demo::dice::Dice;
use crate::demo::text;
use crate::demo::workload::Complexity;
use crate::demo::{LARGE, SMALL};
use serde_json::{Value, json};

/// Tokens of an answer whose request names no limit.
const DEFAULT_LIMIT: u64 = 400;

/// Characters beyond ASCII in one word of an alphabet at most; more are a script without spaces.
const WIDE: usize = 6;

/// Share of prompts whose beginning the provider finds in its cache.
const CACHED: f64 = 0.25;

/// A chat completion as far as the demo understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatRequest {
    /// One of the two models.
    pub model: String,
    /// What the user said last, with the passages it is about.
    pub prompt: String,
    /// Tokens of all messages.
    pub prompt_tokens: u64,
    /// How hard the application says it is (`metadata.complexity`), else by length.
    pub complexity: Complexity,
    /// `metadata.intent`.
    pub intent: String,
    /// Most tokens of the answer.
    pub limit: u64,
    /// Server-sent events, or one answer.
    pub stream: bool,
    /// Whether the stream ends with usage.
    pub include_usage: bool,
}

impl ChatRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// As the provider would answer it.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|_| Refusal::invalid("We could not parse the JSON body of your request."))?;
        let Some(messages) = body["messages"].as_array().filter(|m| !m.is_empty()) else {
            return Err(Refusal::invalid("Missing required parameter: 'messages'."));
        };
        let model = body["model"].as_str().unwrap_or_default();
        if model != SMALL && model != LARGE {
            return Err(Refusal::no_model(model));
        }
        let prompt_tokens = messages.iter().map(|m| text::tokens(&content(m))).sum();
        let asked = messages.iter().rev().find(|m| m["role"] != "system").map(content);
        let named = body["metadata"]["complexity"].as_str().and_then(Complexity::from_word);
        let limit = body["max_completion_tokens"].as_u64().or(body["max_tokens"].as_u64());
        Ok(Self {
            model: model.to_owned(),
            prompt: asked.unwrap_or_default(),
            prompt_tokens,
            complexity: named.unwrap_or_else(|| by_length(prompt_tokens)),
            intent: body["metadata"]["intent"].as_str().unwrap_or_default().to_owned(),
            limit: limit.unwrap_or(DEFAULT_LIMIT),
            stream: body["stream"].as_bool().unwrap_or(false),
            include_usage: body["stream_options"]["include_usage"].as_bool().unwrap_or(false),
        })
    }
}

/// The text of a message: a string, or the text parts of a list.
fn content(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|p| p["text"].as_str()).collect(),
        _ => String::new(),
    }
}

const fn by_length(prompt_tokens: u64) -> Complexity {
    match prompt_tokens {
        0..=60 => Complexity::Simple,
        61..=240 => Complexity::Medium,
        _ => Complexity::Complex,
    }
}

/// An answer before it is put on the wire.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) id: String,
    model: String,
    words: String,
    finish_reason: &'static str,
    prompt_tokens: u64,
    cached_tokens: u64,
}

impl Answer {
    /// The same words to the same prompt every time; chance gives the id and what was cached.
    pub(super) fn to(request: &ChatRequest, dice: &mut Dice) -> Self {
        let full = extract::answer(&request.prompt);
        let words = text::cut(&full, request.limit);
        Self {
            id: format!("{:016x}", dice.bits()),
            model: request.model.clone(),
            finish_reason: if words.len() < full.len() { "length" } else { "stop" },
            words,
            prompt_tokens: request.prompt_tokens,
            cached_tokens: if dice.chance(CACHED) { request.prompt_tokens / 2 } else { 0 },
        }
    }

    fn usage(&self) -> Value {
        let completion = text::tokens(&self.words);
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
            "prompt_tokens_details": { "cached_tokens": self.cached_tokens, "audio_tokens": 0 },
            "completion_tokens_details": { "reasoning_tokens": 0, "audio_tokens": 0 },
        })
    }

    /// The answer in one piece.
    pub(super) fn whole(&self) -> Value {
        let message = json!({ "role": "assistant", "content": self.words, "refusal": null });
        json!({
            "id": format!("chatcmpl-{}", self.id),
            "object": "chat.completion",
            "created": 0,
            "model": self.model,
            "choices": [{
                "index": 0, "message": message, "logprobs": null,
                "finish_reason": self.finish_reason,
            }],
            "usage": self.usage(),
        })
    }

    /// The answer as server-sent events, a word each.
    pub(super) fn chunks(&self, include_usage: bool) -> Vec<String> {
        let mut events = vec![self.event(&json!({ "role": "assistant", "content": "" }), None)];
        for piece in pieces(&self.words) {
            events.push(self.event(&json!({ "content": piece }), None));
        }
        events.push(self.event(&json!({}), Some(self.finish_reason)));
        if include_usage {
            let mut last = self.envelope();
            last["choices"] = json!([]);
            last["usage"] = self.usage();
            events.push(format!("data: {last}\n\n"));
        }
        events.push("data: [DONE]\n\n".to_owned());
        events
    }

    fn event(&self, delta: &Value, finish_reason: Option<&str>) -> String {
        let mut event = self.envelope();
        event["choices"] = json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason }]);
        format!("data: {event}\n\n")
    }

    fn envelope(&self) -> Value {
        json!({
            "id": format!("chatcmpl-{}", self.id),
            "object": "chat.completion.chunk",
            "created": 0,
            "model": self.model,
        })
    }
}

/// A text as it is streamed: words, and single characters where a script has no spaces.
fn pieces(text: &str) -> Vec<String> {
    let wide = |word: &str| word.chars().filter(|c| !c.is_ascii()).count() > WIDE;
    let piece = |word: &str| match wide(word) {
        true => word.chars().map(String::from).collect(),
        false => vec![word.to_owned()],
    };
    text.split_inclusive(' ').flat_map(piece).collect()
}

/// A refusal as the provider words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
}

impl Refusal {
    pub(super) fn invalid(message: &str) -> Self {
        let kind = "invalid_request_error";
        Self { status: 400, kind, code: None, message: message.to_owned() }
    }

    fn no_model(model: &str) -> Self {
        let message = format!("The model '{model}' does not exist; there are {SMALL} and {LARGE}.");
        let (kind, code) = ("invalid_request_error", Some("model_not_found"));
        Self { status: 404, kind, code, message }
    }

    /// A failure of the provider's own: too many requests, or a fault.
    pub(super) fn chosen(dice: &mut Dice) -> Self {
        if dice.chance(0.5) {
            let message = "Rate limit reached for requests.".to_owned();
            let code = Some("rate_limit_exceeded");
            return Self { status: 429, kind: "requests", code, message };
        }
        let message = "The server had an error while processing your request.".to_owned();
        Self { status: 500, kind: "server_error", code: None, message }
    }

    pub(super) fn body(&self) -> Value {
        json!({ "error": {
            "message": self.message, "type": self.kind, "param": null, "code": self.code,
        } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(stream: bool) -> ChatRequest {
        let body = json!({
            "model": SMALL, "stream": stream,
            "messages": [{ "role": "user", "content": format!("{}\n\nask: Who rings the bell?",
                "Marta Oren rings the bell on the eastern quay. ".repeat(8)) }],
        });
        ChatRequest::read(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_usage_is_the_length_of_what_was_said() {
        let answer = Answer::to(&request(false), &mut Dice::new(11)).whole();
        let said = answer["choices"][0]["message"]["content"].as_str().unwrap();
        let asked = request(false).prompt_tokens;
        assert_eq!(answer["usage"]["prompt_tokens"], asked);
        assert_eq!(answer["usage"]["completion_tokens"], text::tokens(said));
        assert_eq!(answer["usage"]["total_tokens"], asked + text::tokens(said));
        assert!(said.starts_with("Marta Oren rings the bell"), "{said}");
    }

    #[test]
    fn usage_ends_a_stream_only_where_it_was_asked_for() {
        let answer = Answer::to(&request(true), &mut Dice::new(12));
        let has_usage = |events: Vec<String>| events.iter().any(|e| e.contains("\"usage\""));
        assert!(has_usage(answer.chunks(true)));
        assert!(!has_usage(answer.chunks(false)));
        assert_eq!(answer.chunks(true).last().unwrap(), "data: [DONE]\n\n");
    }

    #[test]
    fn a_limit_cuts_the_answer_and_says_so() {
        let short = ChatRequest { limit: 5, ..request(false) };
        let answer = Answer::to(&short, &mut Dice::new(13)).whole();
        assert_eq!(answer["usage"]["completion_tokens"], 5);
        assert_eq!(answer["choices"][0]["finish_reason"], "length");
    }

    #[test]
    fn an_unknown_model_and_a_broken_body_are_refused_as_a_provider_does() {
        let body = br#"{"model":"gpt-9","messages":[{"role":"user","content":"x"}]}"#;
        assert_eq!(ChatRequest::read(body).unwrap_err().status, 404);
        assert_eq!(ChatRequest::read(b"{").unwrap_err().status, 400);
        assert_eq!(ChatRequest::read(br#"{"model":"demo-small"}"#).unwrap_err().status, 400);
    }

    #[test]
    fn a_length_stands_in_where_the_application_names_no_complexity() {
        assert_eq!(by_length(10), Complexity::Simple);
        assert_eq!(by_length(100), Complexity::Medium);
        assert_eq!(by_length(1_000), Complexity::Complex);
    }
}
