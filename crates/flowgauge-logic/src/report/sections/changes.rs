//! What changed: each change with its measured effect, or that it is too early to say.

use crate::report::facts::{Change, Effect};
use crate::report::number;
use crate::report::{Block, Cell, Column, Prose, Section, Table};

/// Metrics named with a change; the others are on the page.
const METRICS: usize = 3;

/// The section.
#[must_use]
pub fn changes(changes: &[Change]) -> Section {
    let columns = vec![
        Column::words("at", "When"),
        Column::words("what", "What"),
        Column::words("by", "By"),
        Column::words("effect", "Effect"),
    ];
    let table = Table {
        name: "changes".to_owned(),
        caption: "Changes of configuration, deployments, models and prices".to_owned(),
        columns,
        rows: changes.iter().map(row).collect(),
        empty: "Nothing changed.".to_owned(),
    };
    Section::new("what_changed", "What changed", vec![Block::Table(table)])
}

fn row(change: &Change) -> Vec<Cell> {
    let id = change.id.as_ref().map_or_else(String::new, |id| format!(" (change {id})"));
    vec![
        Cell::Moment(change.at),
        Cell::Words(Prose::plain(format!("{}{id}", change.what))),
        change.by.as_ref().map_or(Cell::Blank, Cell::words),
        Cell::words(effect(&change.effect)),
    ]
}

fn effect(effect: &Effect) -> String {
    match effect {
        Effect::TooEarly => "too early".to_owned(),
        Effect::NotMeasured => number::NOT_MEASURED.to_owned(),
        Effect::Measured(metrics) if metrics.is_empty() => number::NOT_MEASURED.to_owned(),
        Effect::Measured(metrics) => {
            let named = metrics.iter().take(METRICS);
            let words: Vec<_> =
                named.map(|(metric, by)| format!("{metric} {}", number::shift(by))).collect();
            words.join("; ")
        }
    }
}
