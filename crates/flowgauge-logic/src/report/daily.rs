//! The daily report: the guide's five rows first, then what changed, what got worse, what was done, and how sure it is.

use super::chart::{Chart, Plot, Series};
use super::document::{Action, Block, Document, Kind, Section};
use super::facts::{
    Budget, Change, Episode, Head, Mover, Readings, Regressions, Stretch, Sureness, Switch,
};
use super::figure::Quantity;
use super::prose::Prose;
use super::sections::{self, Looks};
use super::{add_up, key, number, verdict};
use crate::known::Known;
use crate::kpi::Kpi;
use serde::{Deserialize, Serialize};

/// Actions for tomorrow; more is a list nobody works through.
const ACTIONS: usize = 3;
/// What the last column compares with.
const BEFORE: &str = "vs same day last week";

/// What the daily report is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// What it says of itself; the period's name is the date.
    pub head: Head,
    /// KPIs of the day.
    pub readings: Readings,
    /// What the key table needs beside them.
    pub extra: key::Extra,
    /// The hours of the day, all of them.
    pub hours: Vec<Stretch>,
    /// What changed.
    pub changes: Vec<Change>,
    /// What was tested, and what got worse.
    pub regressions: Regressions,
    /// Alerts that fired.
    pub episodes: Vec<Episode>,
    /// Optimisations.
    pub switches: Vec<Switch>,
    /// Cost by route, model and app.
    pub movers: Vec<Mover>,
    /// Budgets.
    pub budgets: Vec<Budget>,
    /// Requests that stand out.
    pub looks: Looks,
    /// What to do tomorrow, the most urgent first.
    pub actions: Vec<Action>,
    /// What the figures rest on.
    pub sureness: Sureness,
}

impl Facts {
    /// Facts of a day on which nothing is known yet.
    #[must_use]
    pub fn new(head: Head) -> Self {
        Self {
            head,
            readings: Readings::default(),
            extra: key::Extra::default(),
            hours: Vec::new(),
            changes: Vec::new(),
            regressions: Regressions::default(),
            episodes: Vec::new(),
            switches: Vec::new(),
            movers: Vec::new(),
            budgets: Vec::new(),
            looks: Looks::default(),
            actions: Vec::new(),
            sureness: Sureness::default(),
        }
    }
}

/// The daily report.
#[must_use]
pub fn document(facts: &Facts) -> Document {
    let period = &facts.head.period;
    let key = key::table(&facts.readings, &facts.extra, "day", BEFORE);
    let title = format!("Daily Performance Report - {}", period.name);
    let partial = if period.partial { " (partial)" } else { "" };
    let subject = format!("{title}{partial}: {}", verdict::subject(&key));
    let sentence = verdict::sentence(&key, &facts.regressions, period.from, period.zone);
    let mismatches = add_up::check(&facts.readings, &facts.hours, "hours", "day");
    let mut summary = vec![Block::Key(key)];
    summary.extend(charts(&facts.hours));
    let sections = vec![
        Section::new("key_metrics", format!("Key Metrics Summary - {}", period.name), summary),
        sections::changes(&facts.changes),
        sections::regressions(&facts.regressions),
        sections::alerts(&facts.episodes),
        sections::optimisations(&facts.switches),
        sections::money(&facts.movers, &facts.budgets, BEFORE),
        sections::look_at_these(&facts.looks),
        tomorrow(&facts.actions),
        sections::sureness(&facts.head, &facts.sureness, &mismatches),
    ];
    Document {
        kind: Kind::Daily,
        title,
        subject,
        verdict: sentence,
        period: period.clone(),
        id: facts.head.id.clone(),
        generated_at: facts.head.generated_at,
        version: facts.head.version.clone(),
        sections,
    }
}

fn tomorrow(actions: &[Action]) -> Section {
    let blocks = if actions.is_empty() {
        vec![Block::Paragraph(Prose::plain("Nothing needs doing."))]
    } else {
        vec![Block::Actions(actions.iter().take(ACTIONS).cloned().collect())]
    };
    Section::new("tomorrow", "Tomorrow", blocks)
}

/// Latency and cost by the hour; no chart where nothing is known.
fn charts(hours: &[Stretch]) -> Vec<Block> {
    let mut blocks = Vec::new();
    if hours.iter().any(|h| h.p95.value().is_some()) {
        blocks.push(Block::Chart(latency(hours)));
    }
    if hours.iter().any(|h| h.cost.value().is_some()) {
        blocks.push(Block::Chart(cost(hours)));
    }
    blocks
}

fn latency(hours: &[Stretch]) -> Chart {
    let ms = |of: fn(&Stretch) -> Known<f64>| {
        hours.iter().map(|h| of(h).map(Quantity::Ms)).collect::<Vec<_>>()
    };
    let target = Kpi::find("p95_latency").and_then(|k| k.target).map(Quantity::Ms);
    Chart {
        name: "latency_by_hour".to_owned(),
        title: "Latency by hour".to_owned(),
        says: highest("P95 latency", hours, |h| h.p95.map(Quantity::Ms)),
        plot: Plot::Lines {
            places: names(hours),
            series: vec![
                Series { name: "P95".to_owned(), values: ms(|h| h.p95) },
                Series { name: "P50".to_owned(), values: ms(|h| h.p50) },
            ],
            band: Vec::new(),
            limit: target,
        },
    }
}

fn cost(hours: &[Stretch]) -> Chart {
    let bars = hours.iter().map(|h| (h.name.clone(), h.cost.map(Quantity::Usd)));
    Chart {
        name: "cost_by_hour".to_owned(),
        title: "Cost by hour".to_owned(),
        says: highest("Cost", hours, |h| h.cost.map(Quantity::Usd)),
        plot: Plot::Bars { bars: bars.collect(), limit: None },
    }
}

fn names(stretches: &[Stretch]) -> Vec<String> {
    stretches.iter().map(|s| s.name.clone()).collect()
}

/// What a chart says: where it is highest, and where nothing is known.
pub(super) fn highest(
    what: &str,
    stretches: &[Stretch],
    of: impl Fn(&Stretch) -> Known<Quantity>,
) -> String {
    let known = stretches.iter().filter_map(|s| Some((s, of(s).value()?)));
    // The first of equals, so that it is the same every time.
    let top = known.fold(None::<(&Stretch, Quantity)>, |top, (s, q)| match top {
        Some((_, t)) if t.number() >= q.number() => top,
        _ => Some((s, q)),
    });
    let gaps = stretches.iter().filter(|s| of(s).value().is_none()).count();
    let gaps = match gaps {
        0 => String::new(),
        n => format!(" {n} of {} were not measured.", stretches.len()),
    };
    match top {
        None => format!("{what} was not measured."),
        Some((s, q)) => format!("{what} was highest at {}: {}.{gaps}", s.name, number::text(q)),
    }
}
