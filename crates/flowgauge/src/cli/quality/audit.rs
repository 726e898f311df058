//! `quality audit`: whether an evaluator may be believed, by labels people gave, and whether the
//! scores that are stored look like those of one that may.
//!
//! Owns putting both together. Refuses to judge the model: that is what `quality run` is for.

use super::super::ask::Where;
use super::super::exit::{self, Done, Failure};
use super::super::globals::{self, Globals, Origin};
use super::super::period::PeriodArgs;
use super::super::show::{self, Sheet, ShowArgs};
use super::set::Case;
use crate::logic::agreement::Coefficient;
use crate::logic::duration::Span;
use crate::logic::score::ScoreKind;
use crate::logic::score::audit::{Audit, Judged};
use crate::logic::score::reference;
use crate::logic::unit::UnixMicros;
use crate::query::coverage::{self, Coverage, CoveredBy};
use history::{Scoring, Since};
use serde_json::{Value, json};
use std::path::PathBuf;
use stored::Stored;

mod history;
mod judge;
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
  flowgauge quality audit --set labelled.jsonl --evaluator judge --history judge.jsonl

--set FILE names a labelled set, one JSON object a line; `default`, about the demo's book, unless given.
`--evaluator judge` asks the model of quality.judge through the gateway: real tokens are spent.
--history FILE keeps this scoring of the set and compares it with the first one kept and with the last:
the answers are the same ones, so only the evaluator can have moved.
Agreement with labels needs no server. Where one runs, or a data directory is there, its stored
scores are looked at too.

Exit codes:
  0    the evaluator may be believed
  1    something speaks against it
  3    too few labels
  64   wrong usage
  65   the set or the history is not understood
  69   the judging model cannot be asked: no server answers
  73   the history cannot be written")]
pub(crate) struct AuditArgs {
    /// Which of our own evaluators; or `judge`, the judging model
    #[arg(long, default_value = reference::LOCAL.name, value_parser = audited)]
    evaluator: String,
    /// Keep this scoring in a file and compare it with those kept before
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Leave stored scores out
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    period: PeriodArgs,
    #[command(flatten)]
    show: ShowArgs,
}

/// An evaluator that can be audited.
fn audited(text: &str) -> Result<String, String> {
    if text == judge::JUDGE {
        return Ok(text.to_owned());
    }
    super::known_evaluator(text).map_err(|known| format!("{known}, {}", judge::JUDGE))
}

/// The labelled answers with their scores, who gave them, and in which version.
fn scored<'a>(
    args: &AuditArgs,
    cases: &'a [Case],
    globals: &Globals,
) -> Result<(Vec<Judged<'a>>, String, String), Failure> {
    if args.evaluator == judge::JUDGE {
        return judge::judged(cases, globals);
    }
    let known = reference::EVALUATORS.iter().find(|e| e.name == args.evaluator);
    let version = known.map_or("", |e| e.version).to_owned();
    Ok((super::compared(cases, &args.evaluator), args.evaluator.clone(), version))
}

/// Audits and prints.
pub(crate) fn run(args: &AuditArgs, globals: &Globals) -> Done {
    let (set, globals) = super::chosen(globals)?;
    let cases = super::load(&set)?;
    let kept = args.history.as_deref().map(history::read).transpose()?;
    let (judged, evaluator, version) = scored(args, &cases, &globals)?;
    let audit = Audit::of(&judged);
    let now = Scoring::of(globals::now(), (&evaluator, &version), &cases, &judged);
    let drifts = history::drifts(&now, &kept.unwrap_or_default(), &cases, &judged);
    let looked = if args.offline { None } else { look(args, &globals)? };
    let (stored, covered) = looked.unzip();
    let mut findings = audit.findings.clone();
    findings.extend(drifts.iter().flat_map(Since::findings));
    findings.extend(stored.iter().flat_map(Stored::findings));
    // Whose word counts as quality must cover what users ask; others may look at a part.
    let busiest = covered.as_ref().and_then(|c| c.evaluators.first());
    findings.extend(busiest.iter().flat_map(|e| e.findings()));
    let calibration = if audit.passed() { "calibrated" } else { "uncalibrated" };
    let told = json!({
        "set": set, "evaluator": evaluator, "version": version, "calibration": calibration,
        "labels": show::json(&audit)?, "stored": stored.as_ref().map(Stored::json),
        "drift": drifts.iter().map(Since::json).collect::<Result<Vec<Value>, Failure>>()?,
        "coverage": covered.as_ref().map(show::json).transpose()?,
        "findings": findings,
    });
    let mut sheet = sheet(&audit, calibration);
    let rows = drifts.iter().flat_map(Since::rows);
    for (name, value, n) in rows.chain(stored.iter().flat_map(Stored::rows)) {
        sheet.row([name, value, n.to_string()]);
    }
    for evaluator in covered.iter().flat_map(|c| &c.evaluators) {
        cover(&mut sheet, evaluator);
    }
    // A scoring without a verdict is none: it would be the fixed point of all that follow.
    if let Some(path) = args.history.as_deref().filter(|_| audit.scored > 0) {
        history::add(path, &now)?;
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

fn sheet(audit: &Audit, calibration: &str) -> Sheet {
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
