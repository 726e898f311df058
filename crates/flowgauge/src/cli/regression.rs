//! `regression …`: whether a later period is worse than an earlier one.

mod baseline;
mod check;
mod compare;
mod watch;

use super::exit::Done;
use super::globals::Globals;
use baseline::BaselineCommand;
use check::CheckArgs;
use compare::CompareArgs;
use watch::WatchArgs;

/// Verbs of `regression`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum RegressionCommand {
    /// Compare two files of window values: latency, tokens, quality, cost
    Compare(CompareArgs),
    /// Compare the last days with a baseline
    Check(CheckArgs),
    /// What the online detector hears, hour by hour
    Watch(WatchArgs),
    /// What later is compared with
    #[command(subcommand)]
    Baseline(BaselineCommand),
}

/// Runs one.
pub(crate) fn run(command: &RegressionCommand, globals: &Globals) -> Done {
    match command {
        RegressionCommand::Compare(args) => compare::run(args),
        RegressionCommand::Check(args) => check::run(args, globals),
        RegressionCommand::Watch(args) => watch::run(args, globals),
        RegressionCommand::Baseline(command) => baseline::run(command, globals),
    }
}
