//! What a document says in words, before any format: the cells of its tables, its head and its foot.
//!
//! Every renderer of text takes its words from here, so that no two of them differ.

use super::document::{Document, Period, Section};
use super::figure::{Figure, Status};
use super::table::{Cell, Column, KeyPart, KeyRow, KeyTable, Table};
use super::{Block, moment, number};
use chrono_tz::Tz;

/// Between the figures of one row.
pub(super) const BETWEEN: &str = "; ";

/// The heads of the key table; the first four are the guide's.
#[must_use]
pub fn key_heads(table: &KeyTable) -> [&str; 6] {
    ["Metric", "Value", "Target", "Status", "vs baseline", &table.before]
}

/// The cells of a row of the key table.
#[must_use]
pub fn key_cells(row: &KeyRow) -> [String; 6] {
    [
        row.metric.clone(),
        key_values(row).join(BETWEEN),
        each(&row.parts, |p| p.target.as_ref().map(number::target)),
        key_status(row),
        each(&row.parts, |p| p.baseline.as_ref().map(number::shift)),
        each(&row.parts, |p| p.before.as_ref().map(number::shift)),
    ]
}

/// The figures of a row; a number of samples stands once where several figures share it.
#[must_use]
pub fn key_values(row: &KeyRow) -> Vec<String> {
    let mut said = None;
    let mut words = Vec::new();
    for part in &row.parts {
        let repeated = said.is_some() && said == part.figure.n();
        said = part.figure.n();
        words.push(value(part, repeated));
    }
    words
}

fn value(part: &KeyPart, repeated: bool) -> String {
    let note = part.note.as_deref();
    let text = if repeated {
        number::noted(&part.figure.clone().without_n(), note)
    } else {
        number::noted(&part.figure, note)
    };
    part.of.as_ref().map_or_else(|| text.clone(), |of| format!("{of} {text}"))
}

/// One entry for each figure, in their order; dashes at the end are left out.
fn each(parts: &[KeyPart], of: impl Fn(&KeyPart) -> Option<String>) -> String {
    let mut words: Vec<String> =
        parts.iter().map(|p| of(p).unwrap_or_else(|| number::NOTHING.to_owned())).collect();
    while words.len() > 1 && words.last().is_some_and(|w| w == number::NOTHING) {
        words.pop();
    }
    joined(words)
}

/// Where none is measured, for one and the same reason, that is said once.
fn joined(mut words: Vec<String>) -> String {
    let first = words.first().filter(|first| first.starts_with(number::NOT_MEASURED));
    if first.is_some_and(|first| words.iter().all(|w| w == first)) {
        words.truncate(1);
    }
    words.join(BETWEEN)
}

/// The status of a row in words: the worst of its figures, and which they are where the first is better.
#[must_use]
pub fn key_status(row: &KeyRow) -> String {
    let Some(worst) = row.status() else { return number::NOTHING.to_owned() };
    let mut remarks: Vec<String> = Vec::new();
    let first = row.parts.first().and_then(|p| p.status);
    if first.is_some_and(|s| s != worst) {
        let those = row.parts.iter().filter(|p| p.status == Some(worst));
        remarks.push(those.map(|p| p.title.as_str()).collect::<Vec<_>>().join(", "));
    }
    remarks.extend(row.remark.clone());
    if remarks.is_empty() {
        status(worst)
    } else {
        format!("{} ({})", status(worst), remarks.join(BETWEEN))
    }
}

/// A status as a sign and a word.
#[must_use]
pub fn status(status: Status) -> String {
    format!("{} {}", status.icon(), status.word())
}

/// What a cell says.
#[must_use]
pub fn cell(cell: &Cell, zone: Tz) -> String {
    match cell {
        Cell::Words(prose) => prose.words(),
        Cell::Figure(f) => number::figure(f),
        Cell::Shift(s) => number::shift(s),
        Cell::Status(s) => status(*s),
        Cell::Moment(at) => moment::minute(*at, zone),
        Cell::Blank => number::NOTHING.to_owned(),
    }
}

/// What time is covered, and in whose days.
#[must_use]
pub fn period(period: &Period) -> String {
    format!(
        "{} to {}, {}",
        moment::minute(period.from, period.zone),
        moment::minute(period.to, period.zone),
        period.zone.name()
    )
}

/// That the period was not over; nothing where it was.
#[must_use]
pub fn partial(document: &Document) -> Option<String> {
    document.period.partial.then(|| {
        let at = moment::minute(document.generated_at, document.period.zone);
        format!("PARTIAL: the period was not over at {at}; figures will change.")
    })
}

/// Which report this is and where it comes from.
#[must_use]
pub fn origin(document: &Document) -> String {
    format!(
        "Report {}, made {} ({}) by flowgauge {}.",
        document.id,
        moment::minute(document.generated_at, document.period.zone),
        document.period.zone.name(),
        document.version
    )
}

/// Every key figure under the name machines use, with its samples and its method; nothing where there are none.
#[must_use]
pub fn methods(document: &Document) -> Option<Section> {
    let rows: Vec<_> = document.key_figures().map(method_row).collect();
    if rows.is_empty() {
        return None;
    }
    let columns = vec![
        Column::words("field", "Field"),
        Column::figures("value", "Value"),
        Column::figures("n", "n"),
        Column::words("method", "Method"),
    ];
    let table = Table {
        name: "methods".to_owned(),
        caption: "Every key figure by its field in JSON and CSV".to_owned(),
        columns,
        rows,
        empty: String::new(),
    };
    Some(Section::new("methods", "Figures and methods", vec![Block::Table(table)]))
}

fn method_row(figure: &Figure) -> Vec<Cell> {
    let n = figure.n().map_or_else(|| number::NOTHING.to_owned(), number::count);
    vec![
        Cell::Words(super::Prose::default().code(figure.name())),
        Cell::words(number::known(figure.value())),
        Cell::words(n),
        Cell::words(figure.method().unwrap_or(number::NOTHING)),
    ]
}
