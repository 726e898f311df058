//! The content that daily, weekly and monthly reports share: facts of a period, and its sections in reading order.

use super::chart::{Chart, Plot, Series};
use super::document::{Action, Block, Document, Kind, Section};
use super::facts::{
    Budget, Change, Episode, Head, Mover, Readings, Regressions, Stretch, Sureness, Switch,
};
use super::figure::Quantity;
use super::prose::Prose;
use super::sections::{self, Looks};
use super::table::KeyTable;
use super::{add_up, key, number, verdict};
use crate::known::Known;
use crate::kpi::Kpi;
use serde::{Deserialize, Serialize};

/// Actions for the next day; more is a list nobody works through.
const ACTIONS: usize = 3;

/// What a kind of report calls things.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wording {
    /// `Daily Performance Report`.
    pub(super) title: &'static str,
    /// `day`, `week`, `month`.
    pub(super) span: &'static str,
    /// `hour`, `day`.
    pub(super) stretch: &'static str,
    /// `vs same day last week`.
    pub(super) before: &'static str,
    /// The heading above what to do next.
    pub(super) next: &'static str,
}

/// What a report of a period is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// What it says of itself.
    pub head: Head,
    /// KPIs of the period.
    pub readings: Readings,
    /// What the key table needs beside them.
    pub extra: key::Extra,
    /// The hours of a day or the days of a longer period, all of them.
    pub stretches: Vec<Stretch>,
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
    /// What to do next, the most urgent first.
    pub actions: Vec<Action>,
    /// What the figures rest on.
    pub sureness: Sureness,
}

impl Body {
    /// Facts of a period of which nothing is known yet.
    #[must_use]
    pub fn new(head: Head) -> Self {
        Self {
            head,
            readings: Readings::default(),
            extra: key::Extra::default(),
            stretches: Vec::new(),
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

impl Body {
    pub(super) fn key(&self, wording: Wording) -> KeyTable {
        key::table(&self.readings, &self.extra, wording.span, wording.before)
    }

    /// The document of these sections, with the verdict of this body.
    pub(super) fn document(
        &self,
        kind: Kind,
        wording: Wording,
        sections: Vec<Section>,
    ) -> Document {
        let period = &self.head.period;
        let key = self.key(wording);
        let title = format!("{} - {}", wording.title, period.name);
        let partial = if period.partial { " (partial)" } else { "" };
        Document {
            kind,
            subject: format!("{title}{partial}: {}", verdict::subject(&key)),
            verdict: verdict::sentence(&key, &self.regressions, period.from, period.zone),
            title,
            period: period.clone(),
            id: self.head.id.clone(),
            generated_at: self.head.generated_at,
            version: self.head.version.clone(),
            sections,
        }
    }

    /// The key table under the guide's heading.
    pub(super) fn summary(&self, wording: Wording) -> Section {
        let mut blocks = vec![Block::Key(self.key(wording))];
        blocks.extend(charts(&self.stretches, wording.stretch));
        Section::new(
            "key_metrics",
            format!("Key Metrics Summary - {}", self.head.period.name),
            blocks,
        )
    }

    /// What follows the key table, in the order a reader may stop at.
    pub(super) fn account(&self, wording: Wording) -> Vec<Section> {
        vec![
            sections::changes(&self.changes),
            sections::regressions(&self.regressions),
            sections::alerts(&self.episodes),
            sections::optimisations(&self.switches),
            sections::money(&self.movers, &self.budgets, wording.before),
            sections::look_at_these(&self.looks),
            next(&self.actions, wording.next),
        ]
    }

    /// How sure it is; last.
    pub(super) fn sureness(&self, wording: Wording) -> Section {
        let parts = format!("{}s", wording.stretch);
        let mismatches = add_up::check(&self.readings, &self.stretches, &parts, wording.span);
        sections::sureness(&self.head, &self.sureness, &mismatches)
    }
}

fn next(actions: &[Action], title: &str) -> Section {
    let blocks = if actions.is_empty() {
        vec![Block::Paragraph(Prose::plain("Nothing needs doing."))]
    } else {
        vec![Block::Actions(actions.iter().take(ACTIONS).cloned().collect())]
    };
    Section::new("next", title, blocks)
}

/// Latency and cost over the period; no chart where nothing is known.
fn charts(stretches: &[Stretch], by: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    if stretches.iter().any(|h| h.p95.value().is_some()) {
        blocks.push(Block::Chart(latency(stretches, by)));
    }
    if stretches.iter().any(|h| h.cost.value().is_some()) {
        blocks.push(Block::Chart(cost(stretches, by)));
    }
    blocks
}

fn latency(stretches: &[Stretch], by: &str) -> Chart {
    let ms = |of: fn(&Stretch) -> Known<f64>| {
        stretches.iter().map(|h| of(h).map(Quantity::Ms)).collect::<Vec<_>>()
    };
    let target = Kpi::find("p95_latency").and_then(|k| k.target).map(Quantity::Ms);
    Chart {
        name: format!("latency_by_{by}"),
        title: format!("Latency by {by}"),
        says: highest("P95 latency", stretches, |h| h.p95.map(Quantity::Ms)),
        plot: Plot::Lines {
            places: names(stretches),
            series: vec![
                Series { name: "P95".to_owned(), values: ms(|h| h.p95) },
                Series { name: "P50".to_owned(), values: ms(|h| h.p50) },
            ],
            band: Vec::new(),
            limit: target,
        },
    }
}

fn cost(stretches: &[Stretch], by: &str) -> Chart {
    let bars = stretches.iter().map(|h| (h.name.clone(), h.cost.map(Quantity::Usd)));
    Chart {
        name: format!("cost_by_{by}"),
        title: format!("Cost by {by}"),
        says: highest("Cost", stretches, |h| h.cost.map(Quantity::Usd)),
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
