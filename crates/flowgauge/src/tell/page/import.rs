//! `POST /api/v1/import`: rows that others wrote down, one JSON object a line.

use super::ask::Params;
use super::{App, Problem};
use crate::logic::call::Call;
use crate::record::Refused;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use futures_util::StreamExt;
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// Rows stored together: a commit of a few milliseconds, and one line of memory each.
const ROWS_AT_ONCE: usize = 500;
/// Longest line: a row has no content, so a longer one is no row.
const MAX_LINE: usize = 1 << 20;

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Imported {
    /// Rows stored.
    pub stored: u64,
    /// Rows known already.
    pub duplicates: u64,
}

/// Stores rows; answers once they are durable. A wrong line refuses itself and what follows; rows
/// of the lines before it are stored, and sending them again changes nothing.
#[utoipa::path(post, path = "/api/v1/import", tag = "import",
    request_body(content = String, content_type = "application/x-ndjson", description = "One call a line"),
    responses((status = 200, body = Imported),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn import(
    State(app): State<App>,
    params: Params,
    body: Body,
) -> Result<Json<Imported>, Problem> {
    params.only(&[], &[])?;
    let mut chunks = body.into_data_stream();
    let mut reading = Reading::default();
    let mut done = Imported::default();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|e| Problem::new(StatusCode::BAD_REQUEST, e.to_string()))?;
        for part in chunk.split_inclusive(|b| *b == b'\n') {
            reading.take(part)?;
            if reading.rows.len() >= ROWS_AT_ONCE {
                store(&app, &mut reading, &mut done).await?;
            }
        }
    }
    reading.end_line()?;
    store(&app, &mut reading, &mut done).await?;
    Ok(Json(done))
}

async fn store(app: &App, reading: &mut Reading, done: &mut Imported) -> Result<(), Problem> {
    let rows = std::mem::take(&mut reading.rows);
    if rows.is_empty() {
        return Ok(());
    }
    match app.recorder.submit(rows, Vec::new()).await {
        Ok(ack) => {
            done.stored += ack.stored;
            done.duplicates += ack.duplicates;
            Ok(())
        }
        Err(Refused { reason, retry_after_s }) => Err(Problem::later(reason, retry_after_s)),
    }
}

/// Lines being put together from chunks.
#[derive(Debug, Default)]
struct Reading {
    line: Vec<u8>,
    number: u64,
    rows: Vec<Call>,
}

impl Reading {
    fn take(&mut self, part: &[u8]) -> Result<(), Problem> {
        self.line.extend_from_slice(part);
        if self.line.len() > MAX_LINE {
            let detail = format!("longer than {MAX_LINE} bytes; a row is one line of JSON");
            return Err(self.wrong(detail));
        }
        if part.ends_with(b"\n") { self.end_line() } else { Ok(()) }
    }

    fn end_line(&mut self) -> Result<(), Problem> {
        let line = std::mem::take(&mut self.line);
        self.number += 1;
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        // The number is of a line already ended; `wrong` counts on from there.
        let row = serde_json::from_slice(&line)
            .map_err(|e| Problem::field(&format!("line {}", self.number), "", e.to_string()))?;
        self.rows.push(row);
        Ok(())
    }

    fn wrong(&self, detail: String) -> Problem {
        Problem::field(&format!("line {}", self.number + 1), "", detail)
    }
}
