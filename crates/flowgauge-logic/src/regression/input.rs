//! The file form of a period: series in time order, one value per hour or day.
//!
//! `{"latency_p95": […], "token_count": […], "quality_score": […], "cost": […], "counts": […]}`, and when the values were: either
//! `"timestamps": […]` or `"start": "2026-11-02T00:00:00Z", "step": "1h"`. Other keys are left alone; a series that is absent
//! is empty. Values must be numbers: what is not is refused with its place.

mod times;

use super::metric::Metric;
use super::settings::{Points, Settings};
use super::{Report, compare_all};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use thiserror::Error;

/// Most values of a series: ten years of hours.
const MOST: usize = 87_600;

/// One period.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Input {
    series: BTreeMap<Metric, Points>,
}

/// Why a file is no period.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// Not JSON at all.
    #[error(
        "line {line}, column {column}: not JSON ({what}); write numbers like 12.5, and leave NaN out"
    )]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The parser's words.
        what: String,
    },
    /// JSON, but no object.
    #[error("the file holds {found}; write an object like {{\"latency_p95\": [812.0, 790.5]}}")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// An object without any series.
    #[error("no series found; name at least one of latency_p95, token_count, quality_score, cost")]
    NoSeries,
    /// A series that is no list.
    #[error("{key} is {found}; write a list of numbers in time order")]
    NotAList {
        /// Where.
        key: String,
        /// What it is.
        found: &'static str,
    },
    /// A value that is no number, or not one that may stand there.
    #[error("{key}[{at}] is {value}; {wanted}")]
    BadValue {
        /// The list.
        key: String,
        /// From 0.
        at: usize,
        /// The value.
        value: String,
        /// The way out.
        wanted: &'static str,
    },
    /// Counts that do not belong to the values.
    #[error(
        "{key} has {counts} entries and {series} has {values}; write one count per value, or none at all"
    )]
    CountsDiffer {
        /// The counts.
        key: String,
        /// The series.
        series: &'static str,
        /// How many counts.
        counts: usize,
        /// How many values.
        values: usize,
    },
    /// Times that do not belong to the values.
    #[error(
        "{key} has {times} entries and {series} has {values}; write one time per value, or none at all"
    )]
    TimesDiffer {
        /// The times.
        key: String,
        /// The series.
        series: &'static str,
        /// How many times.
        times: usize,
        /// How many values.
        values: usize,
    },
    /// A beginning or a step that says nothing.
    #[error("{key} is {value}; {wanted}")]
    BadTime {
        /// Which.
        key: &'static str,
        /// What it is.
        value: String,
        /// The way out.
        wanted: &'static str,
    },
    /// More than can be meant.
    #[error("{key} has {values} values; at most {MOST} are read, so use wider buckets")]
    TooLong {
        /// Where.
        key: String,
        /// How many.
        values: usize,
    },
}

impl Input {
    /// Reads a file.
    ///
    /// # Errors
    /// With place, value and way out, if it is no period.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let value: Value = serde_json::from_str(text).map_err(|e| Fault::Syntax {
            line: e.line(),
            column: e.column(),
            what: plain(&e),
        })?;
        let Value::Object(object) = value else {
            return Err(Fault::NotAnObject { found: kind(&value) });
        };
        let mut series = BTreeMap::new();
        for metric in Metric::ALL {
            if let Some(value) = object.get(metric.series()) {
                let values = numbers(metric.series(), value)?;
                let counts = counts(&object, metric, values.len())?;
                let times = times::of(&object, metric, values.len())?;
                let step = times::step(&object);
                series.insert(metric, Points { values, counts, times, step });
            }
        }
        if series.is_empty() { Err(Fault::NoSeries) } else { Ok(Self { series }) }
    }

    /// The series of a metric; empty if absent.
    #[must_use]
    pub fn points(&self, metric: Metric) -> Points {
        self.series.get(&metric).cloned().unwrap_or_default()
    }

    /// Compares with a later period: latency, tokens and quality always, cost where either period has it.
    #[must_use]
    pub fn compare(&self, current: &Self, settings: &Settings) -> Report {
        let asked = Metric::ALL.into_iter().filter(|metric| {
            *metric != Metric::Cost || [self, current].iter().any(|i| i.series.contains_key(metric))
        });
        let series: Vec<(Metric, Points, Points)> =
            asked.map(|metric| (metric, self.points(metric), current.points(metric))).collect();
        Report(compare_all(&series, settings))
    }
}

/// The parser's message without the place, which the fault names itself.
fn plain(e: &serde_json::Error) -> String {
    let text = e.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn list<'a>(key: &str, value: &'a Value) -> Result<&'a [Value], Fault> {
    let Value::Array(items) = value else {
        return Err(Fault::NotAList { key: key.to_owned(), found: kind(value) });
    };
    if items.len() > MOST {
        return Err(Fault::TooLong { key: key.to_owned(), values: items.len() });
    }
    Ok(items)
}

fn numbers(key: &str, value: &Value) -> Result<Vec<f64>, Fault> {
    let wanted = "write a finite number";
    let read = |(at, item): (usize, &Value)| {
        item.as_f64().filter(|v| v.is_finite()).ok_or_else(|| bad(key, at, item, wanted))
    };
    list(key, value)?.iter().enumerate().map(read).collect()
}

fn bad(key: &str, at: usize, item: &Value, wanted: &'static str) -> Fault {
    Fault::BadValue { key: key.to_owned(), at, value: shown(item), wanted }
}

fn shown(item: &Value) -> String {
    /// Enough to recognise a value by.
    const SHOWN: usize = 40;
    let value: String = item.to_string().chars().take(SHOWN + 1).collect();
    if value.chars().count() > SHOWN {
        return value.chars().take(SHOWN).chain(['…']).collect();
    }
    value
}

/// `counts` as one list for all series, or as an object with a list for each.
fn counts(
    object: &Map<String, Value>,
    metric: Metric,
    values: usize,
) -> Result<Option<Vec<u64>>, Fault> {
    let series = metric.series();
    let (key, found) = match object.get("counts") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(each)) => match each.get(series) {
            None | Some(Value::Null) => return Ok(None),
            Some(own) => (format!("counts.{series}"), own),
        },
        Some(all) => ("counts".to_owned(), all),
    };
    let read = |(at, item): (usize, &Value)| {
        item.as_u64().ok_or_else(|| bad(&key, at, item, "write a whole number of requests"))
    };
    let counts: Vec<u64> =
        list(&key, found)?.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    if counts.len() == values {
        return Ok(Some(counts));
    }
    // A series without values has nothing to count.
    if values == 0 {
        return Ok(None);
    }
    Err(Fault::CountsDiffer { key, series, counts: counts.len(), values })
}
