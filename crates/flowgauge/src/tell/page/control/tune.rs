//! `GET /api/v1/cache/tune`: what other bounds of the memory of answers would have done, and another likeness.

use super::super::ask::Params;
use super::super::{App, Problem};
use crate::control::memory::ThresholdAdvice;
use crate::logic::control::cache::semantic::Likeness;
use crate::logic::control::cache::tune::Tuning;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// What to do about bounds and likeness.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tuned {
    /// Bounds.
    #[serde(flatten)]
    pub bounds: Tuning,
    /// Threshold of likeness in force.
    pub serve: f32,
    /// What near misses say of it.
    pub threshold: ThresholdAdvice,
}

/// Replays the lookups of late under other bounds. Nothing is changed.
#[utoipa::path(get, path = "/api/v1/cache/tune", tag = "control",
    params(("aggressive" = Option<bool>, Query, description = "Also lives of up to 24 times the present one")),
    responses((status = 200, body = Object),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn show(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Tuned>, Problem> {
    params.only(&[], &["aggressive"])?;
    let aggressive = params.flag("aggressive")?;
    let (log, limits) = app.control.memory.accesses();
    // A second of work at most, and none of an async thread's.
    let tuned = tokio::task::spawn_blocking(move || log.tune(limits, aggressive)).await;
    let state = app.control.desk.live().get();
    let serve = state.settings.as_ref().map(|s| s.cache.likeness.serve);
    let serve = serve.unwrap_or_else(|| Likeness::default().serve);
    let threshold = app.control.memory.contents().shadow.threshold(serve);
    tuned
        .map(|bounds| Json(Tuned { bounds, serve, threshold }))
        .map_err(|e| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))
}
