//! `alert import prometheus`: alerting rules over the series of our `/metrics` as a rule file of
//! ours. Expressions that do not map are listed, not guessed.

use super::{refused, text_of};
use crate::cli::exit::{self, Done};
use crate::cli::show;
use crate::judge::rules::prometheus;

/// Sources of `alert import`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum ImportCommand {
    /// A rule file of Prometheus
    #[command(after_help = "\
Examples:
  flowgauge alert import prometheus rules.yml > alerts.yaml
  flowgauge alert import prometheus rules.yml --output alerts.yaml

Exit codes:
  0   every alerting rule was translated
  1   some were not; they are listed on stderr
  65  it is no rule file of Prometheus")]
    Prometheus {
        /// The rule file
        file: String,
        /// A file instead of stdout
        #[arg(long, value_name = "FILE")]
        output: Option<String>,
    },
}

pub(super) fn run(command: &ImportCommand) -> Done {
    let ImportCommand::Prometheus { file, output } = command;
    let text = text_of(file)?;
    let imported =
        prometheus::import(file, &text).map_err(|problems| refused(exit::BAD_DATA, &[problems]))?;
    show::emit(&imported.text, output.as_deref().filter(|f| *f != "-"))?;
    for (name, why) in &imported.left_out {
        show::note(&format!("left out {name}: {why}"));
    }
    Ok(if imported.left_out.is_empty() { exit::OK } else { exit::FINDING })
}
