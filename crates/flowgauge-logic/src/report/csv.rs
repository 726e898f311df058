//! A report as CSV: one line for each figure of the key table and of every breakdown, with a name machines use.
//!
//! RFC 4180 with line ends of Unix. Words from outside never begin a formula of a spreadsheet; numbers are bare and
//! exact. Running text, actions and charts are in the other formats.

use super::document::{Block, Document, Kind};
use super::figure::{Figure, Quantity, Shift, Status};
use super::table::{Cell, KeyPart, KeyRow, Table};
use super::{markup, moment, number, shown};
use crate::known::Known;
use chrono_tz::Tz;

/// The columns, in order.
pub const COLUMNS: [&str; 18] = [
    "section", "table", "row", "field", "title", "value", "unit", "n", "low", "high", "level",
    "target", "status", "baseline", "before", "text", "reason", "method",
];

/// A line, filled by what is known.
#[derive(Default)]
struct Line<'a> {
    section: &'a str,
    table: &'a str,
    row: String,
    field: String,
    title: String,
    value: String,
    unit: &'static str,
    n: String,
    low: String,
    high: String,
    level: String,
    target: String,
    status: &'static str,
    baseline: String,
    before: String,
    text: String,
    reason: &'static str,
    method: String,
}

/// Renders a document. A cost analysis is its one table of that name, a column for each figure.
#[must_use]
pub fn render(document: &Document) -> String {
    if document.kind == Kind::Cost
        && let Some(t) = document.tables().find(|t| t.name == "cost")
    {
        return table(t, document.period.zone);
    }
    let mut out = COLUMNS.join(",");
    out.push('\n');
    let zone = document.period.zone;
    for section in &document.sections {
        for block in &section.blocks {
            match block {
                Block::Key(t) => {
                    for row in &t.rows {
                        row.parts
                            .iter()
                            .for_each(|p| key_line(&section.name, row, p).write(&mut out));
                    }
                }
                Block::Table(t) => table_lines(&section.name, t, zone, &mut out),
                Block::Paragraph(_) | Block::Note(_) | Block::Actions(_) | Block::Chart(_) => {}
            }
        }
    }
    out
}

/// Renders one table with a column for each of its own; a figure has the number alone.
#[must_use]
pub fn table(table: &Table, zone: Tz) -> String {
    let mut out = String::new();
    line(&mut out, table.columns.iter().map(|c| words(&c.name)));
    for row in &table.rows {
        line(
            &mut out,
            row.iter().map(|cell| match cell {
                Cell::Figure(f) => f.value().value().map_or_else(String::new, number::bare),
                Cell::Shift(s) => s.by.value().map_or_else(String::new, number::bare),
                Cell::Moment(at) => at.to_rfc3339(),
                Cell::Status(s) => s.word().to_owned(),
                Cell::Blank => String::new(),
                Cell::Words(_) => words(&shown::cell(cell, zone)),
            }),
        );
    }
    out
}

fn key_line<'a>(section: &'a str, row: &KeyRow, part: &KeyPart) -> Line<'a> {
    let title =
        part.of.as_ref().map_or_else(|| part.title.clone(), |of| format!("{}: {of}", part.title));
    Line {
        section,
        table: "key",
        row: row.metric.clone(),
        title,
        target: part.target.as_ref().map_or_else(String::new, number::target),
        status: part.status.map_or("", Status::word),
        baseline: part.baseline.as_ref().map_or_else(String::new, number::shift),
        before: part.before.as_ref().map_or_else(String::new, number::shift),
        ..Line::of(&part.figure)
    }
}

fn table_lines(section: &str, table: &Table, zone: Tz, out: &mut String) {
    for cells in &table.rows {
        // The words that lead a row name it.
        let name: Vec<_> = cells
            .iter()
            .take_while(|c| !matches!(c, Cell::Figure(_) | Cell::Shift(_)))
            .map(|c| shown::cell(c, zone))
            .collect();
        let name = name.join(" / ");
        for (column, cell) in table.columns.iter().zip(cells) {
            let line = match cell {
                Cell::Figure(f) => Line::of(f),
                Cell::Shift(s) => Line::of_shift(s),
                Cell::Status(s) => Line { status: s.word(), ..Line::default() },
                Cell::Moment(at) => Line {
                    value: at.to_rfc3339(),
                    text: moment::minute(*at, zone),
                    ..Line::default()
                },
                Cell::Words(p) => Line { text: p.words(), ..Line::default() },
                Cell::Blank => continue,
            };
            Line {
                section,
                table: &table.name,
                row: name.clone(),
                field: column.name.clone(),
                title: column.title.clone(),
                ..line
            }
            .write(out);
        }
    }
}

impl Line<'_> {
    fn of(figure: &Figure) -> Self {
        let bare = |q: Option<Quantity>| q.map_or_else(String::new, number::bare);
        let interval = figure.interval();
        Self {
            field: figure.name().to_owned(),
            n: figure.n().map_or_else(String::new, |n| n.to_string()),
            low: bare(interval.map(|i| i.low)),
            high: bare(interval.map(|i| i.high)),
            level: interval.map_or_else(String::new, |i| number::plain(i.level)),
            text: number::known(figure.value()),
            method: figure.method().unwrap_or_default().to_owned(),
            ..Self::of_value(figure.value())
        }
    }

    fn of_shift(shift: &Shift) -> Self {
        let bare = |q: Option<Quantity>| q.map_or_else(String::new, number::bare);
        let interval = shift.interval;
        Self {
            low: bare(interval.map(|i| i.low)),
            high: bare(interval.map(|i| i.high)),
            level: interval.map_or_else(String::new, |i| number::plain(i.level)),
            text: number::shift(shift),
            ..Self::of_value(shift.by)
        }
    }

    fn of_value(value: Known<Quantity>) -> Self {
        match value {
            Known::Value(q) => Self { value: number::bare(q), unit: q.unit(), ..Self::default() },
            Known::Unknown(r) => Self { reason: r.words(), ..Self::default() },
        }
    }

    fn write(self, out: &mut String) {
        let fields = [
            words(self.section),
            words(self.table),
            words(&self.row),
            words(&self.field),
            words(&self.title),
            self.value,
            self.unit.to_owned(),
            self.n,
            self.low,
            self.high,
            self.level,
            ours(&self.target),
            self.status.to_owned(),
            ours(&self.baseline),
            ours(&self.before),
            // A change of ours begins with its sign.
            if self.unit.is_empty() && self.reason.is_empty() {
                words(&self.text)
            } else {
                ours(&self.text)
            },
            self.reason.to_owned(),
            words(&self.method),
        ];
        line(out, fields.into_iter());
    }
}

fn line(out: &mut String, fields: impl Iterator<Item = String>) {
    for (i, field) in fields.enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(&field);
    }
    out.push('\n');
}

/// Words from outside: quoted where needed, and never the beginning of a formula.
fn words(text: &str) -> String {
    let text = markup::one_line(text);
    // Spreadsheets run what begins so (OWASP, CSV injection, 2023); wide forms are read alike.
    let formula = text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '|', '%']);
    ours(&if formula { format!("'{text}") } else { text })
}

/// Words the formatter wrote: quoted where needed.
fn ours(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
