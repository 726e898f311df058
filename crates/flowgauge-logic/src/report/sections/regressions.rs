//! Regressions found among the slices tested; when quiet, how small a one would have been seen.

use crate::known::{Known, Reason};
use crate::report::facts::{Regression, Regressions};
use crate::report::figure::{Figure, Quantity};
use crate::report::number;
use crate::report::{Block, Cell, Column, Prose, Section, Table};

/// The section.
#[must_use]
pub fn regressions(facts: &Regressions) -> Section {
    let mut blocks = vec![Block::Paragraph(Prose::plain(summary(facts)))];
    if !facts.found.is_empty() {
        blocks.push(Block::Table(Table {
            name: "regressions".to_owned(),
            caption: "Found, the worst first".to_owned(),
            columns: vec![
                Column::words("metric", "Metric"),
                Column::words("slice", "Traffic"),
                Column::figures("effect", "Effect"),
                Column::figures("n", "n"),
                Column::words("first_seen", "First seen"),
                Column::words("cause", "Suspected cause"),
            ],
            rows: facts.found.iter().map(row).collect(),
            empty: String::new(),
        }));
    }
    Section::new("regressions", "Regressions", blocks)
}

fn summary(facts: &Regressions) -> String {
    let tested = match facts.tested {
        Known::Value(tested) => tested,
        Known::Unknown(Reason::NotConfigured) => {
            return "Nothing was tested: there is no baseline from before this period.".to_owned();
        }
        Known::Unknown(r) => return format!("Nothing could be tested: {}.", r.words()),
    };
    let tests = if tested == 1 { "comparison" } else { "comparisons" };
    let how = if facts.method.is_empty() {
        String::new()
    } else {
        format!(", corrected for their number ({})", facts.method)
    };
    let scope = format!("{} {tests} tested{how}.", number::count(tested));
    if facts.found.is_empty() {
        let least = match facts.detectable {
            Known::Value(effect) => format!("could have detected ≥ {}", number::text(effect)),
            Known::Unknown(r) => format!("how small a one would have been seen is {}", unclear(r)),
        };
        format!("None found; {least}. {scope}")
    } else {
        format!("{} found. {scope}", facts.found.len())
    }
}

fn unclear(reason: Reason) -> String {
    match reason {
        Reason::NotConfigured => "not known".to_owned(),
        r => format!("not known ({})", r.words()),
    }
}

fn row(found: &Regression) -> Vec<Cell> {
    let first_seen = match found.first_seen {
        Known::Value(at) => Cell::Moment(at),
        Known::Unknown(r) => Cell::words(number::unknown(r)),
    };
    let cause = match (&found.cause, &found.ended) {
        (Some(cause), Some(ended)) => Cell::words(format!("{cause}; {ended}")),
        (Some(words), None) => Cell::words(words),
        (None, Some(ended)) => Cell::words(format!("unknown; {ended}")),
        (None, None) => Cell::words("unknown"),
    };
    vec![
        Cell::words(&found.metric),
        Cell::words(&found.slice),
        Cell::Shift(found.effect),
        Cell::Figure(Figure::known("n", Quantity::Count(found.n))),
        first_seen,
        cause,
    ]
}
