//! The detectors, each looking for one kind of cause in the same facts.
//!
//! Every one demands a difference that is no chance and a size that matters, within calls alike.

pub mod cache;
pub mod errors;
pub mod grades;
pub mod routing;
pub mod sizes;
pub mod speed;

use super::cells::Figure;
use super::facts::{EFFECT, Facts, SHARE_EFFECT, named, percent};
use super::finding::{Finding, whole};
use super::split::Split;
use crate::call::Text;
use std::collections::BTreeMap;

/// Everything the detectors claim, unranked.
#[must_use]
pub fn all(facts: &Facts) -> Vec<Finding> {
    let sizes = sizes::look(facts);
    let mut found = errors::look(facts);
    found.extend(cache::look(facts));
    found.extend(routing::look(facts));
    found.extend(grades::look(facts, &sizes));
    found.extend(speed::look(facts, &sizes));
    found.extend(sizes.claims());
    found
}

/// Words about traffic that moved: it explains figures and is nobody's fault.
#[must_use]
pub fn notes(facts: &Facts) -> Vec<String> {
    let mut notes = Vec::new();
    let figures = [
        (Figure::Latency, "latency"),
        (Figure::Tokens, "tokens per request"),
        (Figure::Cost, "cost per request"),
    ];
    for (figure, name) in figures {
        let Some(split) = Split::of(figure, &facts.before.cells, &facts.now.cells) else {
            continue;
        };
        let Some(moved) = split.relative(split.traffic).filter(|m| m.abs() >= EFFECT) else {
            continue;
        };
        notes.push(format!(
            "Mean {name} changed by {} because users asked for other things; like for like that is no change.",
            percent(moved)
        ));
    }
    notes.extend(moved(facts));
    notes
}

/// The kind of request whose share changed most, where that is much.
fn moved(facts: &Facts) -> Option<String> {
    let (n0, n1) = (whole(facts.before.cells.requests()), whole(facts.now.cells.requests()));
    if n0 <= 0.0 || n1 <= 0.0 {
        return None;
    }
    let mut kinds: BTreeMap<(&Text, &Text), (f64, f64)> = BTreeMap::new();
    for (key, rollup) in facts.before.cells.iter() {
        kinds.entry(key.kind()).or_default().0 += whole(rollup.requests()) / n0;
    }
    for (key, rollup) in facts.now.cells.iter() {
        kinds.entry(key.kind()).or_default().1 += whole(rollup.requests()) / n1;
    }
    let far = |s: &(f64, f64)| (s.1 - s.0).abs();
    let (kind, share) = kinds.into_iter().max_by(|a, b| far(&a.1).total_cmp(&far(&b.1)))?;
    (far(&share) >= SHARE_EFFECT).then(|| {
        format!(
            "{} {} went from {:.0} % to {:.0} % of the requests.",
            named(kind.0),
            named(kind.1),
            100.0 * share.0,
            100.0 * share.1
        )
    })
}
