//! `alert thresholds propose`: thresholds that fit the last weeks, within bounds. Refuses to change a rule
//! file: what it prints is put there by a person.

use super::super::exit::{self, Done};
use super::super::globals::{self, Globals};
use super::super::show::{self, Sheet, ShowArgs};
use super::{refused, with_world};
use crate::judge::rules;
use crate::judge::thresholds::{self, Line};

/// Verbs of `alert thresholds`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum ThresholdsCommand {
    /// Thresholds that fit the last weeks, never looser than the target
    #[command(after_help = "\
Examples:
  flowgauge alert thresholds propose
  flowgauge alert thresholds propose --days 14 --json

Exit codes:
  0   nothing to change
  1   changes are proposed
  3   less than a week of data
  69  neither a server nor a data directory
  78  the rules are not fine")]
    Propose {
        /// Whole days to look at
        #[arg(long, default_value_t = 28, value_parser = clap::value_parser!(u32).range(7..=366))]
        days: u32,
        #[command(flatten)]
        show: ShowArgs,
    },
}

/// Runs one verb.
pub(super) fn run(command: &ThresholdsCommand, globals: &Globals) -> Done {
    let ThresholdsCommand::Propose { days, show } = command;
    let loaded = globals.load(false, &[])?;
    let origin = globals.origin(&loaded)?;
    let window = thresholds::window(globals::now(), *days);
    let lines = with_world(globals, |world| {
        let set = rules::load(&world.config.alerts.rules, world)
            .map_err(|problems| refused(exit::BAD_CONFIG, &problems))?;
        thresholds::lines(&set, |kpi| origin.hours(kpi, window))
    })?;
    show.print(&sheet(&lines), &show::json(&lines)?)?;
    Ok(match () {
        () if lines.iter().any(|l| l.proposed.is_some()) => exit::FINDING,
        () if lines.iter().all(Line::lacks_data) => exit::UNKNOWN,
        () => exit::OK,
    })
}

fn sheet(lines: &[Line]) -> Sheet {
    let columns = vec!["rule", "in force", "proposed", "hours", "beyond now", "beyond then", "why"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for l in lines {
        let count = |n: Option<usize>| n.map_or("–".to_owned(), |n| n.to_string());
        let proposed = l.proposed.clone().unwrap_or_else(|| "–".to_owned());
        let head = [l.rule.clone(), l.condition.clone(), proposed, l.hours.to_string()];
        let tail = [count(l.beyond_current), count(l.beyond_proposed), l.why.clone()];
        sheet.row(head.into_iter().chain(tail));
    }
    sheet
}
