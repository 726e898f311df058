//! `metrics export --shape regression`: the last days as the lists that `regression compare` reads.

use super::exit::{self, Done};
use super::globals::Globals;
use super::show;
use serde_json::Value;

/// Options of `metrics export`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge metrics export --shape regression --days 7 --output current_performance.json
  flowgauge metrics export --shape regression --days 28 --bucket 1440 --where intent=explain

Exit codes:
  0   written
  3   no values in those days
  64  wrong usage
  69  no server answers
  73  the file cannot be written")]
pub(crate) struct ExportArgs {
    /// What is written
    #[arg(long, value_enum)]
    shape: Shape,
    /// Whole days, up to the last whole value
    #[arg(long, default_value_t = 7)]
    days: u32,
    /// Minutes of a value
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    bucket: u32,
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

/// Runs it.
pub(super) fn run(args: &ExportArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    let Shape::Regression = args.shape;
    let mut query =
        vec![("days", args.days.to_string()), ("bucket_minutes", args.bucket.to_string())];
    query.extend(args.filter.iter().map(|f| ("where", f.clone())));
    let lists: Value = remote.get("/api/v1/regressions/period", &query)?;
    let file = args.output.as_deref().filter(|file| *file != "-");
    show::emit(&format!("{lists}\n"), file)?;
    let empty = lists["latency_p95"].as_array().is_none_or(Vec::is_empty);
    Ok(if empty { exit::UNKNOWN } else { exit::OK })
}
