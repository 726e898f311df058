//! One answer of the application: sources, tokens, usage, done; or an error inside the 200.
//!
//! Knows FlowReader's event shapes. Sends one model call through the gateway.

use super::App;
use super::request::ChatRequest;
use crate::demo::caller::{CallFailed, SseReader};
use crate::demo::workload::{Complexity, classify};
use crate::demo::{book, text};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;

/// What the model is told beside the passages and the question.
pub const INSTRUCTIONS: &str = "You help a reader with a book. Use the passages given, be brief, and \
                            say so where the book does not answer.";

/// Fewest tokens of retrieved passages: three chunks, cut (catalogue E.3).
const CONTEXT_TOKENS: u64 = 60;

/// Fewest passages retrieved (catalogue E.2, `topKInitial` 8; the passages here are half as long).
const PASSAGES: usize = 5;

/// Characters of one token, the application's own rule of thumb (catalogue E.3).
const CHARACTERS: usize = 4;

/// An answer under way.
pub(super) struct Conversation {
    app: Arc<App>,
    request: ChatRequest,
    session: Option<String>,
    trace: Option<String>,
    complexity: Complexity,
    prompt: String,
    ready: VecDeque<String>,
    said: String,
    state: State,
}

enum State {
    /// The model has not been asked.
    Asking,
    /// It answers.
    Reading(SseReader),
    /// Nothing more comes.
    Over,
}

impl Conversation {
    pub(super) fn begin(
        app: Arc<App>,
        request: ChatRequest,
        session: Option<String>,
        trace: Option<String>,
    ) -> Self {
        let (complexity, prompt) = prompt(&request);
        let mut ready = VecDeque::new();
        let known = (1..=super::BOOKS).any(|n| request.book == format!("book-{n}"));
        let state = if known { State::Asking } else { State::Over };
        if known {
            ready.push_back(event("sources", &sources(&request)));
        } else {
            let body = json!({ "code": "NOT_FOUND", "message": "Book not found" });
            ready.push_back(event("error", &body));
        }
        let said = String::new();
        Self { app, request, session, trace, complexity, prompt, ready, said, state }
    }

    /// The next event as it goes over the wire.
    pub(super) async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            match &mut self.state {
                State::Over => return None,
                State::Asking => match self.ask().await {
                    Ok(reader) => self.state = State::Reading(reader),
                    Err(message) => self.fail(&message),
                },
                State::Reading(reader) => match reader.next().await {
                    Ok(Some(event)) if event.data == "[DONE]" => self.finish(),
                    Ok(Some(event)) => self.hear(&event.data),
                    Ok(None) => self.fail("The model stopped in the middle of its answer"),
                    Err(e) => self.fail(&e.to_string()),
                },
            }
        }
    }

    async fn ask(&self) -> Result<SseReader, String> {
        let intent = self.request.intent.unwrap_or("ask");
        let body = json!({
            "model": self.complexity.model(),
            "messages": [
                { "role": "system", "content": INSTRUCTIONS },
                { "role": "user", "content": self.prompt },
            ],
            "temperature": 0.7,
            "max_tokens": limit(self.complexity),
            "stream": true,
            "stream_options": { "include_usage": true },
            "metadata": { "intent": intent, "complexity": self.complexity.word() },
        });
        let mut headers = vec![("x-flowgauge-app", "flowreader"), ("x-flowgauge-intent", intent)];
        headers.extend(self.session.as_deref().map(|s| ("x-flowgauge-session", s)));
        headers.extend(self.trace.as_deref().map(|t| ("traceparent", t)));
        let base = self.app.model_url.get().ok_or("The gateway is not there yet")?;
        let url = format!("{base}/chat/completions");
        let answer = self.app.caller.post(&url, &headers, body.to_string()).await;
        let answer = answer.map_err(|e: CallFailed| e.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("The model answered {}", answer.status().as_u16()));
        }
        Ok(SseReader::new(answer.into_body()))
    }

    fn hear(&mut self, data: &str) {
        let Ok(chunk) = serde_json::from_str::<Value>(data) else {
            return self.fail("The model said something that is no JSON");
        };
        if let Some(words) = chunk["choices"][0]["delta"]["content"].as_str()
            && !words.is_empty()
        {
            self.said.push_str(words);
            // An enhancement is sent whole at the end, as in the original.
            if self.request.intent != Some("enhance") {
                self.ready.push_back(event("token", &json!({ "token": words })));
            }
        }
    }

    fn finish(&mut self) {
        if self.request.intent == Some("enhance") {
            self.ready.push_back(event("enhancement", &self.enhancement()));
        }
        self.ready.push_back(event("usage", &self.usage()));
        let at = self.app.clock.now().to_rfc3339();
        let done = match self.request.intent {
            Some("enhance") => json!({ "completed_at": at, "cached": false }),
            _ => json!({ "timestamp": at }),
        };
        self.ready.push_back(event("done", &done));
        self.state = State::Over;
    }

    fn fail(&mut self, message: &str) {
        self.ready.push_back(event("error", &json!({ "error": message })));
        self.state = State::Over;
    }

    /// One of the three shapes the original has (catalogue E.4, no. 4). Its figures are left empty:
    /// the original's are guesses, and the gateway sees the model call itself, so figures here would
    /// count every token twice.
    fn usage(&self) -> Value {
        match self.request.intent {
            Some("enhance") => json!({
                "tokens_used": null, "cost_usd": null,
                "enhancement_type": self.request.enhancement, "cached": false,
            }),
            None => json!({ "tokens": null, "cost": null }),
            Some(_) => json!({
                "prompt_tokens": null, "completion_tokens": null, "total_tokens": null,
                "cost_usd": null, "model_used": null, "cached": false,
                "budget_strategy": "conservative", "estimated_savings": null,
                "quality_score": null, "optimization_applied": false,
            }),
        }
    }

    fn enhancement(&self) -> Value {
        let concept = json!({ "term": self.request.enhancement, "definition": self.said,
            "context": self.request.book });
        json!({
            "type": self.request.enhancement,
            "data": { "concepts": [concept], "historical": [], "cultural": [], "connections": [] },
            "summary": self.said, "confidence": 0.8, "enhanceType": self.request.enhancement,
            "qualityMetrics": null,
        })
    }
}

/// How hard a request is taken to be, and what is asked of the model.
pub fn prompt(request: &ChatRequest) -> (Complexity, String) {
    let intent = request.intent.unwrap_or("ask");
    let complexity = classify(intent, request.query.as_deref().unwrap_or_default());
    let own = text::tokens(request.words());
    let wanted = usize::try_from(CONTEXT_TOKENS.max(own * 3 / 4)).unwrap_or(usize::MAX);
    let context = book::passages(request.words(), wanted.saturating_mul(CHARACTERS), PASSAGES);
    let label = match (intent, request.language.as_deref()) {
        ("translate", Some(language)) => format!("translate {language}"),
        _ => intent.to_owned(),
    };
    let context = context.join("\n\n");
    (complexity, format!("Context:\n{context}\n\nQuestion:\n{label}: {}", request.words()))
}

/// Most tokens of an answer (catalogue E.2).
pub const fn limit(complexity: Complexity) -> u64 {
    match complexity {
        Complexity::Simple => 280,
        Complexity::Medium => 400,
        Complexity::Complex => 480,
    }
}

fn sources(request: &ChatRequest) -> Value {
    match request.intent {
        Some("enhance") => json!({
            "enhanceType": request.enhancement, "contextSources": 3, "bookId": request.book,
        }),
        _ => json!({ "sources": [{
            "title": request.book, "type": "book", "selection": request.selection.is_some(),
        }] }),
    }
}

fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}
