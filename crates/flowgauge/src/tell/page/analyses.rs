//! `/api/v1/analyses`: what moved, since when and why, worked out in the background and attached to the
//! alert that is open.

use super::alerts::at_desk;
use super::ask::Params;
use super::diagnoses::own;
use super::regressions::{filter_of, read_body};
use super::{App, Problem};
use crate::judge::analysis::{Begun, Depth, begin, carry_out};
use crate::logic::diagnose::Diagnosis;
use crate::store::Analysis;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Seconds after which another try makes sense: an analysis takes some.
const AGAIN_S: u32 = 10;

/// An analysis to start.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WantedAnalysis {
    /// `warning` (unless given) or `critical`: longer back, and more questions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<String>,
    /// Which calls, as `dimension=value`.
    #[serde(rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<String>,
}

/// An analysis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AnalysisView {
    /// Its id.
    pub id: String,
    /// `running`, `done` or `failed`.
    pub state: String,
    /// The alert it is attached to.
    pub episode: Option<String>,
    /// `warning` or `critical`.
    pub depth: String,
    /// When it was started.
    pub started: String,
    /// When it ended.
    pub ended: Option<String>,
    /// Why it failed.
    pub failed: Option<String>,
    /// What it comes to, a sentence for each question that found something; else that of the first.
    pub sentences: Vec<String>,
    /// The answers.
    #[schema(value_type = Vec<serde_json::Value>)]
    pub found: Vec<Diagnosis>,
}

impl From<Analysis> for AnalysisView {
    fn from(a: Analysis) -> Self {
        let state = match (a.ended, &a.failed) {
            (None, _) => "running",
            (_, Some(_)) => "failed",
            (Some(_), None) => "done",
        };
        let mut sentences: Vec<String> =
            a.found.iter().filter(|d| !d.findings.is_empty()).map(|d| d.sentence.clone()).collect();
        sentences.dedup();
        if sentences.is_empty() {
            sentences.extend(a.found.first().map(|d| d.sentence.clone()));
        }
        sentences.extend(a.found.iter().flat_map(|d| d.notes.iter().cloned()));
        Self {
            id: a.id.to_string(),
            state: state.to_owned(),
            episode: a.episode.map(|id| id.to_string()),
            depth: a.depth.to_string(),
            started: a.started.to_rfc3339(),
            ended: a.ended.map(|at| at.to_rfc3339()),
            failed: a.failed,
            sentences,
            found: a.found,
        }
    }
}

/// Starts an analysis; it is attached to the open alert of that severity, else to the worst one.
#[utoipa::path(post, path = "/api/v1/analyses", tag = "diagnoses", request_body = WantedAnalysis,
    responses((status = 202, body = AnalysisView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Another one runs")))]
pub(super) async fn start(
    State(app): State<App>,
    params: Params,
    body: Bytes,
) -> Result<(StatusCode, Json<AnalysisView>), Problem> {
    params.only(&[], &[])?;
    let wanted: WantedAnalysis = read_body(&body)?;
    let word = wanted.depth.as_deref().unwrap_or(Depth::Warning.word());
    let depth = Depth::from_word(word)
        .ok_or_else(|| Problem::field("body.depth", word, "write warning or critical"))?;
    let filter = filter_of(&wanted.filter)?;
    let begun = at_desk(&app, move |desk| begin(desk, depth, filter)).await?;
    let (analysis, question) = match begun {
        Begun::Started(analysis, question) => (*analysis, question),
        Begun::Busy(id) => {
            let detail = format!("analysis {id} runs; wait for it, or read it at its address");
            return Err(Problem::later(detail, AGAIN_S));
        }
    };
    let view = AnalysisView::from(analysis.clone());
    let (own, task) = (own(&app), Arc::clone(&app));
    tokio::spawn(async move {
        let desk = Arc::clone(&task.desk);
        let work = move |reader: &crate::store::Reader| {
            if let Err(error) = carry_out(&desk, reader, (analysis, question), &own) {
                tracing::error!(%error, "what an analysis found was not kept");
            }
            Ok(())
        };
        if let Err(problem) = task.ask(work).await {
            tracing::warn!(?problem, "an analysis was not carried out");
        }
    });
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// One analysis.
#[utoipa::path(get, path = "/api/v1/analyses/{id}", tag = "diagnoses",
    params(("id" = String, Path, description = "Of the analysis")),
    responses((status = 200, body = AnalysisView),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn one(
    State(app): State<App>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<AnalysisView>, Problem> {
    params.only(&[], &[])?;
    let wanted = id.clone();
    let found = at_desk(&app, move |desk| Ok(desk.store().analysis(&wanted)?)).await?;
    found.map(|a| Json(AnalysisView::from(a))).ok_or_else(|| {
        let detail = "no analysis of this id; the newest 500 are kept";
        Problem::field("path.id", &id, detail).with_status(StatusCode::NOT_FOUND)
    })
}
