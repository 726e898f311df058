//! What a period cost, who moved it, what was saved.

use super::figures::whole;
use super::{Cut, Sources};
use crate::logic::known::{Known, Reason};
use crate::logic::kpi::{self, Context, Kpi};
use crate::logic::report::Document;
use crate::logic::report::cost::{self, Line};
use crate::logic::report::facts::{Budget, Head, Mover};
use crate::logic::report::figure::nano_usd;
use crate::logic::report::monthly::Team;
use crate::logic::rollup::{Dim, Filter, Rollup};
use crate::logic::unit::NanoUsd;
use crate::logic::window::Window;
use crate::store::baselines::BaselineStore;
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

fn groups(sources: Sources<'_>, window: Window, by: &[Dim]) -> Result<Vec<Group>, StoreError> {
    let query = RollupQuery {
        window: window.whole_minutes(),
        filter: Filter::default(),
        group_by: by.to_vec(),
        step: Step::Whole,
    };
    sources.reader.rollups(&query)
}

fn priced(rollup: &Rollup) -> Known<NanoUsd> {
    if rollup.priced == 0 {
        Known::Unknown(if rollup.requests() == 0 { Reason::NoData } else { Reason::NotPriced })
    } else {
        Known::Value(NanoUsd(rollup.cost_nanos))
    }
}

pub(super) fn movers(sources: Sources<'_>, cut: &Cut) -> Result<Vec<Mover>, StoreError> {
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

pub(super) fn budgets(sources: Sources<'_>) -> Result<Vec<Budget>, StoreError> {
    let in_force = sources.reader.budget_use(sources.now)?;
    let shown = |(i, b): (usize, crate::store::BudgetUse)| Budget {
        name: format!("budget {}", i + 1),
        spent: Known::Value(b.committed),
        limit: b.limit,
        burn: Known::Unknown(Reason::NotConfigured),
    };
    Ok(in_force.into_iter().enumerate().map(shown).collect())
}

/// What the cache's answers would have cost.
pub(super) fn saved(sources: Sources<'_>, window: Window) -> Result<Known<NanoUsd>, StoreError> {
    let whole = groups(sources, window, &[])?.pop().map(|g| g.rollup);
    Ok(match whole {
        Some(rollup) if rollup.requests() > 0 => Known::Value(NanoUsd(rollup.avoided_nanos)),
        _ => Known::Unknown(Reason::NoData),
    })
}

pub(super) fn teams(sources: Sources<'_>, window: Window) -> Result<Vec<Team>, StoreError> {
    let tokens = Kpi::find("total_tokens");
    let context = Context { minutes: window.minutes() };
    let team = |g: Group| {
        let name = g.key.into_iter().next().filter(|n| !n.is_empty())?;
        let counted = tokens.map(|k| whole(kpi::measure(k, &g.rollup, context).value));
        Some(Team {
            name: name.to_string(),
            requests: g.rollup.requests(),
            tokens: counted.unwrap_or(Known::Unknown(Reason::NotConfigured)),
            cost: priced(&g.rollup),
            quality: Known::Unknown(Reason::NotConfigured),
        })
    };
    Ok(groups(sources, window, &[Dim::Tenant])?.into_iter().filter_map(team).collect())
}

/// Cost by endpoint, intent and model against the promoted baseline's cost of a request there.
pub(super) fn cost(
    sources: Sources<'_>,
    head: Head,
    window: Window,
    rates: &Rates,
) -> Result<Document, StoreError> {
    let store = BaselineStore::open_reader(sources.dir)?;
    let baseline = store.map(|b| b.promoted()).transpose()?.flatten().map(|(b, _)| b);
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
        Some(b) => format!("against the promoted baseline {}", b.name),
        None => "no baseline is promoted: `flowgauge regression baseline propose`".to_owned(),
    };
    Ok(cost::document(&cost::Facts {
        head,
        all: line("all".to_owned(), &all, baseline.as_ref().map(|b| &b.whole.rollup)),
        lines,
        method,
        one_off: rates.one_off,
        yearly_rate: rates.yearly,
        include: rates.include,
    }))
}
