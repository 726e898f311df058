//! A report read back from its JSON, to be shown in another format where its facts are not at hand.
//!
//! Owns the way back of `json`. Words that JSON repeats for people are made anew; why a place of a chart has no value is
//! not in it, and of numbers the last of seventeen digits may differ. Refuses what is no report, or one of a shape that is not known here.

mod chart;
mod figure;
mod table;

use super::document::{Action, Block, Document, How, Kind, Period, Section};
use super::json::SCHEMA;
use super::prose::{Prose, Run};
use super::table::KeyTable;
use crate::unit::UnixMicros;
use chart::{ChartRead, chart};
use figure::{KeyRowRead, key_row};
use serde::Deserialize;
use table::{TableRead, table};

/// What is no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no report: {0}")]
pub struct NoReport(String);

/// Reads a report from its JSON.
///
/// # Errors
/// It is none.
pub fn read(text: &str) -> Result<Document, NoReport> {
    let root: Root = serde_json::from_str(text).map_err(|e| NoReport(e.to_string()))?;
    if root.schema != SCHEMA {
        return Err(NoReport(format!("its schema is {:?}, not {SCHEMA}", root.schema)));
    }
    root.document()
}

#[derive(Deserialize)]
struct Root {
    schema: String,
    kind: String,
    title: String,
    subject: String,
    verdict: String,
    period: PeriodRead,
    id: String,
    generated_at: String,
    version: String,
    sections: Vec<SectionRead>,
}

#[derive(Deserialize)]
struct PeriodRead {
    name: String,
    from: String,
    to: String,
    zone: String,
    partial: bool,
}

#[derive(Deserialize)]
struct SectionRead {
    name: String,
    title: String,
    blocks: Vec<BlockRead>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum BlockRead {
    Paragraph { runs: Vec<RunRead> },
    Note { runs: Vec<RunRead> },
    KeyTable { before: String, rows: Vec<KeyRowRead> },
    Table(TableRead),
    Actions { actions: Vec<ActionRead> },
    Chart(ChartRead),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum RunRead {
    Plain { text: String },
    Strong { text: String },
    Code { text: String },
    Link { text: String, href: String },
}

#[derive(Deserialize)]
struct ActionRead {
    what: String,
    why: Option<String>,
    command: Option<String>,
    link: Option<String>,
}

impl Root {
    fn document(self) -> Result<Document, NoReport> {
        let kind = Kind::ALL.into_iter().find(|k| k.name() == self.kind);
        let kind = kind.ok_or_else(|| NoReport(format!("there is no kind {:?}", self.kind)))?;
        let PeriodRead { name, from, to, zone, partial } = self.period;
        let zone = zone.parse().map_err(|_| NoReport(format!("{zone:?} is no time zone")))?;
        let period = Period { name, from: moment(&from)?, to: moment(&to)?, zone, partial };
        Ok(Document {
            kind,
            title: self.title,
            subject: self.subject,
            verdict: self.verdict,
            period,
            id: self.id,
            generated_at: moment(&self.generated_at)?,
            version: self.version,
            sections: self.sections.into_iter().map(section).collect::<Result<_, _>>()?,
        })
    }
}

fn moment(text: &str) -> Result<UnixMicros, NoReport> {
    let at = chrono::DateTime::parse_from_rfc3339(text);
    let at = at.map_err(|e| NoReport(format!("{text:?} is no time: {e}")))?;
    Ok(UnixMicros(at.timestamp_micros()))
}

fn section(read: SectionRead) -> Result<Section, NoReport> {
    let blocks = read.blocks.into_iter().map(block).collect::<Result<_, _>>()?;
    Ok(Section { name: read.name, title: read.title, blocks })
}

fn block(read: BlockRead) -> Result<Block, NoReport> {
    Ok(match read {
        BlockRead::Paragraph { runs } => Block::Paragraph(prose(runs)),
        BlockRead::Note { runs } => Block::Note(prose(runs)),
        BlockRead::KeyTable { before, rows } => {
            let rows = rows.into_iter().map(key_row).collect::<Result<_, _>>()?;
            Block::Key(KeyTable { before, rows })
        }
        BlockRead::Table(t) => Block::Table(table(t)?),
        BlockRead::Actions { actions } => {
            Block::Actions(actions.into_iter().map(action).collect::<Result<_, _>>()?)
        }
        BlockRead::Chart(c) => Block::Chart(chart(c)?),
    })
}

fn prose(runs: Vec<RunRead>) -> Prose {
    let run = |run| match run {
        RunRead::Plain { text } => Run::Plain(text),
        RunRead::Strong { text } => Run::Strong(text),
        RunRead::Code { text } => Run::Code(text),
        RunRead::Link { text, href } => Run::Link { text, href },
    };
    Prose(runs.into_iter().map(run).collect())
}

fn action(read: ActionRead) -> Result<Action, NoReport> {
    let how = match (read.command, read.link) {
        (Some(command), _) => How::Command(command),
        (None, Some(link)) => How::Link(link),
        (None, None) => return Err(NoReport(format!("{:?} says not how", read.what))),
    };
    Ok(Action { what: read.what, why: read.why, how })
}
