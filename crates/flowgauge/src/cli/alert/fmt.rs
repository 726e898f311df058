//! `alert fmt`: a rule file as one list.

use super::{refused, text_of};
use crate::cli::exit::{self, Done};
use crate::cli::show;
use crate::judge::rules;

/// Options of `alert fmt`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FmtArgs {
    /// The rule file
    file: String,
    /// Write it back instead of printing it
    #[arg(long)]
    write: bool,
    /// Only say whether it would be rewritten
    #[arg(long, conflicts_with = "write")]
    check: bool,
}

pub(super) fn run(args: &FmtArgs) -> Done {
    let text = text_of(&args.file)?;
    let written = rules::format(&args.file, &text)
        .map_err(|problems| refused(exit::BAD_DATA, &[problems]))?;
    if args.check {
        if written == text {
            return Ok(exit::OK);
        }
        show::note(&format!("{} would be rewritten; use --write", args.file));
        return Ok(exit::FINDING);
    }
    if !args.write {
        show::emit(&written, None)?;
    } else if written != text {
        show::emit(&written, Some(&args.file))?;
    }
    Ok(exit::OK)
}
