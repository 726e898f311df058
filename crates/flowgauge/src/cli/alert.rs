//! `alert …`: what fires, what it was, who looks after it.

mod ack;
mod history;
mod list;
mod show;
mod silence;

use super::exit::Done;
use super::globals::Globals;

/// Verbs of `alert`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum AlertCommand {
    /// Rules and how they stand
    List(list::ListArgs),
    /// One rule with its instances, or one episode with its history
    Show(show::ShowOneArgs),
    /// What is not told for a while
    #[command(subcommand)]
    Silence(silence::SilenceCommand),
    /// Say that somebody looks after it: it is told no more until it is over
    Ack(ack::AckArgs),
    /// Episodes, the latest first
    History(history::HistoryArgs),
}

/// Runs one verb.
pub(crate) fn run(command: &AlertCommand, globals: &Globals) -> Done {
    match command {
        AlertCommand::List(args) => list::run(args, globals),
        AlertCommand::Show(args) => show::run(args, globals),
        AlertCommand::Silence(command) => silence::run(command, globals),
        AlertCommand::Ack(args) => ack::run(args, globals),
        AlertCommand::History(args) => history::run(args, globals),
    }
}
