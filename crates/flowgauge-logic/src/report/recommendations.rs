//! Recommendations: what to change, each with its evidence, expected effect, risk and the one command.

use super::document::{Action, Block, Document, Kind, Section};
use super::facts::Head;
use super::figure::{Figure, Quantity, Shift};
use super::number;
use super::prose::Prose;
use super::table::{Cell, Column, Table};
use crate::known::Known;
use crate::unit::NanoUsd;
use serde::{Deserialize, Serialize};

/// What the recommendations are made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// What it says of itself.
    pub head: Head,
    /// What is recommended, in any order.
    pub recommendations: Vec<Recommendation>,
    /// What was looked at and not recommended, a sentence each.
    pub left_out: Vec<String>,
}

/// One recommendation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// What to do, e.g. `Widen caching to all of route /v1/chat`.
    pub what: String,
    /// What was seen, a sentence.
    pub evidence: String,
    /// Samples behind it.
    pub n: u64,
    /// What it was measured by: an A/B test, a replay, shadow traffic, a comparison.
    pub method: String,
    /// Expected change of the metric it is for.
    pub effect: Shift,
    /// That metric, e.g. `tokens per request`.
    pub metric: String,
    /// Money saved per month; negative where it costs.
    pub saves: Known<NanoUsd>,
    /// What may go wrong, a sentence.
    pub risk: String,
    /// How it is done, and undone.
    pub action: Action,
}

/// The recommendations, the most money first.
#[must_use]
pub fn document(facts: &Facts) -> Document {
    let mut ordered: Vec<_> = facts.recommendations.iter().collect();
    // What is worth nothing known comes last; names decide between equals.
    let worth = |r: &Recommendation| r.saves.value().map(|m| m.0);
    ordered.sort_by(|a, b| worth(b).cmp(&worth(a)).then_with(|| a.what.cmp(&b.what)));
    let period = &facts.head.period;
    let title = format!("Optimization recommendations - {}", period.name);
    let mut sections = vec![Section::new("overview", "Overview", vec![overview(&ordered)])];
    let numbered = ordered.iter().enumerate();
    sections.extend(numbered.map(|(i, r)| section(i + 1, r)));
    if !facts.left_out.is_empty() {
        let blocks =
            facts.left_out.iter().map(|s| Block::Paragraph(Prose::with_commands(s))).collect();
        sections.push(Section::new("left_out", "Looked at and not recommended", blocks));
    }
    Document {
        kind: Kind::Recommendations,
        subject: format!("{title}: {}", count(ordered.len())),
        verdict: sentence(&ordered),
        title,
        period: period.clone(),
        id: facts.head.id.clone(),
        generated_at: facts.head.generated_at,
        version: facts.head.version.clone(),
        sections,
    }
}

fn count(n: usize) -> String {
    format!("{n} {}", if n == 1 { "recommendation" } else { "recommendations" })
}

fn sentence(ordered: &[&Recommendation]) -> String {
    let Some(first) = ordered.first() else {
        return "Nothing is recommended: no change has evidence enough.".to_owned();
    };
    let saves =
        first.saves.value().map(|m| format!(", saves {} a month", number::text(Quantity::Usd(m))));
    format!("{}; first: {}{}.", count(ordered.len()), first.what, saves.unwrap_or_default())
}

fn overview(ordered: &[&Recommendation]) -> Block {
    let rows = ordered.iter().map(|r| {
        vec![
            Cell::words(&r.what),
            Cell::words(&r.metric),
            Cell::Shift(r.effect),
            Cell::Figure(Figure::new("saves_usd", r.saves.map(Quantity::Usd)).over(r.n)),
        ]
    });
    Block::Table(Table {
        name: "recommendations".to_owned(),
        caption: "The most money first".to_owned(),
        columns: vec![
            Column::words("what", "What"),
            Column::words("metric", "Metric"),
            Column::figures("effect", "Expected effect"),
            Column::figures("saves_usd", "Saves per month"),
        ],
        rows: rows.collect(),
        empty: "Nothing is recommended: no change has evidence enough.".to_owned(),
    })
}

fn section(i: usize, r: &Recommendation) -> Section {
    let said = |label: &str, words: String| {
        Block::Paragraph(Prose::default().strong(format!("{label}.")).then(format!(" {words}")))
    };
    let evidence = format!("{} (n {}; {})", r.evidence, number::count(r.n), r.method);
    let saves = number::known(r.saves.map(Quantity::Usd));
    let effect = format!("{} {}; saves per month: {saves}", r.metric, number::shift(&r.effect));
    Section::new(
        format!("recommendation_{i}"),
        format!("{i}. {}", r.what),
        vec![
            said("Evidence", evidence),
            said("Expected effect", effect),
            said("Risk", r.risk.clone()),
            Block::Actions(vec![r.action.clone()]),
        ],
    )
}
