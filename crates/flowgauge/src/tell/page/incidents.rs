//! `/api/v1/incidents…` and `/api/v1/hooks/…`: emergencies, what was done about them, and their timelines.

mod respond;

use super::ask::Params;
use super::regressions::read_body;
use super::{App, Problem};
use crate::judge::Incidents;
use crate::judge::incidents::{Answered, HookError, IncidentError, Step, Which};
use crate::logic::incident::{Grade, Incident};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Longest name and note, characters.
const MOST: usize = 4_000;

/// An incident to open.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewIncident {
    /// `critical`, `high` or `medium`.
    pub severity: String,
    /// What is wrong.
    pub note: String,
    /// Who says so.
    pub author: String,
    /// Whether what the severity asks for is switched: critical everything off, high safer limits;
    /// medium what other bounds of the cache would do, which is not set.
    pub respond: bool,
}

/// A closer watch.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WantedPace {
    /// `high` or `medium`.
    pub level: String,
    /// Who wants it.
    pub author: String,
}

/// Who does something about an incident, and why.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IncidentNote {
    /// Who.
    pub author: String,
    /// Why.
    pub note: String,
    /// Number of the incident it belongs to.
    pub incident: Option<u64>,
}

/// A step and what came of it.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IncidentStep {
    /// Which.
    pub name: String,
    /// Whether it worked.
    pub done: bool,
    /// What came of it.
    pub detail: String,
}

/// What was done.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AnsweredView {
    /// Number of the incident.
    pub id: u64,
    /// The steps in their order.
    pub steps: Vec<IncidentStep>,
    /// Whether the log has them.
    pub logged: bool,
}

/// An incident.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IncidentView {
    /// Its number.
    pub id: u64,
    /// `critical`, `high` or `medium`.
    pub severity: String,
    /// `SEV1`, `SEV2` or `SEV3`.
    pub level: String,
    /// What is wrong.
    pub note: String,
    /// When it was opened.
    pub opened: String,
    /// By whom.
    pub by: String,
    /// When it was closed.
    pub closed: Option<String>,
}

impl From<&Incident> for IncidentView {
    fn from(incident: &Incident) -> Self {
        Self {
            id: incident.id,
            severity: incident.grade.word().to_owned(),
            level: incident.grade.level().to_owned(),
            note: incident.note.clone(),
            opened: incident.opened.to_rfc3339(),
            by: incident.by.to_string(),
            closed: incident.closed.map(|at| at.to_rfc3339()),
        }
    }
}

impl From<Step> for IncidentStep {
    fn from(step: Step) -> Self {
        Self { name: step.name.to_string(), done: step.done, detail: step.detail }
    }
}

impl From<Answered> for AnsweredView {
    fn from(answered: Answered) -> Self {
        let steps = answered.steps.into_iter().map(IncidentStep::from).collect();
        Self { id: answered.id, steps, logged: answered.logged }
    }
}

/// Opens an incident; with `respond` also switches what its severity asks for.
#[utoipa::path(post, path = "/api/v1/incidents", tag = "incidents", request_body = NewIncident,
    responses((status = 200, body = AnsweredView),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn open(
    State(app): State<App>,
    params: Params,
    body: Bytes,
) -> Result<Json<AnsweredView>, Problem> {
    params.only(&[], &[])?;
    let wanted: NewIncident = read_body(&body)?;
    let grade = Grade::from_word(&wanted.severity).ok_or_else(|| {
        Problem::field("severity", &wanted.severity, "write critical, high or medium")
    })?;
    let author = said("author", &wanted.author)?;
    let note = said("note", &wanted.note)?;
    let answered = if wanted.respond {
        respond::respond(&app, grade, author, note).await
    } else {
        app.incidents.start(grade, author, note).await
    };
    Ok(Json(answered.into()))
}

/// All incidents, the latest first.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "incidents",
    responses((status = 200, body = Vec<IncidentView>)))]
pub(super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Vec<IncidentView>>, Problem> {
    params.only(&[], &[])?;
    let all = with(&app, Incidents::list).await?;
    Ok(Json(all.iter().map(IncidentView::from).collect()))
}

/// Closes an incident.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/close", tag = "incidents", request_body = IncidentNote,
    params(("id" = u64, Path)),
    responses((status = 200, body = IncidentView),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn close(
    State(app): State<App>,
    Path(id): Path<u64>,
    body: Bytes,
) -> Result<Json<IncidentView>, Problem> {
    let wanted: IncidentNote = read_body(&body)?;
    said("author", &wanted.author)?;
    said("note", &wanted.note)?;
    let closed = with(&app, move |i| i.close(id, &wanted.author, &wanted.note)).await?;
    Ok(Json(IncidentView::from(&closed)))
}

/// The timeline of an incident as Markdown.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/report", tag = "incidents",
    params(("id" = u64, Path)),
    responses((status = 200, body = String, content_type = "text/markdown"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn report(
    State(app): State<App>,
    Path(id): Path<u64>,
) -> Result<Response, Problem> {
    let text = with(&app, move |i| i.report(id)).await?;
    Ok(([(CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response())
}

/// Watches closer for an hour.
#[utoipa::path(post, path = "/api/v1/pace", tag = "incidents", request_body = WantedPace,
    responses((status = 200, body = IncidentStep),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn intensify(
    State(app): State<App>,
    params: Params,
    body: Bytes,
) -> Result<Json<IncidentStep>, Problem> {
    params.only(&[], &[])?;
    let wanted: WantedPace = read_body(&body)?;
    let high = match wanted.level.as_str() {
        "high" => true,
        "medium" => false,
        other => return Err(Problem::field("level", other, "write high or medium")),
    };
    let author = said("author", &wanted.author)?;
    Ok(Json(app.incidents.intensify(high, author).await.into()))
}

/// Runs a command of the operator's: `restart` or `scale`.
#[utoipa::path(post, path = "/api/v1/hooks/{hook}", tag = "incidents", request_body = IncidentNote,
    params(("hook" = String, Path)),
    responses((status = 200, body = IncidentStep),
        (status = 501, body = Problem, content_type = "application/problem+json", description = "It is not configured")))]
pub(super) async fn hook(
    State(app): State<App>,
    Path(hook): Path<String>,
    body: Bytes,
) -> Result<Json<IncidentStep>, Problem> {
    let which = Which::from_word(&hook)
        .ok_or_else(|| Problem::field("hook", &hook, "write restart or scale"))?;
    let wanted: IncidentNote = read_body(&body)?;
    let author = said("author", &wanted.author)?;
    let outcome = app.incidents.hook(which, wanted.incident, author).await.map_err(problem)?;
    let (name, detail) = (which.word().to_owned(), outcome.to_string());
    Ok(Json(IncidentStep { name, done: outcome.is_good(), detail }))
}

fn said<'a>(place: &str, text: &'a str) -> Result<&'a str, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Problem::field(place, text, "say who and why"));
    }
    if text.chars().count() > MOST {
        let detail = format!("longer than {MOST} characters");
        return Err(Problem::field(place, text, detail));
    }
    Ok(text)
}

async fn with<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Incidents) -> Result<T, IncidentError> + Send + 'static,
) -> Result<T, Problem> {
    let incidents = Arc::clone(&app.incidents);
    match tokio::task::spawn_blocking(move || work(&incidents)).await {
        Ok(done) => done.map_err(problem),
        Err(e) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string())),
    }
}

fn problem(error: IncidentError) -> Problem {
    let status = match &error {
        IncidentError::None(_) => StatusCode::NOT_FOUND,
        IncidentError::Over(..) => StatusCode::CONFLICT,
        IncidentError::Hook(HookError::NotConfigured(_)) => StatusCode::NOT_IMPLEMENTED,
        IncidentError::Hook(HookError::NotStarted { .. }) | IncidentError::Store(_) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    Problem::new(status, error.to_string())
}
