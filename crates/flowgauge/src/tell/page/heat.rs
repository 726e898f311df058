//! `GET /api/v1/heat`: how latency was spread over time.

use super::ask::{COMMON, Params};
use super::{App, Problem, kpis};
use crate::logic::unit::UnixMicros;
use crate::query::heat::{self, Heat, Times};
use crate::store::RollupQuery;
use axum::Json;
use axum::extract::State;

/// Calls by step of time and by quarter octave of their duration.
#[utoipa::path(get, path = "/api/v1/heat", tag = "kpis",
    params(("metric" = Option<String>, Query, description = "latency (unless given) or ttft"),
        ("step" = Option<String>, Query, description = "Length of a step in whole minutes, e.g. 5min; suits the window unless given"),
        ("since" = Option<String>, Query), ("from" = Option<String>, Query),
        ("to" = Option<String>, Query), ("day" = Option<String>, Query),
        ("where" = Option<Vec<String>>, Query)),
    responses((status = 200, body = Heat),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn heat(State(app): State<App>, params: Params) -> Result<Json<Heat>, Problem> {
    params.only(COMMON, &["metric", "step"])?;
    let times = match params.one("metric")? {
        None | Some("latency") => Times::Latency,
        Some("ttft") => Times::FirstToken,
        Some(other) => return Err(Problem::field("query.metric", other, "write latency or ttft")),
    };
    let window = params.window(kpis::USUAL, app.clock.now(), app.facts.zone)?.whole_minutes();
    let minutes = (window.to.0 - window.from.0) / UnixMicros::MINUTE;
    let step = kpis::step(Some(params.one("step")?.unwrap_or("auto")), minutes)?;
    let query = RollupQuery { window, filter: params.filter()?, group_by: Vec::new(), step };
    Ok(Json(app.ask(move |reader| heat::heat(reader, times, &query)).await?))
}
