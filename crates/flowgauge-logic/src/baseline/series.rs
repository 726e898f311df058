//! A course as the series that are compared, and as the file of the guide (J2).

use super::cell::Point;
use crate::regression::{Metric, Points};
use serde_json::{Map, Value, json};

/// The values of one metric in time order, and how many requests or evaluations are behind each.
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
        Some((value.filter(|v| v.is_finite())?, n))
    };
    let (values, counts) = course.iter().filter_map(of).unzip();
    Points { values, counts: Some(counts) }
}

/// A course as one object: the guide's three lists, cost, and the counts behind each.
#[must_use]
pub fn period(course: &[Point]) -> Value {
    let (mut all, mut counts) = (Map::new(), Map::new());
    for metric in Metric::ALL {
        let points = points_of(metric, course);
        all.insert(metric.series().to_owned(), json!(points.values));
        counts.insert(metric.series().to_owned(), json!(points.counts.unwrap_or_default()));
    }
    all.insert("counts".to_owned(), Value::Object(counts));
    Value::Object(all)
}
