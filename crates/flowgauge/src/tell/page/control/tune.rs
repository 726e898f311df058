//! `GET /api/v1/cache/tune`: what other bounds of the memory of answers would have done.

use super::super::ask::Params;
use super::super::{App, Problem};
use crate::logic::control::cache::tune::Tuning;
use axum::Json;
use axum::extract::State;
use http::StatusCode;

/// Replays the lookups of late under other bounds. Nothing is changed.
#[utoipa::path(get, path = "/api/v1/cache/tune", tag = "control",
    params(("aggressive" = Option<bool>, Query, description = "Also lives of up to 24 times the present one")),
    responses((status = 200, body = Object),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn show(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Tuning>, Problem> {
    params.only(&[], &["aggressive"])?;
    let aggressive = params.flag("aggressive")?;
    let (log, limits) = app.control.memory.accesses();
    // A second of work at most, and none of an async thread's.
    let tuned = tokio::task::spawn_blocking(move || log.tune(limits, aggressive)).await;
    tuned.map(Json).map_err(|e| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))
}
