//! `quality audit`: whether an evaluator may be believed, by labels people gave, and whether the
//! scores that are stored look like those of one that may.
//!
//! Owns putting both together. Refuses to judge the model: that is what `quality run` is for.

use super::super::ask::Where;
use super::super::exit::{self, Done, Failure};
use super::super::globals::{self, Globals, Origin};
use super::super::period::PeriodArgs;
use super::super::show::{self, Sheet, ShowArgs};
use crate::logic::agreement::Coefficient;
use crate::logic::duration::Span;
use crate::logic::score::ScoreKind;
use crate::logic::score::audit::Audit;
use crate::logic::score::reference;
use crate::logic::unit::UnixMicros;
use crate::query::coverage::{self, Coverage, CoveredBy};
use serde_json::{Value, json};
use stored::Stored;

mod stored;

/// Stored scores looked at: those of a month, as the catalogue has it.
const MONTH: Span = Span::fixed(30 * UnixMicros::DAY);
/// Most of them, the latest given first; as many as the API lists.
const ROWS: u32 = 1_000;

/// Options of `quality audit`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge quality audit
  flowgauge quality audit --set labelled.jsonl --evaluator flowgauge.grounded --json

--set FILE names a labelled set, one JSON object a line; `default`, about the demo's book, unless given.
Agreement with labels needs no server. Where one runs, or a data directory is there, its stored
scores are looked at too.

Exit codes:
  0    the evaluator may be believed
  1    something speaks against it
  3    too few labels
  64   wrong usage
  65   the set is not understood")]
pub(crate) struct AuditArgs {
    /// Which of our own evaluators
    #[arg(long, default_value = reference::LOCAL.name, value_parser = super::known_evaluator)]
    evaluator: String,
    /// Leave stored scores out
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    period: PeriodArgs,
    #[command(flatten)]
    show: ShowArgs,
}

/// Audits and prints.
pub(crate) fn run(args: &AuditArgs, globals: &Globals) -> Done {
    let (set, globals) = super::chosen(globals)?;
    let cases = super::load(&set)?;
    let judged = super::compared(&cases, &args.evaluator);
    let audit = Audit::of(&judged);
    let looked = if args.offline { None } else { look(args, &globals)? };
    let (stored, covered) = looked.unzip();
    let mut findings = audit.findings.clone();
    findings.extend(stored.iter().flat_map(Stored::findings));
    // Whose word counts as quality must cover what users ask; others may look at a part.
    let busiest = covered.as_ref().and_then(|c| c.evaluators.first());
    findings.extend(busiest.iter().flat_map(|e| e.findings()));
    let calibration = if audit.passed() { "calibrated" } else { "uncalibrated" };
    let told = json!({
        "set": set, "evaluator": args.evaluator, "calibration": calibration,
        "labels": show::json(&audit)?, "stored": stored.as_ref().map(Stored::json),
        "coverage": covered.as_ref().map(show::json).transpose()?,
        "findings": findings,
    });
    let mut sheet = sheet(&audit, stored.as_ref(), calibration);
    for evaluator in covered.iter().flat_map(|c| &c.evaluators) {
        cover(&mut sheet, evaluator);
    }
    args.show.print(&sheet, &told)?;
    for finding in &findings {
        show::note(&format!("finding: {finding}"));
    }
    Ok(match (audit.is_enough(), findings.is_empty()) {
        (false, _) => exit::UNKNOWN,
        (true, true) => exit::OK,
        (true, false) => exit::FINDING,
    })
}

/// Stored scores, where somebody has them. Nobody being there is no failure of an audit.
fn look(args: &AuditArgs, globals: &Globals) -> Result<Option<(Stored, Coverage)>, Failure> {
    let loaded = globals.load(false, &[])?;
    let window = args.period.window(MONTH, globals::now(), loaded.config.time_zone)?;
    let origin = match globals.origin(&loaded) {
        Ok(origin) => origin,
        Err(failure) if failure.code == exit::UNREACHABLE && globals.server.is_none() => {
            show::note("no server and no data directory: stored scores are left out");
            return Ok(None);
        }
        Err(failure) => return Err(failure),
    };
    let rows = origin.scores(window, Some(ScoreKind::Evaluation), ROWS)?;
    let covered = match &origin {
        Origin::Server(remote) => {
            let query = super::super::ask::parameters(window, &Where::default());
            remote.get("/api/v1/quality/coverage", &query)?
        }
        Origin::Directory(reader) => coverage::coverage(reader, window)?,
    };
    Ok(Some((Stored::of(&rows), covered)))
}

/// Which calls one evaluator scored, of which intents.
fn cover(sheet: &mut Sheet, by: &CoveredBy) {
    let who = format!("{} {}", by.evaluator, by.version);
    let percent = |share: Option<f64>| {
        share.map_or_else(|| "n/a".to_owned(), |s| format!("{:.1}%", 100.0 * s))
    };
    for one in &by.intents {
        let name = if one.intent.is_empty() { "(none)" } else { &one.intent };
        let value = format!(
            "{} of its calls; {} of all calls, {} of the scored",
            percent(one.share),
            percent(one.of_calls),
            percent(one.of_scored)
        );
        sheet.row([format!("scored by {who}: {name}"), value, one.scored.to_string()]);
    }
    let distance = percent(by.distance);
    sheet.row([
        format!("scored by {who}: distance from the traffic"),
        distance,
        by.scored.to_string(),
    ]);
}

fn sheet(audit: &Audit, stored: Option<&Stored>, calibration: &str) -> Sheet {
    let mut sheet = Sheet { columns: vec!["figure", "value", "n"], rows: Vec::new() };
    let mut add = |name: &str, value: String, n: usize| {
        sheet.row([name.to_owned(), value, n.to_string()]);
    };
    add("calibration", calibration.to_owned(), audit.n);
    add("rank correlation", told(audit.spearman), audit.scored);
    add("linear correlation", told(audit.pearson), audit.scored);
    add("kappa, weighted", told(audit.kappa), audit.scored);
    add("kappa", told(audit.kappa_unweighted), audit.scored);
    add("alpha", number(audit.alpha, 2), audit.scored);
    add("score - label", number(audit.bias, 1), audit.scored);
    add("mean error", number(audit.mean_error, 1), audit.scored);
    add("labels dealt out anew", number(audit.shuffled.map(|s| s.mean), 2), audit.scored);
    for one in &audit.by_intent {
        let value = format!("{}; score - label {}", told(one.spearman), number(one.bias, 1));
        add(&format!("intent {}", one.intent), value, one.scored);
    }
    for (name, value, n) in stored.iter().flat_map(|s| s.rows()) {
        add(&name, value, n);
    }
    sheet
}

fn told(coefficient: Option<Coefficient>) -> String {
    coefficient.map_or_else(
        || "n/a".to_owned(),
        |c| format!("{:.2} ({:.2} to {:.2})", c.value, c.low, c.high),
    )
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "n/a".to_owned(), |v| format!("{v:.digits$}"))
}

/// A coefficient-free value as JSON rounds it: to a hundredth.
fn rounded(value: f64) -> Value {
    json!((value * 100.0).round() / 100.0)
}
