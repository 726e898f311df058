//! `POST /api/v1/import`: rows that others wrote down, one JSON object a line.
//!
//! Owns the body: read piece by piece, whatever its length. Refuses to know what a row is; that is
//! the importer's business.

use super::ask::Params;
use super::{App, Problem};
use crate::receive::ingest::import::{ImportReport, MAX_LINE, MAX_REPORTED, Users};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use futures_util::StreamExt;
use http::StatusCode;

/// Bytes handed over at once: some thousand rows, one commit.
const PIECE: usize = 4 << 20;

/// The parameter that says what keys of users and sessions are.
pub const USERS: &str = "users";
/// Its value where they are names.
pub const NAMED: &str = "named";

/// Stores rows; answers once they are durable. Wrong lines are counted and the first of them named;
/// the others are stored. Sending a file again stores only what is missing.
#[utoipa::path(post, path = "/api/v1/import", tag = "import",
    params(("users" = Option<String>, Query, description = "`named`: keys of users and sessions are names, hashed here \
        before anything is kept; else they are hashes")),
    request_body(content = String, content_type = "application/x-ndjson", description = "One call a line"),
    responses((status = 200, body = serde_json::Value, description = "Lines read, stored, known already, rejected"),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn import(
    State(app): State<App>,
    params: Params,
    body: Body,
) -> Result<Json<ImportReport>, Problem> {
    params.only(&[USERS], &[])?;
    let users = match params.one(USERS)? {
        None => Users::Hashed,
        Some(NAMED) => Users::Named,
        Some(other) => {
            let detail = format!("write {NAMED}, or leave it out where they are hashes");
            return Err(Problem::field(&format!("query.{USERS}"), other, detail));
        }
    };
    let mut chunks = body.into_data_stream();
    let mut done = Done::default();
    let mut held: Vec<u8> = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|e| Problem::new(StatusCode::BAD_REQUEST, e.to_string()))?;
        held.extend_from_slice(&chunk);
        if held.len() < PIECE {
            continue;
        }
        let whole = held.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let rest = held.split_off(whole);
        if rest.len() > MAX_LINE {
            let place = format!("line {}", done.lines + count_lines(&held) + 1);
            let detail = format!("longer than {MAX_LINE} bytes; a row is one line of JSON");
            return Err(Problem::field(&place, "", detail));
        }
        done.take(&app, &held, users).await?;
        held = rest;
    }
    done.take(&app, &held, users).await?;
    Ok(Json(done.report))
}

/// What was done so far.
#[derive(Debug, Default)]
struct Done {
    lines: u64,
    report: ImportReport,
}

impl Done {
    async fn take(&mut self, app: &App, piece: &[u8], users: Users) -> Result<(), Problem> {
        let said = app.ingest.import_ndjson(piece, users).await.map_err(|refused| {
            let detail = format!("{}; {} rows are stored", refused.reason, self.report.stored);
            Problem::later(detail, refused.retry_after_s)
        })?;
        self.add(said);
        self.lines += count_lines(piece);
        Ok(())
    }

    fn add(&mut self, said: ImportReport) {
        let ImportReport { read, stored, duplicates, rejected, rejected_total } = said;
        let report = &mut self.report;
        report.read += read;
        report.stored += stored;
        report.duplicates += duplicates;
        report.rejected_total += rejected_total;
        let before = self.lines;
        let numbered = rejected.into_iter().map(|(line, reason)| (before + line, reason));
        let room = MAX_REPORTED.saturating_sub(report.rejected.len());
        report.rejected.extend(numbered.take(room));
    }
}

fn count_lines(piece: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', piece).fold(0, |n, _| n + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_lines_keep_their_number_across_pieces() {
        let mut done = Done { lines: 1_000, report: ImportReport::default() };
        let said = ImportReport {
            read: 3,
            rejected: vec![(2, "not a call".to_owned())],
            rejected_total: 1,
            ..ImportReport::default()
        };
        done.add(said);
        assert_eq!(done.report.rejected, [(1_002, "not a call".to_owned())]);
        assert_eq!(count_lines(b"a\nb\nc"), 2);
    }
}
