//! The executive summary: five numbers and three sentences on one page.

use super::document::{Action, Block, Document, How, Kind, Section};
use super::facts::{Head, Readings, Regressions};
use super::figure::{Figure, Quantity};
use super::prose::Prose;
use super::table::{KeyPart, KeyRow, KeyTable};
use super::{key, number, verdict};
use crate::known::Known;
use crate::unit::NanoUsd;
use serde::{Deserialize, Serialize};

/// What the page is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// What it says of itself; the period's name is the month.
    pub head: Head,
    /// KPIs of the month.
    pub readings: Readings,
    /// Budget and forecast.
    pub extra: key::Extra,
    /// What got worse.
    pub regressions: Regressions,
    /// Saved in the month against the baseline, and by which method.
    pub saved: Known<NanoUsd>,
    /// That method: a, b or c, and what it is where that does not say enough.
    pub saved_by: String,
    /// What to decide or do next.
    pub next: Option<Action>,
}

/// The page.
#[must_use]
pub fn document(facts: &Facts) -> Document {
    let period = &facts.head.period;
    let key = numbers(facts);
    let title = format!("Executive summary - {}", period.name);
    let partial = if period.partial { " (partial)" } else { "" };
    let subject = format!("{title}{partial}: {}", verdict::subject(&key));
    let first = verdict::sentence(&key, &facts.regressions, period.from, period.zone);
    let sections = vec![
        Section::new("numbers", "Five numbers", vec![Block::Key(key)]),
        Section::new("sentences", "Three sentences", sentences(facts, &first)),
    ];
    Document {
        kind: Kind::Executive,
        title,
        subject,
        verdict: first,
        period: period.clone(),
        id: facts.head.id.clone(),
        generated_at: facts.head.generated_at,
        version: facts.head.version.clone(),
        sections,
    }
}

/// Speed, quality, money spent, money saved, whether it was there.
fn numbers(facts: &Facts) -> KeyTable {
    let part = |name: &str, title: &str| key::part(&facts.readings, name, title);
    let mut cost = part("total_cost", "Cost");
    if let Some(budget) = facts.extra.budget {
        cost = key::against_budget(cost, budget);
    }
    let saved = Figure::new("saved_usd", facts.saved.map(Quantity::Usd))
        .by(format!("Method {}.", facts.saved_by));
    let saved = KeyPart {
        title: "Saved".to_owned(),
        figure: saved,
        of: None,
        note: None,
        target: None,
        status: None,
        baseline: None,
        before: None,
    };
    let rows = [
        part("p95_latency", "P95 Latency"),
        part("quality_score", "Quality Score"),
        cost,
        saved,
        part("availability", "Availability"),
    ];
    let row = |p: KeyPart| KeyRow { metric: p.title.clone(), parts: vec![p], remark: None };
    KeyTable { before: "vs month before".to_owned(), rows: rows.into_iter().map(row).collect() }
}

fn spent(facts: &Facts) -> String {
    match facts.readings.value("total_cost") {
        Known::Value(cost) => format!("The month cost {}", number::text(cost)),
        Known::Unknown(r) => format!("What the month cost was {}", number::unknown(r)),
    }
}

fn saved(facts: &Facts) -> String {
    match facts.saved {
        Known::Value(saved) => {
            let saved = number::text(Quantity::Usd(saved));
            format!("{saved} were saved (method {})", facts.saved_by)
        }
        Known::Unknown(r) => format!("what was saved was {}", number::unknown(r)),
    }
}

fn sentences(facts: &Facts, first: &str) -> Vec<Block> {
    let money = format!("{}; {}.", spent(facts), saved(facts));
    let next = match &facts.next {
        None => Prose::plain("Nothing needs a decision."),
        Some(action) => {
            let said = Prose::plain(format!("Next: {}: ", action.what));
            match &action.how {
                How::Command(c) => said.code(c),
                How::Link(l) => said.link(l, l),
            }
        }
    };
    vec![
        Block::Paragraph(Prose::plain(first)),
        Block::Paragraph(Prose::plain(money)),
        Block::Paragraph(next),
    ]
}
