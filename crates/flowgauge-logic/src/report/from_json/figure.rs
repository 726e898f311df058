//! Figures, targets, changes and the rows of the key table, read back.
//!
//! Refuses a unit that is not known here.

use super::NoReport;
use crate::known::{Known, Reason};
use crate::report::figure::{
    Figure, Interval, Meaning, Quantity, Shift, Side, Status, Target, nano_usd,
};
use crate::report::table::{KeyPart, KeyRow};
use crate::unit::{Micros, NanoUsd};
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct KeyRowRead {
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
pub(super) struct FigureRead {
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
pub(super) struct ShiftRead {
    by: Option<f64>,
    unit: Option<String>,
    reason: Option<Reason>,
    interval: Option<IntervalRead>,
    meaning: Meaning,
}

pub(super) fn key_row(read: KeyRowRead) -> Result<KeyRow, NoReport> {
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

pub(super) fn figure(read: FigureRead) -> Result<Figure, NoReport> {
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

pub(super) fn shift(read: ShiftRead) -> Result<Shift, NoReport> {
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
pub(super) fn quantity(number: f64, unit: Option<&str>) -> Result<Quantity, NoReport> {
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
