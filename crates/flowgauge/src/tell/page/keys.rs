//! API keys: list, make, revoke.

use super::ask::Params;
use super::{App, Problem};
use crate::logic::duration;
use crate::logic::unit::UnixMicros;
use crate::serve::keys::{KeyError, KeyRing, Scope};
use crate::store::KeyRow;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Longest name of a key: a line in a table.
const MAX_NAME: usize = 100;

/// A key as listed: never its text.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KeyView {
    /// Public id, as `key_id` in rows.
    pub id: String,
    /// Why it exists.
    pub name: String,
    /// What it may do.
    pub scope: String,
    /// When it was made.
    pub created: String,
    /// From when on it is refused; `null` = never.
    pub expires: Option<String>,
    /// When it was revoked; `null` = it is not.
    pub revoked: Option<String>,
}

/// Keys, oldest first.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KeyList {
    /// The revoked too.
    pub keys: Vec<KeyView>,
}

/// A key to make.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Why it exists.
    name: String,
    /// gateway, viewer, operator or admin.
    scope: Scope,
    /// How long it is good, e.g. `90d`; for ever unless given.
    expires_in: Option<String>,
}

/// A key just made.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MadeKey {
    /// The key. Shown this once.
    pub key: String,
    /// What is kept of it.
    #[serde(flatten)]
    pub view: KeyView,
}

impl From<&KeyRow> for KeyView {
    fn from(row: &KeyRow) -> Self {
        Self {
            id: row.id.clone(),
            name: row.name.clone(),
            scope: row.scope.clone(),
            created: row.created.to_rfc3339(),
            expires: row.expires.map(UnixMicros::to_rfc3339),
            revoked: row.revoked.map(UnixMicros::to_rfc3339),
        }
    }
}

/// Every key ever made, without secrets.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys",
    responses((status = 200, body = KeyList)))]
pub(super) async fn list(State(app): State<App>, params: Params) -> Result<Json<KeyList>, Problem> {
    params.only(&[], &[])?;
    let rows = on_disk(&app, |keys| keys.list()).await?;
    Ok(Json(KeyList { keys: rows.iter().map(KeyView::from).collect() }))
}

/// Makes a key. Its text is in this answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/keys", tag = "keys", request_body = Wanted,
    responses((status = 201, body = MadeKey),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create(
    State(app): State<App>,
    params: Params,
    body: Bytes,
) -> Result<(StatusCode, Json<MadeKey>), Problem> {
    params.only(&[], &[])?;
    let wanted: Wanted = serde_json::from_slice(&body)
        .map_err(|e| Problem::field("body", "", format!("{e}; write {{\"name\", \"scope\"}}")))?;
    let name = wanted.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.contains(char::is_control) {
        let detail = format!("write 1 to {MAX_NAME} printable characters");
        return Err(Problem::field("body.name", &name, detail));
    }
    let expires = match wanted.expires_in.as_deref() {
        Some(text) => Some(expiry(text, app.clock.now())?),
        None => None,
    };
    let made = on_disk(&app, move |keys| keys.make(&name, wanted.scope, expires)).await?;
    tracing::info!(key_id = %made.row.id, scope = %made.row.scope, "made an API key");
    let view = KeyView::from(&made.row);
    Ok((StatusCode::CREATED, Json(MadeKey { key: made.text, view })))
}

fn expiry(text: &str, now: UnixMicros) -> Result<UnixMicros, Problem> {
    let length = duration::parse(text).ok().and_then(duration::Span::as_micros);
    match length {
        Some(length) if length.0 > 0 => Ok(now.after(length)),
        _ => Err(Problem::field("body.expires_in", text, "write a length like 90d or 12h")),
    }
}

/// Revokes a key at once.
#[utoipa::path(delete, path = "/api/v1/keys/{id}", tag = "keys",
    params(("id" = String, Path, description = "Id of the key, as listed")),
    responses((status = 204, description = "Revoked"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn revoke(
    State(app): State<App>,
    Path(id): Path<String>,
    params: Params,
) -> Result<StatusCode, Problem> {
    params.only(&[], &[])?;
    let wanted = id.clone();
    if on_disk(&app, move |keys| keys.revoke(&wanted)).await? {
        tracing::info!(key_id = %id, "revoked an API key");
        return Ok(StatusCode::NO_CONTENT);
    }
    let detail = "no key of this id is in force";
    Err(Problem::field("path.id", &id, detail).with_status(StatusCode::NOT_FOUND))
}

async fn on_disk<T, F>(app: &App, action: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: FnOnce(&KeyRing) -> Result<T, KeyError> + Send + 'static,
{
    let keys = Arc::clone(&app.keys);
    let failed = |detail: String| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail);
    match tokio::task::spawn_blocking(move || action(&keys)).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(KeyError::TooMany)) => {
            Err(Problem::new(StatusCode::CONFLICT, KeyError::TooMany.to_string()))
        }
        Ok(Err(e)) => Err(failed(e.to_string())),
        Err(e) => Err(failed(format!("the change ended without an answer: {e}"))),
    }
}
