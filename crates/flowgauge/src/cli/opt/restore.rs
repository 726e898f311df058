//! `opt restore` and `opt undo`: lifting the kill switch, and taking a change back.

use super::super::exit::{Done, Failure};
use super::super::globals::Globals;
use super::super::remote::Remote;
use super::super::show;
use super::super::sure::Sure;
use super::set::{made, post, tell};
use crate::tell::page::control::changes::WantedUndo;
use crate::tell::page::control::rollback::WantedRestore;
use crate::tell::page::control::{ControlChange, MadeChange};

/// Options of `opt restore`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge opt restore --all --reason 'provider is well again'
  flowgauge opt restore --only response_caching --gradual --reason 'step by step'
  flowgauge opt restore 17 --reason 'was a mistake'

What an environment variable forbids stays off.

Exit codes:
  0   switched on again as it was set; the id of the change is printed
  64  no reason, or nothing is switched off
  69  no server answers
  75  in force, not on disk yet
  77  not confirmed, or not permitted")]
pub(crate) struct RestoreArgs {
    /// Take this change back
    #[arg(value_name = "CHANGE_ID", conflicts_with_all = ["all", "only", "gradual"])]
    id: Option<u64>,
    /// All four
    #[arg(long, conflicts_with = "only", required_unless_present_any = ["only", "id"])]
    all: bool,
    /// These
    #[arg(long, value_delimiter = ',', value_name = "MECHANISM,…")]
    only: Vec<String>,
    /// What was on for all comes back for 5 % of the users
    #[arg(long)]
    gradual: bool,
    #[command(flatten)]
    sure: Sure,
}

/// Options of `opt undo`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge opt undo 17 --reason 'was a mistake'
  flowgauge opt undo 17 --reason 'was a mistake' --dry-run

What later changes set again stays as they set it.

Exit codes:
  0   taken back; the id of the new change is printed
  64  no reason, or the change is not in force
  69  no server answers
  75  in force, not on disk yet
  77  not confirmed, or not permitted")]
pub(crate) struct UndoArgs {
    /// Its number
    #[arg(value_name = "CHANGE_ID")]
    id: u64,
    #[command(flatten)]
    sure: Sure,
}

/// Runs `opt restore`.
pub(super) fn run(args: &RestoreArgs, globals: &Globals) -> Done {
    let remote = globals.remote(&globals.load(false, &[])?)?;
    if let Some(id) = args.id {
        return take_back(&remote, id, &args.sure);
    }
    made(&remote, &args.sure, "/api/v1/control/restore", |dry_run, _| WantedRestore {
        all: args.all,
        only: args.only.clone(),
        gradual: args.gradual,
        author: args.sure.by.clone(),
        reason: args.sure.reason.clone(),
        dry_run,
    })
}

/// Runs `opt undo`.
pub(super) fn undo(args: &UndoArgs, globals: &Globals) -> Done {
    let remote = globals.remote(&globals.load(false, &[])?)?;
    take_back(&remote, args.id, &args.sure)
}

fn take_back(remote: &Remote, id: u64, sure: &Sure) -> Done {
    sure.why()?;
    let limit = [("limit", "1000".to_owned())];
    let all: Vec<ControlChange> = remote.get("/api/v1/control/changes", &limit)?;
    let change = all.iter().find(|c| c.id == id);
    if let Some(change) = change {
        for setting in &change.diff {
            let text = format!("  {}  {} -> {}", setting.path, setting.before, setting.after);
            show::note(&show::printable(&text));
        }
        let said = format!("made {} by {}: {}", change.at, change.author, change.reason);
        show::note(&show::printable(&said));
    }
    if change.is_some_and(|c| !c.in_force) {
        return Err(Failure::usage(format!("change {id} is not in force"))
            .hint("flowgauge opt history shows all changes"));
    }
    if sure.dry_run {
        sure.print("", &change)?;
        return Ok(super::super::exit::OK);
    }
    sure.ask("take this back")?;
    let body = WantedUndo { author: sure.by.clone(), reason: sure.reason.clone() };
    let path = format!("/api/v1/control/changes/{id}/undo");
    let made: MadeChange = post(remote, &path, &body)?;
    tell(sure, &made)
}
