//! When the values of a file were.

use super::{Fault, bad, list, shown};
use crate::regression::Metric;
use crate::unit::UnixMicros;
use chrono::DateTime;
use serde_json::{Map, Value};

/// Microseconds in a second.
const SECOND: f64 = 1e6;
/// What a time may look like.
const A_TIME: &str =
    "write a time like \"2026-11-02T00:00:00Z\" or seconds of Unix time, later than the one before";
/// What a step may look like.
const A_STEP: &str = "write the time between two values like \"1h\", \"15m\" or \"1d\"";

/// `timestamps` as one list for all series or an object with a list for each, or `start` and `step`; else unknown.
pub(super) fn of(
    object: &Map<String, Value>,
    metric: Metric,
    values: usize,
) -> Result<Option<Vec<UnixMicros>>, Fault> {
    let series = metric.series();
    let (key, found) = match object.get("timestamps") {
        None | Some(Value::Null) => return regular(object, values),
        Some(Value::Object(each)) => match each.get(series) {
            None | Some(Value::Null) => return Ok(None),
            Some(own) => (format!("timestamps.{series}"), own),
        },
        Some(all) => ("timestamps".to_owned(), all),
    };
    let mut times: Vec<UnixMicros> = Vec::new();
    for (at, item) in list(&key, found)?.iter().enumerate() {
        let time = moment(item).filter(|t| times.last().is_none_or(|last| t > last));
        times.push(time.ok_or_else(|| bad(&key, at, item, A_TIME))?);
    }
    if times.len() == values {
        return Ok(Some(times));
    }
    // A series without values has no times.
    if values == 0 {
        return Ok(None);
    }
    Err(Fault::TimesDiffer { key, series, times: times.len(), values })
}

/// `step`, which alone tells no clock but how long a week is. Files may say it for their own reasons: what is no length is none.
pub(super) fn step(object: &Map<String, Value>) -> Option<i64> {
    object.get("step").and_then(length).filter(|s| *s > 0)
}

fn regular(object: &Map<String, Value>, values: usize) -> Result<Option<Vec<UnixMicros>>, Fault> {
    let fault = |key, value: Option<&Value>, wanted| Fault::BadTime {
        key,
        value: value.map_or("missing".to_owned(), shown),
        wanted,
    };
    let (start, step) = (object.get("start"), object.get("step"));
    // Files may say `start` for their own reasons: alone it is no clock.
    let (Some(first), Some(apart)) = (start, step) else { return Ok(None) };
    let first = moment(first).ok_or_else(|| fault("start", start, A_TIME))?;
    let apart = length(apart).ok_or_else(|| fault("step", step, A_STEP))?;
    let mut at = first.0;
    let times = (0..values).map(|_| {
        let now = UnixMicros(at);
        at = at.saturating_add(apart);
        now
    });
    Ok(Some(times.collect()))
}

/// RFC 3339, or seconds of Unix time.
fn moment(item: &Value) -> Option<UnixMicros> {
    match item {
        Value::String(text) => {
            Some(UnixMicros(DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros()))
        }
        Value::Number(seconds) => whole(seconds.as_f64()? * SECOND).map(UnixMicros),
        _ => None,
    }
}

/// `1h`, `15m`, `1d`, `30s`, or seconds.
fn length(item: &Value) -> Option<i64> {
    let micros = match item {
        Value::Number(seconds) => whole(seconds.as_f64()? * SECOND)?,
        Value::String(text) => {
            let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
            let unit = match unit {
                "s" => UnixMicros::MINUTE / 60,
                "m" => UnixMicros::MINUTE,
                "h" => UnixMicros::HOUR,
                "d" => UnixMicros::DAY,
                _ => return None,
            };
            number.parse::<i64>().ok()?.checked_mul(unit)?
        }
        _ => return None,
    };
    (micros > 0).then_some(micros)
}

#[expect(clippy::cast_possible_truncation, reason = "within what an i64 holds exactly, checked")]
fn whole(value: f64) -> Option<i64> {
    /// Beyond this, floating point skips whole numbers; the year 2255 in microseconds.
    const MOST: f64 = 9_007_199_254_740_992.0;
    (value.abs() <= MOST).then(|| value.round() as i64)
}
