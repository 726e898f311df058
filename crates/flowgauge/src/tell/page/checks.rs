//! `GET /api/v1/checks`: uptime checks of a window.

use super::ask::Params;
use super::{App, Problem};
use crate::query::checks::{CheckReport, checks};
use axum::Json;
use axum::extract::State;

/// Window unless asked otherwise.
const USUAL: &str = "24h";

/// Uptime checks: how many ran, how many were good, and what the last one said. Minutes in which
/// flowgauge did not run are missing from both and never count as down.
#[utoipa::path(get, path = "/api/v1/checks", tag = "quality",
    params(("since" = Option<String>, Query, description = "24h unless said"),
        ("from" = Option<String>, Query), ("to" = Option<String>, Query),
        ("day" = Option<String>, Query)),
    responses((status = 200, body = serde_json::Value, description = "Window and one row per configured check"),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<CheckReport>, Problem> {
    params.only(&["since", "last", "from", "to", "day"], &[])?;
    let window = params.window(USUAL, app.clock.now(), app.facts.zone)?;
    Ok(Json(app.ask(move |reader| checks(reader, window)).await?))
}
