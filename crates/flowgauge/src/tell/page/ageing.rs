//! `/api/v1/store/…`: whether the store is whole, and old data put away on demand.
//!
//! Owns the shapes asked for. Refuses to decide what may go: that is the store's. Directories are the
//! server's own, so only an admin names one.

use super::ask::Params;
use super::{App, Problem};
use crate::config::ArchiveAt;
use crate::keep::bucket;
use crate::logic::duration::{self, Span};
use crate::logic::unit::UnixMicros;
use crate::record::ageing::{self, ArchiveDone, Pruned};
use crate::store::StoreError;
use crate::store::age::Attached;
use crate::store::fsck::Fsck;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Which raw calls are old.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StorePrune)]
pub struct PruneAsk {
    /// Calls older than this, e.g. `30days`; `retention.raw` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than: Option<String>,
    /// Say what would go, and drop nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What is archived, and where.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StoreArchive)]
pub struct ArchiveAsk {
    /// Calls older than this, e.g. `3months`; `retention.raw` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than: Option<String>,
    /// A directory of the server's machine or `s3://bucket/prefix`; `retention.archive` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Read back the whole archive, not only what is new.
    #[serde(default)]
    pub verify: bool,
}

/// An archive.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StoreAttach)]
pub struct AttachAsk {
    /// Its directory, on the server's machine, or `s3://bucket/prefix`.
    pub dir: String,
    /// Let it go instead.
    #[serde(default)]
    pub detach: bool,
}

/// Whether everything stored is as it was written: reads all of it.
#[utoipa::path(get, path = "/api/v1/store/fsck", tag = "store",
    responses((status = 200, body = serde_json::Value, description = "What was read, what is damaged and what that costs")))]
pub(super) async fn fsck(State(app): State<App>, params: Params) -> Result<Json<Fsck>, Problem> {
    params.only(&[], &[])?;
    Ok(Json(app.ask(crate::store::Reader::fsck).await?))
}

/// Drops raw calls that are too old and archived or rolled up, and rollups that are too old.
#[utoipa::path(post, path = "/api/v1/store/prune", tag = "store", request_body = PruneAsk,
    responses((status = 200, body = serde_json::Value, description = "What went or would go, and what must stay")))]
pub(super) async fn prune(
    State(app): State<App>,
    params: Params,
    body: Bytes,
) -> Result<Json<Pruned>, Problem> {
    params.only(&[], &[])?;
    let ask: PruneAsk = read(&body)?;
    let before = before(&app, ask.older_than.as_deref())?;
    let (mut hands, keep) = (app.recorder.clone(), app.config.retention.clone());
    let at = (app.clock.now(), app.facts.zone);
    work(&app, move || ageing::prune(&mut hands, &keep, before, at, ask.dry_run)).await
}

/// Archives raw calls that are old, and verifies the copies.
#[utoipa::path(post, path = "/api/v1/store/archive", tag = "store", request_body = ArchiveAsk,
    responses((status = 200, body = serde_json::Value, description = "What was archived, and what could not be")))]
pub(super) async fn archive(
    State(app): State<App>,
    params: Params,
    body: Bytes,
) -> Result<Json<ArchiveDone>, Problem> {
    params.only(&[], &[])?;
    let ask: ArchiveAsk = read(&body)?;
    let before = before(&app, ask.older_than.as_deref())?;
    let to = match &ask.to {
        Some(text) => Some(at("body.to", text)?),
        None => app.config.retention.archive.clone(),
    };
    let Some(to) = to else {
        let detail = "name a directory or s3://bucket/prefix, or set retention.archive";
        return Err(Problem::field("body.to", "", detail));
    };
    let (mut hands, access) = (app.recorder.clone(), app.config.retention.s3.clone());
    work(&app, move || {
        let place = bucket::open(&to, &access).map_err(StoreError::io("reaching the archive"))?;
        ageing::archive(&mut hands, &place, before, ask.verify)
    })
    .await
}

/// Lets archived calls answer questions again, or no longer.
#[utoipa::path(post, path = "/api/v1/store/attach", tag = "store", request_body = AttachAsk,
    responses((status = 200, body = serde_json::Value, description = "The archive and its size")))]
pub(super) async fn attach(
    State(app): State<App>,
    params: Params,
    body: Bytes,
) -> Result<Json<Attached>, Problem> {
    params.only(&[], &[])?;
    let ask: AttachAsk = read(&body)?;
    let at = at("body.dir", &ask.dir)?;
    let (mut hands, access) = (app.recorder.clone(), app.config.retention.s3.clone());
    work(&app, move || {
        let place = bucket::open(&at, &access).map_err(StoreError::io("reaching the archive"))?;
        ageing::attach(&mut hands, &place, !ask.detach)
    })
    .await
}

fn at(field: &str, text: &str) -> Result<ArchiveAt, Problem> {
    ArchiveAt::parse(text).map_err(|why| Problem::field(field, text, why))
}

fn read<T: DeserializeOwned + Default>(body: &Bytes) -> Result<T, Problem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|e| Problem::field("body", "", e.to_string()))
}

fn before(app: &App, older_than: Option<&str>) -> Result<UnixMicros, Problem> {
    let span: Span = match older_than {
        Some(text) => duration::parse(text)
            .map_err(|e| Problem::field("body.older_than", text, e.to_string()))?,
        None => app.config.retention.raw,
    };
    Ok(span.before(app.clock.now(), app.facts.zone))
}

/// One at a time, off the async threads.
async fn work<T, F>(app: &App, work: F) -> Result<Json<T>, Problem>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    let Ok(_alone) = app.ageing.try_acquire() else {
        let detail = "old data is being put away already; wait for its answer";
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(Json(done)),
        Ok(Err(e @ (StoreError::NoArchive(_) | StoreError::Damaged { .. }))) => {
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, e.to_string()))
        }
        Ok(Err(e)) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string())),
        Err(e) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string())),
    }
}
