//! A report as Markdown: headings, paragraphs, tables of GitHub's kind; what came from outside stays words.

use super::document::{Action, Block, Document, How};
use super::prose::{Prose, Run, leads_somewhere_safe};
use super::table::{Cell, Holds, KeyTable, Table};
use super::{Chart, markup, shown};
use chrono_tz::Tz;

/// Renders a document.
#[must_use]
pub fn render(document: &Document) -> String {
    let mut out = format!("# {}\n\n", escaped(&document.title));
    if let Some(partial) = shown::partial(document) {
        out.push_str(&format!("> **{}**\n\n", escaped(&partial)));
    }
    out.push_str(&format!("**In one sentence.** {}\n\n", escaped(&document.verdict)));
    out.push_str(&format!("{}\n", escaped(&shown::period(&document.period))));
    let methods = shown::methods(document);
    for section in document.sections.iter().chain(&methods) {
        out.push_str(&format!("\n## {}\n", escaped(&section.title)));
        for b in &section.blocks {
            out.push('\n');
            block(&mut out, b, document.period.zone);
        }
    }
    out.push_str(&format!("\n---\n\n{}\n", escaped(&shown::origin(document))));
    out
}

fn block(out: &mut String, block: &Block, zone: Tz) {
    match block {
        Block::Paragraph(p) => out.push_str(&format!("{}\n", begun(&prose(p, Place::Text)))),
        Block::Note(p) => out.push_str(&format!("> {}\n", begun(&prose(p, Place::Text)))),
        Block::Key(t) => key_table(out, t),
        Block::Table(t) => table(out, t, zone),
        Block::Actions(a) => a.iter().for_each(|a| action(out, a)),
        Block::Chart(c) => chart(out, c),
    }
}

fn key_table(out: &mut String, table: &KeyTable) {
    row(out, shown::key_heads(table).iter().map(|h| escaped(h)));
    out.push_str("|---|---|---|---|---|---|\n");
    for r in &table.rows {
        row(out, shown::key_cells(r).iter().map(|c| escaped(c)));
    }
}

fn table(out: &mut String, table: &Table, zone: Tz) {
    out.push_str(&format!("**{}**\n\n", escaped(&table.caption)));
    if table.rows.is_empty() {
        out.push_str(&format!("{}\n", begun(&escaped(&table.empty))));
        return;
    }
    row(out, table.columns.iter().map(|c| escaped(&c.title)));
    let rules = table.columns.iter().map(|c| match c.holds {
        Holds::Words => "---".to_owned(),
        Holds::Figures => "---:".to_owned(),
    });
    row(out, rules);
    for cells in &table.rows {
        row(out, cells.iter().map(|c| cell(c, zone)));
    }
}

fn cell(cell: &Cell, zone: Tz) -> String {
    match cell {
        Cell::Words(p) => prose(p, Place::Cell),
        other => escaped(&shown::cell(other, zone)),
    }
}

fn row(out: &mut String, cells: impl Iterator<Item = String>) {
    out.push('|');
    for cell in cells {
        out.push_str(&format!(" {cell} |"));
    }
    out.push('\n');
}

fn action(out: &mut String, action: &Action) {
    out.push_str(&format!("- {}", begun(&escaped(&action.what))));
    if let Some(why) = &action.why {
        out.push_str(&format!(" ({})", escaped(why)));
    }
    let how = match &action.how {
        How::Command(c) => Prose::default().code(c),
        How::Link(l) => Prose::default().link(l, l),
    };
    out.push_str(&format!(": {}\n", prose(&how, Place::Text)));
}

fn chart(out: &mut String, chart: &Chart) {
    out.push_str(&format!("**{}.** {}\n", escaped(&chart.title), escaped(&chart.says)));
}

/// Where running text stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    Cell,
}

fn prose(prose: &Prose, place: Place) -> String {
    let mut out = String::new();
    for run in &prose.0 {
        match run {
            Run::Plain(t) => out.push_str(&spaced(t)),
            Run::Strong(t) => out.push_str(&format!("**{}**", escaped(t))),
            Run::Code(t) => out.push_str(&code(t, place)),
            Run::Link { text, href } if leads_somewhere_safe(href) => {
                out.push_str(&format!("[{}](<{}>)", escaped(text), address(href)));
            }
            Run::Link { text, .. } => out.push_str(&escaped(text)),
        }
    }
    out
}

/// Plain words within a line keep the space at either end.
fn spaced(text: &str) -> String {
    let before = if text.starts_with(char::is_whitespace) { " " } else { "" };
    let after = if text.ends_with(char::is_whitespace) { " " } else { "" };
    format!("{before}{}{after}", escaped(text))
}

/// Text between backticks that it does not hold itself.
fn code(text: &str, place: Place) -> String {
    let text = markup::one_line(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad =
        if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    let text = if place == Place::Cell { text.replace('|', "\\|") } else { text };
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn address(href: &str) -> String {
    href.replace('<', "%3C").replace('>', "%3E").replace('|', "%7C")
}

/// Words that mean nothing to Markdown, on one line.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in markup::one_line(text).chars() {
        // `:` and `@` would make links of addresses.
        let special = matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '{' | '}' | '<' | '|' | '~' | '&' | '@'
        );
        if special {
            out.push('\\');
        }
        out.push(c);
    }
    out.replace("://", "\\://").replace("www.", "www\\.").replace("WWW.", "WWW\\.")
}

/// A paragraph that begins neither a list, a heading, a quotation nor a rule.
fn begun(text: &str) -> String {
    let first = text.chars().next();
    if matches!(first, Some('#' | '>' | '+' | '-' | '=' | ':')) {
        return format!("\\{text}");
    }
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    match text.get(digits..).and_then(|rest| rest.chars().next()) {
        Some(mark @ ('.' | ')')) if digits > 0 => {
            let (number, rest) = (text.get(..digits), text.get(digits + 1..));
            format!("{}\\{mark}{}", number.unwrap_or_default(), rest.unwrap_or_default())
        }
        _ => text.to_owned(),
    }
}
