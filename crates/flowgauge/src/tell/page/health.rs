//! Failures, health and status; liveness and readiness for whoever supervises the process.

use super::ask::{COMMON, Params};
use super::shared::{Port, PortState};
use super::{App, Problem, Shared};
use crate::config::Retention;
use crate::query::errors::{self, ErrorReport};
use crate::query::health::{self, Component, Health, Verdict};
use crate::query::status::{FirstCalls, Kept, Status};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

/// Window of failures unless asked otherwise.
const ERRORS: &str = "30min";
/// Window of health unless asked otherwise (catalogue B8, C02).
const HEALTH: &str = "15min";

/// Failed requests grouped by class.
#[utoipa::path(get, path = "/api/v1/errors", tag = "health",
    params(("last" = Option<String>, Query, description = "30min unless given"),
        ("since" = Option<String>, Query), ("from" = Option<String>, Query),
        ("to" = Option<String>, Query), ("day" = Option<String>, Query),
        ("where" = Option<Vec<String>>, Query)),
    responses((status = 200, body = serde_json::Value, description = "Most frequent class first")))]
pub(super) async fn errors(
    State(app): State<App>,
    params: Params,
) -> Result<Json<ErrorReport>, Problem> {
    params.only(COMMON, &[])?;
    let window = params.window(ERRORS, app.clock.now(), app.facts.zone)?;
    let filter = params.filter()?;
    Ok(Json(app.ask(move |reader| errors::report(reader, window, &filter)).await?))
}

/// Every KPI and every part, with one word over all.
#[utoipa::path(get, path = "/api/v1/health", tag = "health",
    params(("critical" = Option<bool>, Query, description = "Critical limits and parts only"),
        ("since" = Option<String>, Query, description = "15min unless given"),
        ("from" = Option<String>, Query), ("to" = Option<String>, Query),
        ("day" = Option<String>, Query), ("where" = Option<Vec<String>>, Query)),
    responses((status = 200, body = serde_json::Value, description = "overall is ok, warning, critical or unknown")))]
pub(super) async fn health(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Health>, Problem> {
    params.only(COMMON, &["critical"])?;
    let critical = params.flag("critical")?;
    let zone = app.facts.zone;
    let window = params.window(HEALTH, app.clock.now(), zone)?;
    let filter = params.filter()?;
    let asked = app
        .ask(move |reader| {
            Ok((crate::query::snapshot(reader, window, &filter, zone)?, reader.status()?))
        })
        .await;
    let (snapshot, store) = match asked {
        Ok((snapshot, store)) => (snapshot, Some(store)),
        // Health answers when the store does not: that is what it is for.
        Err(_) => {
            let empty = crate::query::Snapshot {
                window,
                kpis: Vec::new(),
                gaps: Vec::new(),
                changes: Vec::new(),
            };
            (empty, None)
        }
    };
    let mut parts =
        vec![gateway(&app), health::store_component(&app.recorder.stats(), store.as_ref())];
    parts.extend(app.facts.ports.iter().map(listener));
    Ok(Json(health::judge(snapshot, parts, critical)))
}

fn gateway(app: &Shared) -> Component {
    let detail = format!("{} requests in flight", app.traffic.in_flight());
    Component { name: "gateway".to_owned(), state: Verdict::Ok, detail }
}

fn listener(port: &Port) -> Component {
    let (state, detail) = match &port.state {
        PortState::Open if !port.addr.ip().is_loopback() => {
            (Verdict::Ok, format!("listening on {}, in plain HTTP, reachable by others", port.addr))
        }
        PortState::Open => (Verdict::Ok, format!("listening on {}", port.addr)),
        PortState::Off => (Verdict::Ok, "switched off".to_owned()),
        PortState::Skipped(why) => (Verdict::Warning, format!("{} skipped: {why}", port.addr)),
    };
    Component { name: format!("listener {}", port.name), state, detail }
}

/// What the running flowgauge is.
#[utoipa::path(get, path = "/api/v1/status", tag = "health",
    responses((status = 200, body = serde_json::Value, description = "Version, addresses, store, counters, first calls")))]
pub(super) async fn status(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Status>, Problem> {
    params.only(&[], &[])?;
    let known = app.first_calls.lock().clone();
    let now = app.clock.now();
    // Before the rows are read: what is stored meanwhile is looked at the next time.
    let stored = app.recorder.stats().stored;
    let asked = app.ask(move |reader| {
        let mut first = known;
        if !first.all() && first.looked_at != Some(stored) {
            first.look(reader, now)?;
            first.looked_at = Some(stored);
        }
        Ok((reader.status()?, first))
    });
    let (store, first) = match asked.await {
        Ok((store, first)) => (Some(store), first),
        Err(_) => (None, app.first_calls.lock().clone()),
    };
    remember(&app, &first);
    let address = |name: &str| app.open_port(name).map(|a| a.to_string());
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        listen: address("http").unwrap_or_default(),
        otlp_http: address("otlp_http"),
        otlp_grpc: address("otlp_grpc"),
        data_dir: app.facts.data_dir.display().to_string(),
        started: app.started.to_rfc3339(),
        time_zone: app.facts.zone.name().to_owned(),
        retention: Some(kept(&app.config.retention)),
        store,
        record: app.recorder.stats(),
        in_flight: app.traffic.in_flight(),
        first_call_by_door: first,
    }))
}

fn kept(config: &Retention) -> Kept {
    let Retention { raw, minutes, hours, archive, s3: _ } = config;
    let archive = archive.as_ref().map(ToString::to_string);
    let [raw, minutes, hours] = [raw, minutes, hours].map(ToString::to_string);
    Kept { raw, minutes, hours, archive }
}

fn remember(app: &Shared, first: &FirstCalls) {
    app.first_calls.lock().clone_from(first);
}

/// Whether the process lives.
#[utoipa::path(get, path = "/-/healthy", tag = "process",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn healthy() -> &'static str {
    "healthy\n"
}

/// Readiness.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Ready {
    /// Whether requests are taken. A store in trouble changes nothing: requests are forwarded.
    ready: bool,
    /// What works with restrictions.
    degraded: Option<String>,
}

/// Whether requests are taken.
#[utoipa::path(get, path = "/-/ready", tag = "process",
    responses((status = 200, body = Ready), (status = 503, body = Ready, description = "Stopping")))]
pub(super) async fn ready(State(app): State<App>) -> Response {
    let stats = app.recorder.stats();
    let unopened = || app.recorder.reader().is_none().then(|| "the store is not open".to_owned());
    let degraded = stats.degraded.or_else(unopened);
    if app.stop.is_cancelled() {
        let stopping = Ready { ready: false, degraded: Some("stopping".to_owned()) };
        return (StatusCode::SERVICE_UNAVAILABLE, Json(stopping)).into_response();
    }
    Json(Ready { ready: true, degraded }).into_response()
}
