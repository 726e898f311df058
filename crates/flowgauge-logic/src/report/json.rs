//! A report as JSON, for programs: every figure with its value, unit, samples, method and the words other formats show.
//!
//! The shape is fixed by `docs/schema/report.schema.json`; the order of fields is that of the structs here. What is
//! not known is `null` with a `reason`. Money has its exact nano-dollars beside the number.

use super::chart::{Chart, Plot};
use super::document::{Action, Block, Document, How, Section};
use super::figure::{Figure, Interval, Meaning, Quantity, Shift, Side, Status, Target};
use super::prose::{Prose, Run};
use super::table::{Cell, Holds, KeyPart, KeyRow, KeyTable, Table};
use super::{moment, number, shown};
use crate::known::{Known, Reason};
use crate::unit::UnixMicros;
use chrono_tz::Tz;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// One end of a band.
type End = fn((Quantity, Quantity)) -> Quantity;

/// What the shape is called; a change that breaks readers raises the number.
pub const SCHEMA: &str = "flowgauge.report/1";

/// Renders a document.
///
/// # Errors
/// None in practice: every key is text and every number finite. What `serde_json` would refuse is handed on.
pub fn render(document: &Document) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&Root::of(document))?;
    text.push('\n');
    Ok(text)
}

#[derive(Serialize)]
struct Root<'a> {
    schema: &'static str,
    kind: &'static str,
    title: &'a str,
    subject: &'a str,
    verdict: &'a str,
    period: PeriodView<'a>,
    id: &'a str,
    generated_at: String,
    version: &'a str,
    sections: Vec<SectionView<'a>>,
}

#[derive(Serialize)]
struct PeriodView<'a> {
    name: &'a str,
    from: String,
    to: String,
    zone: &'static str,
    partial: bool,
}

#[derive(Serialize)]
struct SectionView<'a> {
    name: &'a str,
    title: &'a str,
    blocks: Vec<BlockView<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum BlockView<'a> {
    Paragraph { text: String, runs: Vec<RunView<'a>> },
    Note { text: String, runs: Vec<RunView<'a>> },
    KeyTable { before: &'a str, rows: Vec<KeyRowView<'a>> },
    Table(TableView<'a>),
    Actions { actions: Vec<ActionView<'a>> },
    Chart(ChartView<'a>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum RunView<'a> {
    Plain { text: &'a str },
    Strong { text: &'a str },
    Code { text: &'a str },
    Link { text: &'a str, href: &'a str },
}

#[derive(Serialize)]
struct ActionView<'a> {
    what: &'a str,
    why: Option<&'a str>,
    command: Option<&'a str>,
    link: Option<&'a str>,
}

#[derive(Serialize)]
struct KeyRowView<'a> {
    metric: &'a str,
    status: Option<Status>,
    remark: Option<&'a str>,
    parts: Vec<KeyPartView<'a>>,
}

#[derive(Serialize)]
struct KeyPartView<'a> {
    title: &'a str,
    figure: FigureView<'a>,
    of: Option<&'a str>,
    note: Option<&'a str>,
    target: Option<TargetView<'a>>,
    status: Option<Status>,
    baseline: Option<ShiftView>,
    before: Option<ShiftView>,
}

#[derive(Serialize)]
struct FigureView<'a> {
    field: &'a str,
    #[serde(flatten)]
    value: ValueView,
    n: Option<u64>,
    interval: Option<IntervalView>,
    method: Option<&'a str>,
}

/// A value with its unit and its words, or why there is none.
#[derive(Serialize)]
struct ValueView {
    value: Option<f64>,
    unit: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nano_usd: Option<i64>,
    reason: Option<Reason>,
    text: String,
}

#[derive(Serialize)]
struct IntervalView {
    low: f64,
    high: f64,
    level: f64,
    text: String,
}

#[derive(Serialize)]
struct TargetView<'a> {
    side: Side,
    limit: f64,
    unit: &'static str,
    note: Option<&'a str>,
    text: String,
}

#[derive(Serialize)]
struct ShiftView {
    by: Option<f64>,
    unit: Option<&'static str>,
    reason: Option<Reason>,
    interval: Option<IntervalView>,
    meaning: Meaning,
    text: String,
}

#[derive(Serialize)]
struct TableView<'a> {
    name: &'a str,
    caption: &'a str,
    columns: Vec<ColumnView<'a>>,
    rows: Vec<RowView<'a>>,
    /// What is said where there are no rows.
    empty: &'a str,
}

#[derive(Serialize)]
struct ColumnView<'a> {
    name: &'a str,
    title: &'a str,
    holds: &'static str,
}

/// A row by the names of its columns.
struct RowView<'a>(Vec<(&'a str, CellView<'a>)>);

impl Serialize for RowView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, cell) in &self.0 {
            map.serialize_entry(name, cell)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum CellView<'a> {
    Words { text: String, runs: Vec<RunView<'a>> },
    Figure(FigureView<'a>),
    Shift(ShiftView),
    Status { status: Status, text: String },
    Moment { at: String, text: String },
    Blank,
}

#[derive(Serialize)]
struct ChartView<'a> {
    name: &'a str,
    title: &'a str,
    says: &'a str,
    plot: &'static str,
    unit: Option<&'static str>,
    places: Vec<String>,
    series: Vec<SeriesView<'a>>,
    limit: Option<f64>,
}

#[derive(Serialize)]
struct SeriesView<'a> {
    name: &'a str,
    values: Vec<Option<f64>>,
}

impl<'a> Root<'a> {
    fn of(document: &'a Document) -> Self {
        let period = &document.period;
        Self {
            schema: SCHEMA,
            kind: document.kind.name(),
            title: &document.title,
            subject: &document.subject,
            verdict: &document.verdict,
            period: PeriodView {
                name: &period.name,
                from: period.from.to_rfc3339(),
                to: period.to.to_rfc3339(),
                zone: period.zone.name(),
                partial: period.partial,
            },
            id: &document.id,
            generated_at: document.generated_at.to_rfc3339(),
            version: &document.version,
            sections: document.sections.iter().map(|s| section(s, period.zone)).collect(),
        }
    }
}

fn section(section: &Section, zone: Tz) -> SectionView<'_> {
    SectionView {
        name: &section.name,
        title: &section.title,
        blocks: section.blocks.iter().map(|b| block(b, zone)).collect(),
    }
}

fn block(block: &Block, zone: Tz) -> BlockView<'_> {
    match block {
        Block::Paragraph(p) => BlockView::Paragraph { text: p.words(), runs: runs(p) },
        Block::Note(p) => BlockView::Note { text: p.words(), runs: runs(p) },
        Block::Key(t) => key_table(t),
        Block::Table(t) => BlockView::Table(table(t, zone)),
        Block::Actions(a) => BlockView::Actions { actions: a.iter().map(action).collect() },
        Block::Chart(c) => BlockView::Chart(chart(c)),
    }
}

fn runs(prose: &Prose) -> Vec<RunView<'_>> {
    prose.0.iter().map(run).collect()
}

fn run(run: &Run) -> RunView<'_> {
    match run {
        Run::Plain(text) => RunView::Plain { text },
        Run::Strong(text) => RunView::Strong { text },
        Run::Code(text) => RunView::Code { text },
        Run::Link { text, href } => RunView::Link { text, href },
    }
}

fn action(action: &Action) -> ActionView<'_> {
    let (command, link) = match &action.how {
        How::Command(c) => (Some(c.as_str()), None),
        How::Link(l) => (None, Some(l.as_str())),
    };
    ActionView { what: &action.what, why: action.why.as_deref(), command, link }
}

fn key_table(table: &KeyTable) -> BlockView<'_> {
    BlockView::KeyTable { before: &table.before, rows: table.rows.iter().map(key_row).collect() }
}

fn key_row(row: &KeyRow) -> KeyRowView<'_> {
    KeyRowView {
        metric: &row.metric,
        status: row.status(),
        remark: row.remark.as_deref(),
        parts: row.parts.iter().map(key_part).collect(),
    }
}

fn key_part(part: &KeyPart) -> KeyPartView<'_> {
    KeyPartView {
        title: &part.title,
        figure: figure(&part.figure),
        of: part.of.as_deref(),
        note: part.note.as_deref(),
        target: part.target.as_ref().map(target),
        status: part.status,
        baseline: part.baseline.as_ref().map(shift),
        before: part.before.as_ref().map(shift),
    }
}

fn figure(figure: &Figure) -> FigureView<'_> {
    FigureView {
        field: figure.name(),
        value: value(figure.value()),
        n: figure.n(),
        interval: figure.interval().as_ref().map(|i| interval(i, number::interval(i))),
        method: figure.method(),
    }
}

fn value(value: Known<Quantity>) -> ValueView {
    let text = number::known(value);
    match value {
        Known::Value(q) => ValueView {
            value: finite(q),
            unit: Some(q.unit()),
            nano_usd: match q {
                Quantity::Usd(m) => Some(m.0),
                _ => None,
            },
            reason: None,
            text,
        },
        Known::Unknown(r) => {
            ValueView { value: None, unit: None, nano_usd: None, reason: Some(r), text }
        }
    }
}

fn finite(quantity: Quantity) -> Option<f64> {
    Some(quantity.number()).filter(|n| n.is_finite())
}

fn interval(interval: &Interval, text: String) -> IntervalView {
    IntervalView {
        low: interval.low.number(),
        high: interval.high.number(),
        level: interval.level,
        text,
    }
}

fn target(target: &Target) -> TargetView<'_> {
    TargetView {
        side: target.side,
        limit: target.limit.number(),
        unit: target.limit.unit(),
        note: target.note.as_deref(),
        text: number::target(target),
    }
}

fn shift(shift: &Shift) -> ShiftView {
    let text = number::shift(shift);
    let sure = shift.interval.filter(Interval::is_finite);
    let interval = sure.as_ref().map(|i| interval(i, number::confidence(i)));
    let (by, unit, reason) = match shift.by {
        Known::Value(q) => (finite(q), Some(q.unit()), None),
        Known::Unknown(r) => (None, None, Some(r)),
    };
    ShiftView { by, unit, reason, interval, meaning: shift.meaning, text }
}

fn table(table: &Table, zone: Tz) -> TableView<'_> {
    let columns = table.columns.iter().map(|c| ColumnView {
        name: &c.name,
        title: &c.title,
        holds: match c.holds {
            Holds::Words => "words",
            Holds::Figures => "figures",
        },
    });
    TableView {
        name: &table.name,
        caption: &table.caption,
        columns: columns.collect(),
        rows: table.rows.iter().map(|cells| table_row(table, cells, zone)).collect(),
        empty: &table.empty,
    }
}

fn table_row<'a>(table: &'a Table, cells: &'a [Cell], zone: Tz) -> RowView<'a> {
    let named = table.columns.iter().zip(cells);
    RowView(named.map(|(c, cell)| (c.name.as_str(), cell_view(cell, zone))).collect())
}

fn cell_view(cell: &Cell, zone: Tz) -> CellView<'_> {
    match cell {
        Cell::Words(p) => CellView::Words { text: p.words(), runs: runs(p) },
        Cell::Figure(f) => CellView::Figure(figure(f)),
        Cell::Shift(s) => CellView::Shift(shift(s)),
        Cell::Status(s) => CellView::Status { status: *s, text: shown::status(*s) },
        Cell::Moment(at) => moment_cell(*at, zone),
        Cell::Blank => CellView::Blank,
    }
}

fn moment_cell(at: UnixMicros, zone: Tz) -> CellView<'static> {
    CellView::Moment { at: at.to_rfc3339(), text: moment::minute(at, zone) }
}

fn chart(chart: &Chart) -> ChartView<'_> {
    let view = |plot, unit, places, series, limit: Option<Quantity>| ChartView {
        name: &chart.name,
        title: &chart.title,
        says: &chart.says,
        plot,
        unit,
        places,
        series,
        limit: limit.and_then(finite),
    };
    let numbers = |values: &[Known<Quantity>]| -> Vec<Option<f64>> {
        values.iter().map(|v| v.value().and_then(finite)).collect()
    };
    let one = |name, values: Vec<Option<f64>>| vec![SeriesView { name, values }];
    let unit = chart.plot.unit();
    match &chart.plot {
        Plot::Lines { places, series, band, limit } => {
            let mut lines: Vec<_> = series
                .iter()
                .map(|s| SeriesView { name: &s.name, values: numbers(&s.values) })
                .collect();
            let ends: [(&str, End); 2] = [("lower", |b| b.0), ("upper", |b| b.1)];
            if !band.is_empty() {
                lines.extend(ends.map(|(name, end)| SeriesView {
                    name,
                    values: band.iter().map(|b| b.value().map(end).and_then(finite)).collect(),
                }));
            }
            view("lines", unit, places.clone(), lines, *limit)
        }
        Plot::Bars { bars, limit } => {
            let (names, values): (Vec<String>, Vec<_>) = bars.iter().cloned().unzip();
            view("bars", unit, names, one("value", numbers(&values)), *limit)
        }
        Plot::Histogram { edges, counts, .. } => {
            let places = edges.iter().map(|e| number::bare(*e)).collect();
            let counts = counts.iter().map(|n| finite(Quantity::Count(*n))).collect();
            view("histogram", unit, places, one("count", counts), None)
        }
        Plot::HeatMap { columns, rows } => {
            let rows = rows.iter().map(|(name, v)| SeriesView { name, values: numbers(v) });
            view("heat_map", unit, columns.clone(), rows.collect(), None)
        }
        Plot::Sparkline(values) => {
            view("sparkline", unit, Vec::new(), one("value", numbers(values)), None)
        }
    }
}
