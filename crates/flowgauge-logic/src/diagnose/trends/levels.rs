//! Since when a figure is at another level: change points of its course, and what was changed at the
//! same time.
//!
//! A change of level explains and annotates; it claims no cause and makes no command fail.

use super::super::finding::{Datum, Sheet, relative};
use super::Happened;
use crate::change_point::{ChangePoint, Settings, change_points, update};
use crate::known::Known;
use crate::kpi::{Context, Kpi, Unit, measure};
use crate::rollup::Rollup;
use crate::unit::UnixMicros;

/// Figures whose level is looked at; load has habits and is no sign of health.
const KPIS: [&str; 7] = [
    "p50_latency",
    "p95_latency",
    "ttft_p95",
    "tokens_per_request",
    "cost_per_request",
    "cache_hit_rate",
    "error_rate",
];
/// Requests of a point: of fewer a 95th percentile is mostly below the true one (regression 2).
const MIN_SAMPLES: u64 = 20;
/// The chance that a quiet time shows any change at all, over all figures and courses.
const LEVEL: f64 = 0.05;
/// Most points of a course: four weeks of hours.
const MAX_POINTS: usize = 672;
/// A course of so many days is looked at again and again: what it showed at the last midnight stays where it was told.
/// Shorter ones are looked at for what happens now.
const LONG: i64 = 14;
/// A change of configuration so many points before a new level, or one after, is named with it.
const NEAR: (i64, i64) = (3, 1);
/// Changes told in words; the table has all of them.
const TOLD: usize = 3;

/// A stretch of the past in steps of equal length. Steps without a request may be missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Course {
    /// Minutes of a step.
    pub minutes: u32,
    /// First moment and calls of each step.
    pub steps: Vec<(UnixMicros, Rollup)>,
}

/// A new level of a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Which figure.
    pub kpi: &'static Kpi,
    /// First moment of the new level, as far as steps tell.
    pub since: UnixMicros,
    /// Minutes it is known to.
    pub minutes: u32,
    /// Median before and after, season removed.
    pub values: (f64, f64),
    /// How likely a change this clear is by chance, the choice of its place included.
    pub p_value: f64,
    /// What was changed at the time.
    pub near: Option<Happened>,
}

/// The changes of level in courses, the clearest first. A change that two courses show is told in the
/// finer one.
#[must_use]
pub fn levels(courses: &[Course], events: &[Happened]) -> Vec<Level> {
    let tests = KPIS.len() * courses.len().max(1);
    // Bonferroni: figures move together, and the share stays right when they do.
    let level = LEVEL / f64::from(u32::try_from(tests).unwrap_or(u32::MAX));
    let settings = Settings { level, ..Settings::default() };
    let mut found: Vec<Level> = Vec::new();
    let mut finest_first: Vec<&Course> = courses.iter().filter(|c| c.minutes > 0).collect();
    finest_first.sort_by_key(|course| course.minutes);
    for course in finest_first {
        for kpi in KPIS.iter().filter_map(|name| Kpi::find(name)) {
            let known = found.len();
            for level in of(course, kpi, &settings, events) {
                let same = |l: &Level| std::ptr::eq(l.kpi, kpi) && close(l, &level);
                if !found.iter().take(known).any(same) {
                    found.push(level);
                }
            }
        }
    }
    found.sort_by(|a, b| a.p_value.total_cmp(&b.p_value).then(b.since.cmp(&a.since)));
    found
}

fn close(fine: &Level, coarse: &Level) -> bool {
    let apart = fine.since.0.abs_diff(coarse.since.0);
    apart <= 2 * 60_000_000 * u64::from(coarse.minutes)
}

fn of(course: &Course, kpi: &'static Kpi, settings: &Settings, events: &[Happened]) -> Vec<Level> {
    let step = i64::from(course.minutes) * UnixMicros::MINUTE;
    let (Some((begin, _)), Some((last, _))) = (course.steps.first(), course.steps.last()) else {
        return Vec::new();
    };
    let most = i64::try_from(MAX_POINTS).unwrap_or(i64::MAX);
    let mut earliest = last.0.saturating_sub(step * (most - 1)).max(begin.0);
    let midnight = last.0 - last.0.rem_euclid(UnixMicros::DAY);
    let long = midnight - earliest >= LONG * UnixMicros::DAY;
    if long {
        // All looks of a day begin at the same point.
        earliest += (midnight - earliest).rem_euclid(UnixMicros::DAY);
    }
    let steps: Vec<_> = course.steps.iter().filter(|(at, _)| at.0 >= earliest).collect();
    let Some((first, _)) = steps.first() else { return Vec::new() };
    let mut values = vec![f64::NAN; MAX_POINTS];
    let mut end = 0;
    let context = Context { minutes: f64::from(course.minutes) };
    for (at, rollup) in steps.iter().copied() {
        let Ok(place) = usize::try_from((at.0 - first.0) / step) else { continue };
        let measured = measure(kpi, rollup, context);
        if let (Known::Value(v), Some(slot)) = (measured.value, values.get_mut(place))
            && measured.n >= MIN_SAMPLES
        {
            *slot = v;
        }
        end = end.max(place + 1);
    }
    values.truncate(end);
    let settled = usize::try_from((midnight - first.0).max(0) / step).unwrap_or(0);
    let found = match values.get(..settled).filter(|_| long) {
        Some(settled) => update(&change_points(settled, settings), &values, settings),
        None => change_points(&values, settings),
    };
    let told = |p: ChangePoint| {
        let since = UnixMicros(first.0 + step * i64::try_from(p.at).unwrap_or(0));
        Level {
            kpi,
            since,
            minutes: course.minutes,
            values: (p.before, p.after),
            p_value: p.p_value,
            near: nearest(events, since, step),
        }
    };
    found.into_iter().map(told).collect()
}

fn nearest(events: &[Happened], since: UnixMicros, step: i64) -> Option<Happened> {
    let near = |e: &&Happened| {
        let after = e.at.0 - since.0;
        after >= -NEAR.0 * step && after <= NEAR.1 * step
    };
    events.iter().filter(near).min_by_key(|e| e.at.0.abs_diff(since.0)).cloned()
}

impl Level {
    /// In words, for notes.
    #[must_use]
    pub fn sentence(&self) -> String {
        let (before, after) = self.values;
        let by =
            relative(after, before).map_or(String::new(), |by| format!(" ({:+.0} %)", 100.0 * by));
        let near = match &self.near {
            Some(event) => format!("; {} at {}", event.what, event.time),
            None => String::new(),
        };
        format!(
            "{} is at another level since {}: {} before, {} after{by}{near}.",
            self.kpi.name,
            self.since.to_rfc3339(),
            shown(before, self.kpi.unit),
            shown(after, self.kpi.unit),
        )
    }
}

fn shown(value: f64, unit: Unit) -> String {
    let digits = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 1.0 {
        2
    } else {
        5
    };
    format!("{value:.digits$} {}", unit.sign()).trim_end().to_owned()
}

/// Changes as a table, and the clearest of them in words.
#[must_use]
pub fn told(levels: &[Level]) -> (Option<Sheet>, Vec<String>) {
    if levels.is_empty() {
        return (None, Vec::new());
    }
    let columns = [
        ("since", None),
        ("to the minute ±", Some(Unit::Count)),
        ("metric", None),
        ("before", None),
        ("after", None),
        ("unit", None),
        ("change %", Some(Unit::Percent)),
        ("p", None),
        ("changed at the time", None),
    ];
    let mut sheet = Sheet::new("changes of level", &columns);
    sheet.rows.extend(levels.iter().map(|l| {
        vec![
            l.since.to_rfc3339().into(),
            Datum::count(l.minutes.into()),
            l.kpi.name.into(),
            Datum::number(l.values.0),
            Datum::number(l.values.1),
            l.kpi.unit.sign().into(),
            Datum::number(relative(l.values.1, l.values.0).map(|by| 100.0 * by)),
            Datum::number(l.p_value),
            l.near.as_ref().map_or("".into(), |e| format!("{} {}", e.time, e.what).into()),
        ]
    }));
    (Some(sheet), levels.iter().take(TOLD).map(Level::sentence).collect())
}
