//! `report`: the guide's reports, in every format, of any period.

mod again;
mod send;
mod shelf;

use super::exit::{self, CANNOT_WRITE, Done, Failure};
use super::globals::{Globals, Origin, now};
use super::remote::with_query;
use super::show::{self, ShowArgs};
use crate::logic::report::{Kind, cost, monthly};
use crate::query::report::{self, Format, ReportError, Sources, Wanted};
use crate::tell::reporter::setup;
use std::io::Write as _;
use std::path::Path;

/// Verbs of `report`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum ReportCommand {
    /// About one day: key figures, what changed, what got worse, what it cost
    #[command(after_help = DAILY)]
    Daily(ReportArgs),
    /// About seven complete days, with week on week and how noisy alerts were
    #[command(after_help = again::HELP)]
    Weekly(WeeklyArgs),
    /// About a calendar month, with trends, costs and forecast
    #[command(after_help = MONTHLY)]
    Monthly(MonthlyArgs),
    /// What a month cost, what was saved, and what that returns
    #[command(after_help = CODES)]
    Cost(CostArgs),
    /// What to change, each with evidence, expected effect, risk and command
    #[command(after_help = CODES)]
    Recommendations(ReportArgs),
    /// One page for those who decide
    #[command(after_help = CODES)]
    Executive(ReportArgs),
    /// All analyses of a month in one
    #[command(after_help = CODES)]
    Comprehensive(ReportArgs),
    /// The performance documentation: targets, rules, baselines, settings as they are
    #[command(after_help = CODES)]
    Docs(ReportArgs),
    /// A report, or files that are one, to channels
    #[command(after_help = send::HELP)]
    Send(send::SendArgs),
    /// Which reports there are, which are kept, when the next are due, what became of those sent
    #[command(after_help = "\
Examples:
  flowgauge report list
  flowgauge report list --json

Exit codes:
  0   listed
  69  no server answers
  77  not permitted")]
    List(ShowArgs),
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

With --all the files of the month are written: review and executive page as PDF, costs as CSV, recommendations and
forecast as Markdown, figures as JSON. Where this flowgauge makes no PDF, pages are HTML.

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
    /// Have the server make it, keep it and send it: once for its period and channels (daily, weekly, monthly)
    #[arg(long, conflicts_with_all = ["format", "json", "output", "stdout", "preview"])]
    send: bool,
    /// A channel that gets it, repeatable; email unless given
    #[arg(long = "channel", value_name = "NAME", requires = "send")]
    channels: Vec<String>,
    /// Send it once more where it was sent already
    #[arg(long, requires = "send")]
    again: bool,
}

/// The weekly report.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct WeeklyArgs {
    #[command(flatten)]
    report: ReportArgs,
    /// The last complete week from Monday to Sunday, not the seven days before today
    #[arg(long, conflicts_with_all = ["period", "preview"])]
    iso_week: bool,
    /// The week of a weekly report in JSON, shown in another format without server or data; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["period", "preview", "iso_week", "send"])]
    input: Option<String>,
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
        ReportCommand::Weekly(WeeklyArgs { report, input: Some(file), .. }) => {
            again::run(file, Kind::Weekly, report)
        }
        ReportCommand::Weekly(args) => {
            let period = args.iso_week.then(|| report::ISO_WEEK.to_owned());
            let period = period.or_else(|| args.report.period.clone());
            let args = ReportArgs { period, ..args.report.clone() };
            one(Kind::Weekly, &args, Wanted::default(), globals)
        }
        ReportCommand::Executive(args) => one(Kind::Executive, args, Wanted::default(), globals),
        ReportCommand::Recommendations(args) => {
            one(Kind::Recommendations, args, Wanted::default(), globals)
        }
        ReportCommand::Comprehensive(args) => {
            one(Kind::Comprehensive, args, Wanted::default(), globals)
        }
        ReportCommand::Docs(args) => book(args, globals),
        ReportCommand::Send(args) => send::run(args, globals),
        ReportCommand::List(show) => shelf::run(show, globals),
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
    let (files, requests) = all(&wanted, globals)?;
    for (name, bytes) in files {
        let path = folder.join(name);
        put(&bytes, Some(&path))?;
        show::line(&path.display().to_string())?;
    }
    Ok(if requests == Some(0) { exit::UNKNOWN } else { exit::OK })
}

/// Paper, where this flowgauge makes it.
const PAGE: Format = if cfg!(feature = "pdf") { Format::Pdf } else { Format::Html };

/// What each document of a month is written as.
const FILES: [(&str, Kind, Format); 6] = [
    ("monthly-review", Kind::Monthly, PAGE),
    ("cost-analysis", Kind::Cost, Format::Csv),
    ("optimization-recommendations", Kind::Recommendations, Format::Markdown),
    ("executive-summary", Kind::Executive, PAGE),
    ("forecast", Kind::Monthly, Format::Markdown),
    ("monthly-review", Kind::Monthly, Format::Json),
];

type Files = (Vec<(String, Vec<u8>)>, Option<u64>);

/// All files of a month by name, and the requests in it.
fn all(wanted: &Wanted, globals: &Globals) -> Result<Files, Failure> {
    let loaded = globals.load(false, &[])?;
    let named =
        |name: &str, period: &str, format: Format| format!("{name}-{period}.{}", format.word());
    if let Origin::Directory(reader) = globals.origin(&loaded)? {
        let config = &loaded.config;
        let (dir, zone, setup) = (&config.data_dir, config.time_zone, setup(config));
        let sources = Sources { reader: &reader, dir, zone, now: now(), setup: &setup };
        let (documents, requests, period) =
            report::all_of_month(sources, wanted).map_err(refused)?;
        let mut files = Vec::new();
        for (name, _, format) in FILES {
            let Some((_, document)) = documents.iter().find(|(n, _)| *n == name) else { continue };
            let bytes = report::render(document, format).map_err(refused)?;
            files.push((named(name, &period.to_string(), format), bytes));
        }
        return Ok((files, Some(requests)));
    }
    let forecast = monthly::Include { trends: false, costs: false, forecasts: true };
    let (mut files, mut requests) = (Vec::new(), None);
    for (name, kind, format) in FILES {
        let month = if name == "forecast" { forecast } else { wanted.month };
        let made = made(kind, &Wanted { month, ..wanted.clone() }, format, globals)?;
        requests = made.requests.or(requests);
        files.push((named(name, &made.period, format), made.bytes));
    }
    Ok((files, requests))
}

/// The book is about now: that its month has no requests is no finding.
fn book(args: &ReportArgs, globals: &Globals) -> Done {
    let period = args.period.clone().or_else(|| Some("current".to_owned()));
    let args = ReportArgs { period, preview: false, ..args.clone() };
    let code = one(Kind::Documentation, &args, Wanted::default(), globals)?;
    Ok(if code == exit::UNKNOWN { exit::OK } else { code })
}

fn period_of(args: &ReportArgs) -> Option<String> {
    if args.preview { Some("current".to_owned()) } else { args.period.clone() }
}

fn one(kind: Kind, args: &ReportArgs, mut wanted: Wanted, globals: &Globals) -> Done {
    if args.send {
        return send::of(kind, args, globals);
    }
    wanted.period = period_of(args);
    let (format, file) = target(kind, args)?;
    let made = made(kind, &wanted, format, globals)?;
    put(&made.bytes, file)?;
    if made.requests == Some(0) && kind != Kind::Documentation {
        show::note("there were no requests in this period");
        return Ok(exit::UNKNOWN);
    }
    Ok(exit::OK)
}

/// Format and file: a bare name of a format is standard output, a suffix picks the format, `--format` wins.
fn target(kind: Kind, args: &ReportArgs) -> Result<(Format, Option<&Path>), Failure> {
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
        None | Some("-") => {
            // What is read in wikis and pull requests is written as they want it.
            let usual = match kind {
                Kind::Recommendations | Kind::Documentation => Format::Markdown,
                _ => Format::Text,
            };
            Ok((named.unwrap_or(usual), None))
        }
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

/// A report as a file.
struct Made {
    bytes: Vec<u8>,
    /// Requests in its period; nothing where a server does not say.
    requests: Option<u64>,
    /// As it stands in file names.
    period: String,
}

fn made(kind: Kind, wanted: &Wanted, format: Format, globals: &Globals) -> Result<Made, Failure> {
    let loaded = globals.load(false, &[])?;
    match globals.origin(&loaded)? {
        Origin::Server(remote) => {
            let path =
                with_query(&format!("/api/v1/reports/{}", kind.name()), &asked(wanted, format));
            let (head, bytes) = remote.file(&path)?;
            let told = |name: &str| head.get(name).and_then(|v| v.to_str().ok());
            // An older server, or a proxy that takes headers off, says nothing: that is not zero.
            let requests = told(crate::tell::page::reports::REQUESTS).and_then(|v| v.parse().ok());
            let period = told(crate::tell::page::reports::PERIOD).map(str::to_owned);
            let period =
                period.or_else(|| wanted.period.clone()).unwrap_or_else(|| "last".to_owned());
            Ok(Made { bytes: bytes.to_vec(), requests, period })
        }
        Origin::Directory(reader) => {
            let config = &loaded.config;
            let (dir, zone, setup) = (&config.data_dir, config.time_zone, setup(config));
            let sources = Sources { reader: &reader, dir, zone, now: now(), setup: &setup };
            let made = report::make(sources, kind, wanted).map_err(refused)?;
            let bytes = report::render(&made.document, format).map_err(refused)?;
            Ok(Made { bytes, requests: Some(made.requests), period: made.period.to_string() })
        }
    }
}

fn refused(error: ReportError) -> Failure {
    match error {
        ReportError::Store(e) => e.into(),
        e @ ReportError::Paper(_) => {
            Failure::new(CANNOT_WRITE, e.to_string()).hint("--output FILE.html holds the same")
        }
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
