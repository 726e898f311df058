//! A report as one HTML file: one style block, no script, nothing loaded; prints well, follows light and dark.
//!
//! It is well-formed XML too. A key figure carries its field and its exact value.

use super::document::{Action, Block, Document, How, Section};
use super::figure::Status;
use super::markup::Markup;
use super::prose::{Prose, Run, leads_somewhere_safe};
use super::table::{Cell, Column, Holds, KeyRow, KeyTable, Table};
use super::{Chart, number, shown, svg};
use crate::known::Known;
use chrono_tz::Tz;

/// The one style block.
const STYLE: &str = include_str!("html/style.css");
/// Nothing may be loaded or run, whatever a browser finds in the file.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Renders a document.
#[must_use]
pub fn render(document: &Document) -> String {
    let mut m = Markup::default();
    m.raw("<!DOCTYPE html>\n");
    m.inside("html", &[("lang", "en")], |m| {
        m.inside("head", &[], |m| head(m, document));
        m.line();
        let class = if document.period.partial { "watermark" } else { "complete" };
        m.inside("body", &[("class", class)], |m| m.inside("main", &[], |m| body(m, document)));
    });
    m.line();
    m.finish()
}

fn head(m: &mut Markup, document: &Document) {
    m.empty("meta", &[("charset", "utf-8")]);
    m.empty("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]);
    m.empty("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
    m.empty("meta", &[("name", "referrer"), ("content", "no-referrer")]);
    m.element("title", &[], &document.title);
    m.raw("<style>");
    m.raw(STYLE);
    m.raw("</style>");
}

fn body(m: &mut Markup, document: &Document) {
    m.inside("header", &[], |m| {
        m.element("h1", &[], &document.title);
        if let Some(partial) = shown::partial(document) {
            m.element("p", &[("class", "partial")], &partial);
        }
        m.inside("p", &[("class", "verdict")], |m| {
            m.element("strong", &[], "In one sentence.");
            m.text(&format!(" {}", document.verdict));
        });
        m.element("p", &[("class", "quiet")], &shown::period(&document.period));
    });
    let methods = shown::methods(document);
    for s in document.sections.iter().chain(&methods) {
        m.line();
        section(m, s, document.period.zone);
    }
    m.line();
    m.element("footer", &[], &shown::origin(document));
}

fn section(m: &mut Markup, section: &Section, zone: Tz) {
    m.inside("section", &[("id", &section.name)], |m| {
        m.element("h2", &[], &section.title);
        for b in &section.blocks {
            m.line();
            block(m, b, zone);
        }
    });
}

fn block(m: &mut Markup, block: &Block, zone: Tz) {
    match block {
        Block::Paragraph(p) => m.inside("p", &[], |m| prose(m, p)),
        Block::Note(p) => m.inside("p", &[("class", "note")], |m| prose(m, p)),
        Block::Key(t) => key_table(m, t),
        Block::Table(t) => table(m, t, zone),
        Block::Actions(a) => m.inside("ul", &[], |m| a.iter().for_each(|a| action(m, a))),
        Block::Chart(c) => chart(m, c, zone),
    }
}

/// Room for a table that may be wider than the screen: named, and moved within by keys too.
fn wide(m: &mut Markup, name: &str, table: impl FnOnce(&mut Markup)) {
    let attributes =
        [("class", "wide"), ("role", "group"), ("aria-label", name), ("tabindex", "0")];
    m.inside("div", &attributes, table);
}

fn key_table(m: &mut Markup, table: &KeyTable) {
    wide(m, "Key figures", |m| {
        m.inside("table", &[], |m| {
            m.inside("thead", &[], |m| {
                m.inside("tr", &[], |m| {
                    for head in shown::key_heads(table) {
                        m.element("th", &[("scope", "col")], head);
                    }
                });
            });
            m.inside("tbody", &[], |m| table.rows.iter().for_each(|r| key_row(m, r)));
        });
    });
}

fn key_row(m: &mut Markup, row: &KeyRow) {
    let [metric, _, target, status, baseline, before] = shown::key_cells(row);
    m.line();
    m.inside("tr", &[], |m| {
        m.element("th", &[("scope", "row")], &metric);
        m.inside("td", &[], |m| values(m, row));
        m.element("td", &[], &target);
        let class = row.status().map_or("none", status_class);
        m.inside("td", &[], |m| m.element("span", &[("class", class)], &status));
        m.element("td", &[], &baseline);
        m.element("td", &[], &before);
    });
}

/// The figures of a row, each with the field and the exact value machines read.
fn values(m: &mut Markup, row: &KeyRow) {
    for (i, (part, words)) in row.parts.iter().zip(shown::key_values(row)).enumerate() {
        if i > 0 {
            m.text(shown::BETWEEN);
        }
        let exact = match part.figure.value() {
            Known::Value(q) => number::bare(q),
            Known::Unknown(_) => String::new(),
        };
        m.element("data", &[("value", &exact), ("data-field", part.figure.name())], &words);
    }
}

const fn status_class(status: Status) -> &'static str {
    match status {
        Status::Met => "met",
        Status::OffTarget => "off-target",
        Status::Alert => "alert",
        Status::NoData => "no-data",
    }
}

fn table(m: &mut Markup, table: &Table, zone: Tz) {
    if table.rows.is_empty() {
        m.inside("p", &[], |m| {
            m.element("strong", &[], &format!("{}.", table.caption));
            m.text(&format!(" {}", table.empty));
        });
        return;
    }
    wide(m, &table.caption, |m| {
        // Sections have names of their own, some of them the same.
        m.inside("table", &[("id", &format!("table-{}", table.name))], |m| {
            m.element("caption", &[], &table.caption);
            m.inside("thead", &[], |m| {
                m.inside("tr", &[], |m| table.columns.iter().for_each(|c| column(m, c)));
            });
            m.inside("tbody", &[], |m| {
                for cells in &table.rows {
                    m.line();
                    m.inside("tr", &[], |m| {
                        table.columns.iter().zip(cells).for_each(|(c, x)| cell(m, c, x, zone));
                    });
                }
            });
        });
    });
}

fn column(m: &mut Markup, column: &Column) {
    m.element("th", &[("scope", "col"), ("class", set(column))], &column.title);
}

const fn set(column: &Column) -> &'static str {
    match column.holds {
        Holds::Words => "words",
        Holds::Figures => "figure",
    }
}

fn cell(m: &mut Markup, column: &Column, cell: &Cell, zone: Tz) {
    m.inside("td", &[("class", set(column))], |m| match cell {
        Cell::Words(p) => prose(m, p),
        Cell::Status(s) => m.element("span", &[("class", status_class(*s))], &shown::status(*s)),
        Cell::Moment(at) => {
            m.element("time", &[("datetime", &at.to_rfc3339())], &shown::cell(cell, zone));
        }
        Cell::Figure(f) => {
            let exact = f.value().value().map_or_else(String::new, number::bare);
            m.element("data", &[("value", &exact)], &number::figure(f));
        }
        Cell::Shift(_) | Cell::Blank => m.text(&shown::cell(cell, zone)),
    });
}

fn action(m: &mut Markup, action: &Action) {
    m.inside("li", &[], |m| {
        m.text(&action.what);
        if let Some(why) = &action.why {
            m.text(&format!(" ({why})"));
        }
        m.text(": ");
        match &action.how {
            How::Command(c) => m.element("code", &[], c),
            How::Link(l) => link(m, l, l),
        }
    });
}

/// The drawing, what it says, and its numbers.
fn chart(m: &mut Markup, chart: &Chart, zone: Tz) {
    m.inside("figure", &[], |m| {
        m.inside("figcaption", &[], |m| {
            m.element("strong", &[], &format!("{}.", chart.title));
            m.text(&format!(" {}", chart.says));
        });
        svg::drawing(m, chart);
        m.inside("details", &[], |m| {
            m.element("summary", &[], "Numbers");
            table(m, &chart.twin(), zone);
        });
    });
}

fn prose(m: &mut Markup, prose: &Prose) {
    for run in &prose.0 {
        match run {
            Run::Plain(t) => m.text(t),
            Run::Strong(t) => m.element("strong", &[], t),
            Run::Code(t) => m.element("code", &[], t),
            Run::Link { text, href } => link(m, text, href),
        }
    }
}

fn link(m: &mut Markup, text: &str, href: &str) {
    if leads_somewhere_safe(href) {
        m.element("a", &[("href", href), ("rel", "noreferrer")], text);
    } else {
        m.text(text);
    }
}
