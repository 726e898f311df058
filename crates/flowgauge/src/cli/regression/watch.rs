//! `regression watch`: what the online detector of a running server hears, and how often it may be
//! wrong.

use super::super::exit::{self, Done};
use super::super::globals::Globals;
use super::super::show::{self, Sheet, ShowArgs};
use crate::tell::page::regressions::{AlarmView, WatchView, WatchedView};

/// Options of `regression watch`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge regression watch
  flowgauge regression watch --json

How often it may be wrong is set by alerts.false_alarm_weeks; 0 turns it off.

Exit codes:
  0   nothing regressed
  1   something did, and still is
  3   it is off, or still learning what is usual
  69  no server answers
  77  not permitted")]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    show: ShowArgs,
}

/// Runs it.
pub(super) fn run(args: &WatchArgs, globals: &Globals) -> Done {
    let remote = globals.remote(&globals.load(false, &[])?)?;
    let watch: WatchView = remote.get("/api/v1/regressions/watch", &[])?;
    args.show.print(&sheet(&watch), &show::json(&watch)?)?;
    show::note(&match &watch.budget {
        Some(budget) => show::printable(budget),
        None => "the online detector is off: set alerts.false_alarm_weeks".to_owned(),
    });
    Ok(if watch.metrics.iter().any(|m| m.regressed) {
        exit::FINDING
    } else if watch.metrics.iter().all(|m| m.learning) {
        exit::UNKNOWN
    } else {
        exit::OK
    })
}

fn sheet(watch: &WatchView) -> Sheet {
    let columns = vec!["metric", "state", "change", "hours", "last alarm", "evidence", "needed"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for metric in &watch.metrics {
        let change =
            metric.effect.map_or("n/a".to_owned(), |effect| format!("{:+.1} %", 100.0 * effect));
        let none = || ["", "", ""].map(str::to_owned);
        let alarm = metric.alarms.first().map_or_else(none, |a: &AlarmView| {
            [a.hour.clone(), format!("{:.0}", a.evidence), format!("{:.0}", a.needed)]
        });
        let hours = metric.hours.to_string();
        let cells = [metric.metric.clone(), state(metric).to_owned(), change, hours];
        sheet.row(cells.into_iter().chain(alarm));
    }
    sheet
}

const fn state(metric: &WatchedView) -> &'static str {
    match (metric.learning, metric.regressed) {
        (true, _) => "learning",
        (_, true) => "regressed",
        (false, false) => "as usual",
    }
}
