//! A report as plain text, for the terminal and the text part of a mail: it says what the other formats say.

use super::document::{Action, Block, Document, How};
use super::prose::{Prose, Run, leads_somewhere_safe};
use super::table::{Cell, Holds, KeyTable, Table};
use super::{Chart, markup, shown};
use chrono_tz::Tz;

/// Widest line; mail programs wrap beyond (RFC 5322 advises 78).
const WIDTH: usize = 78;
/// Between the columns of a table.
const GAP: &str = "  ";

/// Renders a document.
#[must_use]
pub fn render(document: &Document) -> String {
    let mut out = format!("{}\n", markup::one_line(&document.title));
    out.push_str(&format!("{}\n\n", "=".repeat(document.title.chars().count().min(WIDTH))));
    if let Some(partial) = shown::partial(document) {
        wrapped(&mut out, &format!("*** {partial} ***"), "", "");
        out.push('\n');
    }
    wrapped(&mut out, &format!("In one sentence. {}", document.verdict), "", "");
    out.push('\n');
    wrapped(&mut out, &shown::period(&document.period), "", "");
    let methods = shown::methods(document);
    for section in document.sections.iter().chain(&methods) {
        let title = markup::one_line(&section.title);
        out.push_str(&format!("\n\n{title}\n{}\n", "-".repeat(title.chars().count().min(WIDTH))));
        for b in &section.blocks {
            out.push('\n');
            block(&mut out, b, document.period.zone);
        }
    }
    out.push_str("\n\n");
    wrapped(&mut out, &shown::origin(document), "", "");
    out
}

fn block(out: &mut String, block: &Block, zone: Tz) {
    match block {
        Block::Paragraph(p) => wrapped(out, &prose(p), "", ""),
        Block::Note(p) => wrapped(out, &prose(p), "Note: ", "      "),
        Block::Key(t) => key_table(out, t),
        Block::Table(t) => table(out, t, zone),
        Block::Actions(a) => a.iter().for_each(|a| action(out, a)),
        Block::Chart(c) => chart(out, c),
    }
}

/// A row is a line with metric and value, then a line with all that judges it.
fn key_table(out: &mut String, table: &KeyTable) {
    let [_, _, target_head, status_head, baseline_head, before_head] = shown::key_heads(table);
    for row in &table.rows {
        let [metric, value, target, status, baseline, before] = shown::key_cells(row);
        entry(out, &metric, &value, "");
        for (head, cell) in [
            (status_head, status),
            (target_head, target),
            (baseline_head, baseline),
            (before_head, before),
        ] {
            entry(out, head, &cell, GAP);
        }
    }
}

/// `name: words`, on as many lines as it takes.
fn entry(out: &mut String, name: &str, words: &str, indent: &str) {
    let rest = format!("{indent}    ");
    wrapped(
        out,
        &format!("{}: {}", markup::one_line(name), markup::one_line(words)),
        indent,
        &rest,
    );
}

fn table(out: &mut String, table: &Table, zone: Tz) {
    wrapped(out, &table.caption, "", "");
    if table.rows.is_empty() {
        wrapped(out, &table.empty, GAP, GAP);
        return;
    }
    let heads: Vec<_> = table.columns.iter().map(|c| markup::one_line(&c.title)).collect();
    let rows: Vec<Vec<String>> =
        table.rows.iter().map(|r| r.iter().map(|c| cell(c, zone)).collect()).collect();
    let width = |i: usize| {
        let cells = rows.iter().filter_map(|r| r.get(i)).chain(heads.get(i));
        cells.map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..heads.len()).map(width).collect();
    let total = widths.iter().sum::<usize>() + GAP.len() * widths.len();
    if total <= WIDTH {
        aligned(out, table, &heads, &widths);
        let rule: Vec<_> = widths.iter().map(|w| "-".repeat(*w)).collect();
        aligned(out, table, &rule, &widths);
        rows.iter().for_each(|r| aligned(out, table, r, &widths));
    } else {
        for row in &rows {
            out.push('\n');
            for (head, cell) in heads.iter().zip(row) {
                entry(out, head, cell, GAP);
            }
        }
    }
}

fn aligned(out: &mut String, table: &Table, cells: &[String], widths: &[usize]) {
    let mut line = String::new();
    for ((cell, width), column) in cells.iter().zip(widths).zip(&table.columns) {
        let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
        line.push_str(GAP);
        match column.holds {
            Holds::Words => line.push_str(&format!("{cell}{pad}")),
            Holds::Figures => line.push_str(&format!("{pad}{cell}")),
        }
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

fn cell(cell: &Cell, zone: Tz) -> String {
    match cell {
        Cell::Words(p) => markup::one_line(&prose(p)),
        other => markup::one_line(&shown::cell(other, zone)),
    }
}

fn action(out: &mut String, action: &Action) {
    let why = action.why.as_ref().map_or_else(String::new, |w| format!(" ({w})"));
    wrapped(out, &format!("{}{why}:", action.what), "- ", "  ");
    let how = match &action.how {
        How::Command(c) => c,
        How::Link(l) => l,
    };
    // A command is copied: it is never broken.
    out.push_str(&format!("    {}\n", markup::one_line(how)));
}

fn chart(out: &mut String, chart: &Chart) {
    wrapped(out, &format!("{}. {}", chart.title, chart.says), "", "");
}

fn prose(prose: &Prose) -> String {
    let mut out = String::new();
    for run in &prose.0 {
        match run {
            Run::Plain(t) | Run::Strong(t) | Run::Code(t) => out.push_str(t),
            Run::Link { text, href } if text != href && leads_somewhere_safe(href) => {
                out.push_str(&format!("{text} <{href}>"));
            }
            Run::Link { text, .. } => out.push_str(text),
        }
    }
    out
}

/// Words on lines of at most the width; a longer word stands alone.
fn wrapped(out: &mut String, text: &str, first: &str, rest: &str) {
    let text = markup::one_line(text);
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = rest.to_owned();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}
