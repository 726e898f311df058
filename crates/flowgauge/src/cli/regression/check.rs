//! `regression check`: the last days against a baseline, on a running server; with `--alert` the alert
//! rules hear of it.

use super::super::exit::{self, BAD_DATA, Done, Failure};
use super::super::globals::Globals;
use super::super::show::{self, Sheet, ShowArgs};
use super::baseline::{body, too_little};
use crate::tell::page::regressions::{CheckView, WantedCheck};
use serde_json::Value;

/// Options of `regression check`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge regression check --days 7 --alert
  flowgauge regression check --days 1 --against 2026-w47 --where intent=explain
  flowgauge regression check --against /var/lib/flowreader/baseline_performance.json --json

Exit codes:
  0   nothing regressed
  1   something regressed
  3   too little data, or no baseline is promoted
  64  no such baseline
  65  the file cannot be read
  69  no server answers
  77  not permitted")]
pub(crate) struct CheckArgs {
    /// Whole days to look at
    #[arg(long, default_value_t = 7)]
    days: u32,
    /// A baseline, or a file with lists; the promoted baseline unless given
    #[arg(long, value_name = "NAME|FILE")]
    against: Option<String>,
    /// Keep what is found and tell the alert rules: two checks that agree raise an alert
    #[arg(long)]
    alert: bool,
    /// Only calls of dimension=value
    #[arg(long = "where", value_name = "DIM=VALUE")]
    filter: Vec<String>,
    /// moving-block-bootstrap, welch or student
    #[arg(long)]
    method: Option<String>,
    /// Confidence of intervals, above 0.5 and below 1
    #[arg(long)]
    confidence: Option<f64>,
    #[command(flatten)]
    show: ShowArgs,
}

/// Runs it.
pub(super) fn run(args: &CheckArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    let (against, period) = match &args.against {
        Some(file) if std::path::Path::new(file).is_file() => (None, Some(lists(file)?)),
        named => (named.clone(), None),
    };
    let wanted = WantedCheck {
        days: Some(args.days),
        against,
        period,
        filter: args.filter.clone(),
        method: args.method.clone(),
        confidence: args.confidence,
        alert: args.alert,
    };
    let found: CheckView =
        remote.call_long("/api/v1/regressions", body(&wanted)?).map_err(too_little)?;
    args.show.print(&sheet(&found), &show::json(&found)?)?;
    show::note(&show::printable(&found.verdict));
    for (metric, said) in reasons(&found.report) {
        show::note(&show::printable(&format!("{metric}: {said}")));
    }
    for metric in &found.waiting {
        show::note(&format!("{metric}: one more check that agrees raises an alert"));
    }
    Ok(match (found.regressed, found.lacks_data) {
        (true, _) => exit::FINDING,
        (false, true) => exit::UNKNOWN,
        (false, false) => exit::OK,
    })
}

fn lists(file: &str) -> Result<Value, Failure> {
    let unreadable = |e: String| Failure::new(BAD_DATA, format!("{file}: {e}"));
    let text = std::fs::read_to_string(file).map_err(|e| unreadable(e.to_string()))?;
    crate::logic::regression::Input::parse(&text).map_err(|e| unreadable(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| unreadable(e.to_string()))
}

fn sheet(found: &CheckView) -> Sheet {
    let columns = vec![
        "metric",
        "verdict",
        "change",
        "95 % interval",
        "mix",
        "q",
        "n before",
        "n now",
        "could see",
    ];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    let Value::Object(metrics) = &found.report else { return sheet };
    for (metric, c) in metrics {
        let percent = |key: &str| {
            c[key].as_f64().map_or("n/a".to_owned(), |v| format!("{:+.1} %", 100.0 * v))
        };
        let interval = match (c["ci_low"].as_f64(), c["ci_high"].as_f64()) {
            (Some(low), Some(high)) => format!("{:+.1} to {:+.1} %", 100.0 * low, 100.0 * high),
            _ => "n/a".to_owned(),
        };
        let q = c["q_value"].as_f64().map_or("n/a".to_owned(), |q| format!("{q:.3}"));
        let verdict = c["verdict"].as_str().unwrap_or_default().replace('_', " ");
        let n = |key: &str| c[key].as_u64().unwrap_or_default().to_string();
        let name = metric.trim_end_matches("_regression").to_owned();
        let cells = [name, verdict, percent("effect"), interval, percent("mix_effect"), q];
        sheet.row(cells.into_iter().chain([n("n_baseline"), n("n_current"), percent("mde")]));
    }
    sheet
}

fn reasons(report: &Value) -> Vec<(String, String)> {
    let Value::Object(metrics) = report else { return Vec::new() };
    let of = |metric: &String, c: &Value| {
        let doubt = c["uncalibrated"].as_str().map(|d| format!("not calibrated: {d}"));
        let said = c["reason"].as_str().map(ToOwned::to_owned).into_iter().chain(doubt);
        said.map(|text| (metric.clone(), text)).collect::<Vec<_>>()
    };
    metrics.iter().flat_map(|(m, c)| of(m, c)).collect()
}
