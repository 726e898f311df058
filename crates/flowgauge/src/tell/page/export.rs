//! `GET /api/v1/requests/export`: raw calls with every column, streamed.
//!
//! The store is read as fast as the caller takes it: a few chunks wait, and one who leaves ends the
//! reading. Refuses to hide damage: the header says how many places of the window are missing.

use super::ask::{COMMON, Params};
use super::{App, Problem};
use crate::store::CallQuery;
use crate::store::export::ExportFormat;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use std::io;
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;

/// Says how many damaged places of the window are left out.
pub const MISSING: &str = "x-flowgauge-missing";
/// Chunks that wait for a slow caller.
const WAITING: usize = 4;
/// Bytes of a chunk: a few hundred rows.
const CHUNK: usize = 256 << 10;
/// Window unless asked otherwise.
const USUAL: &str = "24h";

/// Raw calls with all columns.
#[utoipa::path(get, path = "/api/v1/requests/export", tag = "requests",
    params(("format" = Option<String>, Query, description = "parquet, csv or jsonl (unless given)"),
        ("spans" = Option<bool>, Query, description = "Spans that are no model call too"),
        ("since" = Option<String>, Query), ("from" = Option<String>, Query),
        ("to" = Option<String>, Query), ("day" = Option<String>, Query),
        ("where" = Option<Vec<String>>, Query)),
    responses((status = 200, body = String, content_type = "application/x-ndjson", description = "The file"),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn export(State(app): State<App>, params: Params) -> Result<Response, Problem> {
    params.only(COMMON, &["format", "spans"])?;
    let window = params.window(USUAL, app.clock.now(), app.facts.zone)?;
    let (format, kind) = match params.one("format")?.unwrap_or("jsonl") {
        "parquet" => (ExportFormat::Parquet, "application/vnd.apache.parquet"),
        "csv" => (ExportFormat::Csv, "text/csv"),
        "jsonl" => (ExportFormat::Jsonl, "application/x-ndjson"),
        other => {
            return Err(Problem::field("query.format", other, "there are parquet, csv and jsonl"));
        }
    };
    let mut question = CallQuery::newest(window, 0);
    question.filter = params.filter()?;
    question.with_spans = params.flag("spans")?;
    let (reader, missing) =
        app.ask(move |reader| Ok((reader.clone(), reader.damaged(window)?.len()))).await?;
    let (to, chunks) = channel(WAITING);
    let failed = to.clone();
    // It ends with its last row, or once the caller has left.
    tokio::task::spawn_blocking(move || {
        let out = io::BufWriter::with_capacity(CHUNK, Chunks(to));
        if let Err(error) = reader.export(&question, format, out) {
            tracing::warn!(%error, "an export ended early");
            // An error means that the caller has left.
            drop(failed.blocking_send(Err(io::Error::other(error.to_string()))));
        }
    });
    let mut answer = Response::new(Body::from_stream(ReceiverStream::new(chunks)));
    *answer.status_mut() = StatusCode::OK;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(MISSING, HeaderValue::from(missing));
    Ok(answer)
}

/// What is written goes to the caller in chunks.
#[derive(Debug)]
struct Chunks(Sender<io::Result<Bytes>>);

impl io::Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes))).map_err(left)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
