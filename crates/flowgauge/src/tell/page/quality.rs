//! `/api/v1/quality/…`: how online scoring stands, how many calls have a score, and how far evaluators agree.

use super::ask::{COMMON, Params};
use super::{App, Problem};
use crate::judge::quality::QualityStatus;
use crate::query::agreement::{self, Agreement};
use crate::query::coverage::{self, Coverage};
use axum::Json;
use axum::extract::State;

/// A month, as the audit looks back.
const USUAL: &str = "30d";

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

/// How many calls of each intent have a score, by evaluator, and how far those are a picture of all.
#[utoipa::path(get, path = "/api/v1/quality/coverage", tag = "quality",
    params(("since" = Option<String>, Query, description = "By the start of the call; 30d unless said"),
        ("from" = Option<String>, Query), ("to" = Option<String>, Query),
        ("day" = Option<String>, Query)),
    responses((status = 200, body = Coverage),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn covered(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Coverage>, Problem> {
    params.only(&["since", "last", "from", "to", "day"], &[])?;
    let window = params.window(USUAL, app.clock.now(), app.facts.zone)?;
    Ok(Json(app.ask(move |reader| coverage::coverage(reader, window)).await?))
}

/// How far evaluators agree about the calls that several of them scored: for each two of them the mean
/// difference and the rank correlation, with intervals. Nothing is said of fewer shared calls than `least`.
#[utoipa::path(get, path = "/api/v1/quality/agreement", tag = "quality",
    params(("since" = Option<String>, Query, description = "By the start of the call; 30d unless said"),
        ("from" = Option<String>, Query), ("to" = Option<String>, Query),
        ("day" = Option<String>, Query), ("where" = Option<Vec<String>>, Query)),
    responses((status = 200, body = Agreement),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn agreed(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Agreement>, Problem> {
    params.only(COMMON, &[])?;
    let window = params.window(USUAL, app.clock.now(), app.facts.zone)?;
    let filter = params.filter()?;
    Ok(Json(app.ask(move |reader| agreement::agreement(reader, window, &filter)).await?))
}
