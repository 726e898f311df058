//! Accepts, chooses, answers.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::body::{ScriptedBody, Then};
use super::log::{Log, Seen, Unfinished};
use super::script::{Hang, Script};
use super::{answer, events, style, usage};

const WORDS: usize = 8;

/// Ids of answers of the chat, completions, responses and messages families.
const FIXED_IDS: [&str; 4] = ["chatcmpl-fixed", "cmpl-fixed", "resp_fixed", "msg_fixed"];

/// What was asked so far, as JSON; asking for it is not kept.
const SEEN: &str = "/-/seen";

type Named = Arc<Vec<(String, Script)>>;

pub(super) async fn accept(listener: TcpListener, named: Named, log: Arc<Log>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((socket, _)) = listener.accept().await else { continue };
        let _ = socket.set_nodelay(true);
        let (named, log) = (Arc::clone(&named), Arc::clone(&log));
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let (named, log) = (Arc::clone(&named), Arc::clone(&log));
                async move { Ok::<_, Infallible>(respond(request, &named, log).await) }
            });
            let io = TokioIo::new(socket);
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
        });
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Asked {
    model: String,
    stream: bool,
    stream_options: Option<StreamOptions>,
    intent: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct StreamOptions {
    include_usage: bool,
}

async fn respond(
    request: Request<Incoming>,
    named: &[(String, Script)],
    log: Arc<Log>,
) -> Response<ScriptedBody> {
    let (parts, body) = request.into_parts();
    let mut unfinished = Unfinished::new(Arc::clone(&log));
    let bytes = body.collect().await.map(|all| all.to_bytes()).unwrap_or_default();
    if parts.uri.path() == SEEN {
        return whole(log.to_json().to_string(), &Script::default(), unfinished);
    }
    let asked: Asked = serde_json::from_slice(&bytes).unwrap_or_default();
    log.request(|| Seen {
        method: parts.method.clone(),
        path: parts.uri.to_string(),
        headers: parts.headers.clone(),
        body: bytes,
    });
    let script = in_turn(Script::of(&parts.headers, &asked.model, named), &log);
    if script.head_delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(script.head_delay_ms)).await;
    }
    if script.hang == Some(Hang::Head) {
        std::future::pending::<()>().await;
    }
    let path = parts.uri.path();
    if script.refuses_usage && asked.stream_options.is_some() {
        let mut response = whole(answer::refused_option().to_string(), &script, unfinished);
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return response;
    }
    if let Some(status) = script.status {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let text = answer::error(path, status.as_u16()).to_string();
        let mut response = whole(text, &script, unfinished);
        *response.status_mut() = status;
        if let Some(word) = script.should_retry {
            let word = HeaderValue::from_static(if word { "true" } else { "false" });
            response.headers_mut().insert("x-should-retry", word);
        }
        if let Some(ms) = script.retry_after_ms {
            response.headers_mut().insert("retry-after-ms", HeaderValue::from(ms));
        } else if status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("7"));
        }
        return response;
    }
    if let Some(stream) = stream(path, &asked, &script) {
        return streamed(stream, path, &script, unfinished);
    }
    match plain(&parts, &asked, &script) {
        Some(text) => whole(text, &script, unfinished),
        None => {
            unfinished.finished();
            let mut response = whole(answer::error(path, 404).to_string(), &script, unfinished);
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}

fn in_turn(mut script: Script, log: &Log) -> Script {
    if script.turns.is_empty() {
        return script;
    }
    let turn = log.turn(&script.header()) % script.turns.len();
    script.turns.swap_remove(turn)
}

fn stream(path: &str, asked: &Asked, script: &Script) -> Option<Vec<String>> {
    let count = script.words.unwrap_or(WORDS);
    let usage = script.usage || asked.stream_options.as_ref().is_some_and(|o| o.include_usage);
    let model = script.answered_by.as_ref().unwrap_or(&asked.model);
    let mut all = match path {
        "/v1/chat/completions" if asked.stream => events::chat(model, count, usage),
        "/v1/completions" if asked.stream => events::completions(model, count, usage),
        "/v1/responses" if asked.stream => events::responses(model, count),
        "/v1/messages" if asked.stream => {
            events::messages(model, count, script.messages_usage.as_ref())
        }
        "/api/chat/stream" => events::flowreader(count, script.cached),
        _ => return None,
    };
    if let Some(stated) = &script.usage_object {
        usage::in_events(&mut all, stated);
    }
    for event in &mut all {
        *event = identified(std::mem::take(event), script);
    }
    Some(all)
}

fn plain(parts: &Parts, asked: &Asked, script: &Script) -> Option<String> {
    if let Some(size) = script.padding {
        return Some(format!("{{\"padding\":\"{}\"}}", "x".repeat(size)));
    }
    let count = script.words.unwrap_or(WORDS);
    let model = script.answered_by.as_ref().unwrap_or(&asked.model);
    let mut value = match parts.uri.path() {
        "/v1/chat/completions" => answer::chat(model, count),
        "/v1/completions" => answer::completions(model, count),
        "/v1/embeddings" => answer::embeddings(model),
        "/v1/responses" => answer::responses(model, count),
        "/v1/messages" => answer::messages(model, count, script.messages_usage.as_ref()),
        "/v1/models" => answer::models(),
        "/v1/echo" | "/api/echo" => echo(parts, asked),
        _ => return None,
    };
    if let (Some(stated), Some(usage)) = (&script.usage_object, value.get_mut("usage")) {
        usage.clone_from(stated);
    }
    Some(identified(value.to_string(), script))
}

/// The text with what the script says, and the id it wants, in place of the fixed ones.
fn identified(text: String, script: &Script) -> String {
    let text = match &script.text {
        Some(said) => {
            let words: String = events::words(script.words.unwrap_or(WORDS)).collect();
            text.replace(&Value::from(words).to_string(), &Value::from(said.as_str()).to_string())
        }
        None => text,
    };
    let Some(id) = &script.response_id else { return text };
    FIXED_IDS
        .iter()
        .fold(text, |text, fixed| text.replace(&format!("\"{fixed}\""), &format!("\"{id}\"")))
}

/// What arrived, for tests of what the gateway lets through.
fn echo(parts: &Parts, asked: &Asked) -> Value {
    let fields: Vec<_> = parts
        .headers
        .iter()
        .map(|(n, v)| json!([n.as_str(), String::from_utf8_lossy(v.as_bytes())]))
        .collect();
    json!({ "path": parts.uri.to_string(), "headers": fields, "intent": asked.intent })
}

fn whole(text: String, script: &Script, unfinished: Unfinished) -> Response<ScriptedBody> {
    let bytes = encode(text.into_bytes(), script);
    let length = bytes.len() as u64;
    let (pieces, then) = pieces(vec![bytes], script);
    let body =
        ScriptedBody::new(pieces, then, unfinished).delayed(script.chunk_delay_ms).sized(length);
    answer_with(body, "application/json", script)
}

fn streamed(
    mut all: Vec<String>,
    path: &str,
    script: &Script,
    unfinished: Unfinished,
) -> Response<ScriptedBody> {
    if let Some(n) = script.error_after {
        all.truncate(n);
        all.push(events::error(path));
    }
    if let Some(n) = script.stop_after {
        all.truncate(n);
    }
    let (content, usage) = usage::places(&all);
    if let Some(style) = script.style {
        all = style::written(all, style);
    }
    if script.comments {
        let asked = |event: &str| event.contains("\"usage\":{");
        all.iter_mut()
            .filter(|event| !asked(event))
            .for_each(|event| event.insert_str(0, ": hello\n\n"));
    }
    if let Some(end) = &script.line_end {
        all.iter_mut().for_each(|event| *event = event.replace('\n', end));
    }
    if let Some(n) = script.together {
        all = all.chunks(n).map(<[String]>::concat).collect();
    }
    let parts: Vec<Vec<u8>> = if script.encoding.is_some() {
        vec![encode(all.concat().into_bytes(), script)]
    } else {
        all.into_iter().map(String::into_bytes).collect()
    };
    let (pieces, then) = pieces(parts, script);
    let body = ScriptedBody::new(pieces, then, unfinished)
        .delayed(script.chunk_delay_ms)
        .waiting(content, script.content_delay_ms)
        .waiting(usage, script.usage_delay_ms);
    answer_with(body, "text/event-stream; charset=utf-8", script)
}

fn answer_with(body: ScriptedBody, kind: &'static str, script: &Script) -> Response<ScriptedBody> {
    let mut response = Response::new(body);
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    fields.insert("x-request-id", HeaderValue::from_static("req_fixed"));
    // A fixed date keeps two answers equal.
    fields.insert(header::DATE, HeaderValue::from_static("Tue, 14 Nov 2023 22:13:20 GMT"));
    if let Some(coding) = script.encoding.as_deref().and_then(|c| HeaderValue::from_str(c).ok()) {
        fields.insert(header::CONTENT_ENCODING, coding);
    }
    response
}

fn encode(plain: Vec<u8>, script: &Script) -> Vec<u8> {
    if script.encoding.as_deref() != Some("gzip") {
        return plain;
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    match encoder.write_all(&plain).and_then(|()| encoder.finish()) {
        Ok(encoded) => encoded,
        Err(_) => plain,
    }
}

/// Cuts a body as the script wants it, and says what follows.
fn pieces(parts: Vec<Vec<u8>>, script: &Script) -> (VecDeque<Bytes>, Then) {
    let mut out: VecDeque<Bytes> = match script.split {
        Some(size) => parts.concat().chunks(size.max(1)).map(Bytes::copy_from_slice).collect(),
        None => parts.into_iter().map(Bytes::from).collect(),
    };
    if let Some(limit) = script.cut_at {
        let mut left = limit;
        for piece in &mut out {
            piece.truncate(left);
            left -= piece.len();
        }
        out.retain(|piece| !piece.is_empty());
        return (out, Then::Break);
    }
    match script.hang {
        Some(Hang::Body) => {
            out.truncate(1);
            (out, Then::Hang)
        }
        Some(Hang::Comments) => {
            out.truncate(1);
            (out, Then::Comments)
        }
        Some(Hang::Head) | None => (out, Then::End),
    }
}
