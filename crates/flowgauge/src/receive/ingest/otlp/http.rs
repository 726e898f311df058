//! OTLP over HTTP: admission, status codes, and the answer in the request's own form.

use super::batch::Malformed;
use super::inflate::{Refusal, inflate};
use super::{Form, Ingest, MAX_BYTES_IN_FLIGHT, MAX_HTTP_BODY, Signal, answer};
use crate::logic::call::Door;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Codes of `google.rpc.Status`.
const INVALID_ARGUMENT: u8 = 3;
const RESOURCE_EXHAUSTED: u8 = 8;
const UNAVAILABLE: u8 = 14;

/// Said with a refusal for lack of memory: bodies in flight are done within a second.
const MEMORY_RETRY_S: u32 = 1;

/// Bytes held for a request until dropped.
#[derive(Debug)]
pub(super) struct Held<'a>(&'a AtomicUsize, usize);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::AcqRel);
    }
}

impl Ingest {
    /// Room for `bytes`, or nothing.
    pub(super) fn hold(&self, bytes: usize) -> Option<Held<'_>> {
        let before = self.in_flight.fetch_add(bytes, Ordering::AcqRel);
        let held = Held(&self.in_flight, bytes);
        (before.saturating_add(bytes) <= MAX_BYTES_IN_FLIGHT).then_some(held)
    }

    /// Serves `/v1/traces`, `/v1/logs` and `/v1/metrics`.
    pub async fn http<B>(
        self: Arc<Self>,
        signal: Signal,
        request: Request<B>,
    ) -> Response<Full<Bytes>>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let Some(form) = form(&head.headers) else {
            let text = "Content-Type must be application/x-protobuf or application/json";
            return fail(Form::Json, StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID_ARGUMENT, text);
        };
        let declared = declared(&head.headers);
        if declared.is_some_and(|n| n > MAX_HTTP_BODY) {
            return too_large(form);
        }
        let Some(_held) = self.hold(declared.unwrap_or(MAX_HTTP_BODY)) else {
            return come_back(form, "too many bytes in flight", MEMORY_RETRY_S);
        };
        let body = match Limited::new(body, MAX_HTTP_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(e) if e.is::<LengthLimitError>() => return too_large(form),
            Err(_) => {
                let text = "the body ended early";
                return fail(form, StatusCode::BAD_REQUEST, INVALID_ARGUMENT, text);
            }
        };
        let encoding = head.headers.get(CONTENT_ENCODING);
        let encoding = encoding.map_or("", |v| v.to_str().unwrap_or("?"));
        let agent = head.headers.get(USER_AGENT).and_then(|v| v.to_str().ok());
        self.answer((signal, form), encoding, &body, agent).await
    }

    async fn answer(
        &self,
        (signal, form): (Signal, Form),
        encoding: &str,
        body: &Bytes,
        agent: Option<&str>,
    ) -> Response<Full<Bytes>> {
        let plain = match inflate(encoding, body, MAX_HTTP_BODY) {
            Ok(plain) => plain,
            Err(Refusal::TooLarge(_)) => return too_large(form),
            Err(e @ Refusal::Damaged) => {
                return fail(form, StatusCode::BAD_REQUEST, INVALID_ARGUMENT, &e.to_string());
            }
            Err(e @ Refusal::Unknown) => {
                let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
                return fail(form, status, INVALID_ARGUMENT, &e.to_string());
            }
        };
        let extra = plain.len().saturating_sub(body.len());
        let Some(_held) = self.hold(extra) else {
            return come_back(form, "too many bytes in flight", MEMORY_RETRY_S);
        };
        let decoded = self.decode(signal, Door::OtlpHttp, form, &plain);
        drop(plain);
        let mut batch = match decoded {
            Ok(batch) => batch,
            Err(Malformed(text)) => {
                return fail(form, StatusCode::BAD_REQUEST, INVALID_ARGUMENT, &text);
            }
        };
        let calls = batch.calls.len();
        if let Err(refused) = self.store(&mut batch).await {
            return come_back(form, &refused.reason, refused.retry_after_s);
        }
        self.taken_from(agent, calls);
        respond(form, StatusCode::OK, answer::export(signal, form, &batch.rejections))
    }
}

/// The wire form a content type names.
fn form(headers: &HeaderMap) -> Option<Form> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-protobuf") {
        return Some(Form::Protobuf);
    }
    essence.eq_ignore_ascii_case("application/json").then_some(Form::Json)
}

fn declared(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn respond(form: Form, status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let kind = match form {
        Form::Protobuf => "application/x-protobuf",
        Form::Json => "application/json",
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn fail(form: Form, status: StatusCode, code: u8, text: &str) -> Response<Full<Bytes>> {
    respond(form, status, answer::status(form, code, text))
}

fn too_large(form: Form) -> Response<Full<Bytes>> {
    let text = format!("body is larger than {MAX_HTTP_BODY} bytes; send smaller batches");
    fail(form, StatusCode::PAYLOAD_TOO_LARGE, RESOURCE_EXHAUSTED, &text)
}

fn come_back(form: Form, text: &str, seconds: u32) -> Response<Full<Bytes>> {
    let mut response = fail(form, StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE, text);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}
