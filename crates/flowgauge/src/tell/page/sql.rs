//! Statements over HTTP: the answer streams, and ends with the connection.

use super::{App, Problem};
use crate::query::sql::wire::{Cell, End, Head, Problem as Refused, Wish};
use crate::query::sql::{Answer, Part, Question, schema, show};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use futures_util::stream;
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A statement to run.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// One statement that reads.
    pub sql: String,
    /// json (default), jsonl, csv or parquet.
    #[serde(default)]
    pub format: Shape,
    /// Seconds it may take, 30 at most and unless given.
    #[serde(default)]
    pub timeout_s: Option<u64>,
}

/// Shape of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// One object: `columns`, `rows`, then `row_count` and `missing`, or `error`.
    #[default]
    Json,
    /// An object a line; the last line is `{"row_count": …, "missing": […]}` or `{"error": …}`.
    Jsonl,
    /// Comma separated, with a heading; a connection that breaks off says that it is not whole.
    Csv,
    /// A Parquet file.
    Parquet,
}

/// A table that can be asked.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TableView {
    /// Its name.
    pub name: String,
    /// What one row is.
    pub meaning: String,
    /// Its columns.
    pub columns: Vec<ColumnView>,
}

/// A column of it.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ColumnView {
    /// Its name.
    pub name: String,
    /// Its type, as Postgres names it.
    pub r#type: String,
    /// Its unit; empty where it has none.
    pub unit: String,
    /// What it says, and when it is NULL.
    pub meaning: String,
}

/// The tables statements can ask.
#[utoipa::path(get, path = "/api/v1/sql/tables", tag = "sql",
    responses((status = 200, body = Vec<TableView>)))]
pub(super) async fn tables() -> Json<Vec<TableView>> {
    let column = |c: &schema::Column| ColumnView {
        name: c.name.to_owned(),
        r#type: show::type_name(c.kind).to_owned(),
        unit: c.unit.to_owned(),
        meaning: c.meaning.to_owned(),
    };
    let table = |t: &schema::Table| TableView {
        name: t.name.to_owned(),
        meaning: t.meaning.to_owned(),
        columns: t.columns.iter().map(column).collect(),
    };
    Json(schema::TABLES.iter().map(table).collect())
}

/// Runs a statement.
#[utoipa::path(post, path = "/api/v1/sql", tag = "sql", request_body = Statement,
    responses((status = 200, description = "The rows, in the shape asked for"),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn run(State(app): State<App>, body: Bytes) -> Result<Response, Problem> {
    let statement: Statement = serde_json::from_slice(&body)
        .map_err(|e| Problem::field("body", "", format!("{e}; send {{\"sql\": \"SELECT …\"}}")))?;
    let mut question = Question::rows(statement.sql, "api");
    if statement.format == Shape::Parquet {
        question.wish = Wish::Parquet;
    }
    if let Some(seconds) = statement.timeout_s {
        question.limits.time_ms = question.limits.time_ms.min(seconds.saturating_mul(1_000));
    }
    let mut answer = app.sql().ask(question).await.map_err(|p| refused(&p))?;
    // What fails on its first row is refused with a status, not in the middle of an answer.
    let first = match answer.next().await {
        Some(Err(problem)) => return Err(refused(&problem)),
        first => first,
    };
    Ok(streamed(statement.format, answer, first))
}

/// A refusal before the first row.
fn refused(problem: &Refused) -> Problem {
    let mut detail = problem.message.clone();
    if let Some((line, column)) = problem.place {
        detail = format!("line {line}, column {column}: {detail}");
    }
    if let Some(hint) = &problem.hint {
        detail = format!("{detail}; {hint}");
    }
    match problem.code.as_str() {
        "53300" | "57P01" | "58000" | "08006" => Problem::later(detail, 1),
        "XX000" => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail),
        _ => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail),
    }
}

fn streamed(shape: Shape, answer: Answer, first: Option<Result<Part, Refused>>) -> Response {
    let mime = match shape {
        Shape::Json => "application/json",
        Shape::Jsonl => "application/x-ndjson",
        Shape::Csv => "text/csv; charset=utf-8",
        Shape::Parquet => "application/vnd.apache.parquet",
    };
    let writer = Writer { shape, names: Vec::new(), first: true };
    let begun = (Some(answer), writer, Some(first));
    let body = stream::unfold(begun, |(answer, mut writer, mut first)| async move {
        let mut answer = answer?;
        if writer.names.is_empty() && writer.first {
            let head = writer.head(&answer.head);
            if !head.is_empty() {
                return Some((Ok(Bytes::from(head)), (Some(answer), writer, first)));
            }
        }
        let part = match first.take() {
            Some(part) => part,
            None => answer.next().await,
        };
        let (text, last) = match part {
            Some(Ok(Part::Rows(rows))) => (Ok(writer.rows(&rows)), false),
            Some(Ok(Part::Bytes(bytes))) => (Ok(bytes), false),
            Some(Ok(Part::Head(_))) => (Ok(Vec::new()), false),
            Some(Ok(Part::End(end))) => (Ok(writer.end(&end)), true),
            Some(Err(problem)) => (writer.broken(&problem), true),
            None => (Err(std::io::Error::other("the statement ended early")), true),
        };
        Some((text.map(Bytes::from), ((!last).then_some(answer), writer, None)))
    });
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    response
}

/// Writes the parts of an answer in its shape.
struct Writer {
    shape: Shape,
    names: Vec<String>,
    first: bool,
}

impl Writer {
    fn head(&mut self, head: &Head) -> Vec<u8> {
        self.names = head.columns.iter().map(|c| c.name.clone()).collect();
        match self.shape {
            Shape::Json => {
                let columns: Vec<Value> = head
                    .columns
                    .iter()
                    .map(|c| json!({"name": c.name, "type": show::type_name(c.kind)}))
                    .collect();
                format!("{{\"columns\":{},\"rows\":[", Value::from(columns)).into_bytes()
            }
            Shape::Csv => csv_line(self.names.iter().map(String::as_str)),
            Shape::Jsonl | Shape::Parquet => {
                self.first = false;
                Vec::new()
            }
        }
    }

    fn rows(&mut self, rows: &[Vec<Cell>]) -> Vec<u8> {
        let mut out = Vec::new();
        for row in rows {
            match self.shape {
                Shape::Json => {
                    if !std::mem::take(&mut self.first) {
                        out.push(b',');
                    }
                    let cells: Vec<Value> = row.iter().map(show::json).collect();
                    out.extend_from_slice(Value::from(cells).to_string().as_bytes());
                }
                Shape::Jsonl => {
                    let cells = row.iter().map(show::json);
                    let line: serde_json::Map<String, Value> =
                        self.names.iter().cloned().zip(cells).collect();
                    out.extend_from_slice(Value::Object(line).to_string().as_bytes());
                    out.push(b'\n');
                }
                Shape::Csv => {
                    let cells: Vec<String> =
                        row.iter().map(|c| show::text(c).unwrap_or_default()).collect();
                    out.extend(csv_line(cells.iter().map(String::as_str)));
                }
                Shape::Parquet => {}
            }
        }
        out
    }

    fn end(&self, end: &End) -> Vec<u8> {
        let rows = end.rows;
        let missing = Value::from(end.missing.clone());
        match self.shape {
            Shape::Json => format!("],\"row_count\":{rows},\"missing\":{missing}}}").into_bytes(),
            Shape::Jsonl => {
                format!("{}\n", json!({"row_count": rows, "missing": missing})).into_bytes()
            }
            Shape::Csv | Shape::Parquet => Vec::new(),
        }
    }

    /// A failure after the first row: said where the shape has room for it, else the connection breaks.
    fn broken(&self, problem: &Refused) -> Result<Vec<u8>, std::io::Error> {
        let message = Value::from(refused(problem).detail());
        match self.shape {
            Shape::Json => Ok(format!("],\"error\":{message}}}").into_bytes()),
            Shape::Jsonl => Ok(format!("{}\n", json!({"error": message})).into_bytes()),
            Shape::Csv | Shape::Parquet => Err(std::io::Error::other(problem.message.clone())),
        }
    }
}

fn csv_line<'a>(cells: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // Writing to memory does not fail.
    let written = writer.write_record(cells);
    debug_assert!(written.is_ok(), "a record of one length");
    writer.into_inner().unwrap_or_default()
}
