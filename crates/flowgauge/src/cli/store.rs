//! `store status`: sizes and health of what is stored; `store fsck` is in `ageing`.

use super::ageing::{self, FsckArgs};
use super::exit::{self, Done};
use super::globals::{Globals, Origin};
use super::show::{self, Sheet, ShowArgs};
use crate::query::status::Status;

/// Verbs of `store`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum StoreCommand {
    /// Sizes, rows and damage
    #[command(after_help = "\
Examples:
  flowgauge store status
  flowgauge store status --data-dir /var/lib/flowgauge --json

Exit codes:
  0   in health
  2   damaged; the places are named
  3   the running server cannot read its store now
  69  neither a server nor a data directory")]
    Status {
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Read everything, name what is damaged and what that costs
    Fsck(FsckArgs),
}

/// Runs one verb.
pub(crate) fn run(command: &StoreCommand, globals: &Globals) -> Done {
    let show = match command {
        StoreCommand::Status { show } => show,
        StoreCommand::Fsck(args) => return ageing::run_fsck(args, globals),
    };
    let loaded = globals.load(false, &[])?;
    let status = match globals.origin(&loaded)? {
        Origin::Server(remote) => remote.get::<Status>("/api/v1/status", &[])?.store,
        Origin::Directory(reader) => Some(reader.status()?),
    };
    let Some(status) = status else {
        show::note("n/a: the server cannot read its store now");
        return Ok(exit::UNKNOWN);
    };
    let mut sheet = Sheet { columns: vec!["figure", "value"], rows: Vec::new() };
    let figures = [
        ("unsealed batches", status.batches),
        ("unsealed bytes", status.batch_bytes),
        ("unsealed rows", status.unsealed_rows),
        ("segments", status.segments),
        ("segment rows", status.segment_rows),
        ("segment bytes", status.segment_bytes),
    ];
    for (name, value) in figures {
        sheet.row([name.to_owned(), value.to_string()]);
    }
    let moments =
        [("raw calls from", status.raw_from), ("rollups by the minute from", status.minutes_from)];
    for (name, moment) in moments {
        if let Some(moment) = moment {
            sheet.row([name.to_owned(), moment.to_rfc3339()]);
        }
    }
    for place in &status.damage {
        sheet.row(["damage", place.as_str()]);
    }
    for missing in &status.missing {
        sheet.row(["missing".to_owned(), ageing::told(missing)]);
    }
    show.print(&sheet, &super::show::json(&status)?)?;
    Ok(if status.damage.is_empty() { exit::OK } else { exit::CRITICAL })
}
