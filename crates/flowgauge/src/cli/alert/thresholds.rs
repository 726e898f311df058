//! `alert thresholds propose`: thresholds that fit the last weeks, within bounds. Refuses to change a rule
//! file: what it prints is put there by a person.

use super::super::exit::{self, Done, Failure};
use super::super::globals::{self, Globals};
use super::super::show::{self, Sheet, ShowArgs};
use super::{refused, with_world};
use crate::judge::rules;
use crate::logic::alert::metric::{Dimension, Metric};
use crate::logic::alert::propose::{FEWEST_HOURS, HeldBy, NotProposed, plain, propose};
use crate::logic::alert::rule::Rule;
use crate::logic::kpi::Kpi;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use serde::Serialize;

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

/// One rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Line {
    rule: String,
    condition: String,
    proposed: Option<String>,
    why: String,
    hours: usize,
    beyond_current: Option<usize>,
    beyond_proposed: Option<usize>,
}

/// Runs one verb.
pub(super) fn run(command: &ThresholdsCommand, globals: &Globals) -> Done {
    let ThresholdsCommand::Propose { days, show } = command;
    let loaded = globals.load(false, &[])?;
    let origin = globals.origin(&loaded)?;
    let now = globals::now();
    let to = UnixMicros(now.0.div_euclid(UnixMicros::HOUR) * UnixMicros::HOUR);
    let window = Window::last(i64::from(*days) * UnixMicros::DAY, to);
    let lines = with_world(globals, |world| {
        let set = rules::load(&world.config.alerts.rules, world)
            .map_err(|problems| refused(exit::BAD_CONFIG, &problems))?;
        let mut lines = Vec::new();
        for rule in set.rules.iter().filter(|r| r.enabled) {
            let Some(of) = plain(rule) else { continue };
            let Some(kpi) = of.metric.kpi().and_then(Kpi::find) else { continue };
            let hours: Vec<f64> =
                origin.hours(kpi, window)?.into_iter().map(|v| base(of.metric, v)).collect();
            let target = kpi.target.map(|t| base(of.metric, t));
            lines.push(line(rule, &hours, propose(rule, &of, &hours, target)));
        }
        Ok::<_, Failure>(lines)
    })?;
    show.print(&sheet(&lines), &show::json(&lines)?)?;
    Ok(match () {
        () if lines.iter().any(|l| l.proposed.is_some()) => exit::FINDING,
        () if lines.iter().all(|l| l.hours < FEWEST_HOURS) => exit::UNKNOWN,
        () => exit::OK,
    })
}

fn line(
    rule: &Rule,
    hours: &[f64],
    found: Result<crate::logic::alert::propose::Proposed, NotProposed>,
) -> Line {
    let mut line = Line {
        rule: rule.name.to_string(),
        condition: rule.text.clone(),
        proposed: None,
        why: String::new(),
        hours: hours.len(),
        beyond_current: None,
        beyond_proposed: None,
    };
    match found {
        Ok(p) => {
            line.why = match p.held_by {
                None => "fits what was seen",
                Some(HeldBy::Target) => "stricter would fire while the target is met",
                Some(HeldBy::InForce) => "looser than the target is not proposed",
            }
            .to_owned();
            line.proposed = Some(p.text);
            (line.beyond_current, line.beyond_proposed) =
                (Some(p.beyond_current), Some(p.beyond_proposed));
        }
        Err(NotProposed::TooFew) => {
            line.why = format!("{} hours are known; {FEWEST_HOURS} are needed", hours.len());
        }
        Err(NotProposed::Fits) => "fits as it is".clone_into(&mut line.why),
    }
    line
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

/// A KPI's unit as the evaluator's base unit.
fn base(metric: Metric, shown: f64) -> f64 {
    match metric.dimension() {
        Dimension::Time => shown * 1e3,
        Dimension::Ratio => shown / 100.0,
        Dimension::Money => shown * 1e9,
        Dimension::Count | Dimension::Size | Dimension::Rate | Dimension::Rating => shown,
    }
}
