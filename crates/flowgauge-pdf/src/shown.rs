//! A report as plain data for the page template: every number a text already, every text inert.

use crate::font::{lettered, spelled};
use flowgauge_logic::report::prose::leads_somewhere_safe;
use flowgauge_logic::report::{
    Action, Block, Cell, Column, Document, Holds, How, KeyRow, KeyTable, Prose, Run, Section,
    Status, Table, shown, svg,
};
use serde_json::{Value, json};

/// Most columns that have room beside each other on paper.
const COLUMNS: usize = 8;
/// Most rows of a table: six pages of it. Who needs more reads it by machine.
const ROWS: usize = 150;

/// A report's data, and the drawings it names.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) data: Value,
    pub(crate) drawings: Vec<String>,
}

/// The data of a report.
pub(crate) fn of(document: &Document) -> Shown {
    let mut out = Shown::default();
    let methods = shown::methods(document);
    let sections: Vec<Value> = document
        .sections
        .iter()
        .chain(&methods)
        .map(|s| section(s, document, &mut out.drawings))
        .collect();
    out.data = json!({
        "title": document.title,
        "verdict": document.verdict,
        "period": shown::period(&document.period),
        "partial": shown::partial(document),
        "origin": shown::origin(document),
        "sections": sections,
    });
    spell(&mut out.data);
    out
}

/// Every text in letters there are; where a link leads stays as it is.
fn spell(value: &mut Value) {
    match value {
        Value::String(text) => *text = spelled(text),
        Value::Array(items) => items.iter_mut().for_each(spell),
        Value::Object(fields) => {
            fields.iter_mut().filter(|(name, _)| *name != "href").for_each(|(_, v)| spell(v));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn section(section: &Section, document: &Document, drawings: &mut Vec<String>) -> Value {
    let block = |b: &Block| match b {
        Block::Paragraph(p) => json!({"is": "paragraph", "runs": runs(p)}),
        Block::Note(p) => json!({"is": "note", "runs": runs(p)}),
        Block::Key(t) => key(t),
        Block::Table(t) => table(t, document),
        Block::Actions(a) => {
            json!({"is": "actions", "items": a.iter().map(action).collect::<Vec<_>>()})
        }
        Block::Chart(c) => {
            drawings.push(spelled(&lettered(&svg::render(c))));
            let file = drawing(drawings.len() - 1);
            json!({"is": "chart", "file": file, "title": c.title, "says": c.says})
        }
    };
    let blocks: Vec<Value> = section.blocks.iter().map(block).collect();
    json!({"title": section.title, "blocks": blocks})
}

/// The name of a drawing.
pub(crate) fn drawing(n: usize) -> String {
    format!("drawing-{n}.svg")
}

fn runs(prose: &Prose) -> Vec<Value> {
    prose.0.iter().map(run).collect()
}

fn run(run: &Run) -> Value {
    match run {
        Run::Plain(text) => json!({"style": "plain", "text": text}),
        Run::Strong(text) => json!({"style": "strong", "text": text}),
        Run::Code(text) => json!({"style": "code", "text": text}),
        Run::Link { text, href } => link(text, href),
    }
}

/// A link that can be followed from paper's twin: a path of our own page leads nowhere there.
fn link(text: &str, href: &str) -> Value {
    let far =
        href.starts_with("http://") || href.starts_with("https://") || href.starts_with("mailto:");
    if far && leads_somewhere_safe(href) {
        json!({"style": "link", "text": text, "href": href})
    } else {
        json!({"style": "plain", "text": text})
    }
}

/// Numbers stay on one line with their units.
fn together(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        let unit = before == ' ' && matches!(c, '%' | 'm' | 's' | 'p' | 'M' | 'k');
        if unit && out.strip_suffix(' ').is_some_and(|o| o.ends_with(|d: char| d.is_ascii_digit()))
        {
            out.pop();
            out.push('\u{a0}');
        }
        out.push(c);
        before = c;
    }
    out
}

fn key(table: &KeyTable) -> Value {
    let row = |row: &KeyRow| json!({"cells": shown::key_cells(row), "status": row.status().map_or("none", word)});
    let rows: Vec<Value> = table.rows.iter().map(row).collect();
    json!({"is": "key", "heads": shown::key_heads(table), "rows": rows})
}

const fn word(status: Status) -> &'static str {
    match status {
        Status::Met => "met",
        Status::OffTarget => "off",
        Status::Alert => "alert",
        Status::NoData => "none",
    }
}

fn table(table: &Table, document: &Document) -> Value {
    let zone = document.period.zone;
    let cell = |cell: &Cell| match cell {
        Cell::Words(prose) => runs(prose),
        other => vec![plain(&together(&shown::cell(other, zone)))],
    };
    let rows = table.rows.iter().take(ROWS).map(|r| r.iter().map(cell).collect::<Vec<_>>());
    let (columns, rows) = if table.columns.len() > COLUMNS {
        in_lines(table, rows)
    } else {
        let column = |c: &Column| column(&c.title, c.holds == Holds::Figures, 1);
        (table.columns.iter().map(column).collect(), rows.collect())
    };
    let more = table.rows.len().checked_sub(ROWS).filter(|n| *n > 0);
    let more = more.map(|n| format!("{n} more rows are in the CSV and JSON of this report."));
    json!({
        "is": "table", "caption": table.caption, "columns": columns, "rows": rows, "empty": table.empty,
        "more": more,
    })
}

fn plain(text: &str) -> Value {
    json!({"style": "plain", "text": text})
}

/// `share` is what a column of words takes of the room, against others.
fn column(title: &str, right: bool, share: u8) -> Value {
    json!({"title": title, "right": right, "share": share})
}

/// Rows of runs in cells.
type Rows = Vec<Vec<Vec<Value>>>;

/// A table of more columns than fit: each row is its name, and one cell with what the others hold.
fn in_lines(table: &Table, rows: impl Iterator<Item = Vec<Vec<Value>>>) -> (Vec<Value>, Rows) {
    let first = table.columns.first().map_or("", |c| c.title.as_str());
    let columns = vec![column(first, false, 1), column("Figures", false, 3)];
    let row = |cells: Vec<Vec<Value>>| {
        let mut cells = cells.into_iter();
        let name = cells.next().unwrap_or_default();
        let mut rest = Vec::new();
        for (column, cell) in table.columns.iter().skip(1).zip(cells) {
            let between = if rest.is_empty() { "" } else { "; " };
            rest.push(plain(&format!("{between}{}: ", column.title)));
            rest.extend(cell);
        }
        vec![name, rest]
    };
    (columns, rows.map(row).collect())
}

fn action(action: &Action) -> Value {
    let how = match &action.how {
        How::Command(text) => json!({"style": "code", "text": text}),
        How::Link(href) => link(href, href),
    };
    json!({"what": action.what, "why": action.why, "how": how})
}
