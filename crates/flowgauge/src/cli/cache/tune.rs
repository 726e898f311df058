//! `cache tune`: what other bounds would have done, and setting them.

use super::super::exit::{self, Done, FINDING, Failure, UNKNOWN};
use super::super::opt::Change;
use super::super::remote::Remote;
use super::super::show::{self, Sheet, ShowArgs};
use super::super::sure::Sure;
use crate::control::memory::ThresholdAdvice;
use crate::logic::control::cache::store::Limits;
use crate::logic::control::cache::tune::{Advice, Outcome, Tuning};
use crate::tell::page::control::tune::Tuned;
use serde_json::Value;
use std::collections::BTreeMap;

/// Candidates shown unless asked otherwise.
const SHOWN: usize = 8;

/// Options of `cache tune`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge cache tune
  flowgauge cache tune --aggressive --format json
  flowgauge cache tune --all
  flowgauge cache tune --apply --reason 'questions come back after 20 minutes' --yes

The lookups of late are replayed under other lives, sizes and orders of eviction. Nothing is changed without --apply.

Exit codes:
  0   it is good as it is, or what was advised is set
  1   other bounds would be better
  3   too few lookups to say
  64  no reason
  69  no server answers
  75  in force, not on disk yet
  77  not confirmed, or not permitted")]
pub(crate) struct TuneArgs {
    /// Also the threshold of likeness, from near misses in shadow
    #[arg(long)]
    all: bool,
    /// Also lives of up to 24 times the present one
    #[arg(long)]
    aggressive: bool,
    /// Set what is advised
    #[arg(long)]
    apply: bool,
    /// Show every candidate
    #[arg(long)]
    every: bool,
    /// Shape of the output
    #[arg(long, value_enum)]
    format: Option<show::Format>,
    #[command(flatten)]
    sure: Sure,
}

/// Runs it.
pub(super) fn run(args: &TuneArgs, remote: &Remote) -> Done {
    let tuned: Tuned =
        remote.get("/api/v1/cache/tune", &[("aggressive", args.aggressive.to_string())])?;
    if args.apply {
        let set = advised(args, &tuned)?;
        if !set.is_empty() {
            return Change { set, ttl: None, seen: None }.make(remote, &args.sure);
        }
    }
    print(args, &tuned)?;
    let threshold = args.all && matches!(tuned.threshold, ThresholdAdvice::Change { .. });
    Ok(match &tuned.bounds.advice {
        Advice::Change { .. } => FINDING,
        _ if threshold => FINDING,
        Advice::TooLittle { .. } => UNKNOWN,
        Advice::Keep { .. } => exit::OK,
    })
}

/// The settings that are advised. The threshold decides who is served whose words, so it is set only with `--all`.
fn advised(args: &TuneArgs, tuned: &Tuned) -> Result<BTreeMap<String, Value>, Failure> {
    let mut set = match &tuned.bounds.advice {
        Advice::Change { limits, .. } => assignments(limits)?,
        Advice::TooLittle { .. } | Advice::Keep { .. } => BTreeMap::new(),
    };
    if let (true, ThresholdAdvice::Change { serve, .. }) = (args.all, &tuned.threshold) {
        // In hundredths, so that it reads as it was said.
        set.insert(
            "/cache/likeness/serve".to_owned(),
            Value::from((f64::from(*serve) * 100.0).round() / 100.0),
        );
    }
    Ok(set)
}

/// What near misses say, in words.
fn threshold(tuned: &Tuned) -> String {
    let serve = tuned.serve;
    match &tuned.threshold {
        ThresholdAdvice::TooLittle { reason } => {
            format!("likeness {serve:.2}: too little to say: {reason}")
        }
        ThresholdAdvice::Keep { reason } => format!("likeness {serve:.2}: keep it: {reason}"),
        ThresholdAdvice::Change { serve: other, reason, .. } => {
            format!("likeness {serve:.2}: {other:.2} would be better: {reason}")
        }
    }
}

/// What the server's lookups say.
pub(in super::super) fn ask(remote: &Remote, aggressive: bool) -> Result<Tuning, Failure> {
    remote.get("/api/v1/cache/tune", &[("aggressive", aggressive.to_string())])
}

/// Bounds as settings.
pub(in super::super) fn assignments(limits: &Limits) -> Result<BTreeMap<String, Value>, Failure> {
    let Value::Object(all) = show::json(limits)? else { return Ok(BTreeMap::new()) };
    Ok(all.into_iter().map(|(name, value)| (format!("/cache/limits/{name}"), value)).collect())
}

fn print(args: &TuneArgs, tuned: &Tuned) -> Result<(), Failure> {
    let tuning = &tuned.bounds;
    let columns =
        vec!["bounds", "lookups", "hits", "hit rate", "saved tokens", "saved $", "most MB"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    let many = if args.every { usize::MAX } else { SHOWN };
    let mut add = |name: String, o: &Outcome| {
        let rate = o.hit_rate.map_or_else(|| "n/a".to_owned(), |r| format!("{:.1} %", r.percent()));
        let dollars = format!(
            "{}.{:04}",
            o.saved_cost.0 / 1_000_000_000,
            o.saved_cost.0 % 1_000_000_000 / 100_000
        );
        let most = (o.most_bytes >> 20).to_string();
        let (lookups, hits) = (o.lookups.to_string(), o.hits.to_string());
        sheet.row([name, lookups, hits, rate, o.saved_tokens.to_string(), dollars, most]);
    };
    add(format!("now: {}", tuning.present.limits), &tuning.present);
    tuning.candidates.iter().take(many).for_each(|o| add(o.limits.to_string(), o));
    let format = if args.sure.json { Some(show::Format::Json) } else { args.format };
    let show = ShowArgs { format, ..ShowArgs::default() };
    show.print(&sheet, &show::json(tuned)?)?;
    show::note(&tuning.advice.to_string());
    show::note(&threshold(tuned));
    Ok(())
}
