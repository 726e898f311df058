//! `/api/v1/alerts`: rules and how they stand, episodes, silences, deliveries, acknowledgements.
//!
//! Refuses to evaluate: what stands here was decided by the engine and is read from the desk, and
//! what lies in the past from the alert store.

pub(super) mod acknowledge;
pub(super) mod deliveries;
pub(super) mod drill;
pub(super) mod episodes;
pub(super) mod replay;
pub(super) mod silences;

mod figures;
mod view;

pub use acknowledge::Acknowledgement;
pub use deliveries::{Deliveries, DeliveryView, NoiseView};
pub use drill::{DrillView, DrillWanted};
pub use episodes::{EpisodeDetail, EpisodePage, EpisodeView, TransitionView};
pub use replay::{ReplayWanted, RuleText};
pub use silences::{MatcherView, Preview, SilenceView, WantedSilence};
pub use view::{
    AlertsView, ChannelView, ExternalView, FiguresView, InstanceView, RuleFacts, RuleView,
};

pub(super) use figures::message;

use super::ask::Params;
use super::{App, Problem};
use crate::judge::{Desk, DeskError};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use std::sync::Arc;

/// Rules with their instances, in the order of the files, and alerts that others posted.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts",
    params(("state" = Option<String>, Query, description = "Only rules in this state: unknown, inactive, pending, firing or recovering"),
        ("severity" = Option<String>, Query, description = "Only rules of this severity")),
    responses((status = 200, body = AlertsView),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn all(
    State(app): State<App>,
    params: Params,
) -> Result<Json<AlertsView>, Problem> {
    params.only(&[], &["state", "severity"])?;
    let state =
        word(&params, "state", &["unknown", "inactive", "pending", "firing", "recovering"])?;
    let severity = word(&params, "severity", &["critical", "warning", "info"])?;
    let external = app.desk.posted().iter().map(|posted| (&**posted).into()).collect();
    let mut view = AlertsView::of(&app.desk.seen(), external);
    view.rules.retain(|r| {
        state.is_none_or(|word| r.state == word)
            && severity.is_none_or(|word| r.rule.severity == word)
    });
    // What others post fires; their severity is a label.
    view.external.retain(|a| {
        let own = a.labels.get("severity").map(String::as_str);
        state.is_none_or(|word| word == "firing") && severity.is_none_or(|word| own == Some(word))
    });
    Ok(Json(view))
}

/// Rules as written, in the order of the files.
#[utoipa::path(get, path = "/api/v1/alerts/rules", tag = "alerts",
    responses((status = 200, body = Vec<RuleFacts>)))]
pub(super) async fn rules(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Vec<RuleFacts>>, Problem> {
    params.only(&[], &[])?;
    let seen = app.desk.seen();
    Ok(Json(seen.rules.iter().map(|r| RuleFacts::of(&r.rule)).collect()))
}

/// Reads the rule files again, as SIGHUP does. What cannot be read leaves the rules before in force:
/// `load_error` of `GET /api/v1/alerts` says why.
#[utoipa::path(post, path = "/-/reload", tag = "process",
    responses((status = 202, body = String, content_type = "text/plain", description = "They are read before the next evaluation")))]
pub(super) async fn reload(
    State(app): State<App>,
    params: Params,
) -> Result<(StatusCode, &'static str), Problem> {
    params.only(&[], &[])?;
    app.desk.reload_bell().notify_one();
    let said = "rule files are read again; GET /api/v1/alerts says what came of it\n";
    Ok((StatusCode::ACCEPTED, said))
}

/// A parameter that is one of some words.
fn word<'a>(params: &'a Params, name: &str, words: &[&str]) -> Result<Option<&'a str>, Problem> {
    match params.one(name)? {
        Some(text) if !words.contains(&text) => {
            let detail = format!("write one of {}", words.join(", "));
            Err(Problem::field(&format!("query.{name}"), text, detail))
        }
        found => Ok(found),
    }
}

/// Does something at the desk, off the async threads: it may wait for the disk.
pub(super) async fn at_desk<T, F>(app: &App, action: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: FnOnce(&Desk) -> Result<T, DeskError> + Send + 'static,
{
    let desk = Arc::clone(&app.desk);
    match tokio::task::spawn_blocking(move || action(&desk)).await {
        Ok(done) => done.map_err(refused),
        Err(e) => {
            tracing::error!(error = %e, "work at the alert desk ended without an answer");
            let detail = "it ended without an answer; see the log";
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail))
        }
    }
}

fn refused(e: DeskError) -> Problem {
    match e {
        DeskError::Refused { place, value, detail } => {
            Problem::field(&format!("body.{place}"), &value, detail)
        }
        DeskError::NoSilence(_) => Problem::new(StatusCode::NOT_FOUND, e.to_string()),
        DeskError::Over(..) => Problem::new(StatusCode::CONFLICT, e.to_string()),
        DeskError::Store(e) => {
            tracing::warn!(error = %e, "the alert store refused");
            let detail = format!("the alert store cannot do that: {e}");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
        }
    }
}
