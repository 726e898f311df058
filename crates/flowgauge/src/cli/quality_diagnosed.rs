//! `quality trends`, `impact` and `regress`: whether answers became worse, and why.

use super::diagnose::{self, DiagnoseArgs};
use super::exit::{Done, Failure};
use super::globals::Globals;
use crate::query::diagnose::{Against, Name};

/// Verbs of `quality` that end in a diagnosis.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum Diagnosed {
    /// Quality over time by intent, with intervals, and breaks where an evaluator changed
    #[command(after_help = "\
Examples:
  flowgauge quality trends --last 7d
  flowgauge quality trends --last 30d --where model=gpt-4o --json

Exit codes:
  0   quality is what it was
  1   it fell: the first finding says where and why
  3   too few evaluations to compare
  69  neither a server nor a data directory")]
    Trends(DiagnoseArgs),
    /// What optimisation does to quality, against a control group
    #[command(after_help = "\
Examples:
  flowgauge quality impact
  flowgauge quality impact --last 14d --json

Answers that an optimisation could touch are compared with those it was held off from by lot
(`flowgauge opt rollout`), by intent, evaluator and version.

Exit codes:
  0   none is seen to cost more than 2 points
  1   one does: the whole interval of its loss is beyond that
  3   there is no control group, or too few evaluations
  69  neither a server nor a data directory")]
    Impact(DiagnoseArgs),
    /// Whether quality fell by more than a threshold, by the same evaluators for the same intents
    #[command(after_help = "\
Examples:
  flowgauge quality regress --threshold 0.05
  flowgauge quality regress --last 24h --against previous --json

Compared with the promoted baseline (`flowgauge regression baseline promote`), else with the week before.

Exit codes:
  0   it did not
  1   it did: the lower bound of the fall exceeds the threshold
  3   too few evaluations to compare
  69  neither a server nor a data directory")]
    Regress {
        /// A fall that counts, relative: 0.05 is 5 %
        #[arg(long, default_value_t = crate::query::diagnose::THRESHOLD)]
        threshold: f64,
        /// The promoted baseline or the week before the window, or the time before of the same length
        #[arg(long, default_value = "usual", value_parser = ["usual", "previous"])]
        against: String,
        #[command(flatten)]
        args: DiagnoseArgs,
    },
}

/// Runs one verb.
pub(crate) fn run(command: &Diagnosed, globals: &Globals) -> Done {
    match command {
        Diagnosed::Trends(args) => diagnose::run(Name::QualityTrends, args, globals, |_| Ok(())),
        Diagnosed::Impact(args) => diagnose::run(Name::QualityImpact, args, globals, |_| Ok(())),
        Diagnosed::Regress { threshold, against, args } => {
            diagnose::run(Name::QualityRegress, args, globals, |question| {
                if !(0.0..1.0).contains(threshold) {
                    return Err(Failure::usage(format!("--threshold {threshold} is no share"))
                        .hint("write a number from 0 to below 1, e.g. 0.05"));
                }
                question.threshold = *threshold;
                question.against = Against::from_word(against).unwrap_or_default();
                Ok(())
            })
        }
    }
}
