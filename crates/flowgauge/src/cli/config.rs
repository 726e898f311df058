//! `config …`: checking, explaining, comparing, keeping and restoring the configuration.

mod backup;
mod diff;
mod history;
mod optimization;

use super::exit::{self, Done, Failure};
use super::globals::Globals;
use super::show::{self, Sheet, ShowArgs};
use crate::config;
use std::path::PathBuf;

/// Verbs of `config`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check a configuration; every problem is shown with line, column and caret
    #[command(after_help = "\
Examples:
  flowgauge config validate
  flowgauge config validate /etc/flowgauge.yaml --no-secrets
  flowgauge config validate --section optimization --json

Exit codes:
  0   it is valid
  1   the section has warnings
  2   the section has errors
  64  wrong usage
  78  it is not; every problem is on stderr")]
    Validate {
        /// The file; flowgauge.yaml here where it exists
        file: Option<PathBuf>,
        /// Do not ask whether the secrets it refers to are there
        #[arg(long)]
        no_secrets: bool,
        /// Also what is set while it runs: rules, settings of control, prices, variables
        #[arg(long, value_enum)]
        section: Option<Section>,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Show values, defaults, and where each value came from
    #[command(after_help = "\
Examples:
  flowgauge config explain store.seal_age
  FLOWGAUGE__TIME_ZONE=Europe/Berlin flowgauge config explain --json

Exit codes:
  0   shown
  64  there is no such key
  78  bad configuration")]
    Explain {
        /// A key or a section; all keys where left out
        key: Option<String>,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Print a file with every knob at its default
    #[command(after_help = "\
Examples:
  flowgauge config example > flowgauge.yaml
  flowgauge config example --output /etc/flowgauge.yaml

Exit codes:
  0   printed
  73  the file cannot be written")]
    Example {
        /// A file instead of stdout
        #[arg(long, value_name = "FILE")]
        output: Option<String>,
    },
    /// What was changed, by whom and why
    History(history::HistoryArgs),
    /// What is otherwise than it was
    Diff(diff::DiffArgs),
    /// Write a set of files to be here again
    Backup(backup::BackupArgs),
    /// Put such a set back
    Restore(backup::RestoreArgs),
}

/// A part of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Section {
    /// The four optimisations and what watches them
    Optimization,
}

/// Runs one verb.
pub(crate) fn run(command: &ConfigCommand, globals: &Globals) -> Done {
    match command {
        ConfigCommand::Validate { file, section: Some(Section::Optimization), show, .. } => {
            let mut globals = globals.clone();
            globals.config = file.clone().or(globals.config);
            optimization::run(show, &globals)
        }
        ConfigCommand::Validate { file, no_secrets, .. } => {
            validate(file.clone(), !no_secrets, globals)
        }
        ConfigCommand::History(args) => history::run(args, globals),
        ConfigCommand::Diff(args) => diff::run(args, globals),
        ConfigCommand::Backup(args) => backup::backup(args, globals),
        ConfigCommand::Restore(args) => backup::restore(args, globals),
        ConfigCommand::Explain { key, show } => explain(key.as_deref(), show, globals),
        ConfigCommand::Example { output } => {
            let file = output.as_deref().filter(|f| *f != "-");
            show::emit(&config::example(), file)?;
            Ok(exit::OK)
        }
    }
}

fn validate(file: Option<PathBuf>, with_secrets: bool, globals: &Globals) -> Done {
    let mut globals = globals.clone();
    globals.config = file.or(globals.config);
    globals.load(with_secrets, &[])?;
    let name =
        globals.config.map_or_else(|| "the configuration".to_owned(), |f| f.display().to_string());
    show::line(&format!("{name} is valid"))?;
    Ok(exit::OK)
}

fn explain(key: Option<&str>, show: &ShowArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let found = loaded.explain(key);
    if found.is_empty() {
        let key = key.unwrap_or_default();
        let failure = Failure::usage(format!("there is no key {key:?}"));
        let known = loaded.explain(None);
        let near = crate::logic::nearest::nearest(key, known.iter().map(|k| k.key.as_str()));
        return Err(match near {
            Some(near) => failure.hint(format!("did you mean {near}?")),
            None => failure.hint("`flowgauge config explain` lists all of them"),
        });
    }
    let mut sheet =
        Sheet { columns: vec!["key", "value", "default", "origin", "about"], rows: Vec::new() };
    for k in &found {
        sheet.row([&k.key, &k.value, &k.default, &k.origin, &k.about].map(String::as_str));
    }
    show.print(&sheet, &show::json(&found)?)?;
    Ok(exit::OK)
}
