//! Completions and the manual, from the same definitions as the command line itself.

use super::exit::{self, Done, Failure};
use super::show;
use clap::CommandFactory;
use clap_complete::Shell;
use std::path::PathBuf;

/// What is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// For bash
    Bash,
    /// For zsh
    Zsh,
    /// For fish
    Fish,
    /// For PowerShell
    Powershell,
    /// Manual pages in roff
    Man,
}

/// Options of `completions`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge completions bash > ~/.local/share/bash-completion/completions/flowgauge
  flowgauge completions man --dir ~/.local/share/man/man1

Exit codes:
  0   written
  64  wrong usage
  73  the output cannot be written")]
pub(crate) struct CompletionsArgs {
    /// Shell, or `man`
    #[arg(value_enum)]
    kind: Kind,
    /// Manual only: one page per command into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Writes completions or manual pages.
pub(crate) fn run(args: &CompletionsArgs) -> Done {
    let mut command = super::Arguments::command();
    let shell = match args.kind {
        Kind::Bash => Shell::Bash,
        Kind::Zsh => Shell::Zsh,
        Kind::Fish => Shell::Fish,
        Kind::Powershell => Shell::PowerShell,
        Kind::Man => return manual(command, args.dir.as_deref()),
    };
    if args.dir.is_some() {
        return Err(Failure::usage("--dir belongs to `completions man`"));
    }
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "flowgauge", &mut text);
    show::emit(&String::from_utf8_lossy(&text), None)?;
    Ok(exit::OK)
}

fn manual(command: clap::Command, dir: Option<&std::path::Path>) -> Done {
    if let Some(dir) = dir {
        let failed = |e| Failure::new(exit::CANNOT_WRITE, format!("{}: {e}", dir.display()));
        std::fs::create_dir_all(dir).map_err(failed)?;
        clap_mangen::generate_to(command, dir).map_err(failed)?;
        return Ok(exit::OK);
    }
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text)?;
    show::emit(&String::from_utf8_lossy(&text), None)?;
    Ok(exit::OK)
}
