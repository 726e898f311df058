//! Where tokens go and why they became more; what optimisation saves, and at what price.

use super::causes::{cache, grades, routing, sizes};
use super::cells::{CellKey, Figure};
use super::facts::{Facts, named};
use super::finding::{
    Cause, Datum, Diagnosis, Evidence, Finding, Reference, Severity, Sheet, whole,
};
use super::spenders::Spenders;
use super::split::Split;
use super::test_of_difference::LEAST;
use crate::call::Text;
use crate::kpi::Unit;
use crate::rollup::Rollup;
use crate::window::Window;
use std::collections::BTreeMap;

/// Reduction below this misses its target (the guide's T12: 21 %).
pub const REDUCTION: f64 = 0.21;
/// A call saved less than this was not optimised to any effect (catalogue, C42).
pub const INEFFECTIVE: f64 = 0.05;

/// What rows say that rollups do not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Saved {
    /// Tokens by user, the most first: who, calls, tokens.
    pub users: Vec<(Text, u64, u64)>,
    /// What users cost.
    pub spenders: Spenders,
    /// By mechanism: name, calls, tokens before, tokens sent.
    pub mechanisms: Vec<(&'static str, u64, u64, u64)>,
    /// Calls whose size before optimisation is known.
    pub known: u64,
    /// Those of them that saved less than [`INEFFECTIVE`].
    pub ineffective: u64,
}

/// Where tokens go, and what made them more.
#[must_use]
pub fn analyze(
    facts: &Facts,
    saved: &Saved,
    window: Window,
    references: Vec<Reference>,
) -> Diagnosis {
    let mut out = Diagnosis::new("tokens", window, references);
    for (title, pick) in [
        ("by intent", (|k: &CellKey| k.intent.clone()) as fn(&CellKey) -> Text),
        ("by endpoint", |k| k.endpoint.clone()),
        ("by model", |k| k.model.clone()),
    ] {
        out.sheets.push(by(facts, title, pick));
    }
    out.sheets.push(users(saved));
    out.sheets.push(saved.spenders.sheet());
    out.sheets.push(contributions(facts));
    let known = facts.now.cells.requests() >= LEAST;
    if facts.comparable() {
        let sizes = sizes::look(facts);
        out.findings = sizes.claims();
        out.findings.extend(cache::look(facts));
        out.findings.extend(routing::look(facts));
        out.findings.extend(grades::look(facts, &sizes));
        out.notes = super::causes::notes(facts);
    } else {
        out.unknown
            .push("there is no earlier window with enough requests to compare with".to_owned());
    }
    out.unknown.extend(ineffective(saved).err());
    if let Ok(share) = ineffective(saved) {
        out.notes.push(format!(
            "{:.0} % of optimised requests saved less than 5 % of their prompt.",
            100.0 * share
        ));
    }
    out.concluded(known, "Tokens go where they went before.")
}

/// What optimisation saves.
#[must_use]
pub fn status(
    facts: &Facts,
    saved: &Saved,
    window: Window,
    references: Vec<Reference>,
) -> Diagnosis {
    let mut out = Diagnosis::new("reduction", window, references);
    let now = facts.now.cells.whole();
    let columns = [
        ("mechanism", None),
        ("n", Some(Unit::Count)),
        ("before", Some(Unit::Tokens)),
        ("sent", Some(Unit::Tokens)),
        ("reduction %", Some(Unit::Percent)),
    ];
    let mut sheet = Sheet::new("reduction", &columns);
    let mut add = |name: &str, n: u64, original: u64, sent: u64| {
        let share = reduction(original, sent).map(|r| 100.0 * r);
        sheet.rows.push(vec![
            name.into(),
            Datum::count(n),
            reported(original, original),
            reported(original, sent),
            Datum::number(share),
        ]);
    };
    let (came, sent) = now.counterfactual().value().unwrap_or((0, 0));
    add("all", now.input.count(), came, sent);
    for (name, n, original, sent) in &saved.mechanisms {
        add(name, *n, *original, *sent);
    }
    out.sheets.push(sheet);
    let share = reduction(came, sent);
    match share {
        None => out.unknown.push("the size of prompts before optimisation is not reported: nothing is optimised through flowgauge".to_owned()),
        Some(share) if share < REDUCTION && saved.known >= LEAST => out.findings.push(low(share, saved)),
        Some(_) => {}
    }
    if facts.comparable() {
        let sizes = sizes::look(facts);
        out.findings.extend(grades::look(facts, &sizes));
    }
    if let Ok(share) = ineffective(saved) {
        out.notes.push(format!("{:.0} % of requests saved less than 5 %.", 100.0 * share));
    }
    let calm = share.map_or_else(String::new, |s| {
        format!("Optimisation saves {:.1} % of input tokens.", 100.0 * s)
    });
    out.concluded(share.is_some(), &calm)
}

fn low(share: f64, saved: &Saved) -> Finding {
    Finding {
        cause: Cause::LowReduction,
        severity: Severity::Warning,
        sentence: format!(
            "Optimisation saves {:.1} % of input tokens; {:.0} % are the target.",
            100.0 * share,
            100.0 * REDUCTION
        ),
        evidence: vec![Evidence::now(
            "token reduction",
            Unit::Percent,
            Some(100.0 * share),
            saved.known,
        )],
        next: "flowgauge tokens analyze --since 24h".to_owned(),
        strength: 0.05,
    }
}

/// Tokens of calls whose size before optimisation was reported; without any such call unknown, not 0.
fn reported(original: u64, tokens: u64) -> Datum {
    Datum::number((original > 0).then(|| whole(tokens)))
}

fn reduction(original: u64, sent: u64) -> Option<f64> {
    (original > 0).then(|| 1.0 - whole(sent) / whole(original))
}

fn ineffective(saved: &Saved) -> Result<f64, String> {
    if saved.known < LEAST {
        return Err("the size of prompts before optimisation is not reported".to_owned());
    }
    Ok(whole(saved.ineffective) / whole(saved.known))
}

fn by(facts: &Facts, title: &str, pick: fn(&CellKey) -> Text) -> Sheet {
    let columns = [
        ("value", None),
        ("n", Some(Unit::Count)),
        ("mean", Some(Unit::Tokens)),
        ("deviation", Some(Unit::Tokens)),
        ("input", Some(Unit::Tokens)),
        ("input p95", Some(Unit::Tokens)),
        ("output", Some(Unit::Tokens)),
        ("share %", Some(Unit::Percent)),
        ("mean before", Some(Unit::Tokens)),
        ("original", Some(Unit::Tokens)),
        ("sent", Some(Unit::Tokens)),
    ];
    let mut groups: BTreeMap<Text, (Rollup, Rollup)> = BTreeMap::new();
    for (key, rollup) in facts.now.cells.iter() {
        groups.entry(pick(key)).or_default().0.merge(rollup);
    }
    for (key, rollup) in facts.before.cells.iter() {
        groups.entry(pick(key)).or_default().1.merge(rollup);
    }
    let total: f64 = groups.values().map(|(now, _)| Figure::Tokens.sum(now)).sum();
    let mut rows: Vec<(f64, Vec<Datum>)> = Vec::new();
    for (value, (now, before)) in &groups {
        let sum = Figure::Tokens.sum(now);
        let spread = Figure::Tokens.moments(now).map(|m| m.variance.sqrt());
        rows.push((
            sum,
            vec![
                named(value).into(),
                Datum::count(Figure::Tokens.n(now)),
                Datum::number(Figure::Tokens.mean(now)),
                Datum::number(spread),
                Datum::number(now.input.mean()),
                Datum::number(now.input.histogram.quantile(0.95)),
                Datum::number(now.output.mean()),
                Datum::number((total > 0.0).then(|| 100.0 * sum / total)),
                Datum::number(Figure::Tokens.mean(before)),
                reported(now.original_input, now.original_input),
                reported(now.original_input, now.original_sent),
            ],
        ));
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut sheet = Sheet::new(title, &columns);
    sheet.rows = rows.into_iter().map(|(_, row)| row).collect();
    sheet
}

fn users(saved: &Saved) -> Sheet {
    let mut sheet = Sheet::new(
        "by user",
        &[("user", None), ("n", Some(Unit::Count)), ("tokens", Some(Unit::Tokens))],
    );
    for (user, n, tokens) in &saved.users {
        sheet.rows.push(vec![named(user).into(), Datum::count(*n), Datum::count(*tokens)]);
    }
    sheet
}

/// The change of tokens per request and what it is made of; the parts sum to it exactly.
fn contributions(facts: &Facts) -> Sheet {
    let mut sheet = Sheet::new(
        "what changed tokens per request",
        &[("part", None), ("tokens", Some(Unit::Tokens))],
    );
    let Some(split) = Split::of(Figure::Tokens, &facts.before.cells, &facts.now.cells) else {
        return sheet;
    };
    for (endpoint, intent, part) in split.within_by_kind.iter().take(10) {
        sheet.rows.push(vec![
            format!("{} {}: prompts and answers", named(endpoint), named(intent)).into(),
            Datum::number(*part),
        ]);
    }
    let shown: f64 = split.within_by_kind.iter().take(10).map(|k| k.2).sum();
    for (name, part) in [
        ("all other kinds: prompts and answers", split.within - shown),
        ("cache", split.cache),
        ("other models", split.model),
        ("other requests", split.traffic),
        ("whole change", split.after - split.before),
    ] {
        sheet.rows.push(vec![name.into(), Datum::number(part)]);
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_nobody_reported_are_unknown_and_never_nought() {
        assert_eq!(reported(0, 0), Datum::Nothing);
        assert_eq!(reported(10, 7), Datum::Number(7.0));
    }
}
