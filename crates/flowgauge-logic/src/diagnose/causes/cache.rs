//! Requests that were answered from the cache and no longer are.

use super::super::cells::{CellKey, Cells, Figure, Lookup};
use super::super::facts::{Facts, SHARE_EFFECT, percent};
use super::super::finding::{Cause, Evidence, Finding, Severity, whole};
use super::super::split::Split;
use super::super::test_of_difference::{ALPHA, Difference, LEAST};
use crate::call::Text;
use crate::kpi::Unit;
use std::collections::BTreeMap;

/// Hits and lookups of a kind of request.
type Asked = (u64, u64);

/// A lower hit rate within kinds of requests, or a cache that is no longer asked.
#[must_use]
pub fn look(facts: &Facts) -> Option<Finding> {
    let (before, now) = (asked(&facts.before.cells), asked(&facts.now.cells));
    let (b, a) = (sum(&before), sum(&now));
    if b.1 < LEAST {
        return None;
    }
    let n = facts.now.cells.requests();
    let share_before = whole(b.0) / whole(b.1);
    if a.1 < LEAST {
        let answered = whole(b.0) / whole(facts.before.cells.requests().max(1));
        let silent = n >= LEAST && whole(a.1) < SHARE_EFFECT * whole(n) && answered >= SHARE_EFFECT;
        let sentence = format!(
            "Requests are no longer looked up in the cache; {:.0} % were answered from it before.",
            100.0 * answered
        );
        return silent.then(|| finding(facts, sentence, (None, Some(share_before)), a.1, None));
    }
    let test = like_for_like(&before, &now)?;
    if test.difference > -SHARE_EFFECT || test.p > ALPHA {
        return None;
    }
    let share_now = whole(a.0) / whole(a.1);
    let sentence = format!(
        "The cache answers fewer requests: its hit rate is {:.0} %, {:.0} % before, for the same kinds of requests.",
        100.0 * share_now,
        100.0 * share_before
    );
    Some(finding(facts, sentence, (Some(share_now), Some(share_before)), a.1, Some(test)))
}

fn asked(cells: &Cells) -> BTreeMap<(&Text, &Text), Asked> {
    let mut kinds: BTreeMap<(&Text, &Text), Asked> = BTreeMap::new();
    for (key, rollup) in cells.iter().filter(|(k, _)| k.lookup != Lookup::None) {
        let n = rollup.requests();
        let slot = kinds.entry(key.kind()).or_default();
        slot.0 += if key.lookup == Lookup::Hit { n } else { 0 };
        slot.1 += n;
    }
    kinds
}

fn sum(kinds: &BTreeMap<(&Text, &Text), Asked>) -> Asked {
    kinds.values().fold((0, 0), |s, k| (s.0 + k.0, s.1 + k.1))
}

/// The difference of hit rates, weighed by what is asked now.
fn like_for_like(
    before: &BTreeMap<(&Text, &Text), Asked>,
    now: &BTreeMap<(&Text, &Text), Asked>,
) -> Option<Difference> {
    let pairs =
        || now.iter().filter_map(|(k, a)| Some((*before.get(k)?, *a))).filter(|(b, _)| b.1 > 0);
    let all: f64 = pairs().map(|(_, a)| whole(a.1)).sum();
    let (mut difference, mut variance) = (0.0, 0.0);
    for (b, a) in pairs() {
        let weight = whole(a.1) / all;
        let pooled = whole(b.0 + a.0) / whole(b.1 + a.1);
        difference += weight * (whole(a.0) / whole(a.1) - whole(b.0) / whole(b.1));
        variance +=
            weight * weight * pooled * (1.0 - pooled) * (1.0 / whole(b.1) + 1.0 / whole(a.1));
    }
    Difference::normal(difference, variance.sqrt())
}

fn finding(
    facts: &Facts,
    sentence: String,
    (now, before): (Option<f64>, Option<f64>),
    n: u64,
    test: Option<Difference>,
) -> Finding {
    let points = |v: Option<f64>| v.map(|v| 100.0 * v);
    let mut rate =
        Evidence::change("cache hit rate", Unit::Percent, (points(now), points(before)), n);
    if let Some(test) = test {
        let interval = before.and_then(|b| test.relative_to(b));
        rate = rate.tested(test.p, interval);
    }
    let mut evidence = vec![rate];
    // How many more requests the upstream has to answer.
    let misses = |hit: Option<f64>| 1.0 - hit.unwrap_or(0.0);
    let mut strength = (misses(now) / misses(before).max(0.01)).ln();
    for (figure, what, unit, scale) in [
        (Figure::Latency, "mean latency", Unit::Ms, 1e-3),
        (Figure::Cost, "cost per request", Unit::Usd, 1e-9),
    ] {
        let Some(split) = Split::of(figure, &facts.before.cells, &facts.now.cells) else {
            continue;
        };
        let Some(part) = split.relative(split.cache).filter(|p| *p > 0.0) else { continue };
        strength = strength.max((1.0 + part).ln());
        let both = (Some((split.before + split.cache) * scale), Some(split.before * scale));
        let what = format!("{what}, by the cache alone ({})", percent(part));
        evidence.push(Evidence::change(what, unit, both, split.n));
    }
    Finding {
        cause: Cause::CacheHitsLost,
        severity: Severity::Warning,
        sentence,
        evidence,
        next: "flowgauge requests list --where cache=miss --since 1h".to_owned(),
        strength,
    }
}

/// Cells whose calls reached an upstream.
#[must_use]
pub fn upstream(cells: &Cells) -> Cells {
    cells.only(|k: &CellKey| k.lookup != Lookup::Hit)
}
