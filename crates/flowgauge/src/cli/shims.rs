//! `shims …`: the guide's names as wrappers and shell functions, and running one.
//!
//! Owns files, processes and the console. What a name means is `logic::shims`'s; a name whose command is not part of
//! this build says so and does nothing.

mod install;
mod run;

use super::exit::{self, Done, Failure};
use super::globals::Globals;
use super::show::{self, Sheet, ShowArgs};
use crate::logic::shims::{self, Row};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

/// Verbs of `shims`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum ShimsCommand {
    /// Write a wrapper for every name of the guide
    Install(install::InstallArgs),
    /// Every name of the guide, its command, options and exit codes
    #[command(after_help = "\
Examples:
  flowgauge shims list
  flowgauge shims list --json

Exit codes:
  0   listed
  73  the output cannot be written")]
    List(ShowArgs),
    /// The guide's ten shell functions
    #[command(after_help = "\
Examples:
  eval \"$(flowgauge shims shell-init)\"
  get_daily_avg_p95 2026-11-23

Exit codes:
  0   written
  73  the output cannot be written")]
    ShellInit,
    /// Do what a name of the guide does
    #[command(after_help = "\
Examples:
  flowgauge shims run performance-health-check.sh --critical
  flowgauge shims run regression_detector.py before.json after.json

Exit codes:
  64  no such name, or it does not take this
  and those of the command: flowgauge shims run NAME --help")]
    Run(RunArgs),
}

/// Options of `shims run`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RunArgs {
    /// A name of the guide
    name: String,
    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs one verb.
pub(super) fn run(command: &ShimsCommand, globals: &Globals) -> Done {
    match command {
        ShimsCommand::Install(args) => install::run(args),
        ShimsCommand::List(args) => list(args),
        ShimsCommand::ShellInit => {
            show::emit(&shims::shell_init(&program()), None)?;
            Ok(exit::OK)
        }
        ShimsCommand::Run(args) => run::named(&args.name, &args.arguments, globals),
    }
}

/// Where a name of the guide is meant, by the program's own name or by `shims run`: its arguments are the guide's, and
/// the parser of this program does not see them first.
pub(super) fn meant(args: &[OsString]) -> Option<ExitCode> {
    let text = |word: &OsString| word.to_str().map(str::to_owned);
    let own = Path::new(args.first()?).file_name().and_then(OsStr::to_str)?;
    let (name, given) = match shims::find(own) {
        Some(row) => (row.base().to_owned(), args.get(1..)?),
        None if args.get(1)? == "shims" && args.get(2)? == "run" => {
            (text(args.get(3)?).filter(|n| !n.starts_with('-'))?, args.get(4..)?)
        }
        None => return None,
    };
    let given: Option<Vec<String>> = given.iter().map(text).collect();
    let done = match given {
        Some(given) => run::named(&name, &given, &super::plain_globals()),
        None => Err(Failure::usage(format!("{name}: an argument is not text"))),
    };
    Some(super::ended(done))
}

fn list(args: &ShowArgs) -> Done {
    let columns = vec!["id", "name", "command", "options", "exit codes", "here"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    let mut all = Vec::new();
    for row in shims::rows() {
        let options: Vec<&str> = row.options.iter().map(|(name, _)| *name).collect();
        let command = row.command.join(" ");
        let exits = row.exits.iter().map(u8::to_string).collect::<Vec<_>>().join(" ");
        let here = missing(row).is_none();
        let words = [row.id, row.name, &command, &options.join(" "), &exits];
        sheet.row(words.into_iter().chain([if here { "yes" } else { "no" }]));
        all.push(serde_json::json!({
            "id": row.id, "name": row.name, "about": row.about, "command": command,
            "options": options, "exit_codes": row.exits, "here": here,
        }));
    }
    for f in shims::FUNCTIONS {
        sheet.row([f.id, f.name, f.body, "", "0 1 3", "yes"]);
        all.push(
            serde_json::json!({ "id": f.id, "name": f.name, "command": f.body, "here": true }),
        );
    }
    args.print(&sheet, &serde_json::Value::from(all))?;
    Ok(exit::OK)
}

/// The command of a row, where this build has none such.
fn missing(row: &Row) -> Option<String> {
    absent(&row.command.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>())
}

/// The words up to the first that names no command of this build.
fn absent(words: &[String]) -> Option<String> {
    let program = super::described();
    let mut at = &program;
    let mut walked = Vec::new();
    for word in words {
        if !at.has_subcommands() {
            return None;
        }
        walked.push(word.as_str());
        let Some(next) = at.find_subcommand(word) else { return Some(walked.join(" ")) };
        at = next;
    }
    None
}

/// Where this program stands.
fn program() -> String {
    std::env::current_exe()
        .map_or_else(|_| "flowgauge".to_owned(), |p| p.to_string_lossy().into_owned())
}
