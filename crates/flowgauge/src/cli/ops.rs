//! `ops …`: the weekly and monthly chores, as one list of steps with a result each; restarting and scaling.

mod restart;

use super::exit::{Done, Failure, OK};
use super::globals::Globals;
use super::jobs::{self, How};
use super::show;
use super::sure::Sure;
use crate::logic::job::JobName;

/// Verbs of `ops`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum OpsCommand {
    /// Do the chores of a week or a month
    #[command(subcommand)]
    Maintain(MaintainCommand),
    /// Have settings read anew, or the application restarted
    Restart(restart::RestartArgs),
    /// What limits users, and more resources with --yes
    Scale(restart::ScaleArgs),
}

/// Verbs of `ops maintain`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum MaintainCommand {
    /// Check, judge, propose, archive, drop: once a week
    #[command(after_help = "\
Examples:
  flowgauge ops maintain weekly --yes
  flowgauge ops maintain weekly --dry-run
  flowgauge ops maintain weekly --yes --channel slack --json

The store is looked over and the week is judged before a baseline is proposed from it; nothing is dropped that was
not archived, where retention.archive is set. Baselines, thresholds and settings are proposed and never changed.
What was cut off is taken up where it was left.

Exit codes:
  0   done, and nothing to look at
  1   done and something was found, or a step failed
  64  the period does not fit
  69  no server answers
  75  planned; another job is running, or --no-wait
  77  not confirmed, or not permitted")]
    Weekly(MaintainArgs),
    /// The same with the longer look back: once a month
    #[command(after_help = "\
Examples:
  flowgauge ops maintain monthly --yes
  flowgauge ops maintain monthly --period 2026-10 --again --yes
  flowgauge ops maintain monthly --dry-run

Besides what a week has: the candidate that waits to be promoted, parameters that evidence speaks for, and every
copy in the archive read back.

Exit codes:
  0   done, and nothing to look at
  1   done and something was found, or a step failed
  64  the period does not fit
  69  no server answers
  75  planned; another job is running, or --no-wait
  77  not confirmed, or not permitted")]
    Monthly(MaintainArgs),
}

/// Options of `ops maintain`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct MaintainArgs {
    #[command(flatten)]
    how: How,
    /// Do not ask
    #[arg(long, short = 'y')]
    yes: bool,
}

/// Runs one verb.
pub(super) fn run(command: &OpsCommand, globals: &Globals) -> Done {
    let maintain = match command {
        OpsCommand::Maintain(maintain) => maintain,
        OpsCommand::Restart(args) => return restart::restart(args, globals),
        OpsCommand::Scale(args) => return restart::scale(args, globals),
    };
    let (job, word, args) = match maintain {
        MaintainCommand::Weekly(args) => (JobName::MaintainWeekly, "weekly", args),
        MaintainCommand::Monthly(args) => (JobName::MaintainMonthly, "monthly", args),
    };
    if !args.how.dry_run {
        let sure = Sure { yes: args.yes, ..Sure::default() };
        sure.ask(&format!("do the {word} chores, which drop raw calls that are too old"))?;
        say(&args.how, &format!("Starting {word} performance maintenance..."))?;
    }
    let run = jobs::make(job.word(), &args.how, globals)?;
    // Never said of chores of which one failed or is still to be done.
    if run.as_ref().is_some_and(|run| run.is_done()) {
        let (first, rest) = word.split_at(1);
        let line = format!("{}{rest} maintenance completed.", first.to_uppercase());
        say(&args.how, &line)?;
    }
    Ok(run.as_ref().map_or(OK, jobs::code))
}

/// The guide's words: on standard output beside a table, and beside what programs read on standard error.
fn say(how: &How, line: &str) -> Result<(), Failure> {
    if how.show.is_for_people() {
        return show::line(line);
    }
    show::note(line);
    Ok(())
}
