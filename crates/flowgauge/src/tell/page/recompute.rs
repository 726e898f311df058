//! `POST /api/v1/prices/recompute`: stored calls priced anew, because somebody asks for it.
//!
//! One at a time, page by page: each page is durable before the next is read, so that a kill or a
//! client that leaves ends it between two, and asking again goes on. Refuses counts: only money changes.

use super::ask::{Params, moment};
use super::{App, Problem};
use crate::logic::call::{Call, Text};
use crate::logic::price::Repriced;
use crate::logic::rollup::{Dim, Filter};
use crate::logic::unit::NanoUsd;
use crate::logic::window::Window;
use crate::query::reprice::{Page, Pages};
use crate::store::{Amendment, Change};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who asked, beside every old cost.
const BY: &str = "prices recompute";
/// Longest reason kept, characters: a sentence; it is stored with every call that changes.
const MAX_REASON: usize = 200;
/// Versions told at most: tables change daily at most, and a year is told. Others count as `other`.
const MAX_VERSIONS: usize = 366;

/// Which calls are priced anew.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Recompute)]
pub struct Wanted {
    /// First moment, RFC 3339.
    pub from: String,
    /// First moment after.
    pub to: String,
    /// Only calls of this model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Say what would change, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Kept with every old cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of stored costs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Recomputed {
    /// First moment, RFC 3339.
    pub from: String,
    /// The end.
    pub to: String,
    /// Whether nothing was changed because nothing was to be.
    pub dry_run: bool,
    /// Version of the prices applied.
    pub version: String,
    /// Versions the changed calls were priced with before, and how many calls with each.
    pub versions_before: BTreeMap<String, u64>,
    /// Model calls looked at.
    pub calls: u64,
    /// Calls whose cost is another now, or would be.
    pub changed: u64,
    /// Calls among them that had no cost and have one.
    pub newly_priced: u64,
    /// Calls among them that lost theirs.
    pub no_longer_priced: u64,
    /// Known cost of them before, nano-dollars.
    #[schema(value_type = i64)]
    pub before_nanos: NanoUsd,
    /// Known cost of them after, nano-dollars.
    #[schema(value_type = i64)]
    pub after_nanos: NanoUsd,
}

impl Recomputed {
    fn add(&mut self, call: &Call, new: &Repriced) {
        let (before, after) = (call.cost.nanos, new.cost.nanos);
        self.newly_priced += u64::from(before.is_none() && after.is_some());
        self.no_longer_priced += u64::from(before.is_some() && after.is_none());
        if let Some(before) = before {
            self.before_nanos = self.before_nanos.saturating_add(before);
        }
        if let Some(after) = after {
            self.after_nanos = self.after_nanos.saturating_add(after);
        }
        let version = call.cost.price_version.as_deref().unwrap_or("none");
        let room = self.versions_before.len() < MAX_VERSIONS;
        let version =
            if room || self.versions_before.contains_key(version) { version } else { "other" };
        *self.versions_before.entry(version.to_owned()).or_default() += 1;
    }
}

/// Prices stored calls anew at the prices in force. Old costs stay on record; running it again
/// changes nothing more.
#[utoipa::path(post, path = "/api/v1/prices/recompute", tag = "prices", request_body = Wanted,
    responses((status = 200, body = Recomputed),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn recompute(
    State(app): State<App>,
    params: Params,
    body: Bytes,
) -> Result<Json<Recomputed>, Problem> {
    params.only(&[], &[])?;
    let wanted: Wanted = serde_json::from_slice(&body).map_err(|e| {
        let shape = r#"{"from": "2026-05-01T00:00:00Z", "to": "2026-05-08T00:00:00Z"}"#;
        Problem::field("body", "", format!("{e}; write {shape}"))
    })?;
    let window = window(&wanted)?;
    let by = by(wanted.reason.as_deref())?;
    let Ok(_alone) = app.recompute.try_acquire() else {
        let detail = "another recompute runs; wait for its answer";
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    };
    let book = app.prices.book();
    let mut done = Recomputed {
        from: window.from.to_rfc3339(),
        to: window.to.to_rfc3339(),
        dry_run: wanted.dry_run,
        version: book.version().to_owned(),
        ..Recomputed::default()
    };
    let mut pages = Pages::new(window, filter(wanted.model.as_deref())?);
    loop {
        let book = std::sync::Arc::clone(&book);
        let read = app.ask(move |reader| {
            let page = pages.next(reader, &book)?;
            Ok((pages, page))
        });
        let (rest, page) = read.await?;
        let Some(page) = page else { break };
        pages = rest;
        take(&app, &mut done, page, &by).await?;
    }
    tracing::info!(
        calls = done.calls, changed = done.changed, dry_run = done.dry_run,
        version = %done.version, "priced stored calls anew"
    );
    Ok(Json(done))
}

/// Makes the changes of one page durable, and counts them.
async fn take(app: &App, done: &mut Recomputed, page: Page, by: &Text) -> Result<(), Problem> {
    done.calls += page.calls;
    page.changes.iter().for_each(|(call, new)| done.add(call, new));
    if done.dry_run {
        done.changed += page.changes.len() as u64;
        return Ok(());
    }
    let amendment = |(call, new): (Call, Repriced)| Amendment {
        call: call.id,
        change: Change::Repriced { cost: new.cost, attempts: new.attempts },
        by: by.clone(),
    };
    let changes = page.changes.into_iter().map(amendment).collect();
    let amended = app.recorder.amend(changes).await.map_err(|refused| {
        let before = done.changed;
        let detail = format!(
            "{}; {before} calls have their new cost, asking again goes on from there",
            refused.reason
        );
        Problem::later(detail, refused.retry_after_s)
    })?;
    done.changed += amended.changed;
    Ok(())
}

fn window(wanted: &Wanted) -> Result<Window, Problem> {
    let from = moment("body.from", &wanted.from)?;
    let to = moment("body.to", &wanted.to)?;
    if from >= to {
        return Err(Problem::field("body.from", &wanted.from, "must lie before `to`"));
    }
    Ok(Window { from, to })
}

fn by(reason: Option<&str>) -> Result<Text, Problem> {
    let Some(reason) = reason.map(str::trim).filter(|reason| !reason.is_empty()) else {
        return Ok(Text::const_new(BY));
    };
    if reason.chars().count() > MAX_REASON || reason.chars().any(char::is_control) {
        let detail = format!("write one line of at most {MAX_REASON} characters");
        return Err(Problem::field("body.reason", reason, detail));
    }
    Ok(Text::from(format!("{BY}: {reason}")))
}

fn filter(model: Option<&str>) -> Result<Filter, Problem> {
    let Some(model) = model else { return Ok(Filter::default()) };
    Filter::parse(&[format!("{}={model}", Dim::Model.word())])
        .map_err(|e| Problem::field("body.model", model, e.to_string()))
}
