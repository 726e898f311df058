//! `opt evaluate`, `opt evaluate-rollback`, `opt quality-impact`: what optimisations save and cost, by comparison with
//! those held out, and whether one should be undone. They change nothing.

use super::exit::{self, Done, Failure};
use super::globals::Globals;
use super::show::{self, Sheet, ShowArgs};
use crate::judge::evidence::advice::Advice;
use crate::tell::page::evidence::{EvidenceView, FindingView, MechanismEvidence, SpanView};

/// What may be lost of quality, as a share of that of the hold-out.
const WITHIN: f64 = 0.05;

/// Options of `opt evaluate`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge opt evaluate
  flowgauge opt evaluate --json

Exit codes:
  0   nothing speaks against any of them
  1   a rollback is advised
  3   nobody is held out, or too few calls yet
  69  no server answers
  77  not permitted")]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    show: ShowArgs,
}

/// What weighs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FocusArg {
    /// Quality, errors and latency
    #[default]
    All,
    /// Quality above latency: a certain loss counts however small
    Quality,
}

/// Options of `opt evaluate-rollback`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge opt evaluate-rollback
  flowgauge opt evaluate-rollback --focus quality

It changes nothing; `flowgauge opt rollback` does.

Exit codes:
  0   keep
  1   a partial or full rollback is advised
  3   nobody is held out, or too few calls yet
  69  no server answers
  77  not permitted")]
pub(crate) struct EvaluateRollbackArgs {
    /// What weighs
    #[arg(long, value_enum, default_value = "all")]
    focus: FocusArg,
    #[command(flatten)]
    show: ShowArgs,
}

/// Options of `opt quality-impact`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge opt quality-impact
  flowgauge opt quality-impact --json

Exit codes:
  0   no optimisation costs quality beyond chance
  1   one does
  3   nobody is held out, or too few answers are scored yet
  69  no server answers
  77  not permitted")]
pub(crate) struct QualityImpactArgs {
    #[command(flatten)]
    show: ShowArgs,
}

/// What a running server knows.
pub(crate) fn ask(globals: &Globals, focus: FocusArg) -> Result<EvidenceView, Failure> {
    let remote = globals.remote(&globals.load(false, &[])?)?;
    let focus = match focus {
        FocusArg::All => "all",
        FocusArg::Quality => "quality",
    };
    remote.get("/api/v1/control/evidence", &[("focus", focus.to_owned())])
}

/// Runs `opt evaluate`.
pub(crate) fn evaluate(args: &EvaluateArgs, globals: &Globals) -> Done {
    let told = ask(globals, FocusArg::All)?;
    args.show.print(&effects(&told), &show::json(&told)?)?;
    say_advice(&told);
    Ok(code(told.advice))
}

/// Runs `opt evaluate-rollback`.
pub(crate) fn evaluate_rollback(args: &EvaluateRollbackArgs, globals: &Globals) -> Done {
    let told = ask(globals, args.focus)?;
    let mut sheet = Sheet { columns: vec!["optimization", "advice", "why"], rows: Vec::new() };
    for one in told.mechanisms.iter().filter(|m| m.acts) {
        let (advice, why) = match &one.against {
            Some(why) => ("undo", why.clone()),
            None if is_compared(one) => ("keep", "nothing speaks against it".to_owned()),
            None => ("unknown", none_held_out(one)),
        };
        sheet.row([one.mechanism.clone(), advice.to_owned(), why]);
    }
    args.show.print(&sheet, &show::json(&told)?)?;
    say_advice(&told);
    Ok(code(told.advice))
}

/// Runs `opt quality-impact`.
pub(crate) fn quality_impact(args: &QualityImpactArgs, globals: &Globals) -> Done {
    let told = ask(globals, FocusArg::Quality)?;
    let columns = vec!["optimization", "points", "interval", "held out", "touched", "verdict"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    let mut code = exit::UNKNOWN;
    for one in &told.mechanisms {
        let Some(quality) = of(one, "quality") else { continue };
        if quality.effect.is_some() && code == exit::UNKNOWN {
            code = exit::OK;
        }
        let lost = quality.effect.is_some_and(|e| e.high < 0.0);
        if lost || quality.verdict == "regressed" {
            code = exit::FINDING;
        }
        let points = quality.effect.map_or("n/a".to_owned(), |e| format!("{:+.1}", e.estimate));
        let between =
            quality.effect.map_or(String::new(), |e| format!("{:+.1} to {:+.1}", e.low, e.high));
        let counts = [quality.untouched.to_string(), quality.touched.to_string()];
        let cells = [one.mechanism.clone(), points, between];
        sheet.row(cells.into_iter().chain(counts).chain([quality.verdict.clone()]));
    }
    args.show.print(&sheet, &show::json(&told)?)?;
    show::note(&match &told.evaluator {
        Some(judge) => format!("judged by {}", show::printable(judge)),
        None => "no answer of a compared call is scored yet".to_owned(),
    });
    Ok(code)
}

/// The rows of `tokens status`: each mechanism by each method, never added up; and what each took off of all tokens,
/// which does add up.
pub(crate) fn reduction(told: &EvidenceView) -> Sheet {
    let columns = vec![
        "what",
        "call by call (a)",
        "of all tokens (a)",
        "against hold-out (b)",
        "interval",
        "note",
    ];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    let share = |r: Option<f64>| r.map_or("n/a".to_owned(), |r| format!("{:.1} %", 100.0 * r));
    for one in told.mechanisms.iter().filter(|m| m.since.is_some()) {
        let sums = one.before_after.as_ref();
        let together = sums
            .filter(|s| s.together != 0)
            .map(|s| format!("{} tokens taken off together with others", s.together));
        let reason = one.saved.reason.clone().unwrap_or_default();
        sheet.row([
            one.mechanism.clone(),
            share(sums.and_then(|s| s.reduction)),
            share(of_all(told, &one.mechanism)),
            share(one.saved.tokens.map(|s| s.estimate)),
            between(one.saved.tokens),
            together.unwrap_or(reason),
        ]);
    }
    let whole = share(told.before_after.as_ref().and_then(|s| s.reduction));
    let baseline = &told.against_baseline;
    let words = match (&baseline.reduction, &baseline.baseline, &baseline.reason) {
        (Some(r), Some(name), _) => format!("against baseline {name} (c): {}", share(Some(*r))),
        (_, _, Some(why)) => format!("against a baseline (c): n/a: {why}"),
        _ => String::new(),
    };
    let all = [whole.clone(), whole, String::new(), String::new(), words];
    sheet.row(std::iter::once("everything".to_owned()).chain(all));
    sheet
}

/// What a mechanism took off, of everything that went through the gateway.
fn of_all(told: &EvidenceView, mechanism: &str) -> Option<f64> {
    let whole = told.before_after.as_ref().filter(|w| w.original > 0)?;
    let taken = *whole.by_mechanism.get(mechanism)?;
    #[expect(clippy::cast_precision_loss, reason = "tokens stay below 2^53")]
    let share = taken as f64 / whole.original as f64;
    Some(share)
}

/// What each one does to quality, and whether that is certain.
pub(crate) fn quality(told: &EvidenceView) -> Sheet {
    let columns = vec![
        "optimization",
        "quality points",
        "interval",
        "of the hold-out",
        "interval",
        "held out",
        "touched",
        "verdict",
    ];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for one in told.mechanisms.iter().filter(|m| m.since.is_some()) {
        let Some(quality) = of(one, "quality") else { continue };
        let cells = |span: Option<SpanView>, scale: f64, unit: &str| {
            let say = |x: f64| format!("{:+.1}", scale * x);
            let estimate = span.map_or("n/a".to_owned(), |s| format!("{}{unit}", say(s.estimate)));
            let ends = |s: SpanView| format!("{} to {}{unit}", say(s.low), say(s.high));
            [estimate, span.map_or_else(String::new, ends)]
        };
        let [points, between] = cells(quality.effect, 1.0, "");
        let [share, of_it] = cells(quality.share, 100.0, " %");
        let counts = [quality.untouched.to_string(), quality.touched.to_string()];
        let row = [one.mechanism.clone(), points, between, share, of_it].into_iter();
        sheet.row(row.chain(counts).chain([verdict(quality)]));
    }
    sheet
}

/// What is certain of a mechanism's quality. What counts is 5 % of a good answer's 80 points.
fn verdict(quality: &FindingView) -> String {
    let within = quality.share.is_some_and(|s| s.low > -WITHIN);
    match quality.verdict.as_str() {
        "regressed" => "regressed".to_owned(),
        _ if within => "fine: within 5 % of the hold-out".to_owned(),
        "fine" => "fine: less than 4 points lost".to_owned(),
        "inconclusive" => "not certain yet".to_owned(),
        other => other.to_owned(),
    }
}

/// All of it for people, as `opt status` prints it; the code says what it advises.
pub(crate) fn print_all(told: &EvidenceView) -> Done {
    let (args, json) = (ShowArgs::default(), show::json(told)?);
    for sheet in [effects(told), quality(told), reduction(told)] {
        args.print(&sheet, &json)?;
    }
    say_advice(told);
    Ok(code(told.advice))
}

/// What each optimisation changed, by comparison with those held out.
pub(crate) fn effects(told: &EvidenceView) -> Sheet {
    let columns = vec![
        "optimization",
        "acts",
        "held out",
        "touched",
        "tokens",
        "cost",
        "latency",
        "quality",
        "errors",
        "guardrail",
    ];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for one in &told.mechanisms {
        let saved = |span: Option<SpanView>| {
            span.map_or("n/a".to_owned(), |s| format!("{:+.1} %", -100.0 * s.estimate))
        };
        let quality = of(one, "quality").and_then(|q| q.effect);
        let errors = of(one, "errors").and_then(|e| e.effect);
        sheet.row([
            one.mechanism.clone(),
            if one.acts { "yes" } else { "no" }.to_owned(),
            one.untouched.to_string(),
            one.touched.to_string(),
            saved(one.saved.tokens),
            saved(one.saved.cost),
            saved(one.saved.latency),
            quality.map_or("n/a".to_owned(), |q| format!("{:+.1}", q.estimate)),
            errors.map_or("n/a".to_owned(), |e| format!("{:+.2} pp", 100.0 * e.estimate)),
            one.guardrail.decision.clone(),
        ]);
    }
    sheet
}

fn say_advice(told: &EvidenceView) {
    show::note(match told.advice {
        Advice::NoControlGroup => {
            "no control group: nobody is held out of an optimisation that acts, or too few calls yet"
        }
        Advice::Keep => "keep: nothing speaks against what acts",
        Advice::Partial => "partial rollback advised: flowgauge opt rollback --only NAME",
        Advice::Full => "full rollback advised: flowgauge opt rollback --all",
    });
    for why in told.mechanisms.iter().filter(|m| m.acts).filter_map(|m| m.against.as_deref()) {
        show::note(&show::printable(why));
    }
}

const fn code(advice: Advice) -> u8 {
    match advice {
        Advice::Keep => exit::OK,
        Advice::Partial | Advice::Full => exit::FINDING,
        Advice::NoControlGroup => exit::UNKNOWN,
    }
}

fn of<'a>(one: &'a MechanismEvidence, metric: &str) -> Option<&'a FindingView> {
    one.findings.iter().find(|f| f.metric == metric)
}

fn is_compared(one: &MechanismEvidence) -> bool {
    one.saved.tokens.is_some() || one.findings.iter().any(|f| f.effect.is_some())
}

fn none_held_out(one: &MechanismEvidence) -> String {
    format!("{} held out and {} touched are too few to compare", one.untouched, one.touched)
}

fn between(span: Option<SpanView>) -> String {
    span.map_or(String::new(), |s| format!("{:.1} to {:.1} %", 100.0 * s.low, 100.0 * s.high))
}

/// Verbs of `opt` about evidence; they stand beside those that change something.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum EvidenceCommand {
    /// What each optimisation saves and costs, by comparison with those held out
    Evaluate(EvaluateArgs),
    /// Keep, undo one, undo all: what the evidence advises
    EvaluateRollback(EvaluateRollbackArgs),
    /// What each optimisation does to quality
    QualityImpact(QualityImpactArgs),
}

/// Runs one.
pub(crate) fn run(command: &EvidenceCommand, globals: &Globals) -> Done {
    match command {
        EvidenceCommand::Evaluate(args) => evaluate(args, globals),
        EvidenceCommand::EvaluateRollback(args) => evaluate_rollback(args, globals),
        EvidenceCommand::QualityImpact(args) => quality_impact(args, globals),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quality(verdict: &str, low: f64) -> FindingView {
        let share = SpanView { estimate: 0.0, low, high: 0.05 };
        FindingView {
            metric: "quality".to_owned(),
            verdict: verdict.to_owned(),
            effect: None,
            share: Some(share),
            e_value: None,
            untouched: 300,
            touched: 6_000,
        }
    }

    #[test]
    fn within_five_percent_of_the_hold_out_is_said_where_even_the_lower_end_is() {
        let says = |verdict_of: &str, low| verdict(&quality(verdict_of, low));
        assert_eq!(says("fine", -0.049), "fine: within 5 % of the hold-out");
        assert_eq!(says("inconclusive", -0.049), "fine: within 5 % of the hold-out");
        assert_eq!(says("inconclusive", -0.051), "not certain yet");
        assert_eq!(says("fine", -0.051), "fine: less than 4 points lost");
        assert_eq!(says("regressed", -0.01), "regressed");
    }
}
