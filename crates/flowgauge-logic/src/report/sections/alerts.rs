//! Alerts that fired and what was done about them.

use crate::report::facts::Episode;
use crate::report::figure::{Figure, Quantity};
use crate::report::{Block, Cell, Column, Prose, Section, Table, number};

/// Episodes listed; what a page cannot hold is on the page of alerts.
const LISTED: usize = 20;

/// The section.
#[must_use]
pub fn alerts(episodes: &[Episode]) -> Section {
    let open = episodes.iter().filter(|e| e.lasted.is_none()).count();
    let acted = episodes.iter().filter(|e| e.acted.is_some() || e.action.is_some()).count();
    let summary = if episodes.is_empty() {
        "No alert fired.".to_owned()
    } else {
        format!("{} fired, {acted} acted on, {open} still open.", episodes.len())
    };
    let mut blocks = vec![Block::Paragraph(Prose::plain(summary))];
    if !episodes.is_empty() {
        blocks.push(Block::Table(Table {
            name: "alerts".to_owned(),
            caption: "Alerts, the newest last".to_owned(),
            columns: vec![
                Column::words("fired_at", "Fired"),
                Column::words("rule", "Alert"),
                Column::words("severity", "Severity"),
                Column::figures("lasted", "Lasted"),
                Column::words("acted", "Who acted"),
                Column::words("action", "What was done"),
            ],
            rows: episodes.iter().take(LISTED).map(row).collect(),
            empty: String::new(),
        }));
    }
    if episodes.len() > LISTED {
        let more = number::count(u64::try_from(episodes.len() - LISTED).unwrap_or(u64::MAX));
        blocks.push(Block::Note(Prose::plain(format!("{more} more are on the page of alerts."))));
    }
    Section::new("alerts", "Alerts and actions", blocks)
}

fn row(episode: &Episode) -> Vec<Cell> {
    let rule = match &episode.link {
        Some(link) => Prose::default().link(&episode.rule, link),
        None => Prose::plain(&episode.rule),
    };
    let words = |text: &Option<String>| text.as_ref().map_or(Cell::Blank, Cell::words);
    vec![
        Cell::Moment(episode.fired_at),
        Cell::Words(rule),
        Cell::words(&episode.severity),
        match episode.lasted {
            Some(d) => Cell::Figure(Figure::known("lasted", Quantity::Lasting(d))),
            None => Cell::words("still open"),
        },
        words(&episode.acted),
        words(&episode.action),
    ]
}
