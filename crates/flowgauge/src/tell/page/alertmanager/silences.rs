//! `/api/v2/silences` and `/api/v2/silence/{id}`.

use super::super::App;
use super::super::alerts::at_desk;
use super::super::alerts::silences::{moment, ordered};
use super::super::ask::Params;
use super::{Refusal, filter};
use crate::judge::desk::NewSilence;
use crate::judge::desk::matching::LabelMap;
use crate::logic::alert::silence::{Silence, SilenceMatcher};
use crate::logic::unit::UnixMicros;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// A silence as shown.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct GettableSilence {
    id: String,
    status: SilenceStatus,
    updated_at: String,
    comment: String,
    created_by: String,
    ends_at: String,
    matchers: Vec<Matcher>,
    starts_at: String,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
struct SilenceStatus {
    state: &'static str,
}

/// One matcher.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AlertmanagerMatcher)]
pub(in super::super) struct Matcher {
    name: String,
    value: String,
    is_regex: bool,
    // Clients from before 0.22 know no negative matchers.
    #[serde(default = "yes")]
    is_equal: bool,
}

/// A silence as posted.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct PostableSilence {
    #[serde(default)]
    id: Option<String>,
    matchers: Vec<Matcher>,
    starts_at: String,
    ends_at: String,
    created_by: String,
    comment: String,
}

/// The id of a silence.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(in super::super) struct Posted {
    #[serde(rename = "silenceID")]
    silence_id: String,
}

const fn yes() -> bool {
    true
}

impl GettableSilence {
    fn of(silence: &Silence, now: UnixMicros) -> Self {
        let matcher = |m: &SilenceMatcher| Matcher {
            name: m.name.clone(),
            value: m.value.clone(),
            is_regex: m.is_regex,
            is_equal: m.is_equal,
        };
        Self {
            id: silence.id.clone(),
            status: SilenceStatus { state: silence.state(now).word() },
            updated_at: silence.updated.to_rfc3339(),
            comment: silence.comment.clone(),
            created_by: silence.created_by.clone(),
            ends_at: silence.ends.to_rfc3339(),
            matchers: silence.matchers.iter().map(matcher).collect(),
            starts_at: silence.starts.to_rfc3339(),
        }
    }
}

/// Silences: those in force first, then those to come, then the expired.
#[utoipa::path(get, path = "/api/v2/silences", tag = "alertmanager",
    params(("filter" = Option<Vec<String>>, Query, description = "Matchers of the silences' own matchers")),
    responses((status = 200, body = Vec<GettableSilence>), (status = 400, body = String)))]
pub(in super::super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Vec<GettableSilence>>, Refusal> {
    let matching = filter(&params)?;
    let now = app.clock.now();
    let all = app.desk.silences();
    let own = |s: &Silence| -> LabelMap {
        s.matchers.iter().map(|m| (m.name.clone(), m.value.clone())).collect()
    };
    let shown = ordered(&all, now).into_iter().filter(|s| matching.covers(&own(s)));
    Ok(Json(shown.map(|s| GettableSilence::of(s, now)).collect()))
}

/// Makes a silence, or changes the one of its id. It is durable before the answer.
#[utoipa::path(post, path = "/api/v2/silences", tag = "alertmanager", request_body = PostableSilence,
    responses((status = 200, body = Posted), (status = 400, body = String),
        (status = 404, body = String)))]
pub(in super::super) async fn post(
    State(app): State<App>,
    body: Bytes,
) -> Result<Json<Posted>, Refusal> {
    let wanted: PostableSilence = serde_json::from_slice(&body)
        .map_err(|e| Refusal::bad(format!("parsing silence body: {e}")))?;
    let matcher = |m: Matcher| {
        let Matcher { name, value, is_regex, is_equal } = m;
        SilenceMatcher { name, value, is_regex, is_equal }
    };
    let wanted = NewSilence {
        id: wanted.id,
        matchers: wanted.matchers.into_iter().map(matcher).collect(),
        starts: moment("startsAt", &wanted.starts_at)?,
        ends: moment("endsAt", &wanted.ends_at)?,
        created_by: wanted.created_by,
        comment: wanted.comment,
    };
    let made = at_desk(&app, move |desk| desk.silence(wanted)).await?;
    tracing::info!(silence = %made.id, by = %made.created_by, "made a silence");
    Ok(Json(Posted { silence_id: made.id }))
}

/// One silence.
#[utoipa::path(get, path = "/api/v2/silence/{id}", tag = "alertmanager",
    params(("id" = String, Path, description = "Of the silence")),
    responses((status = 200, body = GettableSilence), (status = 404, body = String)))]
pub(in super::super) async fn one(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<GettableSilence>, Refusal> {
    let all = app.desk.silences();
    let found = all.iter().find(|s| s.id == id);
    let none = || Refusal(StatusCode::NOT_FOUND, format!("silence {id} not found"));
    found.map(|s| Json(GettableSilence::of(s, app.clock.now()))).ok_or_else(none)
}

/// Ends a silence now.
#[utoipa::path(delete, path = "/api/v2/silence/{id}", tag = "alertmanager",
    params(("id" = String, Path, description = "Of the silence")),
    responses((status = 200, description = "It is over, and that is durable"),
        (status = 404, body = String), (status = 500, body = String)))]
pub(in super::super) async fn expire(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<(), Refusal> {
    Ok(at_desk(&app, move |desk| desk.expire(&id)).await?)
}
