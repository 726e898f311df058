//! Drills: a marked test message through the real outbox and worker, and what its receivers said.

use super::super::ask::Params;
use super::super::{App, Problem};
use super::at_desk;
use super::deliveries::DeliveryView;
use super::episodes::episode_id;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// What to send a drill of: a rule, a channel, or a rule through one channel.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DrillWanted {
    /// The rule; all its channels unless one is named.
    pub rule: Option<String>,
    /// The channel.
    pub channel: Option<String>,
}

/// A drill and what became of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DrillView {
    /// Its id.
    pub id: String,
    /// One message for each channel.
    pub deliveries: Vec<DeliveryView>,
}

/// Sends a marked test message the way real ones go.
#[utoipa::path(post, path = "/api/v1/alerts/drill", tag = "alerts",
    request_body = DrillWanted,
    responses((status = 202, body = DrillView, description = "It waits to be sent"),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn begin(
    State(app): State<App>,
    params: Params,
    body: Bytes,
) -> Result<(StatusCode, Json<DrillView>), Problem> {
    params.only(&[], &[])?;
    let wanted: DrillWanted = serde_json::from_slice(&body).map_err(|e| {
        Problem::field("body", "", format!("{e}; write {{\"rule\"}} or {{\"channel\"}}"))
    })?;
    if wanted.rule.is_none() && wanted.channel.is_none() {
        return Err(Problem::field("body", "{}", "name a rule, a channel, or both"));
    }
    let DrillWanted { rule, channel } = wanted;
    let begun = at_desk(&app, move |desk| {
        let id = desk.drill(rule.as_deref(), channel.as_deref())?;
        Ok((id, desk.drilled(id)?))
    });
    let (id, rows) = begun.await?;
    tracing::info!(drill = %id, messages = rows.len(), "a drill was asked for");
    let deliveries = rows.iter().map(DeliveryView::from).collect();
    Ok((StatusCode::ACCEPTED, Json(DrillView { id: id.to_string(), deliveries })))
}

/// What became of a drill's messages so far.
#[utoipa::path(get, path = "/api/v1/alerts/drill/{id}", tag = "alerts",
    params(("id" = String, Path, description = "As answered when it was asked for")),
    responses((status = 200, body = DrillView),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn look(
    State(app): State<App>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<DrillView>, Problem> {
    params.only(&[], &[])?;
    let wanted = episode_id(&id)?;
    let rows = at_desk(&app, move |desk| desk.drilled(wanted)).await?;
    if rows.is_empty() {
        let detail = "no drill of this id; POST /api/v1/alerts/drill begins one";
        return Err(Problem::field("path.id", &id, detail).with_status(StatusCode::NOT_FOUND));
    }
    Ok(Json(DrillView { id, deliveries: rows.iter().map(DeliveryView::from).collect() }))
}
