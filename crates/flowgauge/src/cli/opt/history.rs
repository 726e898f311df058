//! `opt history`: what was changed, by whom and why.

use super::super::exit::{self, Done, Failure};
use super::super::globals::Globals;
use super::super::show::{self, Sheet, ShowArgs};
use super::rollout::mechanism;
use super::stored::{self, From, Stored};
use crate::tell::page::control::ControlChange;
use crate::tell::page::control::status::touches;

/// Options of `opt history`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge opt history
  flowgauge opt history --mechanism response_caching --limit 5 --json

Exit codes:
  0   listed
  64  no such mechanism
  69  no server answers, and there is no data directory to read
  77  not permitted")]
pub(crate) struct HistoryArgs {
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Only changes that touched this mechanism
    #[arg(long)]
    mechanism: Option<String>,
    #[command(flatten)]
    show: ShowArgs,
}

/// Runs it.
pub(super) fn run(args: &HistoryArgs, globals: &Globals) -> Done {
    let all = match stored::from(globals)? {
        From::Server(remote) => {
            let mut query = vec![("limit", args.limit.to_string())];
            query.extend(args.mechanism.iter().map(|m| ("mechanism", m.clone())));
            remote.get("/api/v1/control/changes", &query)?
        }
        From::Directory(stored) => of_directory(args, &stored)?,
    };
    print(args, &all)
}

fn of_directory(args: &HistoryArgs, stored: &Stored) -> Result<Vec<ControlChange>, Failure> {
    let only = args.mechanism.as_deref().map(mechanism).transpose()?;
    let meant = stored.lines.iter().rev().filter(|l| only.is_none_or(|m| touches(&l.change, m)));
    let many = usize::try_from(args.limit).unwrap_or(usize::MAX);
    Ok(meant.take(many).map(ControlChange::from).collect())
}

fn print(args: &HistoryArgs, all: &[ControlChange]) -> Done {
    let columns = vec!["id", "at", "by", "in force", "until", "what", "why"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for c in all {
        let what: Vec<String> =
            c.diff.iter().map(|s| format!("{} {} -> {}", s.path, s.before, s.after)).collect();
        let what = match c.undoes {
            Some(id) => format!("takes {id} back: {}", what.join(", ")),
            None => what.join(", "),
        };
        let force = if c.in_force { "yes" } else { "no" };
        let until = c.expires.as_deref().unwrap_or("–");
        sheet.row([&c.id.to_string(), &c.at, &c.author, force, until, &what, &c.reason]);
    }
    args.show.print(&sheet, &show::json(&all)?)?;
    Ok(exit::OK)
}
