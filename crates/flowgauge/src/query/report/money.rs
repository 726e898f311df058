//! What a period cost, who moved it, what was saved.

use super::figures::whole;
use super::reviewed::of_record;
use super::{Cut, Ground, judged};
use crate::logic::call::Text;
use crate::logic::known::{Known, Reason};
use crate::logic::kpi::{self, Context, Kpi};
use crate::logic::report::cost::{self, Line};
use crate::logic::report::facts::{Budget, Head, Mover};
use crate::logic::report::figure::nano_usd;
use crate::logic::report::monthly::Team;
use crate::logic::rollup::{Dim, Filter, Rollup};
use crate::logic::unit::{NanoUsd, UnixMicros};
use crate::logic::window::Window;
use crate::query;
use crate::store::{Group, RollupQuery, Step, StoreError};
use std::collections::BTreeMap;

/// Of each dimension, the dearest.
const MOVERS: usize = 5;
/// Dimensions a cost is told by, and their words.
const BY: &[(Dim, &str)] =
    &[(Dim::Endpoint, "route"), (Dim::Model, "model"), (Dim::Service, "app")];

/// What only people know of money.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    /// What the optimisations cost to make.
    pub one_off: Known<NanoUsd>,
    /// Yearly rate future savings are discounted by.
    pub yearly: f64,
    /// What is shown.
    pub include: cost::Include,
}

pub(super) fn groups(
    sources: Ground<'_>,
    window: Window,
    by: &[Dim],
) -> Result<Vec<Group>, StoreError> {
    sources.cells.groups(sources.reader, window, by)
}

fn priced(rollup: &Rollup) -> Known<NanoUsd> {
    if rollup.priced == 0 {
        Known::Unknown(if rollup.requests() == 0 { Reason::NoData } else { Reason::NotPriced })
    } else {
        Known::Value(NanoUsd(rollup.cost_nanos))
    }
}

pub(super) fn movers(sources: Ground<'_>, cut: &Cut) -> Result<Vec<Mover>, StoreError> {
    let mut out = Vec::new();
    for (dim, word) in BY {
        let before = groups(sources, cut.before, &[*dim])?;
        let before: BTreeMap<_, _> = before
            .into_iter()
            .filter_map(|g| Some((g.key.into_iter().next()?, g.rollup)))
            .collect();
        let mut now = groups(sources, cut.window, &[*dim])?;
        now.sort_by_key(|g| (std::cmp::Reverse(g.rollup.cost_nanos), g.key.clone()));
        for group in now {
            let Some(name) = group.key.first().filter(|n| !n.is_empty()) else { continue };
            if out.iter().filter(|m: &&Mover| m.by == *word).count() == MOVERS {
                break;
            }
            out.push(Mover {
                by: (*word).to_owned(),
                name: name.to_string(),
                cost: priced(&group.rollup),
                before: before.get(name).map_or(Known::Unknown(Reason::NoData), priced),
                n: group.rollup.requests(),
            });
        }
    }
    Ok(out)
}

/// Budgets by name, at the end of a period: what their accounts of that moment have spent, against an even pace.
pub(super) fn budgets(sources: Ground<'_>, window: Window) -> Result<Vec<Budget>, StoreError> {
    let at = UnixMicros(window.to.0.saturating_sub(1)).min(sources.now);
    let shown = |used: crate::store::BudgetUse| {
        let spent = used.committed;
        let set = sources.setup.budgets.iter().find(|b| *b.name == *used.budget);
        let pace = set.and_then(|b| {
            let period = b.period.containing(at, b.zone);
            // An account of a period that goes on holds what was spent up to now.
            let so_far = Window { from: period.from, to: sources.now.min(period.to) };
            let gone = so_far.minutes() / period.minutes();
            let share = spent.as_usd_f64() / used.limit.as_usd_f64();
            Some(share / gone).filter(|pace| pace.is_finite())
        });
        Budget {
            name: used.budget,
            spent: Known::Value(spent),
            limit: used.limit,
            burn: Known::from_option(pace, Reason::NotConfigured),
        }
    };
    Ok(sources.reader.budget_use(at)?.into_iter().map(shown).collect())
}

/// The month's budget of everything, where one is set.
pub(super) fn monthly_budget(sources: Ground<'_>) -> Option<NanoUsd> {
    let of_all = |b: &&crate::logic::budget::Budget| {
        b.period == crate::logic::budget::Period::Month
            && b.per == crate::logic::budget::Per::All
            && b.matches.is_empty()
    };
    sources.setup.budgets.iter().find(of_all).map(|b| b.limit)
}

/// What the cache's answers would have cost.
pub(super) fn saved(sources: Ground<'_>, window: Window) -> Result<Known<NanoUsd>, StoreError> {
    let whole = groups(sources, window, &[])?.pop().map(|g| g.rollup);
    Ok(match whole {
        Some(rollup) if rollup.priced > 0 || rollup.avoided_nanos != 0 => {
            Known::Value(NanoUsd(rollup.avoided_nanos))
        }
        Some(rollup) if rollup.requests() > 0 => Known::Unknown(Reason::NotPriced),
        _ => Known::Unknown(Reason::NoData),
    })
}

/// What each team did: requests, tokens, cost, and quality where somebody scored its answers.
pub(super) fn teams(sources: Ground<'_>, window: Window) -> Result<Vec<Team>, StoreError> {
    let tokens = Kpi::find("total_tokens");
    let context = Context { minutes: window.minutes() };
    let quality = quality_by_team(sources, window)?;
    let team = |g: Group| {
        let name = g.key.into_iter().next().filter(|n| !n.is_empty())?;
        let counted = tokens.map(|k| whole(kpi::measure(k, &g.rollup, context).value));
        Some(Team {
            requests: g.rollup.requests(),
            tokens: counted.unwrap_or(Known::Unknown(Reason::NotConfigured)),
            cost: priced(&g.rollup),
            quality: quality.get(&name).copied().unwrap_or(Known::Unknown(Reason::NoData)),
            name: name.to_string(),
        })
    };
    Ok(groups(sources, window, &[Dim::Tenant])?.into_iter().filter_map(team).collect())
}

fn quality_by_team(
    sources: Ground<'_>,
    window: Window,
) -> Result<BTreeMap<Text, Known<f64>>, StoreError> {
    if of_record(sources.reader, window)?.is_none() {
        return Ok(BTreeMap::new());
    }
    let kpis: Vec<&Kpi> = Kpi::find("quality_score").into_iter().collect();
    let (filter, group_by) = (Filter::default(), vec![Dim::Tenant]);
    let query = RollupQuery { window, filter, group_by, step: Step::Whole };
    let table = query::table(sources.reader, &kpis, &query)?;
    let named = |row: query::Row| Some((row.key.into_iter().next()?, row.values.first()?.value));
    Ok(table.rows.into_iter().filter_map(named).collect())
}

/// Cost by endpoint, intent and model against the promoted baseline's cost of a request there.
pub(super) fn cost(
    sources: Ground<'_>,
    head: Head,
    window: Window,
    rates: &Rates,
) -> Result<cost::Facts, StoreError> {
    let baseline = judged::promoted(sources)?;
    let each = |rollup: &Rollup| match rollup.priced {
        0 => Known::Unknown(Reason::NotPriced),
        #[expect(clippy::cast_precision_loss, reason = "counts and costs below 2^53")]
        n => Known::Value(nano_usd(rollup.cost_nanos as f64 / 1e9 / n as f64)),
    };
    let none = Known::Unknown(Reason::NotConfigured);
    let line = |name: String, rollup: &Rollup, usual: Option<&Rollup>| Line {
        name,
        requests: rollup.priced,
        cost: priced(rollup),
        baseline_each: usual.map_or(none, each),
    };
    let all = groups(sources, window, &[])?.pop().map(|g| g.rollup).unwrap_or_default();
    let mut lines = Vec::new();
    for group in groups(sources, window, &[Dim::Endpoint, Dim::Intent, Dim::Model])? {
        let [endpoint, intent, model] = group.key.as_slice() else { continue };
        let same = |c: &&crate::logic::baseline::Cell| {
            (&c.endpoint, &c.intent, &c.model) == (endpoint, intent, model)
        };
        let usual = baseline.as_ref().and_then(|b| b.cells.iter().find(same)).map(|c| &c.rollup);
        let name = [endpoint, intent, model].map(|t| if t.is_empty() { "–" } else { t.as_str() });
        lines.push(line(name.join(" · "), &group.rollup, usual));
    }
    lines.sort_by(|a, b| b.cost.value().cmp(&a.cost.value()).then(a.name.cmp(&b.name)));
    let method = match &baseline {
        Some(b) => format!("c: against the promoted baseline {}", b.name),
        None => "no baseline is promoted: `flowgauge regression baseline propose`".to_owned(),
    };
    Ok(cost::Facts {
        head,
        all: line("all".to_owned(), &all, baseline.as_ref().map(|b| &b.whole.rollup)),
        lines,
        method,
        one_off: rates.one_off,
        yearly_rate: rates.yearly,
        include: rates.include,
    })
}
