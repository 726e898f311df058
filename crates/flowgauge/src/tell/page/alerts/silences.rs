//! Silences: what is not told for a while, and what one would have hidden.

use super::super::ask::Params;
use super::super::{App, Problem};
use super::at_desk;
use super::episodes::EpisodeView;
use crate::judge::desk::NewSilence;
use crate::judge::desk::matching::{Matching, by_name, matcher, written};
use crate::logic::alert::silence::{
    Silence, SilenceMatcher, SilenceState, alert_labels, labels_without_rule,
};
use crate::logic::duration;
use crate::logic::unit::UnixMicros;
use crate::store::alerts::EpisodeQuery;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use chrono::DateTime;
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// How long a silence lasts unless asked otherwise: long enough to look, short enough to be noticed.
const USUAL: &str = "2h";
/// How far back a preview looks.
const PREVIEW_US: i64 = 7 * UnixMicros::DAY;
/// Most episodes a preview looks at.
const MAX_PREVIEW: usize = 5_000;
/// Most episodes a preview names.
const MAX_NAMED: usize = 20;

/// A silence.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SilenceView {
    /// Its id.
    pub id: String,
    /// pending, active or expired.
    pub state: String,
    /// All must match.
    pub matchers: Vec<MatcherView>,
    /// The same as people write them.
    pub text: String,
    /// From when on.
    pub starts: String,
    /// Until when.
    pub ends: String,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// When it was changed last.
    pub updated: String,
}

/// One matcher of a silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MatcherView {
    /// Label; `alertname` is the rule's name.
    pub name: String,
    /// Value, or an anchored regular expression.
    pub value: String,
    /// Whether it is one.
    #[serde(default)]
    pub is_regex: bool,
    /// Whether it must match; else it must not.
    #[serde(default = "yes")]
    pub is_equal: bool,
}

/// A silence to make or change.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WantedSilence {
    /// Of the silence to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// All must match.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub matchers: Vec<MatcherView>,
    /// More of them, as text: `alertname=p95_latency_critical`, `model=~"gpt-.*"`.
    #[serde(rename = "match", skip_serializing_if = "Vec::is_empty")]
    pub matching: Vec<String>,
    /// From when on, RFC 3339; now unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts: Option<String>,
    /// Until when, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
    /// How long from its start, in place of `ends`, e.g. `2h`.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub length: Option<String>,
    /// Who wants it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// What a silence would have hidden.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Preview {
    /// From when on it looked.
    pub from: String,
    /// Episodes that fired since then and match.
    pub episodes: usize,
    /// The latest of them.
    pub latest: Vec<EpisodeView>,
    /// Open episodes that match: these would not be told any more.
    pub open: usize,
}

const fn yes() -> bool {
    true
}

impl SilenceView {
    pub(super) fn of(silence: &Silence, now: UnixMicros) -> Self {
        let texts: Vec<String> = silence.matchers.iter().map(written).collect();
        Self {
            id: silence.id.clone(),
            state: silence.state(now).word().to_owned(),
            matchers: silence.matchers.iter().cloned().map(MatcherView::from).collect(),
            text: texts.join(", "),
            starts: silence.starts.to_rfc3339(),
            ends: silence.ends.to_rfc3339(),
            created_by: silence.created_by.clone(),
            comment: silence.comment.clone(),
            updated: silence.updated.to_rfc3339(),
        }
    }
}

impl From<SilenceMatcher> for MatcherView {
    fn from(m: SilenceMatcher) -> Self {
        let SilenceMatcher { name, value, is_regex, is_equal } = m;
        Self { name, value, is_regex, is_equal }
    }
}

impl From<MatcherView> for SilenceMatcher {
    fn from(m: MatcherView) -> Self {
        let MatcherView { name, value, is_regex, is_equal } = m;
        Self { name, value, is_regex, is_equal }
    }
}

/// Those in force first, then those to come, then the expired, the latest of them first.
pub(in super::super) fn ordered(silences: &[Silence], now: UnixMicros) -> Vec<&Silence> {
    let rank = |s: &&Silence| match s.state(now) {
        SilenceState::Active => (0, s.ends.0),
        SilenceState::Pending => (1, s.starts.0),
        SilenceState::Expired => (2, s.ends.0.saturating_neg()),
    };
    let mut all: Vec<&Silence> = silences.iter().collect();
    all.sort_by_key(rank);
    all
}

/// Silences: those in force first, then those to come, then the expired.
#[utoipa::path(get, path = "/api/v1/alerts/silences", tag = "alerts",
    params(("state" = Option<String>, Query, description = "pending, active or expired")),
    responses((status = 200, body = Vec<SilenceView>),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Vec<SilenceView>>, Problem> {
    params.only(&[], &["state"])?;
    let wanted = super::word(&params, "state", &["pending", "active", "expired"])?;
    let now = app.clock.now();
    let all = app.desk.silences();
    let shown = ordered(&all, now).into_iter().map(|s| SilenceView::of(s, now));
    Ok(Json(shown.filter(|s| wanted.is_none_or(|word| s.state == word)).collect()))
}

/// One silence.
#[utoipa::path(get, path = "/api/v1/alerts/silences/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Of the silence")),
    responses((status = 200, body = SilenceView),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn one(
    State(app): State<App>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<SilenceView>, Problem> {
    params.only(&[], &[])?;
    let all = app.desk.silences();
    let found = all.iter().find(|s| s.id == id);
    found.map(|s| Json(SilenceView::of(s, app.clock.now()))).ok_or_else(|| {
        let detail = "no silence of this id; GET /api/v1/alerts/silences lists all";
        Problem::field("path.id", &id, detail).with_status(StatusCode::NOT_FOUND)
    })
}

/// Makes a silence, or changes the one of its id. It is durable before the answer.
#[utoipa::path(post, path = "/api/v1/alerts/silences", tag = "alerts", request_body = WantedSilence,
    responses((status = 201, body = SilenceView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn create(
    State(app): State<App>,
    params: Params,
    body: Bytes,
) -> Result<(StatusCode, Json<SilenceView>), Problem> {
    params.only(&[], &[])?;
    let wanted: WantedSilence = serde_json::from_slice(&body).map_err(|e| {
        let advice =
            "write {\"match\": [\"alertname=NAME\"], \"for\": \"2h\", \"comment\": \"why\"}";
        Problem::field("body", "", format!("{e}; {advice}"))
    })?;
    let now = app.clock.now();
    let wanted = read(wanted, now)?;
    let made = at_desk(&app, move |desk| desk.silence(wanted)).await?;
    tracing::info!(silence = %made.id, by = %made.created_by, "made a silence");
    Ok((StatusCode::CREATED, Json(SilenceView::of(&made, now))))
}

fn read(wanted: WantedSilence, now: UnixMicros) -> Result<NewSilence, Problem> {
    let mut matchers: Vec<SilenceMatcher> =
        wanted.matchers.into_iter().map(SilenceMatcher::from).collect();
    for text in &wanted.matching {
        matchers.push(matcher(text).map_err(|e| Problem::field("body.match", text, e.detail))?);
    }
    let starts = match wanted.starts.as_deref() {
        Some(text) => moment("body.starts", text)?,
        None => now,
    };
    let ends = match (wanted.ends.as_deref(), wanted.length.as_deref()) {
        (Some(text), Some(_)) => {
            return Err(Problem::field("body.ends", text, "give ends or for, not both"));
        }
        (Some(text), None) => moment("body.ends", text)?,
        (None, length) => {
            let text = length.unwrap_or(USUAL);
            let span = duration::parse(text).ok().and_then(duration::Span::as_micros);
            let span = span.ok_or_else(|| {
                Problem::field("body.for", text, "write a length like 2h or 30min")
            })?;
            starts.max(now).after(span)
        }
    };
    let WantedSilence { id, created_by, comment, .. } = wanted;
    Ok(NewSilence { id, matchers, starts, ends, created_by, comment })
}

/// A moment of a body.
pub(in super::super) fn moment(place: &str, text: &str) -> Result<UnixMicros, Problem> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| UnixMicros(time.timestamp_micros()))
        .map_err(|_| Problem::field(place, text, "write RFC 3339, e.g. 2026-05-04T12:00:00Z"))
}

/// Ends a silence now.
#[utoipa::path(delete, path = "/api/v1/alerts/silences/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Of the silence")),
    responses((status = 204, description = "It is over, and that is durable"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn expire(
    State(app): State<App>,
    Path(id): Path<String>,
    params: Params,
) -> Result<StatusCode, Problem> {
    params.only(&[], &[])?;
    let wanted = id.clone();
    at_desk(&app, move |desk| desk.expire(&wanted)).await?;
    tracing::info!(silence = %id, "ended a silence");
    Ok(StatusCode::NO_CONTENT)
}

/// What a silence would have hidden in the last 7 days, and which open episodes it would hide.
#[utoipa::path(get, path = "/api/v1/alerts/silences/preview", tag = "alerts",
    params(("match" = Vec<String>, Query, description = "As in a silence, e.g. alertname=NAME; all must match")),
    responses((status = 200, body = Preview),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn preview(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Preview>, Problem> {
    params.only(&[], &["match"])?;
    let mut matchers = Vec::new();
    for text in params.many("match")? {
        matchers.push(matcher(text).map_err(|e| Problem::field("query.match", text, e.detail))?);
    }
    if matchers.is_empty() {
        return Err(Problem::field("query.match", "", "write at least one, e.g. alertname=NAME"));
    }
    let ready =
        Matching::new(&matchers).map_err(|e| Problem::field("query.match", "", e.detail))?;
    let from = UnixMicros(app.clock.now().0.saturating_sub(PREVIEW_US));
    let question = EpisodeQuery { from: Some(from), limit: MAX_PREVIEW, ..EpisodeQuery::default() };
    let episodes = at_desk(&app, move |desk| Ok(desk.store().episodes(&question)?)).await?;
    let seen = app.desk.seen();
    let covered: Vec<_> = episodes
        .iter()
        .filter(|e| {
            let rule = seen.rules.iter().find(|r| r.rule.name == e.rule);
            let labels = rule.map_or_else(
                || labels_without_rule(&e.rule, e.severity, &e.labels),
                |r| alert_labels(&r.rule, &e.labels),
            );
            ready.covers(&by_name(&labels))
        })
        .collect();
    Ok(Json(Preview {
        from: from.to_rfc3339(),
        episodes: covered.len(),
        latest: covered.iter().take(MAX_NAMED).map(|e| EpisodeView::of(&seen, e)).collect(),
        open: covered.iter().filter(|e| e.ended.is_none()).count(),
    }))
}
