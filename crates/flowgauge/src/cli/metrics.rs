//! Verbs of `metrics`.

use super::exit::Done;
use super::get::{self, GetArgs};
use super::globals::Globals;

/// Verbs of `metrics`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum MetricsCommand {
    /// Print one metric as a bare number
    Get(GetArgs),
}

/// Runs one verb.
pub(crate) fn run(command: &MetricsCommand, globals: &Globals) -> Done {
    match command {
        MetricsCommand::Get(args) => get::run(args, globals),
    }
}
