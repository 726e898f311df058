//! `report`: the guide's reports, in every format, of any period.

use super::exit::{self, CANNOT_WRITE, Done, Failure};
use super::globals::{Globals, Origin, now};
use super::remote::with_query;
use super::show;
use crate::logic::report::{Kind, cost, monthly};
use crate::query::report::{self, Format, ReportError, Sources, Wanted};
use std::io::Write as _;
use std::path::Path;

/// Verbs of `report`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum ReportCommand {
    /// About one day: key figures, what changed, what got worse, what it cost
    #[command(after_help = DAILY)]
    Daily(ReportArgs),
    /// About seven complete days, with week on week and how noisy alerts were
    #[command(after_help = CODES)]
    Weekly(ReportArgs),
    /// About a calendar month, with trends, costs and forecast
    #[command(after_help = MONTHLY)]
    Monthly(MonthlyArgs),
    /// What a month cost, what was saved, and what that returns
    #[command(after_help = CODES)]
    Cost(CostArgs),
    /// One page for those who decide
    #[command(after_help = CODES)]
    Executive(ReportArgs),
}

const CODES: &str = "\
Exit codes:
  0   the report is written
  3   it is, and there were no requests in its period
  64  no such period or format
  69  neither a server nor a data directory
  73  it cannot be written";

const DAILY: &str = "\
Examples:
  flowgauge report daily
  flowgauge report daily --date 2026-11-23 --output report.pdf
  flowgauge report daily --preview --format md

Exit codes:
  0   the report is written
  3   it is, and there were no requests in its period
  64  no such period or format
  69  neither a server nor a data directory
  73  it cannot be written";

const MONTHLY: &str = "\
Examples:
  flowgauge report monthly --month 2026-10 --output review.pdf
  flowgauge report monthly --all --output-dir reports

With --all four files are written: review and executive page as PDF, costs as CSV, the month as JSON.

Exit codes:
  0   the report is written
  3   it is, and there were no requests in its period
  64  no such period or format
  69  neither a server nor a data directory
  73  it cannot be written";

/// What every report is told.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ReportArgs {
    /// Which: 2026-11-23, 2026-11-16_2026-11-22 or 2026-10; the last complete one unless given
    #[arg(long, visible_aliases = ["date", "week", "month"], value_name = "PERIOD", conflicts_with = "preview")]
    period: Option<String>,
    /// The period that is not over yet, marked as partial
    #[arg(long)]
    preview: bool,
    /// json, csv, md, txt, html or pdf; txt unless the output says otherwise
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// JSON, short for --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// A file, whose suffix picks the format; a format's name or - means standard output
    #[arg(long, short, value_name = "FILE", conflicts_with = "stdout")]
    output: Option<String>,
    /// To standard output, which is usual
    #[arg(long)]
    stdout: bool,
}

/// The monthly report.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct MonthlyArgs {
    #[command(flatten)]
    report: ReportArgs,
    /// Write all files of the month: review, executive page, costs, figures
    #[arg(long, conflicts_with_all = ["output", "format", "json"])]
    all: bool,
    /// Where --all writes
    #[arg(long, value_name = "DIR", default_value = ".", requires = "all")]
    output_dir: String,
    /// Trends; with one of these three named, only those named
    #[arg(long)]
    include_trends: bool,
    /// Costs
    #[arg(long)]
    include_costs: bool,
    /// Forecasts
    #[arg(long)]
    include_forecasts: bool,
}

/// The cost analysis.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct CostArgs {
    #[command(flatten)]
    report: ReportArgs,
    /// Savings; with one of these two named, only those named
    #[arg(long)]
    include_savings: bool,
    /// Return on what the optimisations cost to make
    #[arg(long)]
    include_roi: bool,
    /// What the optimisations cost to make, dollars
    #[arg(long, value_name = "USD")]
    one_off: Option<f64>,
    /// Yearly rate that future savings are discounted by, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = cost::YEARLY_RATE)]
    yearly_rate: f64,
}

/// Runs a verb.
pub(crate) fn run(command: &ReportCommand, globals: &Globals) -> Done {
    match command {
        ReportCommand::Daily(args) => one(Kind::Daily, args, Wanted::default(), globals),
        ReportCommand::Weekly(args) => one(Kind::Weekly, args, Wanted::default(), globals),
        ReportCommand::Executive(args) => one(Kind::Executive, args, Wanted::default(), globals),
        ReportCommand::Monthly(args) => month(args, globals),
        ReportCommand::Cost(args) => {
            let named = args.include_savings || args.include_roi;
            let only = cost::Include { savings: args.include_savings, roi: args.include_roi };
            let wanted = Wanted {
                cost: if named { only } else { cost::Include::default() },
                one_off_usd: args.one_off,
                yearly_rate: args.yearly_rate,
                ..Wanted::default()
            };
            one(Kind::Cost, &args.report, wanted, globals)
        }
    }
}

fn month(args: &MonthlyArgs, globals: &Globals) -> Done {
    let (trends, costs, forecasts) =
        (args.include_trends, args.include_costs, args.include_forecasts);
    let mut wanted = Wanted::default();
    if trends || costs || forecasts {
        wanted.month = monthly::Include { trends, costs, forecasts };
    }
    if !args.all {
        return one(Kind::Monthly, &args.report, wanted, globals);
    }
    wanted.period = period_of(&args.report);
    let folder = Path::new(&args.output_dir);
    std::fs::create_dir_all(folder).map_err(|e| {
        Failure::new(CANNOT_WRITE, format!("{} cannot be made: {e}", folder.display()))
    })?;
    let mut code = exit::OK;
    for (kind, format, name) in [
        (Kind::Monthly, Format::Pdf, "monthly-review.pdf"),
        (Kind::Monthly, Format::Json, "monthly-review.json"),
        (Kind::Cost, Format::Csv, "cost-analysis.csv"),
        (Kind::Executive, Format::Pdf, "executive-summary.pdf"),
    ] {
        let (bytes, requests) = made(kind, &wanted, format, globals)?;
        let path = folder.join(name);
        put(&bytes, Some(&path))?;
        show::line(&path.display().to_string())?;
        if requests == 0 {
            code = exit::UNKNOWN;
        }
    }
    Ok(code)
}

fn period_of(args: &ReportArgs) -> Option<String> {
    if args.preview { Some("current".to_owned()) } else { args.period.clone() }
}

fn one(kind: Kind, args: &ReportArgs, mut wanted: Wanted, globals: &Globals) -> Done {
    wanted.period = period_of(args);
    let (format, file) = target(args)?;
    let (bytes, requests) = made(kind, &wanted, format, globals)?;
    put(&bytes, file)?;
    if requests == 0 {
        show::note("there were no requests in this period");
        return Ok(exit::UNKNOWN);
    }
    Ok(exit::OK)
}

/// Format and file: a bare name of a format is standard output, a suffix picks the format, `--format` wins.
fn target(args: &ReportArgs) -> Result<(Format, Option<&Path>), Failure> {
    let known = |word: &str| {
        Format::of_word(word).ok_or_else(|| {
            Failure::usage(format!("{word:?} is no format of a report"))
                .hint("there are json, csv, md, txt, html and pdf")
        })
    };
    let named = match (&args.format, args.json) {
        (_, true) => Some(Format::Json),
        (Some(word), _) => Some(known(word)?),
        (None, _) => None,
    };
    match args.output.as_deref() {
        None | Some("-") => Ok((named.unwrap_or(Format::Text), None)),
        Some(word) if Format::of_word(word).is_some() && !word.contains(['.', '/']) => {
            Ok((named.unwrap_or(known(word)?), None))
        }
        Some(file) => {
            let path = Path::new(file);
            let suffix = path.extension().and_then(|s| s.to_str()).unwrap_or("");
            let format = named.map_or_else(|| known(suffix), Ok)?;
            Ok((format, Some(path)))
        }
    }
}

fn made(
    kind: Kind,
    wanted: &Wanted,
    format: Format,
    globals: &Globals,
) -> Result<(Vec<u8>, u64), Failure> {
    let loaded = globals.load(false, &[])?;
    match globals.origin(&loaded)? {
        Origin::Server(remote) => {
            let path =
                with_query(&format!("/api/v1/reports/{}", kind.name()), &asked(wanted, format));
            let (head, bytes) = remote.file(&path)?;
            let counted = head.get(crate::tell::page::reports::REQUESTS);
            let requests = counted.and_then(|v| v.to_str().ok()?.parse().ok()).unwrap_or(0);
            Ok((bytes.to_vec(), requests))
        }
        Origin::Directory(reader) => {
            let (dir, zone) = (loaded.config.data_dir.clone(), loaded.config.time_zone);
            let sources = Sources { reader: &reader, dir: &dir, zone, now: now() };
            let made = report::make(sources, kind, wanted).map_err(refused)?;
            let bytes = report::render(&made.document, format).map_err(refused)?;
            Ok((bytes, made.requests))
        }
    }
}

fn refused(error: ReportError) -> Failure {
    match error {
        ReportError::Store(e) => e.into(),
        other => Failure::usage(other.to_string()),
    }
}

/// The same question for a server.
fn asked(wanted: &Wanted, format: Format) -> Vec<(&'static str, String)> {
    let mut out =
        vec![("format", format.word().to_owned()), ("yearly_rate", wanted.yearly_rate.to_string())];
    out.extend(wanted.period.clone().map(|p| ("period", p)));
    out.extend(wanted.one_off_usd.map(|n| ("one_off_usd", n.to_string())));
    let words = [
        ("trends", wanted.month.trends),
        ("costs", wanted.month.costs),
        ("forecasts", wanted.month.forecasts),
        ("savings", wanted.cost.savings),
        ("roi", wanted.cost.roi),
    ];
    let named: Vec<&str> = words.iter().filter(|w| w.1).map(|w| w.0).collect();
    out.push(("include", named.join(",")));
    out
}

/// Writes to standard output, or to a file under a temporary name that is then renamed.
fn put(bytes: &[u8], file: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = file else {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes)?;
        return Ok(out.flush()?);
    };
    let write = || -> std::io::Result<()> {
        let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut temporary = tempfile::NamedTempFile::new_in(dir)?;
        temporary.write_all(bytes)?;
        temporary.as_file().sync_all()?;
        temporary.persist(path)?;
        Ok(())
    };
    write().map_err(|e| {
        Failure::new(CANNOT_WRITE, format!("{} cannot be written: {e}", path.display()))
    })
}
