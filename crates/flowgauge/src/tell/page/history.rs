//! `GET /api/v1/history`: what changed beside settings and baselines: prices, rules, flowgauge itself, and the versions of
//! applications, each when it was seen first.

use super::ask::Params;
use super::{App, Problem};
use crate::control::{Chronicled, Kind};
use crate::logic::rollup::Dim;
use crate::logic::unit::UnixMicros;
use crate::store::{Reader, StoreError};
use axum::Json;
use axum::extract::State;
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

/// A change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HistoryView {
    /// When it was seen; of a deployment the hour of its first call.
    pub at: String,
    /// prices, rules, program or deployment.
    pub kind: String,
    /// What about it.
    pub what: String,
    /// By whom or by what.
    pub by: String,
}

/// What changed, the newest first.
#[utoipa::path(get, path = "/api/v1/history", tag = "control",
    params(("kind" = Option<String>, Query, description = "Only prices, rules, program or deployment"),
        ("limit" = Option<u32>, Query, description = "1 to 1000, 100 unless given")),
    responses((status = 200, body = Vec<HistoryView>),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Vec<HistoryView>>, Problem> {
    params.only(&[], &["kind", "limit"])?;
    let limit = params.number("limit", SHOWN.0, SHOWN.1)?;
    let kinds = [Kind::Prices, Kind::Rules, Kind::Program].map(Kind::word);
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

async fn chronicle(app: &App) -> Result<Vec<Chronicled>, Problem> {
    let control = Arc::clone(&app.control);
    let failed = |detail: String| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail);
    match tokio::task::spawn_blocking(move || control.chronicle.all()).await {
        Ok(lines) => lines.map_err(|e| failed(e.to_string())),
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
