//! `regression compare BASE CUR`: two files in, one JSON object out. Needs no server.

use super::super::exit::{self, BAD_DATA, Done, Failure};
use super::super::show;
use crate::logic::regression::{Adjustment, Input, Method, Report, Settings, Verdict};
use std::fs::File;
use std::io::Read as _;

/// Largest file read: far more than the longest series take.
const MAX_BYTES: u64 = 64 << 20;

/// Options of `regression compare`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Files hold values in time order, one per hour or day, and the number of requests behind each if known:
  {\"latency_p95\": [812, 790], \"token_count\": [1510, 1498], \"quality_score\": [87, 88], \"counts\": [412, 390],
   \"start\": \"2026-11-02T00:00:00Z\", \"step\": \"1h\"}
With start and step, or timestamps for each value, hours of a week are compared with the same hours; without, less
than a week of values must differ by more than a usual day or week does.

Examples:
  flowgauge regression compare last-week.json this-week.json
  flowgauge regression compare baseline.json - < now.json | jq .latency_regression.verdict

Exit codes:
  0   nothing regressed
  1   something regressed
  3   too little data to compare something; nothing else regressed
  64  wrong usage
  65  a file cannot be read")]
pub(crate) struct CompareArgs {
    /// The earlier period; - for stdin
    #[arg(value_name = "BASE")]
    base: String,
    /// The later period; - for stdin
    #[arg(value_name = "CUR")]
    current: String,
    /// How to test: block holds for values that depend on their neighbours, the others do not
    #[arg(long, value_enum, default_value_t = MethodName::Block)]
    method: MethodName,
    /// Confidence of intervals, above 0.5 and below 1
    #[arg(long, default_value = "0.95", value_parser = confidence)]
    confidence: f64,
    /// How to allow for several tests in one run
    #[arg(long, value_enum, default_value_t = AdjustName::Holm)]
    adjust: AdjustName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum MethodName {
    /// Moving-block bootstrap
    Block,
    /// Welch's t-test
    Welch,
    /// Student's t-test
    Student,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum AdjustName {
    /// Holm
    Holm,
    /// Benjamini–Hochberg
    Bh,
    /// Benjamini–Yekutieli
    By,
}

fn confidence(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("{text} is no number; write 0.95"))?;
    if 0.5 < value && value < 1.0 {
        Ok(value)
    } else {
        Err("must lie above 0.5 and below 1, like 0.95".to_owned())
    }
}

/// Compares. The object is printed whatever happens, so that who reads it finds its keys.
pub(super) fn run(args: &CompareArgs) -> Done {
    let settings = args.settings();
    if args.base == "-" && args.current == "-" {
        return Err(Failure::usage("only one of the two can come from stdin"));
    }
    let report = match read(&args.base).and_then(|base| Ok((base, read(&args.current)?))) {
        Ok((base, current)) => base.compare(&current, &settings),
        Err(failure) => {
            print(&Report::undecided(&failure.message, &settings))?;
            return Err(failure);
        }
    };
    print(&report)?;
    for (metric, comparison) in &report.0 {
        if let Some(reason) = &comparison.reason {
            show::note(&format!("{}: {reason}", metric.key()));
        }
        if let Some(doubt) = &comparison.uncalibrated {
            show::note(&format!("{}: not calibrated: {doubt}", metric.key()));
        }
    }
    Ok(code(&report))
}

/// One regression decides; else what could not be compared.
fn code(report: &Report) -> u8 {
    let any = |verdict| report.0.iter().any(|(_, c)| c.verdict == verdict);
    match () {
        () if any(Verdict::Regressed) => exit::FINDING,
        () if any(Verdict::InsufficientData) => exit::UNKNOWN,
        () => exit::OK,
    }
}

impl CompareArgs {
    fn settings(&self) -> Settings {
        Settings {
            confidence: self.confidence,
            method: match self.method {
                MethodName::Block => Method::MovingBlockBootstrap,
                MethodName::Welch => Method::Welch,
                MethodName::Student => Method::Student,
            },
            adjustment: match self.adjust {
                AdjustName::Holm => Adjustment::Holm,
                AdjustName::Bh => Adjustment::Bh,
                AdjustName::By => Adjustment::By,
            },
            ..Settings::default()
        }
    }
}

fn read(name: &str) -> Result<Input, Failure> {
    let named = if name == "-" { "stdin" } else { name };
    let unreadable = |e: std::io::Error| Failure::new(BAD_DATA, format!("{named}: {e}"));
    let mut text = String::new();
    let read = if name == "-" {
        std::io::stdin().lock().take(MAX_BYTES + 1).read_to_string(&mut text)
    } else {
        File::open(name).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text))
    };
    let size = read.map_err(unreadable)?;
    if size as u64 > MAX_BYTES {
        let limit = MAX_BYTES >> 20;
        return Err(Failure::new(BAD_DATA, format!("{named} is larger than {limit} MiB"))
            .hint("use wider buckets"));
    }
    Input::parse(&text).map_err(|fault| Failure::new(BAD_DATA, format!("{named}: {fault}")))
}

fn print(report: &Report) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(report).map_err(|e| {
        Failure::new(exit::CANNOT_WRITE, format!("the answer cannot be written: {e}"))
    })?;
    show::line(&text)
}
