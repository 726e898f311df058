//! Verbs of `metrics`.

use super::exit::Done;
use super::export::{self, ExportArgs};
use super::get::{self, GetArgs};
use super::globals::Globals;
use super::measure::{self, MeasureArgs};
use super::watch::{self, WatchArgs};

/// Verbs of `metrics`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum MetricsCommand {
    /// Print one metric as a bare number
    Get(GetArgs),
    /// Print a line per interval from observed traffic
    Watch(WatchArgs),
    /// Send probes and report latency, tokens and cost
    Measure(MeasureArgs),
    /// Write figures for other programs
    Export(ExportArgs),
}

/// Runs one verb.
pub(crate) fn run(command: &MetricsCommand, globals: &Globals) -> Done {
    match command {
        MetricsCommand::Get(args) => get::run(args, globals),
        MetricsCommand::Watch(args) => watch::run(args, globals),
        MetricsCommand::Measure(args) => measure::run(args, globals),
        MetricsCommand::Export(args) => export::run(args, globals),
    }
}
