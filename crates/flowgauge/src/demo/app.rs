//! A FlowReader-shaped reading application on loopback: `POST /api/chat/stream`, `GET /api/health`.
//!
//! Owns the application's routes and answers (catalogue E.1, E.3) with the warts that make it worth
//! measuring. Reaches its model only through the gateway it is given.

mod conversation;
mod request;

pub use conversation::{INSTRUCTIONS, limit, prompt};
pub use request::{ChatRequest, Invalid};

use super::caller::Caller;
use super::local::LocalServer;
use crate::serve::clock::Clock;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use conversation::Conversation;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

/// Books in the application's library are `book-1` to `book-12`.
pub(crate) const BOOKS: u64 = 12;

/// What the application needs.
#[derive(Debug)]
pub(super) struct App {
    /// Base URL of the OpenAI-compatible endpoint, with `/v1`; set once the gateway listens.
    model_url: Arc<OnceLock<String>>,
    caller: Caller,
    clock: Clock,
}

/// Starts the application. `model_url` is what `OPENAI_BASE_URL` would be; it may be set later, since
/// the gateway has to know the application's address first.
///
/// # Errors
/// When no port can be bound.
pub async fn start(model_url: Arc<OnceLock<String>>, clock: Clock) -> std::io::Result<LocalServer> {
    let app = App { model_url, caller: Caller::default(), clock };
    let routes = Router::new()
        .route("/api/chat/stream", post(chat_stream))
        .route("/api/health", get(health))
        .with_state(Arc::new(app));
    LocalServer::start(routes).await
}

async fn chat_stream(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let request = match ChatRequest::read(&body) {
        Ok(request) => request,
        Err(invalid) => return refused(&invalid),
    };
    let session = headers.get("x-session-id").and_then(|v| v.to_str().ok()).map(str::to_owned);
    let trace = headers.get("traceparent").and_then(|v| v.to_str().ok()).map(str::to_owned);
    let conversation = Conversation::begin(app, request, session, trace);
    let events = futures_util::stream::unfold(conversation, |mut conversation| async move {
        let event = conversation.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(event)), conversation))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONNECTION, "keep-alive"),
    ];
    (headers, Body::from_stream(events)).into_response()
}

/// As constant as the original's.
async fn health(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({
        "status": "ok",
        "timestamp": app.clock.now().to_rfc3339(),
        "version": env!("CARGO_PKG_VERSION"),
        "environment": "demo",
        "services": { "database": "ok", "queue": "ok", "storage": "ok" },
    }))
}

fn refused(invalid: &Invalid) -> Response {
    let (status, code) = match invalid {
        Invalid::Missing(_) => (StatusCode::BAD_REQUEST, "MISSING_FIELD"),
        Invalid::Value(..) => (StatusCode::UNPROCESSABLE_ENTITY, "INVALID_VALUE"),
    };
    let body = json!({ "error": { "code": code, "message": invalid.to_string() } });
    (status, Json(body)).into_response()
}
