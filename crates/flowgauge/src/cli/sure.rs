//! Manners of commands that change something: who and why, a question on a terminal, `--yes` elsewhere, `--dry-run`.

use super::exit::{Failure, NOT_PERMITTED};
use super::show;
use std::io::{BufRead, IsTerminal, Write};

/// Options of everything that changes something.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Sure {
    /// Why
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Who wants it
    #[arg(long, env = "USER", hide_env_values = true, default_value = "someone at this machine")]
    pub(crate) by: String,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    /// Only say what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl Sure {
    /// The reason, which there must be.
    pub(crate) fn why(&self) -> Result<&str, Failure> {
        match self.reason.trim() {
            "" => Err(Failure::usage("no reason is given").hint("add --reason 'WHY'")),
            reason => Ok(reason),
        }
    }

    /// Asks on a terminal; elsewhere `--yes` must have been given.
    pub(crate) fn ask(&self, what: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            return Err(Failure::new(NOT_PERMITTED, format!("{what}: not confirmed")).hint(
                "add --yes where nobody can be asked, or --dry-run to see what it would do",
            ));
        }
        let mut out = std::io::stderr().lock();
        write!(out, "{what}? [y/N] ")?;
        out.flush()?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => Err(Failure::new(NOT_PERMITTED, "not confirmed; nothing was changed")),
        }
    }

    /// Prints a number on stdout, or the whole answer as JSON.
    pub(crate) fn print<T: serde::Serialize>(
        &self,
        short: &str,
        answer: &T,
    ) -> Result<(), Failure> {
        if !self.json {
            return if short.is_empty() { Ok(()) } else { show::line(short) };
        }
        let text = serde_json::to_string_pretty(&show::json(answer)?);
        show::line(&text.map_err(|e| Failure::usage(e.to_string()))?)
    }
}
