//! `/api/v1/history`: what changed beside settings and baselines: prices, rules, flowgauge itself, and the versions of
//! applications, each when it was seen first; and what people noted.

use super::ask::{Params, moment};
use super::guard::Caller;
use super::regressions::read_body;
use super::{App, Problem};
use crate::control::{Chronicle, Chronicled, Kind};
use crate::logic::rollup::Dim;
use crate::logic::unit::UnixMicros;
use crate::store::{Reader, StoreError};
use axum::body::Bytes;
use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Lines unless asked otherwise, and at most.
const SHOWN: (usize, usize) = (100, 1_000);
/// Versions of applications that came longer ago are not told: nobody asks what they did.
const LOOKED_BACK: i64 = 90 * UnixMicros::DAY;
/// Word of the kind that is read from calls.
const DEPLOYMENT: &str = "deployment";
/// Longest note and name, characters: a note is a line on a chart.
const MOST: (usize, usize) = (1_000, 200);

/// A change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HistoryView {
    /// When it was seen; of a deployment the hour of its first call, of a note the time it is about.
    pub at: String,
    /// prices, rules, program, deployment or note.
    pub kind: String,
    /// What about it.
    pub what: String,
    /// By whom or by what.
    pub by: String,
}

/// What changed, the newest first.
#[utoipa::path(get, path = "/api/v1/history", tag = "control",
    params(("kind" = Option<String>, Query, description = "Only prices, rules, program, deployment or note"),
        ("limit" = Option<u32>, Query, description = "1 to 1000, 100 unless given")),
    responses((status = 200, body = Vec<HistoryView>),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Vec<HistoryView>>, Problem> {
    params.only(&[], &["kind", "limit"])?;
    let limit = params.number("limit", SHOWN.0, SHOWN.1)?;
    let kinds = [Kind::Prices, Kind::Rules, Kind::Program, Kind::Note].map(Kind::word);
    let only = params.one("kind")?;
    if let Some(other) = only.filter(|k| *k != DEPLOYMENT && !kinds.contains(k)) {
        let detail = format!("write {} or {DEPLOYMENT}", kinds.join(", "));
        return Err(Problem::field("query.kind", other, detail));
    }
    let wanted = |kind: &str| only.is_none_or(|o| o == kind);
    let mut all: Vec<(UnixMicros, HistoryView)> = Vec::new();
    if kinds.into_iter().any(wanted) {
        let lines = chronicle(&app).await?;
        all.extend(lines.into_iter().filter(|l| wanted(l.kind.word())).map(view));
    }
    if wanted(DEPLOYMENT) {
        let from = UnixMicros(app.clock.now().0.saturating_sub(LOOKED_BACK));
        all.extend(app.ask(move |reader| deployments(reader, from)).await?);
    }
    all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    all.truncate(limit);
    Ok(Json(all.into_iter().map(|(_, view)| view).collect()))
}

/// A note of a person.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewNote {
    /// The time it is about, RFC 3339, not after the present; the present unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What happened, up to 1000 characters. It is shown as text.
    pub text: String,
    /// Who says so, up to 200 characters.
    pub author: String,
}

/// Adds a note. It stands on the timeline, on every chart over its time, and in reports.
#[utoipa::path(post, path = "/api/v1/history", tag = "control", request_body = NewNote,
    responses((status = 200, body = HistoryView),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn note(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
    body: Bytes,
) -> Result<Json<HistoryView>, Problem> {
    params.only(&[], &[])?;
    let wanted: NewNote = read_body(&body)?;
    let text = said("body.text", &wanted.text, MOST.0)?;
    let author = caller.name(&said("body.author", &wanted.author, MOST.1)?);
    let now = app.clock.now();
    let at = wanted.at.as_deref().map_or(Ok(now), |at| moment("body.at", at))?;
    if at > now || at.0 < 0 {
        let detail = "a note is about the past: since 1970, and not after the present";
        return Err(Problem::field("body.at", &at.to_rfc3339(), detail));
    }
    let line = Chronicled { at, kind: Kind::Note, what: text, by: author };
    let (_, told) = view(line.clone());
    blocking(&app, move |c| c.note(line.at, line.what, line.by)).await?;
    Ok(Json(told))
}

/// A text of a person on one line, neither empty nor endless.
fn said(place: &str, text: &str, most: usize) -> Result<String, Problem> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return Err(Problem::field(place, "", "say what happened, and who says so"));
    }
    if line.chars().count() > most {
        return Err(Problem::field(place, &line, format!("longer than {most} characters")));
    }
    Ok(line)
}

async fn chronicle(app: &App) -> Result<Vec<Chronicled>, Problem> {
    blocking(app, Chronicle::all).await
}

async fn blocking<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Chronicle) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let control = Arc::clone(&app.control);
    let failed = |detail: String| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail);
    match tokio::task::spawn_blocking(move || work(&control.chronicle)).await {
        Ok(done) => done.map_err(|e| failed(e.to_string())),
        Err(e) => Err(failed(e.to_string())),
    }
}

fn view(line: Chronicled) -> (UnixMicros, HistoryView) {
    let Chronicled { at, kind, what, by } = line;
    let kind = kind.word().to_owned();
    (at, HistoryView { at: at.to_rfc3339(), kind, what, by })
}

/// The hour in which each version of each application was seen first, but for those that were there with the
/// application's first data: nobody can say when they came.
fn deployments(
    reader: &Reader,
    from: UnixMicros,
) -> Result<Vec<(UnixMicros, HistoryView)>, StoreError> {
    let mut first: BTreeMap<(String, String), UnixMicros> = BTreeMap::new();
    for (key, at) in reader.first_seen(|key| !key.get(Dim::Version).is_empty())? {
        let name = (key.get(Dim::Service).to_string(), key.get(Dim::Version).to_string());
        let seen = first.entry(name).or_insert(at);
        *seen = (*seen).min(at);
    }
    let mut began: BTreeMap<&str, UnixMicros> = BTreeMap::new();
    for ((service, _), at) in &first {
        let since = began.entry(service).or_insert(*at);
        *since = (*since).min(*at);
    }
    let came = first
        .iter()
        .filter(|((service, _), at)| **at >= from && began.get(service.as_str()) != Some(at));
    Ok(came
        .map(|((service, version), at)| {
            let service = if service.is_empty() { "an application" } else { service };
            let what = format!("{service} {version} was seen first");
            let by = "its calls".to_owned();
            (*at, HistoryView { at: at.to_rfc3339(), kind: DEPLOYMENT.to_owned(), what, by })
        })
        .collect())
}
