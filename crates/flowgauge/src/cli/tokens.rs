//! Verbs of `tokens`: where they go, and what optimisation saves.

pub(super) mod limits;

use super::diagnose::{self, DiagnoseArgs};
use super::exit::Done;
use super::globals::Globals;
use super::opt_evidence::{self, FocusArg};
use super::show::{self, Format};
use crate::query::diagnose::Name;
use limits::LimitsCommand;

/// Verbs of `tokens`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum TokensCommand {
    /// Where tokens go, and what made them more
    #[command(after_help = "\
Examples:
  flowgauge tokens analyze
  flowgauge tokens analyze --last 7d --where intent=translate --json

Exit codes:
  0   nothing grew beyond chance
  1   something did: the first finding names it
  3   too few requests, or nothing to compare with
  69  neither a server nor a data directory")]
    Analyze(DiagnoseArgs),
    /// What optimisation saves, by mechanism, and whether it costs quality
    #[command(after_help = "\
Examples:
  flowgauge tokens status
  flowgauge tokens status --last 7d --json

Beside a running server it also tells the reduction of each optimization by each named method.

Exit codes:
  0   the reduction meets its target
  1   it does not, or it costs quality
  3   the size of prompts before optimisation is not known
  69  neither a server nor a data directory")]
    Status(DiagnoseArgs),
    /// How much context and answer there may be
    #[command(subcommand)]
    Limits(LimitsCommand),
}

/// Runs one verb.
pub(crate) fn run(command: &TokensCommand, globals: &Globals) -> Done {
    match command {
        TokensCommand::Analyze(args) => diagnose::run(Name::Tokens, args, globals, |_| Ok(())),
        TokensCommand::Limits(command) => limits::run(command, globals),
        TokensCommand::Status(args) => status(args, globals),
    }
}

/// The diagnosis, and for people what the running server knows by method.
fn status(args: &DiagnoseArgs, globals: &Globals) -> Done {
    let code = diagnose::run(Name::Reduction, args, globals, |_| Ok(()))?;
    let (format, file) = args.show.target();
    if file.is_some() || !matches!(format, None | Some(Format::Table | Format::Md)) {
        return Ok(code);
    }
    match opt_evidence::ask(globals, FocusArg::All) {
        Ok(told) => {
            let sheet = opt_evidence::reduction(&told);
            args.show.print(&sheet, &show::json(&told)?)?;
        }
        Err(failure) => show::note(&format!(
            "the reduction of each optimization is known to a running server only: {}",
            failure.message
        )),
    }
    Ok(code)
}
