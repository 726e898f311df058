//! `cache …`: what the memory of answers holds, what it did, and emptying it.

pub(super) mod tune;
mod watch;

use super::exit::{self, Done, Failure};
use super::globals::Globals;
use super::remote::Remote;
use super::show::{self, Sheet, ShowArgs};
use super::sure::Sure;
use crate::logic::unit::Ratio;
use crate::tell::page::control::cache::{
    CacheEncoder, CacheShared, CacheView, Cleared, WantedClear,
};
use bytes::Bytes;
use http::Method;

/// Verbs of `cache`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum CacheCommand {
    /// Hits, savings, and what it would do where it only watches
    #[command(after_help = "\
Examples:
  flowgauge cache status
  flowgauge cache status --json

Exit codes:
  0   shown
  69  no server answers
  77  not permitted")]
    Status(ShowArgs),
    /// How full it is
    #[command(after_help = "\
Examples:
  flowgauge cache memory
  flowgauge cache memory --format csv

Exit codes:
  0   shown
  69  no server answers
  77  not permitted")]
    Memory(ShowArgs),
    /// Hits, misses and savings, interval by interval
    Watch(watch::WatchArgs),
    /// How it did over a window, by endpoint and intent
    Analyze(watch::AnalyzeArgs),
    /// Take answers out
    Clear(ClearArgs),
    /// See what other bounds would have done
    Tune(tune::TuneArgs),
}

/// What is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Answers, by what they are
    Response,
    /// Answers and the questions they are found by
    All,
}

/// Options of `cache clear`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge cache clear --all --reason 'prices changed' --yes
  flowgauge cache clear --kind response --model gpt-4o-mini --older-than 10min --dry-run

Answers on their way are not kept when they come. Nothing brings them back but asking again.

Exit codes:
  0   cleared; how many is printed
  64  conditions with --all, or neither --all nor --kind
  69  no server answers
  77  not confirmed, or not permitted")]
pub(crate) struct ClearArgs {
    /// Everything
    #[arg(long, conflicts_with_all = ["kind", "tenant", "model", "intent", "route", "older_than"])]
    all: bool,
    /// What is cleared
    #[arg(long, value_enum, required_unless_present = "all")]
    kind: Option<Kind>,
    /// Only of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Only of this model
    #[arg(long)]
    model: Option<String>,
    /// Only with this intent
    #[arg(long)]
    intent: Option<String>,
    /// Only of this endpoint
    #[arg(long)]
    route: Option<String>,
    /// Only those at least so old
    #[arg(long, value_name = "LENGTH")]
    older_than: Option<String>,
    #[command(flatten)]
    sure: Sure,
}

/// Runs one verb.
pub(crate) fn run(command: &CacheCommand, globals: &Globals) -> Done {
    let remote = || globals.remote(&globals.load(false, &[])?);
    match command {
        CacheCommand::Status(show) => print(&remote()?, show, status),
        CacheCommand::Memory(show) => print(&remote()?, show, memory),
        CacheCommand::Watch(args) => watch::watch(args, globals),
        CacheCommand::Analyze(args) => watch::analyze(args, globals),
        CacheCommand::Clear(args) => clear(&remote()?, args),
        CacheCommand::Tune(args) => tune::run(args, &remote()?),
    }
}

fn print(
    remote: &Remote,
    show: &ShowArgs,
    rows: fn(&CacheView) -> Vec<(&'static str, String)>,
) -> Done {
    let view: CacheView = remote.get("/api/v1/cache", &[])?;
    let mut sheet = Sheet { columns: vec!["figure", "value"], rows: Vec::new() };
    for (name, value) in rows(&view) {
        sheet.row([name, &value]);
    }
    show.print(&sheet, &show::json(&view)?)?;
    Ok(exit::OK)
}

fn memory(view: &CacheView) -> Vec<(&'static str, String)> {
    let limits = &view.limits;
    vec![
        ("answers", format!("{} of {}", view.entries, limits.max_entries)),
        ("bytes", format!("{} of {}", view.bytes, limits.max_bytes)),
        ("full", percent(view.fullness)),
        ("questions in other words", view.questions.to_string()),
        ("life of an answer", format!("{} s", limits.ttl_seconds)),
        ("who goes first", limits.eviction.clone()),
        ("made room", view.counts.evicted.to_string()),
        ("reached their end", view.counts.expired.to_string()),
        ("life used", percent(view.counts.ttl_effectiveness)),
        ("used before they went", percent(view.counts.reuse)),
    ]
}

fn status(view: &CacheView) -> Vec<(&'static str, String)> {
    let (c, s) = (&view.counts, &view.shadow);
    let lookups = c.hits + c.misses;
    let different: Vec<String> = s.different.iter().map(|(d, n)| format!("{d} {n}")).collect();
    let different = if different.is_empty() { "none".to_owned() } else { different.join(", ") };
    vec![
        ("answers", view.entries.to_string()),
        ("hit rate", format!("{} (n={lookups})", percent(c.hit_rate))),
        ("found wrong", found_wrong(view)),
        ("saved tokens", c.saved_tokens.to_string()),
        ("saved cost", format!("{} USD", c.saved_cost_usd)),
        ("saved time", format!("{} ms", c.saved_latency_ms)),
        ("would hit, equal", s.exact.to_string()),
        ("would hit, other words", s.semantic.to_string()),
        ("of these agreed", format!("{} of {}", s.agreed, s.compared)),
        ("near and another question", different),
        ("near, not like enough", s.below.to_string()),
        (
            "shared with other instances",
            view.shared.as_ref().map_or_else(|| "no".to_owned(), shared),
        ),
        (
            "vectors of questions",
            view.encoder.as_ref().map_or_else(|| "by their words".to_owned(), encoder),
        ),
    ]
}

/// How many, and the share of hits.
fn found_wrong(view: &CacheView) -> String {
    let c = &view.counts;
    let share = Ratio::of(c.disputed.min(c.hits), c.hits);
    match share {
        Some(share) => format!("{} ({:.2} % of hits)", c.disputed, share.percent()),
        None => c.disputed.to_string(),
    }
}

fn encoder(e: &CacheEncoder) -> String {
    let CacheEncoder { made, late, failed, denied, rested, .. } = e;
    let name = show::printable(&e.name);
    format!("{name}: {made} made, {late} late, {failed} failed, {denied} denied, {rested} rested")
}

fn shared(s: &CacheShared) -> String {
    let behind = if s.behind { "; behind, nothing is read from it" } else { "" };
    format!("{} found, {} not, {} failed{behind}", s.hits, s.misses, s.failed)
}

/// A share, `n/a` where there is none yet.
fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "n/a".to_owned(), |s| format!("{:.1} %", s * 100.0))
}

fn clear(remote: &Remote, args: &ClearArgs) -> Done {
    let older = args.older_than.as_deref().map(super::opt::seconds).transpose()?;
    let wanted = WantedClear {
        tenant: args.tenant.clone(),
        model: args.model.clone(),
        intent: args.intent.clone(),
        route: args.route.clone(),
        older_than_seconds: older,
        author: args.sure.by.clone(),
        reason: args.sure.reason.clone(),
    };
    let none = WantedClear { author: String::new(), reason: String::new(), ..wanted.clone() }
        == WantedClear::default();
    if args.kind == Some(Kind::All) && !none {
        return Err(Failure::usage(
            "--kind all takes everything; conditions have no place with it",
        )
        .hint("use --kind response with conditions"));
    }
    let view: CacheView = remote.get("/api/v1/cache", &[])?;
    let what = if none { "all" } else { "those that fit of" };
    let question = format!("take out {what} {} answers ({} bytes)", view.entries, view.bytes);
    if args.sure.dry_run {
        show::note(&format!("would {question}"));
        args.sure.print("", &view)?;
        return Ok(exit::OK);
    }
    args.sure.ask(&question)?;
    let body = serde_json::to_vec(&wanted).map_err(|e| Failure::usage(e.to_string()))?;
    let json = [("content-type", "application/json")];
    let gone: Cleared =
        remote.call(Method::POST, "/api/v1/cache/clear", &json, Bytes::from(body))?;
    let text = format!(
        "response {} answers, {} bytes; semantic {} questions",
        gone.entries, gone.bytes, gone.questions
    );
    args.sure.print(&text, &gone)?;
    Ok(exit::OK)
}
