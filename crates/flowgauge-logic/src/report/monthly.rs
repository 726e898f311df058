//! The monthly review: the content of a day over a calendar month, with trends, costs and forecasts that can be left
//! out, error budgets, and a line for each team.

use super::body::{Body, Wording};
use super::chart::{Chart, Plot, Series};
use super::document::{Block, Document, Kind, Section};
use super::facts::Stretch;
use super::figure::{Figure, Quantity};
use super::table::{Cell, Column, Table};
use super::{body, number};
use crate::known::Known;
use crate::unit::NanoUsd;
use serde::{Deserialize, Serialize};

/// What the monthly review is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The month; its stretches are days.
    pub month: Body,
    /// Months before it and itself, the oldest first.
    pub months: Vec<Stretch>,
    /// Objectives and what is left of their error budgets.
    pub objectives: Vec<Objective>,
    /// Teams.
    pub teams: Vec<Team>,
    /// What is shown.
    pub include: Include,
}

/// Which sections are shown; the guide's three switches. None of them given means all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Include {
    /// `--include-trends`.
    pub trends: bool,
    /// `--include-costs`.
    pub costs: bool,
    /// `--include-forecasts`.
    pub forecasts: bool,
}

impl Default for Include {
    fn default() -> Self {
        Self { trends: true, costs: true, forecasts: true }
    }
}

/// An objective over the month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// Its name.
    pub name: String,
    /// What was promised, a share.
    pub promised: f64,
    /// What was kept, a share.
    pub kept: Known<f64>,
    /// Events behind it.
    pub n: u64,
}

impl Objective {
    /// What is left of the error budget, a share; negative where it is overdrawn.
    #[must_use]
    pub fn left(&self) -> Known<f64> {
        let budget = 1.0 - self.promised;
        match self.kept {
            Known::Value(kept) if budget > 0.0 => Known::Value(1.0 - (1.0 - kept) / budget),
            Known::Value(_) => Known::Unknown(crate::known::Reason::NotConfigured),
            Known::Unknown(r) => Known::Unknown(r),
        }
    }
}

/// A team's share of the month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Team {
    /// Its name.
    pub name: String,
    /// Requests.
    pub requests: u64,
    /// Billed tokens.
    pub tokens: Known<u64>,
    /// Cost.
    pub cost: Known<NanoUsd>,
    /// Quality, 0–100.
    pub quality: Known<f64>,
}

const WORDING: Wording = Wording {
    title: "Monthly Performance Review",
    span: "month",
    stretch: "day",
    before: "vs month before",
    next: "Next month",
};

/// The monthly review.
#[must_use]
pub fn document(facts: &Facts) -> Document {
    let mut sections = vec![facts.month.summary(WORDING)];
    if facts.include.trends {
        sections.push(trends(&facts.months));
    }
    let costs = facts.include.costs;
    let account = facts.month.account(WORDING);
    sections.extend(account.into_iter().filter(|s| costs || s.name != "money"));
    if facts.include.forecasts {
        sections.push(forecast(&facts.month));
    }
    sections.push(objectives(&facts.objectives));
    if costs {
        sections.push(teams(&facts.teams));
    }
    sections.push(facts.month.sureness(WORDING));
    facts.month.document(Kind::Monthly, WORDING, sections)
}

fn trends(months: &[Stretch]) -> Section {
    let rows = months.iter().map(|m| {
        #[expect(clippy::cast_precision_loss, reason = "tokens stay far below 2^53")]
        let tokens = m.tokens.map(|n| Quantity::Tokens(n as f64));
        vec![
            Cell::words(&m.name),
            Cell::Figure(Figure::new("requests", m.requests.map(Quantity::Count))),
            Cell::Figure(Figure::new("p95_latency_ms", m.p95.map(Quantity::Ms))),
            Cell::Figure(Figure::new("tokens", tokens)),
            Cell::Figure(Figure::new("cost_usd", m.cost.map(Quantity::Usd))),
            Cell::Figure(Figure::new("quality_score", m.quality.map(Quantity::Quality))),
        ]
    });
    let table = Table {
        name: "months".to_owned(),
        caption: "Month by month".to_owned(),
        columns: vec![
            Column::words("month", "Month"),
            Column::figures("requests", "Requests"),
            Column::figures("p95_latency_ms", "P95 latency"),
            Column::figures("tokens", "Tokens"),
            Column::figures("cost_usd", "Cost"),
            Column::figures("quality_score", "Quality"),
        ],
        rows: rows.collect(),
        empty: "No month before was measured.".to_owned(),
    };
    let mut blocks = vec![Block::Table(table)];
    if months.iter().any(|m| m.cost.value().is_some()) {
        let values = months.iter().map(|m| m.cost.map(Quantity::Usd)).collect();
        blocks.push(Block::Chart(Chart {
            name: "cost_by_month".to_owned(),
            title: "Cost by month".to_owned(),
            says: body::highest("Cost", months, |m| m.cost.map(Quantity::Usd)),
            plot: Plot::Lines {
                places: months.iter().map(|m| m.name.clone()).collect(),
                series: vec![Series { name: "Cost".to_owned(), values }],
                band: Vec::new(),
                limit: None,
            },
        }));
    }
    Section::new("trends", "Trends", blocks)
}

fn forecast(month: &Body) -> Section {
    let words = match &month.extra.forecast {
        None => "Nothing says what the next month will cost.".to_owned(),
        Some(f) => {
            let days = if f.days == 1 { "1 day".to_owned() } else { format!("{} days", f.days) };
            let Known::Value(cost) = f.cost.map(Quantity::Usd) else {
                let words = format!("What {} will cost cannot be told from {days}.", f.of);
                return Section::new(
                    "forecast",
                    "Forecast",
                    vec![Block::Paragraph(super::prose::Prose::plain(words))],
                );
            };
            let cost = number::text(cost);
            let range = f.interval.map(|(low, high)| {
                let (low, high) = (Quantity::Usd(low), Quantity::Usd(high));
                let interval = super::figure::Interval { low, high, level: f.level };
                format!(" ({})", number::interval(&interval))
            });
            let range = range.unwrap_or_default();
            format!("{} is expected to cost {cost}{range}, from {days}: {}.", f.of, f.method)
        }
    };
    let words = super::prose::Prose::plain(words);
    Section::new("forecast", "Forecast", vec![Block::Paragraph(words)])
}

fn objectives(objectives: &[Objective]) -> Section {
    let rows = objectives.iter().map(|o| {
        vec![
            Cell::words(&o.name),
            Cell::Figure(Figure::known("promised", Quantity::Share(o.promised))),
            Cell::Figure(Figure::new("kept", o.kept.map(Quantity::Share)).over(o.n)),
            Cell::Figure(Figure::new("left", o.left().map(Quantity::Share))),
        ]
    });
    let table = Table {
        name: "objectives".to_owned(),
        caption: "Objectives and what is left of their error budgets".to_owned(),
        columns: vec![
            Column::words("name", "Objective"),
            Column::figures("promised", "Promised"),
            Column::figures("kept", "Kept"),
            Column::figures("left", "Error budget left"),
        ],
        rows: rows.collect(),
        empty: "No objective is set.".to_owned(),
    };
    Section::new("objectives", "Objectives", vec![Block::Table(table)])
}

fn teams(teams: &[Team]) -> Section {
    let rows = teams.iter().map(|t| {
        #[expect(clippy::cast_precision_loss, reason = "tokens stay far below 2^53")]
        let tokens = t.tokens.map(|n| Quantity::Tokens(n as f64));
        vec![
            Cell::words(&t.name),
            Cell::Figure(Figure::known("requests", Quantity::Count(t.requests))),
            Cell::Figure(Figure::new("tokens", tokens)),
            Cell::Figure(Figure::new("cost_usd", t.cost.map(Quantity::Usd))),
            Cell::Figure(Figure::new("quality_score", t.quality.map(Quantity::Quality))),
        ]
    });
    let table = Table {
        name: "teams".to_owned(),
        caption: "The month by team".to_owned(),
        columns: vec![
            Column::words("team", "Team"),
            Column::figures("requests", "Requests"),
            Column::figures("tokens", "Tokens"),
            Column::figures("cost_usd", "Cost"),
            Column::figures("quality_score", "Quality"),
        ],
        rows: rows.collect(),
        empty: "No request names a team.".to_owned(),
    };
    Section::new("teams", "Teams", vec![Block::Table(table)])
}
