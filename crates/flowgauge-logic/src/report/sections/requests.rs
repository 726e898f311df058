//! Requests worth a look: ids and links, no content.

use crate::report::facts::Request;
use crate::report::figure::Figure;
use crate::report::{Block, Cell, Column, Prose, Section, Table};
use serde::{Deserialize, Serialize};

/// Requests of each kind; the specification's five.
const SHOWN: usize = 5;

/// Requests that stand out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Looks {
    /// By their time.
    pub slowest: Vec<Request>,
    /// By their cost.
    pub dearest: Vec<Request>,
    /// By what users or evaluators think of them.
    pub lowest_rated: Vec<Request>,
}

/// The section.
#[must_use]
pub fn look_at_these(looks: &Looks) -> Section {
    let blocks = vec![
        Block::Table(table("slowest", "Slowest", "Time", &looks.slowest)),
        Block::Table(table("dearest", "Dearest", "Cost", &looks.dearest)),
        Block::Table(table("lowest_rated", "Lowest rated", "Rating", &looks.lowest_rated)),
    ];
    Section::new("look_at_these", "Look at these", blocks)
}

fn table(name: &str, caption: &str, by: &str, requests: &[Request]) -> Table {
    Table {
        name: name.to_owned(),
        caption: caption.to_owned(),
        columns: vec![
            Column::words("request", "Request"),
            Column::words("at", "When"),
            Column::words("model", "Model"),
            Column::words("route", "Route"),
            Column::figures("figure", by),
        ],
        rows: requests.iter().take(SHOWN).map(row).collect(),
        empty: "None.".to_owned(),
    }
}

fn row(request: &Request) -> Vec<Cell> {
    let id = match &request.link {
        Some(link) => Prose::default().link(&request.id, link),
        None => Prose::default().code(&request.id),
    };
    vec![
        Cell::Words(id),
        Cell::Moment(request.at),
        Cell::words(&request.model),
        Cell::words(&request.route),
        Cell::Figure(Figure::new("figure", request.figure)),
    ]
}
