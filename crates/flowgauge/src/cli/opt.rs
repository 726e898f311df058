//! `opt …`: the four optimisations: how they stand, switching them, and the emergency rollback.

mod adjust;
mod follow;
mod history;
mod offline;
mod propose;
mod restore;
mod rollback;
mod rollout;
mod set;
mod status;
mod stored;
mod verify;

pub(super) use set::{Change, made, seconds};

use super::exit::Done;
use super::globals::Globals;
use super::opt_evidence::{self, EvidenceCommand};

/// Verbs of `opt`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum OptCommand {
    /// What each optimisation does now, and what decides it
    Status(status::StatusArgs),
    /// Switch optimisations off at once
    Rollback(rollback::RollbackArgs),
    /// See whether a rollback holds
    VerifyRollback(verify::VerifyArgs),
    /// Lift the kill switch, or take a change back
    Restore(restore::RestoreArgs),
    /// Take a change back
    Undo(restore::UndoArgs),
    /// Change settings
    Set(set::SetArgs),
    /// Let an optimisation act for all, some or none
    Rollout(rollout::RolloutArgs),
    /// Apply a named set of limits
    Adjust(adjust::AdjustArgs),
    /// What was changed, by whom and why
    History(history::HistoryArgs),
    /// Propose parameters that evidence speaks for
    Propose(propose::ProposeArgs),
    #[command(flatten)]
    Evidence(EvidenceCommand),
    #[command(flatten)]
    Follow(follow::FollowCommand),
}

/// Runs one verb.
pub(crate) fn run(command: &OptCommand, globals: &Globals) -> Done {
    match command {
        OptCommand::Status(args) => status::run(args, globals),
        OptCommand::Rollback(args) => rollback::run(args, globals),
        OptCommand::VerifyRollback(args) => verify::run(args, globals),
        OptCommand::Restore(args) => restore::run(args, globals),
        OptCommand::Undo(args) => restore::undo(args, globals),
        OptCommand::Set(args) => set::run(args, globals),
        OptCommand::Rollout(args) => rollout::run(args, globals),
        OptCommand::Adjust(args) => adjust::run(args, globals),
        OptCommand::History(args) => history::run(args, globals),
        OptCommand::Propose(args) => propose::run(args, globals),
        OptCommand::Evidence(command) => opt_evidence::run(command, globals),
        OptCommand::Follow(command) => follow::run(command, globals),
    }
}
