//! The weekly report: the content of a day over seven complete days, then trends, baseline, thresholds, alert noise.

use super::body::{Body, Wording};
use super::chart::{Chart, Plot, Series};
use super::document::{Action, Block, Document, Kind, Section};
use super::facts::Regression;
use super::figure::{Figure, Quantity, Shift};
use super::prose::Prose;
use super::table::{Cell, Column, Table};
use super::{body, number};
use crate::known::Known;
use serde::{Deserialize, Serialize};

/// What the weekly report is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The week; its stretches are days.
    pub week: Body,
    /// Each metric of this week beside the week before.
    pub week_on_week: Vec<Compared>,
    /// Whether a new baseline should be promoted.
    pub proposal: Option<Proposal>,
    /// Limits that are never or always reached.
    pub thresholds: Vec<Threshold>,
    /// How often each rule fired, and how often somebody acted.
    pub noise: Vec<Noise>,
    /// Every comparison tested, found or not.
    pub tested: Vec<Regression>,
}

/// A metric of two weeks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// For people.
    pub metric: String,
    /// This week.
    pub now: Known<Quantity>,
    /// Samples behind it.
    pub n: u64,
    /// The week before.
    pub before: Known<Quantity>,
    /// The change.
    pub shift: Shift,
}

/// A candidate for the baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its id.
    pub id: String,
    /// What it was built from, e.g. `26 of 28 days; 2 left out for incidents`.
    pub from: String,
    /// Why it should or should not be promoted.
    pub reason: String,
    /// How.
    pub action: Action,
}

/// A limit under review.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The rule.
    pub rule: String,
    /// Its limit now.
    pub limit: Quantity,
    /// What is proposed, inside its bounds; nothing to keep it.
    pub proposed: Option<Quantity>,
    /// Why.
    pub reason: String,
}

/// A rule's alerts in the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noise {
    /// The rule.
    pub rule: String,
    /// How often it fired.
    pub fired: u64,
    /// How often somebody or something acted on it.
    pub acted: u64,
}

const WORDING: Wording = Wording {
    title: "Weekly Performance Report",
    span: "week",
    stretch: "day",
    before: "vs week before",
    next: "Next week",
};

/// The weekly report.
#[must_use]
pub fn document(facts: &Facts) -> Document {
    let mut sections = vec![facts.week.summary(WORDING), trends(facts)];
    sections.extend(facts.week.account(WORDING));
    sections.push(baseline(facts.proposal.as_ref()));
    sections.push(thresholds(&facts.thresholds));
    sections.push(noise(&facts.noise));
    sections.push(facts.week.sureness(WORDING));
    sections.push(appendix(&facts.tested));
    facts.week.document(Kind::Weekly, WORDING, sections)
}

fn trends(facts: &Facts) -> Section {
    let Section { mut blocks, .. } = compared(&facts.week_on_week, ("week", "Week"));
    let days = &facts.week.stretches;
    if days.iter().any(|d| d.quality.value().is_some()) {
        blocks.push(Block::Chart(quality(facts)));
    }
    Section::new("trends", "Trends", blocks)
}

/// Each metric beside that of the period before.
pub(super) fn compared(metrics: &[Compared], (span, title): (&str, &str)) -> Section {
    let rows = metrics.iter().map(|c| {
        vec![
            Cell::words(&c.metric),
            Cell::Figure(Figure::new("now", c.now).over(c.n)),
            Cell::Figure(Figure::new("before", c.before)),
            Cell::Shift(c.shift),
        ]
    });
    let table = Table {
        name: format!("{span}_on_{span}"),
        caption: format!("This {span} beside the {span} before"),
        columns: vec![
            Column::words("metric", "Metric"),
            Column::figures("now", format!("This {span}")),
            Column::figures("before", format!("{title} before")),
            Column::figures("change", "Change"),
        ],
        rows: rows.collect(),
        empty: format!("The {span} before was not measured."),
    };
    Section::new(
        format!("{span}_on_{span}"),
        format!("{title} on {span}"),
        vec![Block::Table(table)],
    )
}

fn quality(facts: &Facts) -> Chart {
    let days = &facts.week.stretches;
    let values = days.iter().map(|d| d.quality.map(Quantity::Quality)).collect();
    Chart {
        name: "quality_by_day".to_owned(),
        title: "Quality by day".to_owned(),
        says: body::highest("Quality", days, |d| d.quality.map(Quantity::Quality)),
        plot: Plot::Lines {
            places: days.iter().map(|d| d.name.clone()).collect(),
            series: vec![Series { name: "Quality".to_owned(), values }],
            band: Vec::new(),
            limit: crate::kpi::Kpi::find("quality_score")
                .and_then(|k| k.target)
                .map(Quantity::Quality),
        },
    }
}

pub(super) fn baseline(proposal: Option<&Proposal>) -> Section {
    let blocks = match proposal {
        None => vec![Block::Paragraph(Prose::plain("No new baseline is proposed."))],
        Some(p) => vec![
            Block::Paragraph(
                Prose::plain("Candidate ")
                    .code(&p.id)
                    .then(format!(" from {}. {}", p.from, p.reason)),
            ),
            Block::Actions(vec![p.action.clone()]),
        ],
    };
    Section::new("baseline", "Baseline", blocks)
}

pub(super) fn thresholds(thresholds: &[Threshold]) -> Section {
    let rows = thresholds.iter().map(|t| {
        vec![
            Cell::words(&t.rule),
            Cell::Figure(Figure::known("limit", t.limit)),
            t.proposed.map_or(Cell::words("keep"), |q| Cell::Figure(Figure::known("proposed", q))),
            Cell::words(&t.reason),
        ]
    });
    let table = Table {
        name: "thresholds".to_owned(),
        caption: "Limits under review; proposals stay inside their bounds".to_owned(),
        columns: vec![
            Column::words("rule", "Alert"),
            Column::figures("limit", "Limit"),
            Column::figures("proposed", "Proposed"),
            Column::words("reason", "Why"),
        ],
        rows: rows.collect(),
        empty: "No limit needs a change.".to_owned(),
    };
    Section::new("thresholds", "Threshold review", vec![Block::Table(table)])
}

pub(super) fn noise(noise: &[Noise]) -> Section {
    let rows = noise.iter().map(|n| {
        let acted = crate::unit::Ratio::of(n.acted, n.fired).map(|r| Quantity::Share(r.0));
        let acted = Known::from_option(acted, crate::known::Reason::NoData);
        vec![
            Cell::words(&n.rule),
            Cell::Figure(Figure::known("fired", Quantity::Count(n.fired))),
            Cell::Figure(Figure::known("acted", Quantity::Count(n.acted))),
            Cell::Figure(Figure::new("acted_share", acted)),
        ]
    });
    let table = Table {
        name: "noise".to_owned(),
        caption: "Alerts that fired, and those somebody acted on".to_owned(),
        columns: vec![
            Column::words("rule", "Alert"),
            Column::figures("fired", "Fired"),
            Column::figures("acted", "Acted on"),
            Column::figures("acted_share", "Share"),
        ],
        rows: rows.collect(),
        empty: "No alert fired.".to_owned(),
    };
    Section::new("noise", "Alert noise", vec![Block::Table(table)])
}

pub(super) fn appendix(tested: &[Regression]) -> Section {
    let rows = tested.iter().map(|t| {
        vec![
            Cell::words(&t.metric),
            Cell::words(&t.slice),
            Cell::Shift(t.effect),
            Cell::words(number::count(t.n)),
        ]
    });
    let table = Table {
        name: "tested".to_owned(),
        caption: "Every comparison tested".to_owned(),
        columns: vec![
            Column::words("metric", "Metric"),
            Column::words("slice", "Traffic"),
            Column::figures("effect", "Effect"),
            Column::figures("n", "n"),
        ],
        rows: rows.collect(),
        empty: "Nothing was tested.".to_owned(),
    };
    Section::new("appendix", "Appendix: comparisons tested", vec![Block::Table(table)])
}
