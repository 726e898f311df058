//! A report as plain data for the page template: every number a text already, every text inert.

use flowgauge_logic::report::prose::leads_somewhere_safe;
use flowgauge_logic::report::{
    Action, Block, Cell, Document, Holds, How, KeyRow, KeyTable, Prose, Run, Section, Status,
    Table, shown, svg,
};
use serde_json::{Value, json};

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
    out
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
            drawings.push(crate::font::lettered(&svg::render(c)));
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
        Cell::Words(prose) => json!(runs(prose)),
        other => json!([{"style": "plain", "text": together(&shown::cell(other, zone))}]),
    };
    let rows: Vec<Vec<Value>> = table.rows.iter().map(|r| r.iter().map(cell).collect()).collect();
    let columns: Vec<Value> = table
        .columns
        .iter()
        .map(|c| json!({"title": c.title, "right": c.holds == Holds::Figures}))
        .collect();
    json!({
        "is": "table", "caption": table.caption, "columns": columns, "rows": rows, "empty": table.empty,
    })
}

fn action(action: &Action) -> Value {
    let how = match &action.how {
        How::Command(text) => json!({"style": "code", "text": text}),
        How::Link(href) => link(href, href),
    };
    json!({"what": action.what, "why": action.why, "how": how})
}
