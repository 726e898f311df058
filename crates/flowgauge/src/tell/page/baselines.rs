//! `/api/v1/baselines`: what later is compared with; proposed by anyone who operates, promoted by a
//! person.

use super::ask::Params;
use super::regressions::{bucket_of, days_of, filter_of, input, read_body, with};
use super::{App, Problem};
use crate::judge::regressions::Proposal;
use crate::logic::baseline::{Baseline, Cell, Origin, Status, period};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Days a baseline is learned from unless asked otherwise: four weeks, as live baselines are.
const LEARNED_DAYS: u32 = 28;
/// Lines of history shown unless asked otherwise, and at most.
const LINES: (usize, usize) = (100, 1_000);

/// A baseline in short.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BaselineView {
    /// Its name.
    pub name: String,
    /// candidate, promoted or retired.
    pub standing: String,
    /// Whether it is pinned.
    pub pinned: bool,
    /// When it was made.
    pub made: String,
    /// By whom.
    pub made_by: String,
    /// When it was promoted last.
    pub promoted: Option<String>,
    /// By whom.
    pub promoted_by: Option<String>,
    /// First moment of its window.
    pub from: String,
    /// The moment after the last.
    pub to: String,
    /// The file it came from, unless it was measured.
    pub file: Option<String>,
    /// Minutes of a point.
    pub bucket_minutes: u32,
    /// Points it has.
    pub points: usize,
    /// Stretches nothing was learned from: from, to, why.
    pub left_out: Vec<(String, String, String)>,
    /// Whose evaluations its quality is.
    pub evaluator: Option<String>,
    /// Everything together.
    pub whole: CellView,
}

/// Figures of a cell.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CellView {
    /// Route; empty for everything.
    pub endpoint: String,
    /// Purpose.
    pub intent: String,
    /// Model.
    pub model: String,
    /// Successful calls.
    pub requests: u64,
    /// ms.
    pub latency_p95: Option<f64>,
    /// Of a successful call.
    pub tokens: Option<f64>,
    /// Dollars, of a priced call.
    pub cost: Option<f64>,
    /// 0–100.
    pub quality: Option<f64>,
    /// Evaluations behind it.
    pub scored: u64,
}

/// A baseline with its cells and its course.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BaselineDetail {
    /// In short.
    #[serde(flatten)]
    pub baseline: BaselineView,
    /// By endpoint, intent and model, the busiest first.
    pub cells: Vec<CellView>,
    /// Its course as the lists of the guide.
    pub period: Value,
}

/// A baseline to make.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WantedBaseline {
    /// Its name; year and week unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whole days to learn from; 28 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// Minutes of a point; 60 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_minutes: Option<u32>,
    /// Which calls, as `dimension=value`.
    #[serde(rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<String>,
    /// In place of measured days: the lists of a file; needs a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Value>,
    /// Name of that file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Who asks.
    pub by: String,
    /// Why.
    pub why: String,
}

/// A change of how a baseline stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedChange {
    /// promote, pin or unpin.
    pub change: String,
    /// Who asks.
    #[serde(default)]
    pub by: String,
    /// Why.
    #[serde(default)]
    pub why: String,
}

/// What was done to a baseline.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BaselineChange {
    /// When.
    pub at: String,
    /// Which.
    pub name: String,
    /// What: proposed, imported, promoted, retired, pinned, unpinned.
    pub what: String,
    /// By whom.
    pub by: String,
    /// Why.
    pub why: String,
}

impl From<&Cell> for CellView {
    fn from(cell: &Cell) -> Self {
        let figures = cell.figures();
        Self {
            endpoint: cell.endpoint.to_string(),
            intent: cell.intent.to_string(),
            model: cell.model.to_string(),
            requests: figures.requests,
            latency_p95: figures.latency_p95,
            tokens: figures.tokens,
            cost: figures.cost,
            quality: figures.quality,
            scored: figures.scored,
        }
    }
}

impl BaselineView {
    fn of(baseline: &Baseline, status: &Status) -> Self {
        let left_out = baseline
            .left_out
            .iter()
            .map(|l| (l.window.from.to_rfc3339(), l.window.to.to_rfc3339(), l.why.to_string()));
        let promoted = status.promoted.as_ref();
        Self {
            name: baseline.name.to_string(),
            standing: status.standing.word().to_owned(),
            pinned: status.pinned,
            made: baseline.made.to_rfc3339(),
            made_by: baseline.made_by.to_string(),
            promoted: promoted.map(|(at, _)| at.to_rfc3339()),
            promoted_by: promoted.map(|(_, by)| by.to_string()),
            from: baseline.window.from.to_rfc3339(),
            to: baseline.window.to.to_rfc3339(),
            file: match &baseline.origin {
                Origin::Measured => None,
                Origin::Imported { file } => Some(file.to_string()),
            },
            bucket_minutes: baseline.bucket_minutes,
            points: baseline.whole.points.len(),
            left_out: left_out.collect(),
            evaluator: baseline.evaluator.as_ref().map(ToString::to_string),
            whole: CellView::from(&baseline.whole),
        }
    }
}

/// All baselines, the newest first.
#[utoipa::path(get, path = "/api/v1/baselines", tag = "baselines",
    responses((status = 200, body = Vec<BaselineView>)))]
pub(super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Vec<BaselineView>>, Problem> {
    params.only(&[], &[])?;
    let all = with(&app, |r| r.baselines()).await?;
    Ok(Json(all.iter().map(|(b, s)| BaselineView::of(b, s)).collect()))
}

/// Builds a candidate from the last days, without stretches in which an alert was open, or from a file.
#[utoipa::path(post, path = "/api/v1/baselines", tag = "baselines", request_body = WantedBaseline,
    responses((status = 201, body = BaselineView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "The name is taken"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "Too little data")))]
pub(super) async fn propose(
    State(app): State<App>,
    params: Params,
    body: Bytes,
) -> Result<(StatusCode, Json<BaselineView>), Problem> {
    params.only(&[], &[])?;
    let wanted: WantedBaseline = read_body(&body)?;
    let made = match &wanted.period {
        Some(lists) => {
            let name = wanted.name.clone().ok_or_else(|| {
                Problem::field("body.name", "", "a baseline from a file needs a name")
            })?;
            let (lists, by) = (input(lists)?, wanted.by.clone());
            let file = wanted.file.clone().unwrap_or_else(|| "file".to_owned());
            with(&app, move |r| r.import((&name, &file), &lists, &by)).await?
        }
        None => {
            let proposal = Proposal {
                name: wanted.name,
                days: days_of(Some(wanted.days.unwrap_or(LEARNED_DAYS)))?,
                bucket_minutes: bucket_of(wanted.bucket_minutes)?,
                filter: filter_of(&wanted.filter)?,
                by: wanted.by,
                why: wanted.why,
            };
            with(&app, move |r| r.propose(&proposal)).await?
        }
    };
    Ok((StatusCode::CREATED, Json(BaselineView::of(&made.0, &made.1))))
}

/// One baseline with its cells and its course; `promoted` names the promoted one.
#[utoipa::path(get, path = "/api/v1/baselines/{name}", tag = "baselines",
    params(("name" = String, Path, description = "Its name, or promoted")),
    responses((status = 200, body = BaselineDetail),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn one(
    State(app): State<App>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<BaselineDetail>, Problem> {
    params.only(&[], &[])?;
    let (baseline, status) = with(&app, move |r| match name.as_str() {
        "promoted" => r.baseline(None),
        other => r.baseline(Some(other)),
    })
    .await?;
    Ok(Json(BaselineDetail {
        cells: baseline.cells.iter().map(CellView::from).collect(),
        period: period(&baseline.whole.points),
        baseline: BaselineView::of(&baseline, &status),
    }))
}

/// Promotes, pins or unpins a baseline. A promotion is refused while an alert of the application or a
/// regression is open, so that bad times never become what is usual.
#[utoipa::path(post, path = "/api/v1/baselines/{name}", tag = "baselines", request_body = WantedChange,
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, body = BaselineView),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Not now; it says why")))]
pub(super) async fn change(
    State(app): State<App>,
    Path(name): Path<String>,
    params: Params,
    body: Bytes,
) -> Result<Json<BaselineView>, Problem> {
    params.only(&[], &[])?;
    let wanted: WantedChange = read_body(&body)?;
    let WantedChange { change, by, why } = wanted;
    if !["promote", "pin", "unpin"].contains(&change.as_str()) {
        return Err(Problem::field("body.change", &change, "write promote, pin or unpin"));
    }
    let (baseline, status) = with(&app, move |r| {
        match change.as_str() {
            "promote" => r.promote(&name, &by, &why)?,
            pin => r.pin(&name, pin == "pin", &by, &why)?,
        };
        r.baseline(Some(&name))
    })
    .await?;
    Ok(Json(BaselineView::of(&baseline, &status)))
}

/// What was done to baselines, the latest first.
#[utoipa::path(get, path = "/api/v1/baselines/history", tag = "baselines",
    params(("limit" = Option<usize>, Query, description = "At most so many; 100 unless given")),
    responses((status = 200, body = Vec<BaselineChange>)))]
pub(super) async fn history(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Vec<BaselineChange>>, Problem> {
    params.only(&["limit"], &[])?;
    let limit = params.number("limit", LINES.0, LINES.1)?;
    let lines = with(&app, move |r| r.history(limit)).await?;
    let line = |e: crate::store::baselines::BaselineEvent| BaselineChange {
        at: e.at.to_rfc3339(),
        name: e.name.to_string(),
        what: e.what.to_string(),
        by: e.by.to_string(),
        why: e.why.to_string(),
    };
    Ok(Json(lines.into_iter().map(line).collect()))
}
