//! A report read back from its JSON, to be shown in another format where its facts are not at hand.
//!
//! Owns the way back of `json`. Words that JSON repeats for people are made anew; why a place of a chart has no value is
//! not in it, and of numbers the last of seventeen digits may differ. Refuses what is no report, or one of a shape that is not known here.

use super::chart::{Chart, Plot, Series};
use super::document::{Action, Block, Document, How, Kind, Period, Section};
use super::figure::{Figure, Interval, Meaning, Quantity, Shift, Side, Status, Target, nano_usd};
use super::json::SCHEMA;
use super::prose::{Prose, Run};
use super::table::{Cell, Column, Holds, KeyPart, KeyRow, KeyTable, Table};
use crate::known::{Known, Reason};
use crate::unit::{Micros, NanoUsd, UnixMicros};
use serde::Deserialize;
use std::collections::BTreeMap;

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

#[derive(Deserialize)]
struct KeyRowRead {
    metric: String,
    remark: Option<String>,
    parts: Vec<KeyPartRead>,
}

#[derive(Deserialize)]
struct KeyPartRead {
    title: String,
    figure: FigureRead,
    of: Option<String>,
    note: Option<String>,
    target: Option<TargetRead>,
    status: Option<Status>,
    baseline: Option<ShiftRead>,
    before: Option<ShiftRead>,
}

#[derive(Deserialize)]
struct FigureRead {
    field: String,
    value: Option<f64>,
    unit: Option<String>,
    nano_usd: Option<i64>,
    reason: Option<Reason>,
    n: Option<u64>,
    interval: Option<IntervalRead>,
    method: Option<String>,
}

#[derive(Deserialize)]
struct IntervalRead {
    low: f64,
    high: f64,
    level: f64,
}

#[derive(Deserialize)]
struct TargetRead {
    side: Side,
    limit: f64,
    unit: String,
    note: Option<String>,
}

#[derive(Deserialize)]
struct ShiftRead {
    by: Option<f64>,
    unit: Option<String>,
    reason: Option<Reason>,
    interval: Option<IntervalRead>,
    meaning: Meaning,
}

#[derive(Deserialize)]
struct TableRead {
    name: String,
    caption: String,
    columns: Vec<ColumnRead>,
    rows: Vec<BTreeMap<String, CellRead>>,
    #[serde(default)]
    empty: String,
}

#[derive(Deserialize)]
struct ColumnRead {
    name: String,
    title: String,
    holds: HoldsRead,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum HoldsRead {
    Words,
    Figures,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum CellRead {
    Words { runs: Vec<RunRead> },
    Figure(FigureRead),
    Shift(ShiftRead),
    Status { status: Status },
    Moment { at: String },
    Blank,
}

#[derive(Deserialize)]
struct ChartRead {
    name: String,
    title: String,
    says: String,
    plot: String,
    unit: Option<String>,
    places: Vec<String>,
    series: Vec<SeriesRead>,
    limit: Option<f64>,
}

#[derive(Deserialize)]
struct SeriesRead {
    name: String,
    values: Vec<Option<f64>>,
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

fn key_row(read: KeyRowRead) -> Result<KeyRow, NoReport> {
    let part = |p: KeyPartRead| {
        Ok(KeyPart {
            title: p.title,
            figure: figure(p.figure)?,
            of: p.of,
            note: p.note,
            target: p.target.map(target).transpose()?,
            status: p.status,
            baseline: p.baseline.map(shift).transpose()?,
            before: p.before.map(shift).transpose()?,
        })
    };
    let parts = read.parts.into_iter().map(part).collect::<Result<_, NoReport>>()?;
    Ok(KeyRow { metric: read.metric, parts, remark: read.remark })
}

fn figure(read: FigureRead) -> Result<Figure, NoReport> {
    let unit = read.unit.as_deref();
    let value = match (read.nano_usd, read.value) {
        (Some(nanos), _) => Known::Value(Quantity::Usd(NanoUsd(nanos))),
        (None, Some(value)) => Known::Value(quantity(value, unit)?),
        (None, None) => Known::Unknown(read.reason.unwrap_or(Reason::NoData)),
    };
    let mut figure = Figure::new(read.field, value);
    if let Some(n) = read.n {
        figure = figure.over(n);
    }
    if let Some(method) = read.method {
        figure = figure.by(method);
    }
    if let (Some(i), Some(_)) = (read.interval, unit) {
        figure = figure.within(interval(&i, unit)?);
    }
    Ok(figure)
}

fn interval(read: &IntervalRead, unit: Option<&str>) -> Result<Interval, NoReport> {
    let (low, high) = (quantity(read.low, unit)?, quantity(read.high, unit)?);
    Ok(Interval { low, high, level: read.level })
}

fn target(read: TargetRead) -> Result<Target, NoReport> {
    let limit = quantity(read.limit, Some(&read.unit))?;
    Ok(Target { side: read.side, limit, note: read.note })
}

fn shift(read: ShiftRead) -> Result<Shift, NoReport> {
    let unit = read.unit.as_deref();
    let by = match read.by {
        Some(by) => Known::Value(quantity(by, unit)?),
        None => Known::Unknown(read.reason.unwrap_or(Reason::NoData)),
    };
    let interval = match read.interval {
        Some(i) if unit.is_some() => Some(interval(&i, unit)?),
        _ => None,
    };
    Ok(Shift { by, interval, meaning: read.meaning })
}

/// A number in the unit of its name, as `Quantity::unit` has it.
fn quantity(number: f64, unit: Option<&str>) -> Result<Quantity, NoReport> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates; counts are not negative"
    )]
    let whole = |v: f64| v.round().max(0.0) as u64;
    Ok(match unit.unwrap_or_default() {
        "ms" => Quantity::Ms(number),
        "s" => Quantity::Lasting(Micros(whole(number * 1e6))),
        "tokens" => Quantity::Tokens(number),
        "usd" => Quantity::Usd(nano_usd(number)),
        "share" => Quantity::Share(number),
        "quality" => Quantity::Quality(number),
        "points" => Quantity::Points(number),
        "count" => Quantity::Count(whole(number)),
        "rating" => Quantity::Rating(number),
        "per_minute" => Quantity::PerMinute(number),
        "bytes" => Quantity::Bytes(whole(number)),
        "times" => Quantity::Times(number),
        "months" => Quantity::Months(number),
        other => return Err(NoReport(format!("there is no unit {other:?}"))),
    })
}

fn table(read: TableRead) -> Result<Table, NoReport> {
    let TableRead { name, caption, columns, rows, empty } = read;
    let mut cells = Vec::with_capacity(rows.len());
    for mut row in rows {
        let of = |c: &ColumnRead| row.remove(&c.name).map_or(Ok(Cell::Blank), cell);
        cells.push(columns.iter().map(of).collect::<Result<_, _>>()?);
    }
    let column = |c: ColumnRead| Column {
        name: c.name,
        title: c.title,
        holds: match c.holds {
            HoldsRead::Words => Holds::Words,
            HoldsRead::Figures => Holds::Figures,
        },
    };
    let columns = columns.into_iter().map(column).collect();
    Ok(Table { name, caption, columns, rows: cells, empty })
}

fn cell(read: CellRead) -> Result<Cell, NoReport> {
    Ok(match read {
        CellRead::Words { runs } => Cell::Words(prose(runs)),
        CellRead::Figure(f) => Cell::Figure(figure(f)?),
        CellRead::Shift(s) => Cell::Shift(shift(s)?),
        CellRead::Status { status } => Cell::Status(status),
        CellRead::Moment { at } => Cell::Moment(moment(&at)?),
        CellRead::Blank => Cell::Blank,
    })
}

fn chart(read: ChartRead) -> Result<Chart, NoReport> {
    let unit = read.unit.as_deref();
    let limit = read.limit.map(|l| quantity(l, unit)).transpose()?;
    let known = |value: Option<f64>| match value {
        Some(value) => quantity(value, unit).map(Known::Value),
        None => Ok(Known::Unknown(Reason::NoData)),
    };
    let mut series: Vec<Series> = Vec::with_capacity(read.series.len());
    for line in read.series {
        let values = line.values.into_iter().map(known).collect::<Result<_, _>>()?;
        series.push(Series { name: line.name, values });
    }
    let plot = match read.plot.as_str() {
        "lines" => {
            let band = band(&mut series);
            Plot::Lines { places: read.places, series, band, limit }
        }
        "bars" => {
            let values = series.into_iter().next().map(|s| s.values).unwrap_or_default();
            Plot::Bars { bars: read.places.into_iter().zip(values).collect(), limit }
        }
        "heat_map" => {
            let rows = series.into_iter().map(|s| (s.name, s.values)).collect();
            Plot::HeatMap { columns: read.places, rows }
        }
        "sparkline" => {
            let values = series.into_iter().next().map(|s| s.values).unwrap_or_default();
            Plot::Sparkline(values)
        }
        other => return Err(NoReport(format!("a chart of {other:?} cannot be drawn again"))),
    };
    Ok(Chart { name: read.name, title: read.title, says: read.says, plot })
}

/// The ends of a band come after the lines, under names of their own.
fn band(series: &mut Vec<Series>) -> Vec<Known<(Quantity, Quantity)>> {
    let ends = matches!(series.as_slice(), [.., lower, upper] if lower.name == "lower" && upper.name == "upper");
    let at = series.len().saturating_sub(2);
    if !ends || at == 0 {
        return Vec::new();
    }
    let mut ends = series.split_off(at).into_iter().map(|s| s.values);
    let (low, high) = (ends.next().unwrap_or_default(), ends.next().unwrap_or_default());
    let both = low.into_iter().zip(high).map(|pair| match pair {
        (Known::Value(low), Known::Value(high)) => Known::Value((low, high)),
        _ => Known::Unknown(Reason::NoData),
    });
    both.collect()
}
