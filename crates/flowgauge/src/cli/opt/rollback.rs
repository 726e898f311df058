//! `opt rollback`: optimisations off at once, through the server that runs, or for the next start where none does.
//!
//! Refuses to depend on the configuration: where it is broken, the server is found by the address beside its data.

use super::super::exit::{self, Done, Failure, TRY_LATER, UNREACHABLE};
use super::super::globals::Globals;
use super::super::remote::Remote;
use super::super::show::{self, Sheet, ShowArgs};
use super::super::sure::Sure;
use super::offline;
use super::rollout::mechanism;
use super::set::post;
use super::verify::code;
use crate::config::Config;
use crate::logic::control::rollout::Mechanism;
use crate::serve::announce::published;
use crate::tell::page::control::Aim;
use crate::tell::page::control::rollback::{Rollback, StepStatus, WantedRollback};
use crate::tell::page::control::verify::Verdict;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Options of `opt rollback`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge opt rollback --all --reason 'answers are wrong' --yes
  flowgauge opt rollback --only context_pruning,model_selection --reason 'quality fell' --dry-run

Off for the next request; no restart. Works with a broken configuration, and without a server: the next
start is off then. A server that does not answer is told by a signal: kill -USR1 PID.

Exit codes:
  0   off, and no check says otherwise
  1   off, and a later step failed: it says which
  2   requests are still touched
  64  no such mechanism
  69  neither a server nor a data directory
  75  off, not on disk yet
  77  not confirmed, or not permitted")]
pub(crate) struct RollbackArgs {
    /// All four
    #[arg(long, conflicts_with = "only", required_unless_present = "only")]
    all: bool,
    /// These
    #[arg(long, value_delimiter = ',', value_name = "MECHANISM,…")]
    only: Vec<String>,
    #[command(flatten)]
    sure: Sure,
}

/// Where it is done.
enum Place {
    /// A server that runs.
    Server(Box<Remote>),
    /// A directory that nobody serves.
    Directory(PathBuf),
}

/// Runs it.
pub(super) fn run(args: &RollbackArgs, globals: &Globals) -> Done {
    let aim = aim(args)?;
    let place = place(globals)?;
    let sure = &args.sure;
    let words = match &aim {
        Aim::All => "all optimisations".to_owned(),
        Aim::Only(these) => these.iter().map(|m| m.word()).collect::<Vec<_>>().join(", "),
    };
    let whereabouts = match &place {
        Place::Server(remote) => format!("at {}, at once", remote.base()),
        Place::Directory(dir) => format!("in {}, from the next start on", dir.display()),
    };
    if !sure.dry_run {
        sure.ask(&format!("switch off {words} {whereabouts}"))?;
    }
    match place {
        Place::Server(remote) => online(&remote, args),
        Place::Directory(dir) => offline::roll_back(&dir, &aim, sure),
    }
}

fn aim(args: &RollbackArgs) -> Result<Aim, Failure> {
    if args.all {
        return Ok(Aim::All);
    }
    let these: BTreeSet<Mechanism> =
        args.only.iter().map(|word| mechanism(word)).collect::<Result<_, _>>()?;
    Ok(Aim::Only(these))
}

/// The server, else the directory. A named directory is not confused with the server of another one.
fn place(globals: &Globals) -> Result<Place, Failure> {
    if let Some(url) = &globals.server {
        return Ok(Place::Server(Box::new(globals.remote_at(url)?)));
    }
    let loaded = globals.load(false, &[]);
    let dir = match &loaded {
        Ok(loaded) => loaded.config.data_dir.clone(),
        Err(e) => {
            let named = globals.data_dir.clone();
            let dir = named.unwrap_or_else(|| Config::default().data_dir);
            show::note(&format!(
                "{}\ngoing on without it, in {}",
                e.message.trim_end(),
                dir.display()
            ));
            dir
        }
    };
    let owner = published(&dir).map(|url| globals.remote_at(&url)).transpose()?;
    if let Some(owner) = owner.filter(Remote::is_up) {
        return Ok(Place::Server(Box::new(owner)));
    }
    if let (Ok(loaded), None) = (&loaded, &globals.data_dir) {
        let usual = globals.remote(loaded)?;
        if usual.is_up() {
            return Ok(Place::Server(Box::new(usual)));
        }
    }
    if dir.is_dir() {
        return Ok(Place::Directory(dir));
    }
    let message = format!("no server answers and there is no {}", dir.display());
    Err(Failure::new(UNREACHABLE, message).hint("name one with --server URL or --data-dir DIR"))
}

fn online(remote: &Remote, args: &RollbackArgs) -> Done {
    let sure = &args.sure;
    let body = WantedRollback {
        all: args.all,
        only: args.only.clone(),
        author: sure.by.clone(),
        reason: sure.reason.clone(),
        dry_run: sure.dry_run,
    };
    let done: Rollback = post(remote, "/api/v1/control/rollback", &body)?;
    if sure.dry_run {
        match &done.change {
            Some(change) => change.diff.iter().for_each(|s| {
                show::note(&format!("  {}  {} -> {}", s.path, s.before, s.after));
            }),
            None => show::note("nothing would change: it is off already"),
        }
        sure.print("", &done)?;
        return Ok(exit::OK);
    }
    if !sure.json {
        steps(&done)?;
    }
    let id = done.change.as_ref().map(|c| c.id.to_string());
    sure.print(id.as_deref().unwrap_or_default(), &done)?;
    if let Some(proof) = done.proof.as_ref().filter(|p| p.verdict == Verdict::TooLittleData) {
        let open = proof.checks.iter().filter(|c| c.verdict == Verdict::TooLittleData);
        let figures: Vec<&str> = open.map(|c| c.figure.as_str()).collect();
        let (since, seen) = (&proof.since, figures.join("; "));
        show::note(&format!("switched off at {since}; not yet seen in traffic: {seen}"));
    }
    if let Some(undo) = &done.undo {
        show::note(&format!("take it back with `{undo}`"));
    }
    Ok(outcome(&done))
}

/// The steps go to stderr: stdout is the change's id.
fn steps(done: &Rollback) -> Result<(), Failure> {
    let columns = vec!["", "step", "", "what came of it"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for s in &done.steps {
        let status = match s.status {
            StepStatus::Done => "done",
            StepStatus::Failed => "FAILED",
            StepStatus::Skipped => "–",
        };
        sheet.row([s.number.to_string().as_str(), &s.step, status, &s.detail]);
    }
    let args = ShowArgs { no_headers: true, ..ShowArgs::default() };
    let text = args.render(show::Format::Table, &sheet, &serde_json::Value::Null)?;
    show::note(text.trim_end());
    Ok(())
}

/// No traffic since is no failure of the rollback.
fn outcome(done: &Rollback) -> u8 {
    let failed =
        |name: &str| done.steps.iter().any(|s| s.step == name && s.status == StepStatus::Failed);
    let verdict = done.proof.as_ref().map_or(Verdict::TooLittleData, |p| p.verdict);
    let others = ["switch_off", "acknowledge", "clear_caches", "restart_hook"];
    let only_disk = done.proof.as_ref().is_some_and(|p| {
        p.checks.iter().all(|c| c.check == "stored" || c.verdict <= Verdict::TooLittleData)
    });
    match verdict {
        Verdict::Critical => exit::CRITICAL,
        _ if others.iter().any(|name| failed(name)) => exit::FINDING,
        _ if failed("store") && only_disk => TRY_LATER,
        Verdict::TooLittleData => exit::OK,
        other => code(other),
    }
}
