//! What each optimisation saved, what it did to quality, and what to do with it.

use crate::report::facts::Switch;
use crate::report::figure::{Figure, Quantity};
use crate::report::{Block, Cell, Column, Section, Table};
use crate::unit::NanoUsd;

/// The section.
#[must_use]
pub fn optimisations(switches: &[Switch]) -> Section {
    let table = Table {
        name: "optimisations".to_owned(),
        caption: "What each optimisation did; quality against requests held out".to_owned(),
        columns: vec![
            Column::words("name", "Optimisation"),
            Column::words("state", "State"),
            Column::figures("tokens_saved", "Tokens saved"),
            Column::figures("saved_usd", "Money saved"),
            Column::figures("saved_ms", "Time saved per request"),
            Column::figures("quality", "Quality effect"),
            Column::words("advice", "Recommendation"),
        ],
        rows: switches.iter().map(row).collect(),
        empty: "No optimisation is set up.".to_owned(),
    };
    Section::new("optimisations", "Optimisations", vec![Block::Table(table)])
}

fn row(switch: &Switch) -> Vec<Cell> {
    #[expect(clippy::cast_precision_loss, reason = "tokens stay far below 2^53")]
    let tokens = switch.tokens_saved.map(|n| Quantity::Tokens(n as f64));
    let money = switch.money_saved.map(|m: NanoUsd| Quantity::Usd(m));
    let advice = if switch.reason.is_empty() {
        switch.advice.word().to_owned()
    } else {
        format!("{}: {}", switch.advice.word(), switch.reason)
    };
    vec![
        Cell::words(&switch.name),
        Cell::words(&switch.state),
        Cell::Figure(Figure::new("tokens_saved", tokens)),
        Cell::Figure(Figure::new("saved_usd", money)),
        Cell::Figure(Figure::new("saved_ms", switch.ms_saved.map(Quantity::Ms))),
        Cell::Shift(switch.quality),
        Cell::words(advice),
    ]
}
