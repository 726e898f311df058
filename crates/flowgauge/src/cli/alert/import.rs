//! `alert import`: alerting rules of Prometheus over the series of our `/metrics`, and objectives of Sloth
//! and OpenSLO over those of OpenTelemetry, as a rule file of ours. What does not map is listed, not
//! guessed.

use super::{refused, text_of};
use crate::cli::exit::{self, Done};
use crate::cli::show;
use crate::config::Problems;
use crate::judge::rules::prometheus::Translated;
use crate::judge::rules::{borrowed, prometheus};

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
    /// Objectives of Sloth
    #[command(after_help = "\
Examples:
  flowgauge alert import sloth slos.yml > alerts.yaml
  flowgauge alert import sloth slos.yml --output alerts.yaml

Queries over the series of OpenTelemetry's conventions for generative AI are read, e.g.
gen_ai_client_operation_duration_seconds_count.

Exit codes:
  0   everything was translated
  1   some was not; it is listed with its line on stderr
  65  it is no specification of Sloth")]
    Sloth {
        /// The specification
        file: String,
        /// A file instead of stdout
        #[arg(long, value_name = "FILE")]
        output: Option<String>,
    },
    /// Objectives of OpenSLO (openslo/v1) with their alert policies
    #[command(after_help = "\
Examples:
  flowgauge alert import openslo slos.yml > alerts.yaml
  flowgauge alert import openslo slos.yml --output alerts.yaml

A burn rate of one window becomes one of two: the short one is a twelfth of it.

Exit codes:
  0   everything was translated
  1   some was not; it is listed with its line on stderr
  65  it holds no objective of OpenSLO")]
    Openslo {
        /// The objects, all in one file
        file: String,
        /// A file instead of stdout
        #[arg(long, value_name = "FILE")]
        output: Option<String>,
    },
}

/// A translator: of a file's name and text.
type Translate = fn(&str, &str) -> Result<Translated, Problems>;

pub(super) fn run(command: &ImportCommand) -> Done {
    let (file, output, translate): (_, _, Translate) = match command {
        ImportCommand::Prometheus { file, output } => (file, output, prometheus::import),
        ImportCommand::Sloth { file, output } => (file, output, borrowed::sloth),
        ImportCommand::Openslo { file, output } => (file, output, borrowed::openslo),
    };
    let text = text_of(file)?;
    let imported =
        translate(file, &text).map_err(|problems| refused(exit::BAD_DATA, &[problems]))?;
    show::emit(&imported.text, output.as_deref().filter(|f| *f != "-"))?;
    for (name, why) in &imported.left_out {
        show::note(&format!("left out {name}: {why}"));
    }
    Ok(if imported.left_out.is_empty() { exit::OK } else { exit::FINDING })
}
