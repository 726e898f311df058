//! Single requests: a page of the newest, and one by id.

use super::ask::{COMMON, Params};
use super::{App, Problem};
use crate::logic::call::{Call, Status, Text};
use crate::logic::id::{CallId, TraceId};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::query::listed::ListedRequest;
use crate::query::provenance::RequestDetail;
use crate::receive::UserHasher;
use crate::store::CallQuery;
use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// Window of a list unless asked otherwise.
const USUAL: &str = "24h";
/// Rows of a page unless asked otherwise.
const USUAL_ROWS: usize = 50;
/// Rows of a page at most: about 1 MB of JSON.
const MAX_ROWS: usize = 500;

/// Parameters beside the common ones.
const OWN: &[&str] = &["limit", "cursor", "status", "user", "trace", "spans"];
/// Parameters that name rows: those are found at any age.
const NAMES: &[&str] = &["response_id", "trace_id"];
/// Parameters that give a window.
const PERIOD: &[&str] = &["since", "last", "from", "to", "day"];

/// Digits of a user's hash.
const HASH_DIGITS: usize = 24;

/// A page of requests.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Page {
    /// Newest first.
    pub items: Vec<ListedRequest>,
    /// Handed back as `cursor` for the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// Requests, newest first.
#[utoipa::path(get, path = "/api/v1/requests", tag = "requests",
    params(("limit" = Option<u32>, Query, description = "1 to 500, 50 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("status" = Option<String>, Query, description = "ok, error, cancelled, truncated, interrupted or refused"),
        ("user" = Option<String>, Query, description = "Name of a user, or its hash as rows show it"),
        ("trace" = Option<String>, Query, description = "W3C trace id: its calls of the window"),
        ("response_id" = Option<String>, Query, description = "The provider's id of the answer: every row, of any age unless a window is given"),
        ("trace_id" = Option<String>, Query, description = "W3C trace id: every row, spans and rows that count elsewhere too, of any age unless a window is given"),
        ("spans" = Option<bool>, Query, description = "Spans that are no model call too"),
        ("since" = Option<String>, Query), ("from" = Option<String>, Query),
        ("to" = Option<String>, Query), ("day" = Option<String>, Query),
        ("where" = Option<Vec<String>>, Query)),
    responses((status = 200, body = Page),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(State(app): State<App>, params: Params) -> Result<Json<Page>, Problem> {
    params.only(COMMON, &[OWN, NAMES].concat())?;
    let limit = params.number("limit", USUAL_ROWS, MAX_ROWS)?;
    let named = given(&params, NAMES);
    let window = window_of(&app, &params, named)?;
    // One more than asked for tells whether another page follows.
    let mut question = CallQuery::newest(window, limit + 1);
    question.filter = params.filter()?;
    question.with_spans = params.flag("spans")?;
    question.user_key = params.one("user")?.map(|user| user_key(user, &app.hasher));
    question.status = match params.one("status")? {
        Some(word) => Some(status(word)?),
        None => None,
    };
    question.trace_id = trace(&params, "trace")?;
    if named {
        let response = params.one("response_id")?.map(Text::from);
        question.by_name(response, trace(&params, "trace_id")?.or(question.trace_id));
    }
    question.after = params.one("cursor")?.map(read_cursor).transpose()?;
    if let Some((start, _)) = question.after {
        // A window up to now moves on between pages; the cursor keeps the place.
        question.window.to = question.window.to.max(UnixMicros(start.0.saturating_add(1)));
    }
    let page = app.ask(move |reader| {
        let rows = reader.calls(&question)?;
        let (shown, next_cursor) = page(&rows, limit);
        Ok(Page { items: ListedRequest::all(reader, shown)?, next_cursor })
    });
    Ok(Json(page.await?))
}

fn given(params: &Params, names: &[&str]) -> bool {
    names.iter().any(|name| !matches!(params.one(name), Ok(None)))
}

/// Rows asked for by name are found at any age.
fn window_of(app: &App, params: &Params, named: bool) -> Result<Window, Problem> {
    if named && !given(params, PERIOD) {
        return Ok(Window { from: UnixMicros(i64::MIN), to: UnixMicros(i64::MAX) });
    }
    params.window(USUAL, app.clock.now(), app.facts.zone)
}

fn trace(params: &Params, name: &str) -> Result<Option<TraceId>, Problem> {
    let read = |text: &str| {
        text.parse::<TraceId>().map_err(|_| {
            let advice = "write the 32 hexadecimal digits of a trace id";
            Problem::field(&format!("query.{name}"), text, advice)
        })
    };
    params.one(name)?.map(read).transpose()
}

/// The rows of a page, and where the next begins.
fn page(rows: &[Call], limit: usize) -> (&[Call], Option<String>) {
    let shown = rows.get(..limit).unwrap_or(rows);
    let more = rows.len() > limit;
    (shown, shown.last().filter(|_| more).map(write_cursor))
}

/// A user is named, or given as rows show users: as a keyed hash.
fn user_key(user: &str, hasher: &UserHasher) -> Text {
    let hashed = user.len() == HASH_DIGITS && user.bytes().all(|b| b.is_ascii_hexdigit());
    if hashed { user.into() } else { hasher.hash(user) }
}

fn status(word: &str) -> Result<Status, Problem> {
    Status::from_word(word).ok_or_else(|| {
        let words: Vec<&str> = Status::ALL.iter().map(|s| s.word()).collect();
        Problem::field("query.status", word, format!("write one of {}", words.join(", ")))
    })
}

fn write_cursor(call: &Call) -> String {
    format!("{}_{}", call.time.start.0, call.id)
}

fn read_cursor(text: &str) -> Result<(UnixMicros, CallId), Problem> {
    let parts = text.split_once('_');
    let read = parts.and_then(|(start, id)| Some((start.parse().ok()?, id.parse().ok()?)));
    read.map(|(start, id)| (UnixMicros(start), id)).ok_or_else(|| {
        Problem::field("query.cursor", text, "hand back next_cursor of the page before unchanged")
    })
}

/// One request, with where each number comes from and the arithmetic behind its cost.
#[utoipa::path(get, path = "/api/v1/requests/{id}", tag = "requests",
    params(("id" = String, Path, description = "flowgauge's id, as in x-flowgauge-request-id")),
    responses((status = 200, body = RequestDetail),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn one(
    State(app): State<App>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<RequestDetail>, Problem> {
    params.only(&[], &[])?;
    let wanted: CallId = id.parse().map_err(|_| {
        Problem::field("path.id", &id, "write the 32 hexadecimal digits of a request id")
    })?;
    let book = app.prices.book();
    let found = app.ask(move |reader| RequestDetail::read(reader, wanted, &book)).await?;
    found.map(Json).ok_or_else(|| {
        let detail = "no such request; it may still be in flight, or past its retention";
        Problem::field("path.id", &id, detail).with_status(StatusCode::NOT_FOUND)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::call::Door;
    use proptest::prelude::*;

    fn call(second: i64) -> Call {
        let at = UnixMicros(second * 1_000_000);
        Call::begun(CallId::new(at, [5; 10]), at, at, Door::Gateway)
    }

    #[test]
    fn a_user_is_found_by_name_and_by_hash() {
        let hasher = UserHasher::new(&[1; 32]);
        let hash = user_key("ada", &hasher);
        assert_eq!(hash.len(), HASH_DIGITS);
        assert_eq!(user_key(&hash, &hasher), hash);
    }

    #[test]
    fn a_full_page_points_to_the_next_and_the_last_does_not() {
        let rows: Vec<Call> = (0..3).rev().map(call).collect();
        let (shown, next) = page(&rows, 2);
        let cursor = next.unwrap();
        assert_eq!(read_cursor(&cursor).unwrap(), (UnixMicros(1_000_000), rows[1].id));
        assert_eq!(shown.len(), 2);
        assert_eq!(page(&rows, 3).1, None);
    }

    proptest! {
        #[test]
        fn any_cursor_is_read_or_refused(text in "\\PC{0,60}") {
            if let Ok((start, id)) = read_cursor(&text) {
                prop_assert!(text.starts_with(&start.0.to_string()) || text.starts_with('+') || text.starts_with("-0") || text.starts_with('0'));
                prop_assert_eq!(id.to_string().len(), 32);
            }
        }
    }
}
