//! A report as the HTML part of a mail: tables for layout, inline styles, nothing remote, pictures by content id.
//!
//! Reads well with pictures off: the words beside a picture state its number. Colours hold on light and dark paper,
//! as mail programs change backgrounds as they like. It is as wide as a phone where it must be: tables of many columns
//! stand as lines, and long words may break. Refuses to draw pixels: the caller turns drawings into PNG.

use super::document::{Action, Block, Document, How, Section};
use super::figure::Status;
use super::markup::Markup;
use super::prose::{Prose, Run};
use super::table::{Cell, Column, Holds, KeyRow, KeyTable, Table};
use super::{Chart, number, prose, shown, svg};
use chrono_tz::Tz;

/// Widest layout that mail programs show whole.
const WIDTH: &str = "640";
/// Most columns that a phone shows side by side; of tables with more, each row is a name and lines.
const COLUMNS: usize = 3;
/// Columns of the key table that are the guide's.
const GUIDE: usize = 4;
/// Letters of a word that stay together: four such columns are as wide as a phone.
const TOGETHER: usize = 14;
/// Letters after which a word breaks rather than elsewhere, once it has some.
const JOINTS: [char; 10] = ['/', '_', '-', '.', ',', ':', '=', '&', '@', '\u{b7}'];
/// Letters before such a joint that are too few to stand alone.
const FEW: usize = 6;
/// Gmail cuts what is longer than 102 kB; the HTML part stays below this.
pub const LIMIT: usize = 100_000;
/// Rows of a general table and characters of a cell at most: more than a report of ours has. Where words from outside
/// fill the mail all the same, fewer and fewer; the attached file has all.
const ROOM: [Room; 3] =
    [Room { rows: 60, cell: 300 }, Room { rows: 10, cell: 80 }, Room { rows: 5, cell: 30 }];
/// Characters of a sentence at most.
const SENTENCE: usize = 1_000;

const PAGE: &str = "margin:0;padding:8px;background-color:#FFFFFF;color:#1B1F24;font-family:Helvetica,Arial,sans-serif;font-size:15px;line-height:1.5";
const TABLE: &str = "border-collapse:collapse;width:100%;font-size:13px;margin:8px 0";
const HEAD: &str = "text-align:left;padding:5px 6px 5px 0;border-bottom:2px solid #D0D7DE;background-color:#F6F7F9;color:#1B1F24";
const WORDS: &str =
    "text-align:left;padding:5px 6px 5px 0;border-bottom:1px solid #D0D7DE;vertical-align:top";
const FIGURE: &str =
    "text-align:right;padding:5px 6px 5px 0;border-bottom:1px solid #D0D7DE;vertical-align:top";
const OUTER: &str = "width:100%;max-width:640px";
const LABEL: &str = "color:#57606A";
const COMPARED: &str = "text-align:left;padding:0 6px 5px 0;border-bottom:1px solid #D0D7DE;vertical-align:top;color:#57606A";
const TITLE: &str = "font-size:21px;line-height:1.25;margin:0 0 8px";
const HEADING: &str = "font-size:17px;margin:24px 0 8px";
const TEXT: &str = "margin:8px 0";
const QUIET: &str = "margin:8px 0;color:#57606A";
const NOTE: &str = "margin:8px 0;padding-left:10px;border-left:3px solid #57606A";
const PARTIAL: &str =
    "margin:8px 0;padding:8px 10px;border:2px solid #8A5A00;color:#8A5A00;font-weight:bold";
const CODE: &str = "font-family:Menlo,Consolas,monospace";
const PICTURE: &str = "display:block;width:100%;max-width:640px;height:auto;border:0";

/// The HTML part and the pictures it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The HTML part, below [`LIMIT`] for a report of ours.
    pub html: String,
    /// The pictures, in the order they are shown.
    pub pictures: Vec<Picture>,
}

/// A picture of the mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The content id, without brackets.
    pub cid: String,
    /// The drawing, to be turned into PNG.
    pub svg: String,
    /// What it says, with its number.
    pub alt: String,
}

/// Whether pictures come along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pictures {
    /// Each chart is a picture with words beside it.
    Attached,
    /// Charts are words alone: nothing here draws pixels.
    None,
}

/// Renders a document. Links to paths of ours begin with `base`, e.g. `https://gauge.example.org`; without one they
/// are words, as a mail has no place of its own.
#[must_use]
pub fn render(document: &Document, base: Option<&str>, pictures: Pictures) -> Mail {
    let [wide, narrow, tight] = ROOM.map(|room| move || page(document, base, pictures, room));
    let mail = wide();
    if mail.html.len() < LIMIT {
        return mail;
    }
    let mail = narrow();
    if mail.html.len() < LIMIT { mail } else { tight() }
}

/// How much of tables is shown.
#[derive(Debug, Clone, Copy)]
struct Room {
    rows: usize,
    cell: usize,
}

fn page(document: &Document, base: Option<&str>, pictures: Pictures, room: Room) -> Mail {
    let mut writer = Writer { document, base, pictures, room, drawn: Vec::new() };
    let mut m = Markup::default();
    m.raw("<!DOCTYPE html>\n");
    m.inside("html", &[("lang", "en")], |m| {
        m.inside("head", &[], |m| {
            m.empty("meta", &[("charset", "utf-8")]);
            m.element("title", &[], &document.title);
        });
        m.inside("body", &[("style", PAGE)], |m| {
            let outer = [
                ("role", "presentation"),
                ("width", "100%"),
                ("style", OUTER),
                ("align", "center"),
                ("cellpadding", "0"),
                ("cellspacing", "0"),
                ("border", "0"),
            ];
            m.inside("table", &outer, |m| {
                m.inside("tr", &[], |m| m.inside("td", &[], |m| writer.body(m)));
            });
        });
    });
    m.line();
    Mail { html: m.finish(), pictures: writer.drawn }
}

struct Writer<'a> {
    document: &'a Document,
    base: Option<&'a str>,
    pictures: Pictures,
    room: Room,
    drawn: Vec<Picture>,
}

impl Writer<'_> {
    fn body(&mut self, m: &mut Markup) {
        let document = self.document;
        m.inside("h1", &[("style", TITLE)], |m| words(m, &document.title));
        if let Some(partial) = shown::partial(document) {
            m.element("p", &[("style", PARTIAL)], &partial);
        }
        m.inside("p", &[("style", TEXT)], |m| {
            m.element("strong", &[], "In one sentence.");
            words(m, &format!(" {}", cut(&document.verdict, SENTENCE)));
        });
        m.element("p", &[("style", QUIET)], &shown::period(&document.period));
        let methods = shown::methods(document);
        for section in document.sections.iter().chain(&methods) {
            m.line();
            self.section(m, section);
        }
        m.inside("p", &[("style", QUIET)], |m| words(m, &shown::origin(document)));
    }

    fn section(&mut self, m: &mut Markup, section: &Section) {
        m.inside("h2", &[("style", HEADING)], |m| words(m, &self.cut(&section.title)));
        for block in &section.blocks {
            m.line();
            match block {
                Block::Paragraph(p) => m.inside("p", &[("style", TEXT)], |m| self.prose(m, p)),
                Block::Note(p) => m.inside("p", &[("style", NOTE)], |m| self.prose(m, p)),
                Block::Key(t) => self.key_table(m, t),
                Block::Table(t) => self.table(m, t),
                Block::Actions(a) => {
                    m.inside("ul", &[], |m| a.iter().for_each(|a| self.action(m, a)));
                }
                Block::Chart(c) => self.chart(m, c),
            }
        }
    }

    fn table(&self, m: &mut Markup, table: &Table) {
        m.inside("p", &[("style", TEXT)], |m| {
            m.element("strong", &[], &format!("{}.", table.caption));
            if table.rows.is_empty() {
                m.text(&format!(" {}", table.empty));
            }
        });
        if table.rows.is_empty() {
            return;
        }
        m.inside("table", &[("style", TABLE)], |m| {
            let rows = table.rows.iter().take(self.room.rows);
            if table.columns.len() > COLUMNS {
                rows.for_each(|cells| self.lines(m, &table.columns, cells));
                return;
            }
            m.inside("tr", &[], |m| {
                table.columns.iter().for_each(|c| m.element("th", &[("style", HEAD)], &c.title));
            });
            for cells in rows {
                m.inside("tr", &[], |m| {
                    table.columns.iter().zip(cells).for_each(|(c, x)| self.cell(m, c, x));
                });
            }
        });
        if let Some(more) = table.rows.len().checked_sub(self.room.rows).filter(|n| *n > 0) {
            m.element(
                "p",
                &[("style", QUIET)],
                &format!("{more} more rows are in the attached file."),
            );
        }
    }

    /// A row as its name and a line for each other column.
    fn lines(&self, m: &mut Markup, columns: &[Column], cells: &[Cell]) {
        let Some((name, rest)) = cells.split_first() else { return };
        m.line();
        m.inside("tr", &[], |m| {
            m.inside("td", &[("style", WORDS)], |m| self.said(m, name));
            m.inside("td", &[("style", WORDS)], |m| {
                for (i, (column, cell)) in columns.iter().skip(1).zip(rest).enumerate() {
                    if i > 0 {
                        m.empty("br", &[]);
                    }
                    m.element("span", &[("style", LABEL)], &format!("{}: ", column.title));
                    self.said(m, cell);
                }
            });
        });
    }

    fn cell(&self, m: &mut Markup, column: &Column, cell: &Cell) {
        let style = match column.holds {
            Holds::Words => WORDS,
            Holds::Figures => FIGURE,
        };
        m.inside("td", &[("style", style)], |m| self.said(m, cell));
    }

    fn said(&self, m: &mut Markup, cell: &Cell) {
        match cell {
            Cell::Words(p) => self.prose(m, p),
            Cell::Status(s) => status(m, Some(*s), &shown::status(*s)),
            other => words(m, &self.cut(&shown::cell(other, self.zone()))),
        }
    }

    fn action(&self, m: &mut Markup, action: &Action) {
        m.inside("li", &[], |m| {
            words(m, &self.cut(&action.what));
            if let Some(why) = &action.why {
                words(m, &format!(" ({})", self.cut(why)));
            }
            m.text(": ");
            match &action.how {
                How::Command(c) => m.inside("code", &[("style", CODE)], |m| words(m, c)),
                How::Link(l) => self.link(m, l, l),
            }
        });
    }

    fn chart(&mut self, m: &mut Markup, chart: &Chart) {
        m.inside("p", &[("style", TEXT)], |m| {
            m.element("strong", &[], &format!("{}.", chart.title));
            words(m, &format!(" {}", cut(&chart.says, SENTENCE)));
        });
        if self.pictures == Pictures::None {
            return;
        }
        // The id is ours: a name, the run, and a place that is nobody's.
        let name = |s: &str| -> String {
            s.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect()
        };
        let cid = format!("{}.{}@flowgauge", name(&chart.name), name(&self.document.id));
        let (src, alt) =
            (format!("cid:{cid}"), cut(&format!("{}. {}", chart.title, chart.says), SENTENCE));
        m.empty("img", &[("src", &src), ("alt", &alt), ("width", WIDTH), ("style", PICTURE)]);
        self.drawn.push(Picture { cid, svg: svg::render(chart), alt });
    }

    fn prose(&self, m: &mut Markup, prose: &Prose) {
        for run in &prose.0 {
            match run {
                Run::Plain(t) => words(m, &self.cut(t)),
                Run::Strong(t) => m.inside("strong", &[], |m| words(m, &self.cut(t))),
                Run::Code(t) => {
                    m.inside("code", &[("style", CODE)], |m| words(m, &self.cut(t)));
                }
                Run::Link { text, href } => self.link(m, text, href),
            }
        }
    }

    fn link(&self, m: &mut Markup, text: &str, href: &str) {
        let full = match self.base {
            Some(base) if href.starts_with('/') => format!("{}{href}", base.trim_end_matches('/')),
            _ => href.to_owned(),
        };
        if full.contains(':') && prose::leads_somewhere_safe(&full) {
            m.inside("a", &[("href", &full)], |m| words(m, &self.cut(text)));
        } else {
            words(m, &self.cut(text));
        }
    }

    fn key_table(&self, m: &mut Markup, table: &KeyTable) {
        m.inside("table", &[("style", TABLE)], |m| {
            let heads = shown::key_heads(table);
            m.inside("tr", &[], |m| {
                heads.iter().take(GUIDE).for_each(|h| m.element("th", &[("style", HEAD)], h));
            });
            table.rows.iter().for_each(|r| self.key_row(m, r, &heads));
        });
    }

    /// The guide's four columns; what it is compared with stands below the value.
    fn key_row(&self, m: &mut Markup, row: &KeyRow, heads: &[&str]) {
        let cells = shown::key_cells(row);
        m.line();
        m.inside("tr", &[], |m| {
            for (i, said) in cells.iter().take(GUIDE).enumerate() {
                m.inside("td", &[("style", WORDS)], |m| match i {
                    3 => status(m, row.status(), said),
                    _ => words(m, &self.cut(said)),
                });
            }
        });
        let compared: Vec<String> = heads
            .iter()
            .zip(&cells)
            .skip(GUIDE)
            .filter(|(_, said)| *said != number::NOTHING)
            .map(|(head, said)| format!("{head}: {}", self.cut(said)))
            .collect();
        if compared.is_empty() {
            return;
        }
        m.inside("tr", &[], |m| {
            m.inside("td", &[("colspan", "4"), ("style", COMPARED)], |m| {
                words(m, &compared.join("; "));
            });
        });
    }

    fn cut(&self, text: &str) -> String {
        cut(text, self.room.cell)
    }

    const fn zone(&self) -> Tz {
        self.document.period.zone
    }
}

/// A status: its word and sign in a colour that holds on white and on dark paper.
fn status(m: &mut Markup, status: Option<Status>, words: &str) {
    let style = match status {
        Some(Status::Met) => "color:#1A7F37",
        Some(Status::OffTarget) => "color:#8A5A00;font-weight:bold",
        Some(Status::Alert) => "color:#B42318;font-weight:bold",
        Some(Status::NoData) | None => "color:#57606A",
    };
    m.element("span", &[("style", style)], words);
}

/// Words of which long ones may break, at a joint where there is one: mail programs break none by themselves.
fn words(m: &mut Markup, text: &str) {
    let (mut part, mut together) = (String::new(), 0);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        part.push(letter);
        together = if letter.is_whitespace() { 0 } else { together + 1 };
        let Some(next) = letters.peek().filter(|next| !next.is_whitespace()) else { continue };
        // A number stays one.
        let joint = together >= FEW && JOINTS.contains(&letter) && !next.is_ascii_digit();
        if joint || together >= TOGETHER {
            m.text(&part);
            m.empty("wbr", &[]);
            (part, together) = (String::new(), 0);
        }
    }
    m.text(&part);
}

/// Words that do not fill the mail.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
