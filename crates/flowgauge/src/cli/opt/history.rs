//! `opt history`: what was changed, by whom and why.

use super::super::exit::{self, Done};
use super::super::globals::Globals;
use super::super::show::{self, Sheet, ShowArgs};
use crate::tell::page::control::ControlChange;

/// Options of `opt history`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge opt history
  flowgauge opt history --mechanism response_caching --limit 5 --json

Exit codes:
  0   listed
  64  no such mechanism
  69  no server answers
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
    let remote = globals.remote(&globals.load(false, &[])?)?;
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.mechanism.iter().map(|m| ("mechanism", m.clone())));
    let all: Vec<ControlChange> = remote.get("/api/v1/control/changes", &query)?;
    let columns = vec!["id", "at", "by", "in force", "until", "what", "why"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for c in &all {
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
