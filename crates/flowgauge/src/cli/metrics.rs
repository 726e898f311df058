//! Verbs of `metrics`.

use super::ageing::{self, ArchiveArgs, AttachArgs, PruneArgs};
use super::analysis;
use super::collect::{self, CollectArgs};
use super::diagnose::{self, DiagnoseArgs};
use super::exit::{Done, Failure};
use super::export::{self, ExportArgs};
use super::get::{self, GetArgs};
use super::globals::{self, Globals};
use super::measure::{self, MeasureArgs};
use super::period;
use super::watch::{self, WatchArgs};
use crate::logic::diagnose::spread::Metric;
use crate::logic::window::Window;
use crate::query::diagnose::{Name, Question};

/// Verbs of `metrics`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum MetricsCommand {
    /// Ask in SQL
    #[cfg(feature = "sql")]
    Query(super::query::QueryArgs),
    /// Print one metric as a bare number
    Get(GetArgs),
    /// Print a line per interval from observed traffic
    Watch(WatchArgs),
    /// Say what the server records, interval by interval
    Collect(CollectArgs),
    /// Send probes and report latency, tokens and cost
    Measure(MeasureArgs),
    /// Write figures or raw calls for other programs
    Export(ExportArgs),
    /// Drop raw calls and rollups that are too old
    Prune(PruneArgs),
    /// Copy old raw calls to a directory, verified
    Archive(ArchiveArgs),
    /// Let archived calls answer questions again
    Attach(AttachArgs),
    /// Let them go
    Detach(AttachArgs),
    /// How figures move against the usual, and why
    #[command(after_help = "\
Examples:
  flowgauge metrics trends --last 2h
  flowgauge metrics trends --last 24h --where model=gpt-4o-mini --json
  flowgauge metrics trends --background --depth critical
  flowgauge metrics trends --job 01a2b3...

With --background a running server works it out, attaches it to the alert that is open, and the id of the
analysis is printed: `alert show` has it, and --job prints it.

Exit codes:
  0   nothing moved beyond chance and habit; or the analysis was started
  1   something did, for the worse: the first finding names the cause
  3   too few requests, or nothing to compare with
  64  no such analysis
  69  neither a server nor a data directory
  75  another analysis runs, or this one still does
  77  not permitted")]
    Trends(TrendsArgs),
    /// How a figure spreads, and what is different about the high values
    #[command(after_help = "\
Examples:
  flowgauge metrics distribution --metric latency --last 24h
  flowgauge metrics distribution --last 6h --spike-from \"2026-11-23 10:00\" --spike-to \"2026-11-23 10:20\"

Exit codes:
  0   spread as before
  1   the high end rose: the first finding names the cause
  3   too few requests
  69  neither a server nor a data directory")]
    Distribution(DistributionArgs),
    /// Every diagnosis of a window at once; the last complete month unless told otherwise
    #[command(after_help = "\
Examples:
  flowgauge metrics analyze --all
  flowgauge metrics analyze --all --last 7d --output analysis.md

Exit codes:
  0   nothing found
  1   something was
  3   too few requests for any
  69  neither a server nor a data directory")]
    Analyze {
        /// Every diagnosis; so it is without the option too
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        args: DiagnoseArgs,
    },
}

/// Options of `metrics trends`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TrendsArgs {
    /// Let the server work it out and attach it to the open alert; prints the id
    #[arg(long, conflicts_with = "job")]
    background: bool,
    /// How deep: critical looks longer back, and asks what limits users, what fails and which calls are slow
    #[arg(long, value_name = "SEVERITY", default_value = "warning", requires = "background",
        value_parser = ["warning", "critical"])]
    depth: String,
    /// Print what an analysis in the background found
    #[arg(long, value_name = "ID")]
    job: Option<String>,
    #[command(flatten)]
    args: DiagnoseArgs,
}

/// Options of `metrics distribution`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DistributionArgs {
    /// The figure
    #[arg(long, default_value = "latency", value_parser = ["latency", "ttft", "tokens", "cost"])]
    metric: String,
    /// First moment of a spike that is compared with the rest of the window
    #[arg(long, value_name = "TIME")]
    spike_from: Option<String>,
    /// First moment after it; the window's end where left out
    #[arg(long, value_name = "TIME", requires = "spike_from")]
    spike_to: Option<String>,
    #[command(flatten)]
    args: DiagnoseArgs,
}

/// Runs one verb.
pub(crate) fn run(command: &MetricsCommand, globals: &Globals) -> Done {
    match command {
        #[cfg(feature = "sql")]
        MetricsCommand::Query(args) => super::query::run(args, globals),
        MetricsCommand::Get(args) => get::run(args, globals),
        MetricsCommand::Watch(args) => watch::run(args, globals),
        MetricsCommand::Collect(args) => collect::run(args, globals),
        MetricsCommand::Measure(args) => measure::run(args, globals),
        MetricsCommand::Export(args) => export::run(args, globals),
        MetricsCommand::Prune(args) => ageing::prune(args, globals),
        MetricsCommand::Archive(args) => ageing::archive(args, globals),
        MetricsCommand::Attach(args) => ageing::attach(args, true, globals),
        MetricsCommand::Detach(args) => ageing::attach(args, false, globals),
        MetricsCommand::Trends(args) => trends(args, globals),
        MetricsCommand::Distribution(args) => distribution(args, globals),
        MetricsCommand::Analyze { all: _, args } => diagnose::run_all(args, globals),
    }
}

fn trends(args: &TrendsArgs, globals: &Globals) -> Done {
    match (&args.job, args.background) {
        (Some(id), _) => analysis::print(id, &args.args, globals),
        (None, true) => analysis::start(&args.depth, &args.args, globals),
        (None, false) => diagnose::run(Name::Trends, &args.args, globals, |_| Ok(())),
    }
}

fn distribution(args: &DistributionArgs, globals: &Globals) -> Done {
    let zone = globals.load(false, &[])?.config.time_zone;
    diagnose::run(Name::Distribution, &args.args, globals, |question: &mut Question| {
        question.metric = Metric::from_word(&args.metric).unwrap_or(question.metric);
        let Some(from) = &args.spike_from else { return Ok(()) };
        let now = globals::now();
        let to = args
            .spike_to
            .as_ref()
            .map_or(Ok(question.window.to), |to| period::moment(to, now, zone))?;
        let spike = Window { from: period::moment(from, now, zone)?, to };
        let window = question.window;
        if !(window.from <= spike.from && spike.from < spike.to && spike.to <= window.to) {
            return Err(Failure::usage("the spike does not lie inside the window")
                .hint("widen the window with --last, or move --spike-from and --spike-to"));
        }
        question.spike = Some(spike);
        Ok(())
    })
}
