//! `POST /api/v1/alerts/replay`: when rules would have fired over what was recorded, answered by the
//! server that holds the data.
//!
//! One at a time: a replay reads everything of its window. Refuses to change anything.

use super::super::ask::{Params, moment};
use super::super::{App, Problem};
use crate::config::alerts::RuleSource;
use crate::config::problem::Problems;
use crate::judge::RuleSet;
use crate::judge::proof::replay::{Replayed, Span, replay};
use crate::judge::rules::{self, World};
use crate::logic::alert::language;
use crate::logic::unit::Micros;
use crate::logic::window::Window;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// Finer ticks than this only repeat what coarser ones say.
const LEAST_TICK: Micros = Micros::from_millis(1_000);
/// Between two evaluations where nobody says.
const USUAL_TICK: Micros = Micros::from_millis(60_000);

/// What to replay.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayWanted {
    /// First moment, RFC 3339.
    pub from: String,
    /// First moment after.
    pub to: String,
    /// Between two evaluations, `1m` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tick: Option<String>,
    /// Rule files; those of the configuration where none is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleText>,
}

/// A rule file as text.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleText {
    /// Its name, for messages.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// When rules would have fired over what was recorded, and what would have been told.
#[utoipa::path(post, path = "/api/v1/alerts/replay", tag = "alerts", request_body = ReplayWanted,
    responses((status = 200, body = Replayed),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Another replay runs")))]
pub(in super::super) async fn run(
    State(app): State<App>,
    params: Params,
    body: Bytes,
) -> Result<Json<Replayed>, Problem> {
    params.only(&[], &[])?;
    let wanted: ReplayWanted = serde_json::from_slice(&body).map_err(|e| {
        let shape = r#"{"from": "2026-05-01T00:00:00Z", "to": "2026-05-08T00:00:00Z"}"#;
        Problem::field("body", "", format!("{e}; write {shape}"))
    })?;
    let span = span(&app, &wanted)?;
    let Ok(_alone) = app.replay.try_acquire() else {
        return Err(Problem::new(StatusCode::CONFLICT, "another replay runs; wait for its answer"));
    };
    let config = std::sync::Arc::clone(&app.config);
    let set = read(&app, wanted.rules)?;
    let done = app.ask(move |reader| replay(reader, &set, &config.budgets, span));
    Ok(Json(done.await?))
}

fn span(app: &App, wanted: &ReplayWanted) -> Result<Span, Problem> {
    let window =
        Window { from: moment("body.from", &wanted.from)?, to: moment("body.to", &wanted.to)? };
    if window.from >= window.to {
        return Err(Problem::field("body.from", &wanted.from, "must lie before `to`"));
    }
    let tick = match &wanted.tick {
        None => USUAL_TICK,
        Some(text) => language::duration(text)
            .map_err(|fault| Problem::field("body.tick", text, fault.message))?,
    };
    Ok(Span { window, tick: tick.max(LEAST_TICK), zone: app.facts.zone })
}

fn read(app: &App, texts: Vec<RuleText>) -> Result<RuleSet, Problem> {
    let env = |name: &str| std::env::var(name).ok();
    let world = World { config: &app.config, env: &env };
    let set = if texts.is_empty() {
        let sources: &[RuleSource] = &app.config.alerts.rules;
        rules::load(sources, &world)
    } else {
        rules::load_texts(texts.into_iter().map(|file| (file.name, file.text)), &world)
    };
    set.map_err(|problems| {
        let all: Vec<String> = problems.iter().map(Problems::to_string).collect();
        Problem::field("body.rules", "", all.join("\n"))
    })
}
