//! `alert export prometheus`: our rules over the series of our `/metrics`, for a Prometheus that
//! scrapes it. What cannot be said there is listed with the reason.

use super::{refused, with_world};
use crate::cli::exit::{self, Done};
use crate::cli::globals::Globals;
use crate::cli::show;
use crate::config::alerts::RuleSource;
use crate::judge::rules::{self, prometheus};
use std::path::PathBuf;

/// Targets of `alert export`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum ExportCommand {
    /// Prometheus alerting rules over the series of /metrics
    #[command(after_help = "\
Examples:
  flowgauge alert export prometheus > rules.yml
  flowgauge alert export prometheus alerts.yaml --output rules.yml

Exit codes:
  0   every rule was written
  1   some cannot be said in PromQL; they are listed on stderr
  65  a named file is not fine
  78  bad configuration")]
    Prometheus {
        /// Rule files; those of the configuration where none is named
        files: Vec<PathBuf>,
        /// A file instead of stdout
        #[arg(long, value_name = "FILE")]
        output: Option<String>,
    },
}

pub(super) fn run(command: &ExportCommand, globals: &Globals) -> Done {
    let ExportCommand::Prometheus { files, output } = command;
    with_world(globals, |world| {
        let named: Vec<RuleSource> = files.iter().cloned().map(RuleSource::File).collect();
        let (sources, code) = match named.is_empty() {
            true => (&world.config.alerts.rules, exit::BAD_CONFIG),
            false => (&named, exit::BAD_DATA),
        };
        let set = rules::load(sources, world).map_err(|problems| refused(code, &problems))?;
        let exported = prometheus::export(&set);
        show::emit(&exported.text, output.as_deref().filter(|f| *f != "-"))?;
        for (name, why) in &exported.left_out {
            show::note(&format!("left out {name}: {why}"));
        }
        Ok(if exported.left_out.is_empty() { exit::OK } else { exit::FINDING })
    })
}
