//! Changes of control under a condition: `If-Match` with the generation that was looked at, and `Idempotency-Key`, by which
//! a request that is sent again changes nothing twice.
//!
//! Owns the tag (RFC 9110: the generation in quotes) and the order: the key first, because a repeated request is answered
//! as it was, also where the generation went on since. Refuses weak tags, which promise too little for a change.

pub(super) mod once;

use super::guard::Caller;
use super::{App, Problem};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use once::{Asked, Kept, Known, Name};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

const KEY: &str = "idempotency-key";
/// Says that an answer was given before.
const REPLAYED: &str = "idempotency-replayed";
/// Longest body of a change, bytes: all settings are some tens of kilobytes.
const MAX_BODY: usize = 2 << 20;
/// Longest key, bytes: a UUID has 36.
const MAX_KEY: usize = 255;

/// Before a route of control.
pub(super) async fn answer(State(app): State<App>, request: Request, next: Next) -> Response {
    let outcome = if request.method().is_safe() {
        // Read before the answer is made: a change meanwhile makes the tag older than the answer, never newer.
        let tag = present(&app);
        Ok(tagged(next.run(request).await, tag))
    } else {
        change(&app, request, next).await
    };
    outcome.unwrap_or_else(IntoResponse::into_response)
}

async fn change(app: &App, request: Request, next: Next) -> Result<Response, Problem> {
    let Some(key) = request.headers().get(KEY).cloned() else {
        return Ok(make(app, request, next).await);
    };
    let key = key.to_str().ok().filter(|k| !k.trim().is_empty() && k.len() <= MAX_KEY);
    let key = key.ok_or_else(|| {
        let detail = format!("write 1 to {MAX_KEY} visible characters, e.g. a UUID");
        Problem::field("header.idempotency-key", "", detail)
    })?;
    let caller = request.extensions().get::<Caller>().and_then(|c| c.holder.as_ref());
    let whose = caller.map_or_else(String::new, |holder| holder.id.to_string());
    let place = format!("{} {}", request.method(), request.uri());
    let name = Name { whose, key: key.to_owned() };
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY).await.map_err(|e| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body was not read: {e}"))
    })?;
    let asked = Asked(
        Sha256::new().chain_update(&place).chain_update([0]).chain_update(&body).finalize().into(),
    );
    let known = app.answered.lock().ask(name.clone(), asked, app.clock.now());
    match known {
        Known::Answered(kept) => Ok(replayed(&kept)),
        Known::Another => {
            let detail = "this key was used for another request; make a new one for a new request";
            Err(Problem::field("header.idempotency-key", &name.key, detail)
                .with_status(StatusCode::UNPROCESSABLE_ENTITY))
        }
        Known::Running => {
            let detail =
                "the first request of this key is still being answered; ask again for its answer";
            Err(Problem::new(StatusCode::CONFLICT, detail))
        }
        Known::Full => Err(Problem::later("too many requests with a key are being answered", 1)),
        Known::New => {
            let request = Request::from_parts(parts, Body::from(body));
            let (shared, cleared) = (Arc::clone(app), Forget { app: Arc::clone(app), name });
            // To its end also where the one who asks goes away: the answer to the same key must be that of the change.
            let made = tokio::spawn(async move { keep(&shared, cleared, request, next).await });
            made.await.map_err(|e| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))
        }
    }
}

/// Forgets a key that came to no answer.
struct Forget {
    app: App,
    name: Name,
}

impl Drop for Forget {
    fn drop(&mut self) {
        self.app.answered.lock().forget_running(&self.name);
    }
}

async fn keep(app: &App, forget: Forget, request: Request, next: Next) -> Response {
    let (head, body) = make(app, request, next).await.into_parts();
    let body = match axum::body::to_bytes(body, once::MAX_ANSWER).await {
        Ok(body) => body,
        // It was made whatever its answer was; whoever asks again looks at the history.
        Err(error) => {
            return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
                .into_response();
        }
    };
    // What failed on our side may go well when it is asked again.
    if !head.status.is_server_error() {
        let header = |name| head.headers.get(name).cloned();
        let kept = Kept {
            status: head.status,
            kind: header(CONTENT_TYPE),
            tag: header(ETAG),
            body: body.clone(),
        };
        app.answered.lock().keep(&forget.name, kept, app.clock.now());
    }
    Response::from_parts(head, Body::from(body))
}

fn replayed(kept: &Kept) -> Response {
    let mut response = Response::new(Body::from(Bytes::clone(&kept.body)));
    *response.status_mut() = kept.status;
    let headers = response.headers_mut();
    for (name, value) in [(CONTENT_TYPE, &kept.kind), (ETAG, &kept.tag)] {
        if let Some(value) = value {
            headers.insert(name, value.clone());
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// Makes a change where the generation is the one that was looked at.
async fn make(app: &App, mut request: Request, next: Next) -> Response {
    let wanted = match wanted(request.headers()) {
        Ok(wanted) => wanted,
        Err(problem) => return problem.into_response(),
    };
    let now = present(app);
    let seen = match wanted {
        None | Some(Wanted::Any) => None,
        Some(Wanted::OneOf(these)) if these.contains(&now) => Some(now),
        Some(Wanted::OneOf(_)) => return stale(now),
    };
    if let (Some(caller), Some(seen)) = (request.extensions_mut().get_mut::<Caller>(), seen) {
        caller.seen = Some(seen);
    }
    let response = next.run(request).await;
    let after = present(app);
    // Another change came between the look here and the change itself, which looks again.
    if seen.is_some_and(|s| s != after) && response.status() == StatusCode::CONFLICT {
        return stale(after);
    }
    tagged(response, after)
}

fn present(app: &App) -> u64 {
    app.control.desk.live().load().generation
}

fn tagged(mut response: Response, generation: u64) -> Response {
    if let Ok(tag) = HeaderValue::try_from(format!("\"{generation}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn stale(now: u64) -> Response {
    let detail = format!(
        "generation {now} is in force, not the one in If-Match; look again, then change with If-Match: \"{now}\""
    );
    tagged(Problem::new(StatusCode::PRECONDITION_FAILED, detail).into_response(), now)
}

/// What `If-Match` asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Any,
    OneOf(Vec<u64>),
}

fn wanted(headers: &HeaderMap) -> Result<Option<Wanted>, Problem> {
    let mut these = Vec::new();
    let mut any = false;
    for value in headers.get_all(IF_MATCH) {
        let text = value.to_str().unwrap_or_default();
        for tag in text.split(',').map(str::trim) {
            if tag == "*" {
                any = true;
                continue;
            }
            let quoted = tag.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
            // A tag of another shape was never given out, so that it never matches.
            match (quoted, tag.strip_prefix("W/")) {
                (Some(inside), _) => these.extend(inside.parse::<u64>()),
                (None, Some(_)) => {}
                (None, None) => {
                    let detail = "write the ETag of the answer you looked at, e.g. \"12\"";
                    return Err(Problem::field("header.if-match", tag, detail));
                }
            }
        }
    }
    if !headers.contains_key(IF_MATCH) {
        return Ok(None);
    }
    Ok(Some(if any { Wanted::Any } else { Wanted::OneOf(these) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_rfc_9110_writes_them_and_weak_ones_never_match() {
        let read = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_MATCH, HeaderValue::from_static(text));
            wanted(&headers)
        };
        assert_eq!(wanted(&HeaderMap::new()).unwrap(), None);
        assert_eq!(read("*").unwrap(), Some(Wanted::Any));
        assert_eq!(read("\"3\", \"12\"").unwrap(), Some(Wanted::OneOf(vec![3, 12])));
        assert_eq!(read("W/\"3\", \"x\"").unwrap(), Some(Wanted::OneOf(Vec::new())));
        assert_eq!(read("3").unwrap_err().status(), StatusCode::BAD_REQUEST);
    }
}
