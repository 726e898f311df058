//! `metrics query`: one statement, its rows in any shape.

use super::exit::{self, BAD_DATA, Done, Failure, TRY_LATER};
use super::globals::{Globals, Origin};
use super::remote::Remote;
use super::show::{self, Format, ShowArgs};
use crate::query::sql::wire::{Problem, Wish};
use crate::query::sql::{Part, Question, Sql, show as cells};
use crate::serve::clock::Clock;
use crate::store::Reader;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::path::Path;

/// Longest statement read from standard input, bytes.
const MAX_TEXT: u64 = 1 << 20;

/// Options of `metrics query`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge metrics query \"SELECT intent_type, percentile(latency, 0.95) FROM performance_metrics GROUP BY intent_type\"
  flowgauge metrics query \"SELECT * FROM calls LIMIT 1000\" --output calls.parquet
  flowgauge metrics query - < statement.sql

Tables: flowgauge metrics query \"SELECT table_name FROM information_schema.tables\"

Exit codes:
  0   answered in full
  3   answered, but rows are missing; which is told on stderr
  65  the statement is refused; place and way out are told
  69  neither a server nor a data directory
  75  too many statements at once
  77  not permitted")]
pub(crate) struct QueryArgs {
    /// The statement, or - to read it from standard input
    // It may begin with a comment: `-- P95 latency over time`.
    #[arg(value_name = "SQL", allow_hyphen_values = true)]
    statement: String,
    #[command(flatten)]
    show: ShowArgs,
}

/// An answer in full.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Table {
    columns: Vec<Column>,
    #[serde(default)]
    rows: Vec<Vec<Value>>,
    #[serde(default)]
    missing: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Column {
    name: String,
    r#type: String,
}

/// Runs it.
pub(crate) fn run(args: &QueryArgs, globals: &Globals) -> Done {
    let statement = text_of(&args.statement)?;
    let loaded = globals.load(false, &[])?;
    let file = args.show.output.as_deref().filter(|o| is_parquet(o));
    match globals.origin(&loaded)? {
        Origin::Server(remote) if file.is_some() => {
            let body = body(&statement, "parquet");
            write_file(file, &remote.bytes("/api/v1/sql", body)?)?;
            Ok(exit::OK)
        }
        Origin::Server(remote) => show_table(&asked(&remote, &statement)?, args),
        Origin::Directory(reader) => {
            let dir = loaded.config.data_dir;
            let (table, bytes) = alone(*reader, &dir, statement, file.is_some())?;
            if file.is_some() {
                write_file(file, &bytes)?;
                return Ok(ended(&table.missing));
            }
            show_table(&table, args)
        }
    }
}

fn text_of(given: &str) -> Result<String, Failure> {
    if given != "-" {
        // No statement is one word that begins like an option.
        if given.starts_with('-') && !given.contains(char::is_whitespace) {
            return Err(Failure::usage(format!("{given:?} is no option of metrics query"))
                .hint("flowgauge metrics query --help lists them"));
        }
        return Ok(given.to_owned());
    }
    let mut text = String::new();
    std::io::stdin().lock().take(MAX_TEXT).read_to_string(&mut text)?;
    Ok(text)
}

fn is_parquet(output: &str) -> bool {
    Path::new(output).extension().is_some_and(|s| s.eq_ignore_ascii_case("parquet"))
}

fn body(statement: &str, format: &str) -> Bytes {
    Bytes::from(json!({"sql": statement, "format": format}).to_string())
}

fn asked(remote: &Remote, statement: &str) -> Result<Table, Failure> {
    let table: Table = remote.call_long("/api/v1/sql", body(statement, "json"))?;
    match &table.error {
        Some(error) => Err(Failure::new(BAD_DATA, error.clone())),
        None => Ok(table),
    }
}

/// Without a server: a worker of our own.
fn alone(
    reader: Reader,
    dir: &Path,
    statement: String,
    parquet: bool,
) -> Result<(Table, Vec<u8>), Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let sql = Sql::of_this_program(reader, dir.to_owned(), Clock::real())?;
    let mut question = Question::rows(statement, "cli");
    if parquet {
        question.wish = Wish::Parquet;
    }
    let work = async {
        let mut answer = sql.ask(question).await?;
        let columns = answer
            .head
            .columns
            .iter()
            .map(|c| Column { name: c.name.clone(), r#type: cells::type_name(c.kind).to_owned() });
        let mut table = Table { columns: columns.collect(), ..Table::default() };
        let mut file = Vec::new();
        while let Some(part) = answer.next().await {
            match part? {
                Part::Head(_) => {}
                Part::Rows(rows) => {
                    let row = |r: &Vec<_>| r.iter().map(cells::json).collect();
                    table.rows.extend(rows.iter().map(row));
                }
                Part::Bytes(bytes) => file.extend(bytes),
                Part::End(end) => table.missing = end.missing,
            }
        }
        Ok((table, file))
    };
    let answer: Result<_, Problem> = runtime.block_on(work);
    sql.close();
    answer.map_err(|problem| failure(&problem))
}

fn failure(problem: &Problem) -> Failure {
    let code = if problem.code == "53300" { TRY_LATER } else { BAD_DATA };
    let place = problem.place.map(|(l, c)| format!("line {l}, column {c}: ")).unwrap_or_default();
    let failure = Failure::new(code, format!("{place}{}", problem.message));
    match &problem.hint {
        Some(hint) => failure.hint(hint.clone()),
        None => failure,
    }
}

fn write_file(file: Option<&str>, bytes: &[u8]) -> Result<(), Failure> {
    let Some(file) = file else { return Ok(()) };
    let cannot = |e: &dyn std::fmt::Display| {
        Failure::new(exit::CANNOT_WRITE, format!("{file} cannot be written: {e}"))
    };
    let path = Path::new(file);
    let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(dir).map_err(|e| cannot(&e))?;
    temporary.write_all(bytes).map_err(|e| cannot(&e))?;
    temporary.as_file().sync_all().map_err(|e| cannot(&e))?;
    temporary.persist(path).map(drop).map_err(|e| cannot(&e))
}

fn ended(missing: &[String]) -> u8 {
    for what in missing {
        show::note(&format!("missing: {what}"));
    }
    if missing.is_empty() { exit::OK } else { exit::UNKNOWN }
}

fn show_table(table: &Table, args: &QueryArgs) -> Done {
    let (format, file) = args.show.target();
    let text = match format.unwrap_or(Format::Table) {
        Format::Json | Format::Yaml => {
            let sheet = show::Sheet::default();
            let objects: Vec<Value> = table.rows.iter().map(|row| object(table, row)).collect();
            args.show.render(format.unwrap_or(Format::Json), &sheet, &Value::from(objects))?
        }
        Format::Csv => csv_of(table, args.show.no_headers)?,
        Format::Table => drawn(table, comfy_table::presets::NOTHING, args.show.no_headers),
        Format::Md => drawn(table, comfy_table::presets::ASCII_MARKDOWN, args.show.no_headers),
    };
    show::emit(&text, file)?;
    Ok(ended(&table.missing))
}

fn object(table: &Table, row: &[Value]) -> Value {
    let names = table.columns.iter().map(|c| c.name.clone());
    Value::Object(names.zip(row.iter().cloned()).collect())
}

fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn csv_of(table: &Table, bare: bool) -> Result<String, Failure> {
    let broken = |e: &dyn std::fmt::Display| Failure::new(exit::CANNOT_WRITE, e.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    if !bare {
        writer.write_record(table.columns.iter().map(|c| &c.name)).map_err(|e| broken(&e))?;
    }
    for row in &table.rows {
        writer.write_record(row.iter().map(word)).map_err(|e| broken(&e))?;
    }
    let bytes = writer.into_inner().map_err(|e| broken(&e))?;
    String::from_utf8(bytes).map_err(|e| broken(&e))
}

fn drawn(table: &Table, style: comfy_table::TableStyle, bare: bool) -> String {
    let mut out = comfy_table::Table::new();
    out.load_style(style);
    if !bare {
        out.set_header(table.columns.iter().map(|c| c.name.as_str()));
    }
    for row in &table.rows {
        out.add_row(
            row.iter()
                .map(|v| if v.is_null() { "NULL".to_owned() } else { show::printable(&word(v)) }),
        );
    }
    let text = out.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}
