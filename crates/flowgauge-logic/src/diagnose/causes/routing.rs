//! Requests of the same kind that go to another model, and cost or take more for it.

use super::super::cells::{Cells, Figure};
use super::super::facts::{EFFECT, Facts, SHARE_EFFECT, named, only, percent};
use super::super::finding::{Cause, Evidence, Finding, Severity, whole};
use super::super::split::Split;
use super::super::test_of_difference::{ALPHA, Difference, LEAST, benjamini_hochberg, shares};
use super::cache::upstream;
use crate::call::Text;
use crate::kpi::Unit;
use std::collections::BTreeMap;

/// Share of a model within a kind of request.
#[derive(Debug)]
struct Share<'a> {
    kind: (&'a Text, &'a Text),
    model: &'a Text,
    before: (u64, u64),
    now: (u64, u64),
    test: Difference,
}

/// The kinds that moved to a model with adverse consequences, the worst first.
#[must_use]
pub fn look(facts: &Facts) -> Vec<Finding> {
    let (before, now) = (upstream(&facts.before.cells), upstream(&facts.now.cells));
    let moved = moved(&before, &now);
    let ps = benjamini_hochberg(&moved.iter().map(|s| s.test.p).collect::<Vec<_>>());
    let mut found: Vec<Finding> = moved
        .iter()
        .zip(ps)
        .filter(|(s, p)| *p <= ALPHA && s.test.difference >= SHARE_EFFECT)
        .filter_map(|(share, p)| finding(&before, &now, share, p))
        .collect();
    found.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    found
}

fn moved<'a>(before: &'a Cells, now: &'a Cells) -> Vec<Share<'a>> {
    type Kind<'a> = (&'a Text, &'a Text);
    let mut kinds: BTreeMap<Kind<'a>, (u64, u64)> = BTreeMap::new();
    let mut models: BTreeMap<(Kind<'a>, &'a Text), (u64, u64)> = BTreeMap::new();
    for (side, cells) in [before, now].into_iter().enumerate() {
        for (key, rollup) in cells.iter().filter(|(k, _)| !k.model.is_empty()) {
            let n = rollup.success;
            let add = |slot: &mut (u64, u64)| {
                if side == 0 { slot.0 += n } else { slot.1 += n }
            };
            add(kinds.entry(key.kind()).or_default());
            add(models.entry((key.kind(), &key.model)).or_default());
        }
    }
    let mut out = Vec::new();
    for ((kind, model), part) in models {
        let all = kinds.get(&kind).copied().unwrap_or_default();
        if all.0 < LEAST || all.1 < LEAST {
            continue;
        }
        let (before, now) = ((part.0, all.0), (part.1, all.1));
        out.extend(shares(before, now).map(|test| Share { kind, model, before, now, test }));
    }
    out
}

fn finding(before: &Cells, now: &Cells, share: &Share<'_>, p: f64) -> Option<Finding> {
    let of_kind = |cells: &Cells| cells.only(|k| k.kind() == share.kind);
    let (before, now) = (of_kind(before), of_kind(now));
    let mut evidence = Vec::new();
    let ratio = |(part, all): (u64, u64)| 100.0 * whole(part) / whole(all.max(1));
    let what = format!("share of {} in {}", share.model, named(share.kind.1));
    let both = (Some(ratio(share.now)), Some(ratio(share.before)));
    let mut first = Evidence::change(what, Unit::Percent, both, share.now.1);
    first.p = Some(p);
    evidence.push(first);
    let (mut worst, mut words) = (0.0f64, String::new());
    for (figure, what, unit, scale) in [
        (Figure::Cost, "cost per request", Unit::Usd, 1e-9),
        (Figure::Latency, "mean latency", Unit::Ms, 1e-3),
    ] {
        let Some(split) = Split::of(figure, &before, &now) else { continue };
        let Some(part) = split.relative(split.model) else { continue };
        let both = (Some((split.before + split.model) * scale), Some(split.before * scale));
        evidence.push(Evidence::change(format!("{what}, by the model alone"), unit, both, split.n));
        if part > worst {
            worst = part;
            words = format!("{what} of these requests {}", percent(part));
        }
    }
    (worst >= EFFECT).then(|| Finding {
        cause: Cause::ModelRouting,
        severity: Severity::Warning,
        sentence: format!(
            "{} requests go to {} now: {:.0} % of them, {:.0} % before; {words}.",
            named(share.kind.1),
            share.model,
            ratio(share.now),
            ratio(share.before)
        ),
        evidence,
        next: format!(
            "flowgauge requests list --since 1h{}{}",
            only("intent", share.kind.1),
            only("model", share.model)
        ),
        strength: (1.0 + worst).ln(),
    })
}
