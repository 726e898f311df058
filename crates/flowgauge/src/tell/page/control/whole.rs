//! `/api/v1/control/settings`: all settings at once, as they were after a change, or put back from a backup.

use super::super::ask::Params;
use super::super::guard::Caller;
use super::super::{App, Problem};
use super::changes::carry_out;
use super::{MadeChange, person, refused};
use crate::control::Wanted;
use crate::logic::control::state::Settings;
use axum::body::Bytes;
use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// All settings of control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WholeSettings {
    /// Generation in force.
    pub generation: u64,
    /// The change after which they held; nothing where they are in force.
    pub after: Option<u64>,
    /// The settings.
    #[schema(value_type = Object)]
    pub settings: Settings,
}

/// Settings to be put back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedWhole {
    /// The settings.
    #[schema(value_type = Object)]
    pub settings: Settings,
    /// Also lifts what is switched off now and was not then.
    #[serde(default)]
    pub lift_kill: bool,
    /// Who puts them back; a person.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Only says what would change.
    #[serde(default)]
    pub dry_run: bool,
}

/// All settings, in force or as they were after a change.
#[utoipa::path(get, path = "/api/v1/control/settings", tag = "control",
    params(("change" = Option<u64>, Query, description = "The change after which they held")),
    responses((status = 200, body = WholeSettings),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such change")))]
pub(in super::super) async fn show(
    State(app): State<App>,
    params: Params,
) -> Result<Json<WholeSettings>, Problem> {
    params.only(&[], &["change"])?;
    let desk = &app.control.desk;
    let state = desk.live().get();
    let unreadable =
        || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the settings cannot be read; all is off");
    let Some(word) = params.one("change")? else {
        let settings = state.settings.clone().ok_or_else(unreadable)?;
        return Ok(Json(WholeSettings { generation: state.generation, after: None, settings }));
    };
    let none = || {
        let detail = "no such change; `flowgauge config history` lists them";
        Problem::field("query.change", word, detail).with_status(StatusCode::NOT_FOUND)
    };
    let number: u64 = word.parse().map_err(|_| none())?;
    let settings = match number {
        0 => Settings::default(),
        number => {
            let desk = Arc::clone(desk);
            let read = tokio::task::spawn_blocking(move || desk.settings_after(number)).await;
            let read = read.map_err(|e| Problem::later(e.to_string(), 5))?;
            read.map_err(|e| refused(&e))?.ok_or_else(none)?
        }
    };
    Ok(Json(WholeSettings { generation: state.generation, after: Some(number), settings }))
}

/// Puts all settings back as one change. What is switched off stays off unless lifting it is asked for.
#[utoipa::path(post, path = "/api/v1/control/settings", tag = "control", request_body = WantedWhole,
    responses((status = 200, body = MadeChange),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Nothing would change"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "The settings contradict each other")))]
pub(in super::super) async fn put(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
    body: Bytes,
) -> Result<Json<MadeChange>, Problem> {
    params.only(&[], &[])?;
    let body: WantedWhole =
        serde_json::from_slice(&body).map_err(|e| Problem::field("body", "", e.to_string()))?;
    let author = caller.name(&body.author);
    person(&author)?;
    let wanted = Wanted { seen: caller.seen, ..Wanted::by(author, &*body.reason) };
    let edit = |now: &Settings| Ok(put_back(now, &body.settings, body.lift_kill));
    carry_out(&app, &wanted, body.dry_run, edit).await
}

/// Settings as they were, with what is switched off now left off unless it is to be lifted.
#[must_use]
pub fn put_back(now: &Settings, then: &Settings, lift_kill: bool) -> Settings {
    let mut settings = then.clone();
    if !lift_kill {
        settings.kill.all |= now.kill.all;
        settings.kill.only.extend(&now.kill.only);
    }
    settings
}
