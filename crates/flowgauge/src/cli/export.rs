//! `metrics export`: figures and raw calls for other programs.
//!
//! `--shape regression` writes the last days as the lists that `regression compare` reads; `--format`
//! writes raw calls, streamed, to a file that is whole or not there.

use super::ask::Where;
use super::exit::{self, CANNOT_WRITE, Done, Failure};
use super::globals::{self, Globals, Origin};
use super::period::{self, PeriodArgs};
use super::remote::Remote;
use super::show;
use crate::logic::window::Window;
use crate::store::export::ExportFormat;
use crate::store::{CallQuery, Reader};
use http_body_util::BodyExt;
use serde_json::Value;
use std::io::{self, Write};
use std::path::Path;

/// Options of `metrics export`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge metrics export --shape regression --days 7 --output current_performance.json
  flowgauge metrics export --shape regression --days 28 --bucket 1440 --where intent=explain
  flowgauge metrics export --format parquet --since 7d --output calls.parquet
  flowgauge metrics export --format jsonl --from 2026-11-01 --to 2026-11-08 --where model=gpt-4o-mini | gzip > calls.gz

Exit codes:
  0   written
  1   written without rows that are damaged: `store status` names them
  3   no values in those days
  64  wrong usage
  69  neither a server nor a data directory
  73  the file cannot be written")]
pub(crate) struct ExportArgs {
    /// Figures of this shape
    #[arg(long, value_enum, required_unless_present = "format", conflicts_with = "format")]
    shape: Option<Shape>,
    /// Raw calls with every column, in this format
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// With --shape: whole days, up to the last whole value
    #[arg(long, default_value_t = 7)]
    days: u32,
    /// With --shape: minutes of a value
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    bucket: u32,
    #[command(flatten)]
    period: PeriodArgs,
    /// With --format: spans that are no model call too
    #[arg(long, requires = "format")]
    spans: bool,
    /// Only calls of dimension=value
    #[arg(long = "where", value_name = "DIM=VALUE")]
    filter: Vec<String>,
    /// A file, or - for stdout
    #[arg(long, value_name = "FILE")]
    output: Option<String>,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Shape {
    /// latency_p95, token_count, quality_score, cost, and the counts behind each
    Regression,
}

/// How raw calls are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// As segments are
    Parquet,
    /// RFC 4180
    Csv,
    /// One JSON object a line
    Jsonl,
}

impl Format {
    const fn word(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }

    const fn of_store(self) -> ExportFormat {
        match self {
            Self::Parquet => ExportFormat::Parquet,
            Self::Csv => ExportFormat::Csv,
            Self::Jsonl => ExportFormat::Jsonl,
        }
    }
}

/// Runs it.
pub(super) fn run(args: &ExportArgs, globals: &Globals) -> Done {
    match args.format {
        Some(format) => raw(format, args, globals),
        None => regression(args, globals),
    }
}

fn regression(args: &ExportArgs, globals: &Globals) -> Done {
    if !args.period.is_unset() {
        return Err(Failure::usage("--shape counts whole days").hint("write --days instead"));
    }
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    let mut query =
        vec![("days", args.days.to_string()), ("bucket_minutes", args.bucket.to_string())];
    query.extend(args.filter.iter().map(|f| ("where", f.clone())));
    let lists: Value = remote.get("/api/v1/regressions/period", &query)?;
    let file = args.output.as_deref().filter(|file| *file != "-");
    show::emit(&format!("{lists}\n"), file)?;
    let empty = lists["latency_p95"].as_array().is_none_or(Vec::is_empty);
    Ok(if empty { exit::UNKNOWN } else { exit::OK })
}

fn raw(format: Format, args: &ExportArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let filter = Where::parse(&args.filter)?;
    let window = args.period.window(period::ANALYSIS, globals::now(), loaded.config.time_zone)?;
    let origin = globals.origin(&loaded)?;
    let write = |to: &mut (dyn Write + Send)| match &origin {
        Origin::Server(remote) => from_server(remote, format, window, args, to),
        Origin::Directory(reader) => {
            from_directory(reader, format, window, args.spans, &filter, to)
        }
    };
    let missing = match args.output.as_deref().filter(|file| *file != "-") {
        None => write(&mut io::stdout())?,
        Some(file) => to_file(Path::new(file), write)?,
    };
    if missing == 0 {
        return Ok(exit::OK);
    }
    show::note(&format!(
        "partial: rows of {missing} damaged places are missing; `flowgauge store status` names them"
    ));
    Ok(exit::FINDING)
}

/// A temporary file beside it takes its name once it is whole.
fn to_file(
    file: &Path,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<usize, Failure>,
) -> Result<usize, Failure> {
    let named = |e: io::Error| {
        Failure::new(CANNOT_WRITE, format!("{} cannot be written: {e}", file.display()))
    };
    let dir = file.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temp = tempfile::NamedTempFile::new_in(dir).map_err(named)?;
    let missing = write(temp.as_file_mut())?;
    temp.as_file().sync_all().map_err(named)?;
    temp.persist(file).map_err(|e| named(e.error))?;
    Ok(missing)
}

fn from_directory(
    reader: &Reader,
    format: Format,
    window: Window,
    spans: bool,
    filter: &Where,
    to: &mut (dyn Write + Send),
) -> Result<usize, Failure> {
    let mut query = CallQuery::newest(window, 0);
    query.filter = filter.filter().clone();
    query.with_spans = spans;
    reader.export(&query, format.of_store(), io::BufWriter::new(to))?;
    Ok(reader.damaged(window)?.len())
}

fn from_server(
    remote: &Remote,
    format: Format,
    window: Window,
    args: &ExportArgs,
    to: &mut (dyn Write + Send),
) -> Result<usize, Failure> {
    let mut query = vec![
        ("format", format.word().to_owned()),
        ("from", window.from.to_rfc3339()),
        ("to", window.to.to_rfc3339()),
        ("spans", args.spans.to_string()),
    ];
    query.extend(args.filter.iter().map(|f| ("where", f.clone())));
    let path = super::remote::with_query("/api/v1/requests/export", &query);
    remote.block_on(async {
        let answer = remote.answer(&path).await?;
        let missing = answer.headers().get(crate::tell::page::export::MISSING);
        let missing = missing.and_then(|v| v.to_str().ok()?.parse().ok()).unwrap_or_default();
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|e| {
                Failure::new(exit::UNREACHABLE, format!("the export broke off: {e}"))
            })?;
            if let Some(bytes) = frame.data_ref() {
                to.write_all(bytes)?;
            }
        }
        to.flush()?;
        Ok(missing)
    })
}
