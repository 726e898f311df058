//! How figures move: against the time before, against the same time earlier, within the window; and
//! the cause, where one stands out; since when a figure is at another level (`levels`).

pub mod levels;
#[cfg(test)]
mod tests;

use self::levels::Course;
use super::causes;
use super::facts::Facts;
use super::finding::{Datum, Diagnosis, Reference, Sheet, relative};
use crate::known::Known;
use crate::kpi::{Context, Kpi, Unit, measure};
use crate::rollup::Rollup;
use crate::unit::UnixMicros;
use crate::window::Window;

/// Figures whose trend is shown.
const KPIS: [&str; 9] = [
    "p50_latency",
    "p95_latency",
    "ttft_p95",
    "tokens_per_request",
    "cost_per_request",
    "cache_hit_rate",
    "error_rate",
    "throughput",
    "request_count",
];

/// Something that was changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// When.
    pub at: UnixMicros,
    /// The same, RFC 3339.
    pub time: String,
    /// What.
    pub what: String,
}

/// What trends are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Moves {
    /// Calls and scores of the window and of its reference.
    pub facts: Facts,
    /// The window in steps.
    pub steps: Vec<(UnixMicros, Rollup)>,
    /// The time before the window, of the same length.
    pub previous: Rollup,
    /// Courses that are searched for changes of level: the window and the time before it closely, and
    /// weeks of hours.
    pub courses: Vec<Course>,
    /// Changes of configuration and releases in them.
    pub events: Vec<Happened>,
}

impl Moves {
    /// The diagnosis.
    #[must_use]
    pub fn diagnose(&self, window: Window, references: Vec<Reference>) -> Diagnosis {
        let mut out = Diagnosis::new("trends", window, references);
        out.sheets.push(self.sheet(window));
        let (levels, since) = levels::told(&levels::levels(&self.courses, &self.events));
        out.sheets.extend(levels);
        let within = |e: &&Happened| e.at >= window.from && e.at < window.to;
        if self.events.iter().any(|e| within(&e)) {
            let mut sheet = Sheet::new("changes in the window", &[("time", None), ("what", None)]);
            sheet.rows = self
                .events
                .iter()
                .filter(within)
                .map(|e| vec![e.time.clone().into(), e.what.clone().into()])
                .collect();
            out.sheets.push(sheet);
        }
        let known = self.facts.comparable();
        if known {
            out.findings = causes::all(&self.facts);
            out.notes = causes::notes(&self.facts);
            out.notes.extend(causes::grades::breaks(&self.facts));
        } else {
            out.unknown.push(
                "there are too few requests in the window, or in every earlier one".to_owned(),
            );
        }
        out.notes.extend(since);
        out.concluded(known, "Nothing moved beyond chance and habit.")
    }

    fn sheet(&self, window: Window) -> Sheet {
        let columns = [
            ("metric", None),
            ("now", None),
            ("unit", None),
            ("n", Some(Unit::Count)),
            ("before", None),
            ("against before %", Some(Unit::Percent)),
            ("earlier", None),
            ("against earlier %", Some(Unit::Percent)),
            ("slope per hour", None),
        ];
        let mut sheet = Sheet::new("trends", &columns);
        let context = Context { minutes: window.minutes() };
        let (now, earlier) = (self.facts.now.cells.whole(), self.facts.before.cells.whole());
        for kpi in KPIS.iter().filter_map(|name| Kpi::find(name)) {
            let value = |r: &Rollup| match measure(kpi, r, context).value {
                Known::Value(v) => Some(v),
                Known::Unknown(_) => None,
            };
            let (a, b, c) = (value(&now), value(&self.previous), value(&earlier));
            let change = |before: Option<f64>| {
                Datum::number(a.zip(before).and_then(|(a, b)| relative(a, b)).map(|r| 100.0 * r))
            };
            sheet.rows.push(vec![
                kpi.name.into(),
                Datum::number(a),
                kpi.unit.sign().into(),
                Datum::count(measure(kpi, &now, context).n),
                Datum::number(b),
                change(b),
                Datum::number(c),
                change(c),
                Datum::number(self.slope(kpi)),
            ]);
        }
        sheet
    }

    /// The median of the slopes between all pairs of steps (Theil 1950; Sen 1968): no outlier bends it.
    fn slope(&self, kpi: &Kpi) -> Option<f64> {
        let minutes = match self.steps.as_slice() {
            [(a, _), (b, _), ..] => Window { from: *a, to: *b }.minutes(),
            _ => return None,
        };
        let point = |(at, rollup): &(UnixMicros, Rollup)| {
            let hours = Window { from: UnixMicros(0), to: *at }.minutes() / 60.0;
            match measure(kpi, rollup, Context { minutes }).value {
                Known::Value(v) => Some((hours, v)),
                Known::Unknown(_) => None,
            }
        };
        let points: Vec<(f64, f64)> = self.steps.iter().filter_map(point).collect();
        let mut slopes = Vec::new();
        for (i, (x0, y0)) in points.iter().enumerate() {
            slopes.extend(points.iter().skip(i + 1).map(|(x1, y1)| (y1 - y0) / (x1 - x0)));
        }
        crate::quantile::exact(&mut slopes, 0.5)
    }
}
