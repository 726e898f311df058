//! `regression …`: whether a later period is worse than an earlier one.

mod compare;

use super::exit::Done;
use compare::CompareArgs;

/// Verbs of `regression`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum RegressionCommand {
    /// Compare two files of window values: latency, tokens, quality, cost
    Compare(CompareArgs),
}

/// Runs one.
pub(crate) fn run(command: &RegressionCommand) -> Done {
    match command {
        RegressionCommand::Compare(args) => compare::run(args),
    }
}
