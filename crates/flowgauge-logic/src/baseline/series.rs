//! A course as the series that are compared, and as the file of the guide (J2).

use super::cell::Point;
use crate::regression::{Metric, Points};
use serde_json::{Map, Value, json};

/// Microseconds.
const SECOND: i64 = 1_000_000;

/// The values of one metric in time order, and how many requests or evaluations are behind each,
/// and when it was.
/// Stretches in which it is not known are left out.
#[must_use]
pub fn points_of(metric: Metric, course: &[Point]) -> Points {
    let of = |p: &Point| {
        let (value, n) = match metric {
            Metric::Latency => (p.latency_p95, p.requests),
            Metric::Tokens => (p.tokens, p.requests),
            Metric::Cost => (p.cost, p.requests),
            Metric::Quality => (p.quality, p.scored),
        };
        Some(((value.filter(|v| v.is_finite())?, n), p.at))
    };
    let ((values, counts), times) = course.iter().filter_map(of).unzip();
    Points { values, counts: Some(counts), times: Some(times), step: None }
}

/// A course as one object: the guide's three lists, cost, the counts behind each, and when each was, in seconds of Unix time.
#[must_use]
pub fn period(course: &[Point]) -> Value {
    let (mut all, mut counts, mut times) = (Map::new(), Map::new(), Map::new());
    for metric in Metric::ALL {
        let points = points_of(metric, course);
        all.insert(metric.series().to_owned(), json!(points.values));
        let seconds = points.times.iter().flatten().map(|t| t.0.div_euclid(SECOND));
        times.insert(metric.series().to_owned(), seconds.collect());
        counts.insert(metric.series().to_owned(), json!(points.counts.unwrap_or_default()));
    }
    all.insert("counts".to_owned(), Value::Object(counts));
    all.insert("timestamps".to_owned(), Value::Object(times));
    Value::Object(all)
}
