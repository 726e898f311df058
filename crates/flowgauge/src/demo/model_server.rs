//! A pretend provider that speaks the OpenAI protocol on loopback: answers, usage, delays, failures.
//!
//! Owns what the pretend provider answers and how long it takes; its words are those of the passages
//! it is given. Refuses
//! tools, images and everything else the demo's application does not send.

mod answer;
mod extract;
mod pace;

pub use answer::{ChatRequest, Refusal};
pub use pace::{Pace, Timing};

use super::dice::Dice;
use super::local::LocalServer;
use super::text;
use answer::Answer;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::StreamExt;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;

/// Share of requests the pretend provider fails, about what hosted ones do on a bad day.
const FAILURES: f64 = 0.01;

/// Numbers of one pretend embedding: enough to be a vector, few enough to read.
const EMBEDDING_LENGTH: usize = 64;

/// What the pretend model answers to a prompt; the same every time.
#[must_use]
pub fn answer_to(prompt: &str) -> String {
    extract::answer(prompt)
}

/// Tokens of the messages and of the answer to the last of them.
#[must_use]
pub fn tokens(messages: &[&str], limit: u64) -> (u64, u64) {
    let prompt = messages.last().copied().unwrap_or_default();
    let answer = text::cut(&extract::answer(prompt), limit);
    (messages.iter().map(|m| text::tokens(m)).sum(), text::tokens(&answer))
}

#[derive(Debug)]
struct Provider {
    /// Forked once per request, held for no longer than that.
    dice: Mutex<Dice>,
    pace: Pace,
    failures: f64,
}

/// Starts the provider. `pace` says how long answers take, and is where an incident begins.
///
/// # Errors
/// When no port can be bound.
pub async fn start(seed: u64, pace: Pace) -> std::io::Result<LocalServer> {
    start_with(seed, pace, FAILURES).await
}

/// Starts a provider that fails this share of requests.
///
/// # Errors
/// When no port can be bound.
pub async fn start_with(seed: u64, pace: Pace, failures: f64) -> std::io::Result<LocalServer> {
    let provider = Provider { dice: Mutex::new(Dice::new(seed)), pace, failures };
    let routes = Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/embeddings", post(embeddings))
        .route("/v1/models", get(models))
        .with_state(Arc::new(provider));
    LocalServer::start(routes).await
}

async fn chat(State(provider): State<Arc<Provider>>, body: Bytes) -> Response {
    let mut dice = provider.dice.lock().fork();
    let request = match ChatRequest::read(&body) {
        Ok(request) => request,
        Err(refusal) => return refused(&refusal),
    };
    let timing = provider.pace.draw(request.complexity, &request.intent, &mut dice);
    if dice.chance(provider.failures) {
        provider.pace.wait(timing.first_token).await;
        return refused(&Refusal::chosen(&mut dice));
    }
    let answer = Answer::to(&request, &mut dice);
    if !request.stream {
        provider.pace.wait(timing.whole).await;
        return with_id(&answer.id, Json(answer.whole()).into_response());
    }
    stream(&provider.pace, timing, &request, &answer)
}

fn stream(pace: &Pace, timing: Timing, request: &ChatRequest, answer: &Answer) -> Response {
    let chunks = answer.chunks(request.include_usage);
    let (pace, begin) = (pace.clone(), pace.now());
    let last = chunks.len().saturating_sub(1);
    let timed =
        futures_util::stream::iter(chunks.into_iter().enumerate()).then(move |(i, chunk)| {
            let (pace, due) = (pace.clone(), begin.0 + timing.of_chunk(i, last).0);
            async move {
                pace.wait_until(due).await;
                Ok::<_, Infallible>(Bytes::from(chunk))
            }
        });
    let headers = [(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")];
    with_id(&answer.id, (headers, Body::from_stream(timed)).into_response())
}

async fn embeddings(State(provider): State<Arc<Provider>>, Json(body): Json<Value>) -> Response {
    let mut dice = provider.dice.lock().fork();
    let texts: Vec<&str> = match &body["input"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => return refused(&Refusal::invalid("input must be a text or a list of texts")),
    };
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, _)| {
            let vector: Vec<f64> = (0..EMBEDDING_LENGTH).map(|_| dice.unit() - 0.5).collect();
            json!({ "object": "embedding", "index": index, "embedding": vector })
        })
        .collect();
    let tokens: u64 = texts.iter().map(|t| text::tokens(t)).sum();
    provider.pace.wait(provider.pace.embedding()).await;
    let usage = json!({ "prompt_tokens": tokens, "total_tokens": tokens });
    Json(json!({ "object": "list", "data": data, "model": body["model"], "usage": usage }))
        .into_response()
}

async fn models() -> Json<Value> {
    let model = |id: &str| json!({ "id": id, "object": "model", "created": 0, "owned_by": "demo" });
    Json(json!({ "object": "list", "data": [model(super::SMALL), model(super::LARGE)] }))
}

fn refused(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(refusal.body())).into_response();
    if refusal.status == 429 {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn with_id(id: &str, mut response: Response) -> Response {
    if let Ok(value) = HeaderValue::from_str(&format!("req_{id}")) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}
