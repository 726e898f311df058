//! `quality watch`: quality overall and by intent, interval by interval.

use super::super::ask::Where;
use super::super::cadence::{CadenceArgs, Ended, stamp};
use super::super::exit::{self, Done};
use super::super::globals::Globals;
use super::super::health::shown;
use super::super::number;
use super::super::show;
use crate::logic::known::Known;
use crate::logic::kpi::Kpi;
use crate::logic::rollup::Dim;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;

/// The guide's interval, seconds.
const INTERVAL_S: u64 = 30;
/// Scores come late and few: a line is about the last quarter of an hour, as health is.
const LOOK_BACK: i64 = 15 * UnixMicros::MINUTE;

/// Options of `quality watch`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge quality watch --interval 30 --duration 30min
  flowgauge quality watch --follow --alert-threshold 80

A line is about the last 15 minutes.

Exit codes:
  0    the duration is over
  1    it is, and quality fell below --alert-threshold meanwhile
  64   wrong usage
  69   neither a server nor a data directory
  130  interrupted")]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    cadence: CadenceArgs,
    /// Say so where quality is below, 0 to 100
    #[arg(long, value_name = "SCORE")]
    alert_threshold: Option<f64>,
}

/// Says how quality stands.
pub(super) fn run(args: &WatchArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let zone = loaded.config.time_zone;
    let origin = globals.origin(&loaded)?;
    let kpi = super::super::get::catalogued("quality_score")?;
    let mut alerted = false;
    let ended = args.cadence.run(INTERVAL_S, show::line, |look| {
        let window = Window::last(LOOK_BACK, look.now);
        let whole = origin.kpi(kpi, window, &Where::default())?;
        let mut lines =
            vec![format!("{} Quality: {} (n={})", stamp(look.now, zone), shown(&whole), whole.n)];
        for row in origin.split(kpi, window, Dim::Intent)?.rows {
            let (Some(name), Some(value)) = (row.key.first(), row.values.first()) else { continue };
            let name = if name.is_empty() { "(no intent)" } else { name.as_str() };
            lines.push(format!("  {}: {}", show::printable(name), one(kpi, value)));
        }
        if let (Some(limit), Some(value)) = (args.alert_threshold, whole.value)
            && value < limit
        {
            alerted = true;
            lines.push(format!("⚠️  ALERT: Quality below threshold ({value:.0}% < {limit:.0}%)"));
        }
        Ok(lines)
    })?;
    Ok(match ended {
        Ended::Interrupted => exit::INTERRUPTED,
        Ended::Over if alerted => exit::FINDING,
        Ended::Over => exit::OK,
    })
}

fn one(kpi: &Kpi, value: &crate::logic::kpi::Measured) -> String {
    match value.value {
        Known::Value(v) => format!("{} (n={})", number::with_unit(v, kpi.unit), value.n),
        Known::Unknown(_) => format!("n/a (n={})", value.n),
    }
}
