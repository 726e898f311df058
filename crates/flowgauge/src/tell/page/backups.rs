//! `GET /api/v1/config/backup`: everything needed to be here again, as this server has it.
//!
//! What belongs to it is `keep::backup`'s; writing, check sums and restoring are the command's.

use super::ask::Params;
use super::{App, Problem};
use crate::keep::backup::{self, BackupSet, Sources};
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

/// Everything needed to be here again.
#[utoipa::path(get, path = "/api/v1/config/backup", tag = "config",
    responses((status = 200, body = BackupSet)))]
pub(super) async fn gather(
    State(app): State<App>,
    params: Params,
) -> Result<Json<BackupSet>, Problem> {
    params.only(&[], &[])?;
    let now = app.clock.now();
    let figures = app.ask(move |reader| backup::figures(reader, now)).await;
    let figures = figures.unwrap_or_else(|_| backup::no_figures());
    let sources = Sources {
        config: Arc::clone(&app.config),
        regressions: Arc::clone(&app.regressions),
        control: Arc::clone(&app.control),
        prices: Arc::clone(&app.prices),
    };
    let gathered = tokio::task::spawn_blocking(move || sources.gather(now, figures)).await;
    gathered.map(Json).map_err(|e| {
        Problem::new(http::StatusCode::INTERNAL_SERVER_ERROR, format!("nothing was gathered: {e}"))
    })
}
