//! `metrics get NAME`: one bare number for scripts, or `n/a`.

use super::ask::Where;
use super::exit::{self, Done, Failure};
use super::globals::{self, Globals};
use super::number;
use super::period::{self, PeriodArgs};
use super::show::{self, Sheet, ShowArgs};
use crate::logic::kpi::Kpi;
use crate::query::KpiValue;

/// Options of `metrics get`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge metrics get p95_latency --since 1h
  flowgauge metrics get cost_per_request --day yesterday --where model=gpt-4o-mini

Exit codes:
  0   a number was printed
  3   n/a: no data, or fewer samples than the figure needs
  64  no such metric, or wrong usage
  69  neither a server nor a data directory
  78  bad configuration")]
pub(crate) struct GetArgs {
    /// Name in the catalogue, e.g. p95_latency, cost_per_request, error_rate
    name: String,
    /// Only calls with this value of a dimension; of one dimension, any of them
    #[arg(long = "where", value_name = "DIM=VALUE")]
    filter: Vec<String>,
    #[command(flatten)]
    period: PeriodArgs,
    #[command(flatten)]
    show: ShowArgs,
}

/// The catalogue's entry of a name.
pub(crate) fn catalogued(name: &str) -> Result<&'static Kpi, Failure> {
    Kpi::find(name).ok_or_else(|| {
        let failure = Failure::usage(format!("there is no metric {name:?}"));
        match Kpi::nearest(name) {
            Some(near) => failure.hint(format!("did you mean {near}?")),
            None => failure.hint("`flowgauge health check` lists all of them"),
        }
    })
}

/// Prints one metric.
pub(crate) fn run(args: &GetArgs, globals: &Globals) -> Done {
    let kpi = catalogued(&args.name)?;
    let filter = Where::parse(&args.filter)?;
    let loaded = globals.load(false, &[])?;
    let (now, zone) = (globals::now(), loaded.config.time_zone);
    let own = if args.period.is_unset() { kpi.own_window(now, zone) } else { None };
    let window = match own {
        Some(window) => window,
        None => args.period.window(period::ANALYSIS, now, zone)?,
    };
    let value = globals.origin(&loaded)?.kpi(kpi, window, &filter)?;
    print(args, &value)?;
    Ok(if value.value.is_some() { exit::OK } else { exit::UNKNOWN })
}

fn print(args: &GetArgs, value: &KpiValue) -> Result<(), Failure> {
    let (format, file) = args.show.target();
    let Some(format) = format else {
        if value.value.is_none() {
            show::note(&why_not(value));
        }
        return show::emit(&format!("{}\n", bare(value)), file);
    };
    let json = show::json(value)?;
    let mut sheet = Sheet { columns: vec!["name", "value", "unit", "n"], rows: Vec::new() };
    sheet.row([value.name.clone(), bare(value), value.unit.sign().to_owned(), value.n.to_string()]);
    show::emit(&args.show.render(format, &sheet, &json)?, file)
}

/// The number alone.
pub(crate) fn bare(value: &KpiValue) -> String {
    value.value.map_or_else(|| "n/a".to_owned(), |v| number::bare(v, value.unit))
}

/// Why there is no number, with the samples there were.
pub(crate) fn why_not(value: &KpiValue) -> String {
    let reason = value.unknown.map_or("unknown", crate::logic::known::Reason::words);
    if value.n > 0 && value.n < value.min_samples {
        return format!("n/a: {reason} (n={}, needs {})", value.n, value.min_samples);
    }
    format!("n/a: {reason} (n={})", value.n)
}
