//! `/api/v1/quality/status`: how online scoring stands.

use super::ask::Params;
use super::{App, Problem};
use crate::judge::quality::QualityStatus;
use axum::Json;
use axum::extract::State;

/// How online scoring stands: shares, counts by intent since start, the judging model and its money.
#[utoipa::path(get, path = "/api/v1/quality/status", tag = "quality",
    responses((status = 200, body = QualityStatus),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn status(
    State(app): State<App>,
    params: Params,
) -> Result<Json<QualityStatus>, Problem> {
    params.only(&[], &[])?;
    Ok(Json(app.quality.status()))
}
