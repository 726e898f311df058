//! `alert …`: rules without a server (`check`, `fmt`, `test`, `import`, `export`), and what fires at a running
//! one (`list`, `show`, `silence`, `ack`, `drill`, `history`).

mod ack;
mod check;
mod drill;
mod export;
mod fmt;
mod history;
mod import;
mod list;
mod replay;
mod send;
mod show;
mod silence;
mod test;
mod thresholds;

use super::exit::{self, Done, Failure};
use super::globals::{self, Globals};
use crate::config::Problems;
use crate::judge::rules::World;

/// Verbs of `alert`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum AlertCommand {
    /// Check rule files; every fault is shown with line, column and caret
    #[command(after_help = "\
Examples:
  flowgauge alert check
  flowgauge alert check /etc/monitoring/performance-alerts.yml
  flowgauge alert check alerts/*.yaml --json

Exit codes:
  0   every rule is fine
  65  a named file is not; every fault is on stderr
  78  bad configuration, or the files it names are not fine")]
    Check(check::CheckArgs),
    /// Rewrite a rule file as one list, conditions in canonical spelling, comments kept
    #[command(after_help = "\
Examples:
  flowgauge alert fmt alerts.yaml
  flowgauge alert fmt alerts.yaml --write
  flowgauge alert fmt alerts.yaml --check

Exit codes:
  0   printed, written, or (with --check) nothing to do
  1   with --check: it would be rewritten
  65  it is no rule file")]
    Fmt(fmt::FmtArgs),
    /// Run tests of rules: requests, faults and what is expected, in simulated time
    #[command(after_help = "\
Examples:
  flowgauge alert test alerts.test.yaml
  flowgauge alert test tests/*.yaml --name kill --json

Exit codes:
  0   every test passed
  1   a test failed; what was not as expected is on stderr
  65  a test file or a rule file is not fine")]
    Test(test::TestArgs),
    /// When rules would have fired over what was recorded
    Replay(replay::ReplayArgs),
    /// Translate rules of another system
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Write rules for another system
    #[command(subcommand)]
    Export(export::ExportCommand),
    /// Thresholds that fit what was seen
    #[command(subcommand)]
    Thresholds(thresholds::ThresholdsCommand),
    /// Rules and how they stand
    List(list::ListArgs),
    /// One rule with its instances, or one episode with its history
    Show(show::ShowOneArgs),
    /// What is not told for a while
    #[command(subcommand)]
    Silence(silence::SilenceCommand),
    /// Say that somebody looks after it: it is told no more until it is over
    Ack(ack::AckArgs),
    /// Send a marked test message the way real ones go, and see what comes of it
    Drill(drill::DrillArgs),
    /// Tell of a threshold or a regression by hand
    Send(send::SendArgs),
    /// Tell a team, with how things stand
    Notify(send::NotifyArgs),
    /// Episodes, the latest first
    History(history::HistoryArgs),
}

/// Runs one verb.
pub(crate) fn run(command: &AlertCommand, globals: &Globals) -> Done {
    match command {
        AlertCommand::Check(args) => check::run(args, globals),
        AlertCommand::Fmt(args) => fmt::run(args),
        AlertCommand::Test(args) => test::run(args, globals),
        AlertCommand::Replay(args) => replay::run(args, globals),
        AlertCommand::Import(command) => import::run(command),
        AlertCommand::Export(command) => export::run(command, globals),
        AlertCommand::Thresholds(command) => thresholds::run(command, globals),
        AlertCommand::List(args) => list::run(args, globals),
        AlertCommand::Show(args) => show::run(args, globals),
        AlertCommand::Silence(command) => silence::run(command, globals),
        AlertCommand::Ack(args) => ack::run(args, globals),
        AlertCommand::Drill(args) => drill::run(args, globals),
        AlertCommand::Send(args) => send::send(args, globals),
        AlertCommand::Notify(args) => send::notify(args, globals),
        AlertCommand::History(args) => history::run(args, globals),
    }
}

/// What rules of a configuration may refer to, handed to `act`.
fn with_world<T>(
    globals: &Globals,
    act: impl FnOnce(&World<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let loaded = globals.load(false, &[])?;
    let environment = globals::environment();
    let env =
        |name: &str| environment.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    act(&World { config: &loaded.config, env: &env })
}

/// Every fault of every file.
fn refused(code: u8, problems: &[Problems]) -> Failure {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let count: usize = problems.iter().map(|p| p.list.len()).sum();
    let faults = if count == 1 { "1 fault".to_owned() } else { format!("{count} faults") };
    Failure::new(code, format!("the rules are refused: {faults}\n{}", texts.join("\n")))
}

/// A file's text, or that it cannot be read.
fn text_of(file: &str) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|e| Failure::new(exit::BAD_DATA, format!("{file} cannot be read: {e}")))
}
