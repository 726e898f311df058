//! `/api/v1/control/changes` and `/profile`: settings changed by people, one change each, with a way back.

use super::super::ask::Params;
use super::super::guard::Caller;
use super::super::problem::UNCHANGED;
use super::super::regressions::read_body;
use super::super::{App, Problem};
use super::{ControlChange, MadeChange, mechanism, person, pointer, refused};
use crate::control::Wanted;
use crate::logic::control::state::{Profile, Refused, Settings};
use crate::logic::unit::UnixMicros;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Changes shown unless asked otherwise, and at most.
const SHOWN: (usize, usize) = (50, 1_000);

/// Settings to change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WantedSettings {
    /// Values by JSON pointer, e.g. `{"/prune/context_tokens": 1200}`.
    pub set: BTreeMap<String, Value>,
    /// Who changes it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Ends by itself after so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u64>,
    /// The generation that was looked at; another one in force refuses the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<u64>,
    /// Only says what would change.
    pub dry_run: bool,
}

/// A set of limits to apply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WantedProfile {
    /// `token-focus`, `latency-focus` or `conservative`.
    pub profile: String,
    /// Who changes it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Ends by itself after so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u64>,
    /// Only says what would change.
    pub dry_run: bool,
}

/// Who takes a change back, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WantedUndo {
    /// Who takes it back.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// Changes, the newest first.
#[utoipa::path(get, path = "/api/v1/control/changes", tag = "control",
    params(("limit" = Option<u32>, Query, description = "1 to 1000, 50 unless given"),
        ("mechanism" = Option<String>, Query, description = "Only those that touch it")),
    responses((status = 200, body = Vec<ControlChange>),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Vec<ControlChange>>, Problem> {
    params.only(&[], &["limit", "mechanism"])?;
    let limit = params.number("limit", SHOWN.0, SHOWN.1)?;
    let only = params.one("mechanism")?.map(|w| mechanism("query.mechanism", w)).transpose()?;
    let all = app.control.desk.history();
    let meant = all
        .iter()
        .rev()
        .filter(|line| only.is_none_or(|m| super::status::touches(&line.change, m)));
    Ok(Json(meant.take(limit).map(ControlChange::from).collect()))
}

/// Changes settings. Unknown settings and values that do not fit are refused with their place.
#[utoipa::path(post, path = "/api/v1/control/changes", tag = "control", request_body = WantedSettings,
    responses((status = 200, body = MadeChange),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Another change came first, or nothing would change"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "A setting is unknown, or its value does not fit")))]
pub(in super::super) async fn make(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
    body: Bytes,
) -> Result<Json<MadeChange>, Problem> {
    params.only(&[], &[])?;
    let body: WantedSettings = read_body(&body)?;
    if body.set.is_empty() {
        let detail = "name at least one setting, e.g. {\"/prune/context_tokens\": 1200}";
        return Err(Problem::field("body.set", "", detail));
    }
    let mut wanted = wanted(&app, &caller, (&body.author, &body.reason), body.ttl_seconds)?;
    wanted.seen = body.seen.or(caller.seen);
    let set = body.set;
    // Lifting the kill switch here would pass by what lifting it asks for.
    if set.keys().any(|path| path == "/kill" || path.starts_with("/kill/")) {
        person(&wanted.author)?;
    }
    carry_out(&app, &wanted, body.dry_run, |settings| pointer::apply(settings, &set)).await
}

/// Applies a named set of limits as one change.
#[utoipa::path(post, path = "/api/v1/control/profile", tag = "control", request_body = WantedProfile,
    responses((status = 200, body = MadeChange),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Nothing would change")))]
pub(in super::super) async fn profile(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
    body: Bytes,
) -> Result<Json<MadeChange>, Problem> {
    params.only(&[], &[])?;
    let body: WantedProfile = read_body(&body)?;
    let profile = Profile::from_word(&body.profile).ok_or_else(|| {
        let all = Profile::ALL.map(Profile::word).join(", ");
        Problem::field("body.profile", &body.profile, format!("write one of {all}"))
    })?;
    let wanted = wanted(&app, &caller, (&body.author, &body.reason), body.ttl_seconds)?;
    let edit = |settings: &Settings| {
        let mut settings = settings.clone();
        profile.apply(&mut settings);
        Ok(settings)
    };
    carry_out(&app, &wanted, body.dry_run, edit).await
}

/// Takes a change back. What later changes set again stays as they set it.
#[utoipa::path(post, path = "/api/v1/control/changes/{id}/undo", tag = "control", request_body = WantedUndo,
    params(("id" = u64, Path, description = "Of the change")),
    responses((status = 200, body = MadeChange),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "It is not in force")))]
pub(in super::super) async fn undo(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    params: Params,
    body: Bytes,
) -> Result<Json<MadeChange>, Problem> {
    params.only(&[], &[])?;
    let id: u64 = id.parse().map_err(|_| {
        Problem::field("path.id", &id, "write the number of a change; GET /api/v1/control/changes")
    })?;
    let body: WantedUndo = read_body(&body)?;
    let wanted = wanted(&app, &caller, (&body.author, &body.reason), None)?;
    // It may switch on again what was switched off.
    person(&wanted.author)?;
    let made = app.control.desk.undo(&wanted, id).await.map_err(|e| refused(&e))?;
    Ok(Json(MadeChange::made(&app, &made)))
}

fn wanted(
    app: &App,
    caller: &Caller,
    (author, reason): (&str, &str),
    ttl_seconds: Option<u64>,
) -> Result<Wanted, Problem> {
    let author = caller.name(author);
    if author.is_empty() {
        return Err(Problem::field("body.author", "", "say who changes it"));
    }
    let expires = ttl_seconds.map(|s| ends(app.clock.now(), s)).transpose()?;
    Ok(Wanted { expires, seen: caller.seen, ..Wanted::by(author, reason) })
}

fn ends(now: UnixMicros, seconds: u64) -> Result<UnixMicros, Problem> {
    let micros = seconds.checked_mul(1_000_000).and_then(|us| i64::try_from(us).ok());
    let end = micros.filter(|us| *us > 0).and_then(|us| now.0.checked_add(us));
    end.map(UnixMicros).ok_or_else(|| {
        Problem::field(
            "body.ttl_seconds",
            &seconds.to_string(),
            "write seconds from now, 1 or more",
        )
    })
}

/// Makes a change of settings, or says what it would be.
pub(super) async fn carry_out(
    app: &App,
    wanted: &Wanted,
    dry_run: bool,
    edit: impl Fn(&Settings) -> Result<Settings, Problem>,
) -> Result<Json<MadeChange>, Problem> {
    let mut wrong = None;
    // What does not fit leaves the settings as they are, so that nothing would change.
    let try_edit = |settings: &mut Settings| match edit(settings) {
        Ok(edited) => *settings = edited,
        Err(problem) => wrong = Some(problem),
    };
    let answer = if dry_run {
        let change = app.control.desk.preview(wanted, try_edit);
        change.map(|c| MadeChange::would(app, &c))
    } else {
        let made = app.control.desk.change(wanted, try_edit).await;
        made.map(|m| MadeChange::made(app, &m))
    };
    match (answer, wrong) {
        (_, Some(problem)) => Err(problem),
        (Ok(answer), None) => Ok(Json(answer)),
        (Err(Refused::Nothing), None) => {
            let detail = "nothing would change: the settings have these values already";
            Err(Problem::new(StatusCode::CONFLICT, detail).coded(UNCHANGED))
        }
        (Err(refusal), None) => Err(refused(&refusal)),
    }
}
