//! `health check`, `health status` and `health errors`: how things stand, with an exit code for a monitoring system.

use super::ask::Where;
use super::diagnose::{self, DiagnoseArgs};
use super::exit::{self, Done};
use super::get::bare;
use super::globals::{self, Globals};
use super::number;
use super::period::{self, PeriodArgs};
use super::show::{self, Sheet, ShowArgs};
use crate::logic::known::Known;
use crate::logic::kpi::{Kpi, State, Unit};
use crate::query::KpiValue;
use crate::query::diagnose::{Name, Question};
use crate::query::errors::ErrorReport;
use crate::query::health::{Health, Verdict};

/// Verbs of `health`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum HealthCommand {
    /// Every target with its status, and flowgauge's own parts
    #[command(after_help = "\
Examples:
  flowgauge health check
  flowgauge health check --critical --nagios --since 5min

Exit codes:
  0   ok
  1   warning
  2   critical
  3   unknown: no requests in the window
  69  neither a server nor a data directory")]
    Check {
        /// Critical limits and parts only
        #[arg(long)]
        critical: bool,
        /// One line with performance data, as Nagios plugins print it
        #[arg(long)]
        nagios: bool,
        /// Only calls with this value of a dimension
        #[arg(long = "where", value_name = "DIM=VALUE")]
        filter: Vec<String>,
        #[command(flatten)]
        period: PeriodArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Uptime checks: how many ran, how many were good, what the last one said
    #[command(after_help = "\
Examples:
  flowgauge health checks
  flowgauge health checks --since 30d --json

Exit codes:
  0   every check that ran last was good
  1   one was not
  3   none ran, or none is configured
  69  neither a server nor a data directory")]
    Checks {
        #[command(flatten)]
        period: PeriodArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// How one figure stands against its target, as a word
    #[command(after_help = "\
Examples:
  flowgauge health status p95_latency
  flowgauge health status p95_latency 1742
  flowgauge health status cache_hit_rate --day yesterday

Prints met, off target, alert or no data.

Exit codes:
  0   met, or without a target
  1   off target, or alert
  3   no data
  64  no such metric
  69  neither a server nor a data directory")]
    Status {
        /// Name in the catalogue
        name: String,
        /// A value to judge in place of the measured one
        value: Option<f64>,
        #[command(flatten)]
        period: PeriodArgs,
    },
    /// What limits users now: one bottleneck with evidence, or none
    #[command(after_help = "\
Examples:
  flowgauge health bottlenecks
  flowgauge health bottlenecks --last 1h --json

Exit codes:
  0   none
  1   one: the first finding names it
  3   unknown: no requests in the window
  69  neither a server nor a data directory")]
    Bottlenecks(DiagnoseArgs),
    /// Failed requests grouped by class, with first and last sight and examples
    #[command(after_help = "\
Examples:
  flowgauge health errors --last 30min
  flowgauge health errors --since 24h --where model=gpt-4o-mini --json

Exit codes:
  0   the error rate keeps its limit
  1   the error rate breaches it
  69  neither a server nor a data directory")]
    Errors {
        /// Only calls with this value of a dimension
        #[arg(long = "where", value_name = "DIM=VALUE")]
        filter: Vec<String>,
        #[command(flatten)]
        period: PeriodArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
}

/// Runs one verb.
pub(crate) fn run(command: &HealthCommand, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let (now, zone) = (globals::now(), loaded.config.time_zone);
    match command {
        HealthCommand::Check { critical, nagios, filter, period, show } => {
            let window = period.window(period::STATUS, now, zone)?;
            let filter = Where::parse(filter)?;
            let health = globals.origin(&loaded)?.health(window, *critical, &filter, zone)?;
            if *nagios {
                show::line(&plugin_line(&health))?;
            } else {
                show.print(&table(&health), &super::show::json(&health)?)?;
            }
            Ok(code(health.overall))
        }
        HealthCommand::Checks { period, show } => {
            let window = period.window(period::ANALYSIS, now, zone)?;
            super::checks::run(&globals.origin(&loaded)?, window, show)
        }
        HealthCommand::Status { name, value, period } => {
            let kpi = super::get::catalogued(name)?;
            let state = match value {
                Some(value) => kpi.state(Known::Value(*value)),
                None => {
                    let window = period.window(period::STATUS, now, zone)?;
                    globals.origin(&loaded)?.kpi(kpi, window, &Where::default())?.state
                }
            };
            status(state)
        }
        HealthCommand::Bottlenecks(args) => {
            diagnose::run(Name::Bottlenecks, args, globals, |_| Ok(()))
        }
        HealthCommand::Errors { filter, period, show } => {
            let window = period.window(period::ERRORS, now, zone)?;
            let (origin, filter) = (globals.origin(&loaded)?, Where::parse(filter)?);
            let report = origin.errors(window, &filter)?;
            show.print(&classes(&report), &super::show::json(&report)?)?;
            show::note(&summary(&report));
            let question = Question::new(Name::Errors, window, filter.filter().clone());
            diagnose::note_findings(&origin.diagnosis(&question, &filter)?);
            Ok(if breaches(&report) { exit::FINDING } else { exit::OK })
        }
    }
}

/// The guide's word for a state: critical is an alert too.
fn status(state: State) -> Done {
    let (word, code) = match state {
        State::Met | State::NoTarget => (state.words(), exit::OK),
        State::OffTarget => (state.words(), exit::FINDING),
        State::Alert | State::Critical => (State::Alert.words(), exit::FINDING),
        State::NoData => (state.words(), exit::UNKNOWN),
    };
    show::line(word)?;
    Ok(code)
}

/// In the order of Nagios.
fn code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Ok => exit::OK,
        Verdict::Warning => exit::FINDING,
        Verdict::Critical => exit::CRITICAL,
        Verdict::Unknown => exit::UNKNOWN,
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "OK",
        Verdict::Warning => "WARNING",
        Verdict::Critical => "CRITICAL",
        Verdict::Unknown => "UNKNOWN",
    }
}

/// A value with its unit, or why there is none.
pub(crate) fn shown(kpi: &KpiValue) -> String {
    match kpi.value {
        Some(value) => number::with_unit(value, kpi.unit),
        None if kpi.n > 0 => format!("n/a (n={})", kpi.n),
        None => "n/a".to_owned(),
    }
}

fn table(health: &Health) -> Sheet {
    let mut sheet =
        Sheet { columns: vec!["metric", "value", "n", "target", "status"], rows: Vec::new() };
    for kpi in &health.kpis {
        let why = kpi.unknown.map_or(kpi.state.words(), crate::logic::known::Reason::words);
        let target = kpi.target.as_deref().unwrap_or("–");
        sheet.row([kpi.name.as_str(), &shown(kpi), &kpi.n.to_string(), target, why]);
    }
    for part in &health.components {
        sheet.row([part.name.as_str(), &part.detail, "", "–", word(part.state)]);
    }
    sheet.row(["overall", word(health.overall), "", "", ""]);
    sheet
}

/// `FLOWGAUGE OK - …|'p95_latency'=812ms;2000;3000`.
fn plugin_line(health: &Health) -> String {
    let off: Vec<String> = health
        .kpis
        .iter()
        .filter(|k| matches!(k.state, State::Alert | State::Critical))
        .map(|k| format!("{} {} ({})", k.name, shown(k), k.state.words()))
        .chain(
            health
                .components
                .iter()
                .filter(|c| c.state != Verdict::Ok)
                .map(|c| format!("{} {}: {}", c.name, word(c.state), c.detail)),
        )
        .collect();
    let measured = health.kpis.iter().filter(|k| k.value.is_some());
    let data: Vec<String> = measured.map(performance_data).collect();
    let text = match (off.is_empty(), health.overall) {
        (false, _) => off.join(", "),
        (true, Verdict::Unknown) => "no requests in the window".to_owned(),
        (true, _) => "all within limits".to_owned(),
    };
    // A bar begins the performance data, so the text may hold none.
    let text = show::printable(&text).replace('|', "/");
    format!("FLOWGAUGE {} - {text}|{}", word(health.overall), data.join(" "))
}

fn performance_data(kpi: &KpiValue) -> String {
    let sign = match kpi.unit {
        Unit::Ms => "ms",
        Unit::Percent => "%",
        Unit::Tokens | Unit::Usd | Unit::PerMinute | Unit::Count | Unit::Rating => "",
    };
    let limit = |l: Option<f64>| l.map_or_else(String::new, |v| v.to_string());
    let entry = Kpi::find(&kpi.name);
    let (warning, critical) = entry.map_or((None, None), |k| (k.warning, k.critical));
    format!("'{}'={}{sign};{};{}", kpi.name, bare(kpi), limit(warning), limit(critical))
}

fn classes(report: &ErrorReport) -> Sheet {
    let columns =
        vec!["class", "count", "first seen", "last seen", "models", "endpoints", "example"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for group in &report.groups {
        let names = |places: &[crate::query::errors::Place]| {
            let named = places.iter().map(|p| {
                let name = if p.name.is_empty() { "(unknown)" } else { p.name.as_str() };
                format!("{name} {}", p.count)
            });
            named.collect::<Vec<_>>().join(", ")
        };
        sheet.row([
            group.class.clone(),
            group.count.to_string(),
            group.first_seen.clone().unwrap_or_else(|| "n/a".to_owned()),
            group.last_seen.clone().unwrap_or_else(|| "n/a".to_owned()),
            names(&group.by_model),
            names(&group.by_endpoint),
            group.examples.first().cloned().unwrap_or_default(),
        ]);
    }
    sheet
}

fn summary(report: &ErrorReport) -> String {
    let rate =
        report.error_rate.map_or_else(|| "n/a".to_owned(), |r| number::with_unit(r, Unit::Percent));
    format!("{} of {} requests failed; error rate {rate}", report.failures, report.requests)
}

/// Beyond the critical limit of the catalogue, the guide's rule on the error rate.
fn breaches(report: &ErrorReport) -> bool {
    let limit = Kpi::find("error_rate").and_then(|k| k.critical);
    matches!((report.error_rate, limit), (Some(rate), Some(limit)) if rate > limit)
}
