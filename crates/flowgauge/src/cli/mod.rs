//! The command line: verbs and nouns, their options, and the exit code each outcome means.
//!
//! Data goes to stdout, everything else to stderr. Reading commands ask the running server, else
//! the data directory. Refuses to compute anything: figures come from `query`.

mod ageing;
mod alert;
mod analysis;
mod ask;
mod budget;
mod cache;
mod cadence;
mod checks;
mod collect;
mod completions;
mod config;
mod diagnose;
#[cfg(test)]
mod documented;
mod exit;
mod export;
mod get;
mod globals;
mod health;
mod import;
mod incident;
mod jobs;
mod key;
mod measure;
mod metrics;
mod number;
mod ops;
mod opt;
mod opt_evidence;
mod period;
mod prices;
mod quality;
mod quality_diagnosed;
#[cfg(feature = "sql")]
mod query;
mod regression;
mod remote;
mod report;
mod requests;
mod serve;
mod shims;
mod show;
mod store;
mod stream;
mod sure;
mod tokens;
mod watch;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use exit::Done;
use globals::Globals;
use std::ffi::OsString;
use std::process::ExitCode;

/// Sees what your LLM application's latency, tokens, cost and errors are doing.
#[derive(Debug, Clone, Parser)]
#[command(name = "flowgauge", version, propagate_version = false, disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  flowgauge serve
  flowgauge metrics get p95_latency --since 1h

Exit codes:
  0 ok   1 finding   2 critical   3 unknown or too little data   64 wrong usage   65 bad data
  69 unreachable   73 cannot write   75 try later   77 not permitted   78 bad configuration
  130 interrupted")]
struct Arguments {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Serve page, API, gateway and OTLP until told to stop
    Serve(serve::ServeArgs),
    /// See it with pretend traffic: no key, no network, no traces
    Demo(serve::DemoArgs),
    /// Read history from a CSV or JSON Lines file
    Import(import::ImportArgs),
    /// The guide's names: wrappers, shell functions, the table
    #[command(subcommand)]
    Shims(shims::ShimsCommand),
    /// Write completions for a shell, or the manual
    Completions(completions::CompletionsArgs),
    /// Print the version
    #[command(after_help = "\
Examples:
  flowgauge version
  flowgauge --version

Exit codes:
  0   printed")]
    Version,
    /// Runs statements handed over by the server
    #[cfg(feature = "sql")]
    #[command(hide = true)]
    SqlWorker {
        /// Directories with segments
        #[arg(required = true)]
        segments: Vec<std::path::PathBuf>,
    },
    /// Read, watch and measure metrics
    #[command(subcommand)]
    Metrics(metrics::MetricsCommand),
    /// How things stand, for people and monitoring systems
    #[command(subcommand)]
    Health(health::HealthCommand),
    /// Where tokens go, and what optimisation saves
    #[command(subcommand)]
    Tokens(tokens::TokensCommand),
    /// Answers in memory
    #[command(subcommand)]
    Cache(cache::CacheCommand),
    /// The four optimisations: how they stand, switching them, the emergency rollback
    #[command(subcommand)]
    Opt(opt::OptCommand),
    /// What users and evaluators think of answers
    #[command(subcommand)]
    Quality(quality::QualityCommand),
    /// Reports of a day, a week or a month, in every format
    #[command(subcommand)]
    Report(report::ReportCommand),
    /// Check and explain the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Whether a later period is worse than an earlier one
    #[command(subcommand)]
    Regression(regression::RegressionCommand),
    /// Single calls
    #[command(subcommand)]
    Requests(requests::RequestsCommand),
    /// What models cost, and which have no price
    #[command(subcommand)]
    Prices(prices::PricesCommand),
    /// The store
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Alert rules, what fires, and who looks after it
    #[command(subcommand)]
    Alert(alert::AlertCommand),
    /// What budgets have spent
    #[command(subcommand)]
    Budget(budget::BudgetCommand),
    /// Emergencies: answer, watch closer, close, report
    #[command(subcommand)]
    Incident(incident::IncidentCommand),
    /// Chores of running it
    #[command(subcommand)]
    Ops(ops::OpsCommand),
    /// What is done once per period: its timetables and runs
    #[command(subcommand)]
    Jobs(jobs::JobsCommand),
    /// API keys
    #[command(subcommand)]
    Key(key::KeyCommand),
}

/// Runs one command line; the program's own name may be one of the guide's.
pub fn run(args: Vec<OsString>) -> ExitCode {
    match shims::meant(&args) {
        Some(code) => code,
        None => ended(line(args)),
    }
}

/// Runs one command line of this program.
fn line(args: Vec<OsString>) -> Done {
    let parsed = Arguments::command()
        .try_get_matches_from(args)
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    match parsed {
        Ok(arguments) => dispatch(&arguments),
        Err(e) => Ok(usage(&e)),
    }
}

/// The exit code of an outcome; a failure is told first.
fn ended(outcome: Done) -> ExitCode {
    ExitCode::from(match outcome {
        Ok(code) => code,
        Err(failure) => {
            if !failure.message.is_empty() {
                show::note(&failure.to_string());
            }
            failure.code
        }
    })
}

/// Every command with its options.
fn described() -> clap::Command {
    Arguments::command()
}

/// Options every command has, as the environment has them.
fn plain_globals() -> Globals {
    Arguments::try_parse_from(["flowgauge", "version"]).map(|a| a.globals).unwrap_or_default()
}

/// Help and version go to stdout; everything else the parser says is wrong usage.
fn usage(error: &clap::Error) -> u8 {
    // Nothing can be done where stdout or stderr is gone.
    let _gone = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => exit::OK,
        _ => exit::USAGE,
    }
}

fn dispatch(arguments: &Arguments) -> Done {
    let globals = &arguments.globals;
    match &arguments.command {
        Command::Shims(command) => shims::run(command, globals),
        Command::Completions(args) => completions::run(args),
        Command::Version => {
            show::line(concat!("flowgauge ", env!("CARGO_PKG_VERSION")))?;
            Ok(exit::OK)
        }
        Command::Serve(args) => serve::serve(args, globals),
        Command::Demo(args) => serve::demo(args, globals),
        Command::Import(args) => import::run(args, globals),
        #[cfg(feature = "sql")]
        Command::SqlWorker { segments } => {
            flowgauge_sql::worker::run(segments)?;
            Ok(exit::OK)
        }
        Command::Health(command) => health::run(command, globals),
        Command::Tokens(command) => tokens::run(command, globals),
        Command::Cache(command) => cache::run(command, globals),
        Command::Opt(command) => opt::run(command, globals),
        Command::Quality(command) => quality::run(command, globals),
        Command::Report(command) => report::run(command, globals),
        Command::Regression(command) => regression::run(command, globals),
        Command::Requests(command) => requests::run(command, globals),
        Command::Prices(command) => prices::run(command, globals),
        Command::Store(command) => store::run(command, globals),
        Command::Budget(command) => budget::run(command, globals),
        Command::Alert(command) => alert::run(command, globals),
        Command::Incident(command) => incident::run(command, globals),
        Command::Ops(command) => ops::run(command, globals),
        Command::Jobs(command) => jobs::run(command, globals),
        Command::Key(command) => key::run(command, globals),
        Command::Metrics(command) => metrics::run(command, globals),
        Command::Config(command) => config::run(command, globals),
    }
}
