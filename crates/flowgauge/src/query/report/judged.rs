//! What got worse against the promoted baseline, and what each change did: both by the comparison of
//! `logic::regression`, over hours.
//!
//! Refuses to look beyond the period: the same period tells the same later.

use super::Ground;
use crate::logic::baseline::{Baseline, Cell, Origin, mix_effect, points_of, without_mix};
use crate::logic::change_point::{self, ChangePoint};
use crate::logic::known::{Known, Reason};
use crate::logic::regression::{Comparison, Metric, Points, Settings, Verdict, compare_all};
use crate::logic::report::facts::{Change, Effect, Regression, Regressions, tested};
use crate::logic::report::{Meaning, Quantity, Shift, moment, number};
use crate::logic::rollup::Filter;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::query::history::{Wanted, collect};
use crate::store::StoreError;
use crate::store::baselines::BaselineStore;

/// Endpoints, intents and models tested by themselves, the busiest: each costs power in the correction for their number.
const SLICES: usize = 3;
/// Requests a point needs, as for baselines: below, an hour says nothing of a percentile.
const MIN_SAMPLES: u64 = 20;
/// Changes whose effect is measured, the latest; a period with more is one long change.
const CHANGES: usize = 20;
/// Hours looked at on each side of a change: a day has every hour once.
const HOURS: i64 = 24;
/// A level within this share of an earlier one is back there: as much as changes count for (`Metric::delta_min`).
const BACK: f64 = 0.05;

/// What a period came to.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) regressions: Regressions,
    /// Every comparison.
    pub(super) tested: Vec<Regression>,
}

/// The promoted baseline.
pub(super) fn promoted(sources: Ground<'_>) -> Result<Option<Baseline>, StoreError> {
    let store = BaselineStore::open_reader(sources.dir)?;
    let promoted = store.map(|b| b.promoted()).transpose()?.flatten();
    Ok(promoted.map(|(baseline, _)| baseline))
}

/// Compares a period with the promoted baseline. What the baseline was learned from is not compared with itself.
pub(super) fn judged(
    sources: Ground<'_>,
    window: Window,
    changes: &[Change],
) -> Result<Judged, StoreError> {
    let Some(baseline) = promoted(sources)? else { return Ok(Judged::default()) };
    let learned = if baseline.origin == Origin::Measured { baseline.window } else { window };
    let from = if learned.overlaps(&window) && baseline.origin == Origin::Measured {
        learned.to.max(window.from)
    } else {
        window.from
    };
    if from >= window.to || window.to <= learned.from {
        return Ok(Judged::default());
    }
    let (points, cells) = course(sources, Window { from, to: window.to }, &baseline)?;
    let mut series = of_all(&baseline.whole.points, &points);
    let mut names = vec!["all".to_owned(); series.len()];
    for cell in cells.iter().take(SLICES).filter(|_| cells.len() > 1) {
        let same = |b: &&Cell| key(b) == key(cell);
        let Some(usual) = baseline.cells.iter().find(same) else { continue };
        let slice = of_all(&usual.points, &cell.points);
        names.extend(std::iter::repeat_n(named(cell), slice.len()));
        series.extend(slice);
    }
    let compared = compare_all(&series, &Settings::default());
    let mut out = Judged::default();
    let mut detectable: Option<f64> = None;
    for (((metric, found), name), (_, _, current)) in compared.into_iter().zip(names).zip(&series) {
        let found = if name == "all" {
            let mix = mix_effect(metric, &baseline.cells, &cells);
            without_mix(metric, found, mix)
        } else {
            found
        };
        if found.verdict == Verdict::InsufficientData {
            continue;
        }
        detectable = detectable.into_iter().chain(found.mde).reduce(f64::max);
        let told = told(sources, metric, &found, (name, current), window, changes);
        if found.verdict == Verdict::Regressed {
            out.regressions.found.push(told.clone());
        }
        out.tested.push(told);
    }
    let size = |r: &Regression| r.effect.by.value().map_or(0.0, |q| q.number().abs());
    out.regressions.found.sort_by(|a, b| size(b).total_cmp(&size(a)));
    let tested = u64::try_from(out.tested.len()).unwrap_or(u64::MAX);
    if tested > 0 {
        let share = detectable.filter(|d| d.is_finite()).map(Quantity::Share);
        out.regressions.tested = Known::Value(tested);
        out.regressions.method =
            format!("moving-block bootstrap, Holm, against baseline {}", baseline.name);
        out.regressions.detectable = Known::from_option(share, Reason::TooFew);
    } else {
        out.regressions.tested = Known::Unknown(Reason::TooFew);
    }
    Ok(out)
}

type Course = (Vec<crate::logic::baseline::Point>, Vec<Cell>);

fn course(sources: Ground<'_>, window: Window, baseline: &Baseline) -> Result<Course, StoreError> {
    let wanted = Wanted {
        window,
        bucket_minutes: baseline.bucket_minutes,
        min_samples: MIN_SAMPLES,
        filter: Filter::default(),
        left_out: Vec::new(),
        evaluator: baseline.evaluator.clone(),
    };
    let (builder, _) = collect(sources.reader, &wanted)?;
    Ok((builder.points().to_vec(), builder.cells()))
}

fn of_all(
    base: &[crate::logic::baseline::Point],
    now: &[crate::logic::baseline::Point],
) -> Vec<(Metric, Points, Points)> {
    Metric::ALL.map(|m| (m, points_of(m, base), points_of(m, now))).into()
}

fn key(cell: &Cell) -> [&str; 3] {
    [&cell.endpoint, &cell.intent, &cell.model].map(|t| t.as_str())
}

fn named(cell: &Cell) -> String {
    key(cell).map(|t| if t.is_empty() { "–" } else { t }).join(" · ")
}

/// What people call a metric.
const fn word(metric: Metric) -> &'static str {
    match metric {
        Metric::Latency => "P95 latency",
        Metric::Tokens => "Tokens per request",
        Metric::Cost => "Cost per request",
        Metric::Quality => "Quality",
    }
}

/// The change as the guide has it: signed, with its interval turned the same way.
fn shift(metric: Metric, found: &Comparison) -> Shift {
    let Some(magnitude) = found.magnitude else { return Shift::unknown(Reason::TooFew) };
    let meaning = match () {
        () if found.regression => Meaning::Worse,
        () if found.improvement => Meaning::Better,
        () => Meaning::NotSignificant,
    };
    let share = Quantity::Share;
    let by = share(magnitude);
    match (metric, found.ci_low, found.ci_high) {
        (Metric::Quality, Some(low), Some(high)) => {
            tested(by, share(-high), share(-low), found.confidence, meaning)
        }
        (_, Some(low), Some(high)) => {
            tested(by, share(low), share(high), found.confidence, meaning)
        }
        _ => Shift { by: Known::Value(by), interval: None, meaning },
    }
}

fn told(
    sources: Ground<'_>,
    metric: Metric,
    found: &Comparison,
    (slice, current): (String, &Points),
    window: Window,
    changes: &[Change],
) -> Regression {
    let n = current.counts.iter().flatten().sum();
    let mut told = Regression {
        metric: word(metric).to_owned(),
        slice,
        effect: shift(metric, found),
        n,
        first_seen: Known::Unknown(Reason::NotConfigured),
        cause: None,
        ended: None,
    };
    if found.verdict != Verdict::Regressed {
        return told;
    }
    let moved = change_point::change_points(&current.values, &change_point::Settings::default());
    let worse = |p: &&ChangePoint| (p.after > p.before) != (metric == Metric::Quality);
    let Some(began) = moved.iter().find(worse) else { return told };
    let Some(at) = time(current, began.at) else { return told };
    told.first_seen = Known::Value(at);
    told.cause = cause(at, changes);
    let back = |p: &&ChangePoint| p.at > began.at && near(p.after, began.before);
    if let Some(end) = moved.iter().find(back).and_then(|p| time(current, p.at)) {
        told.ended =
            Some(format!("it recovered by {}", moment::near(end, window.from, sources.zone)));
    }
    told
}

fn near(value: f64, usual: f64) -> bool {
    (value - usual).abs() <= BACK * usual.abs()
}

fn time(points: &Points, at: usize) -> Option<UnixMicros> {
    points.times.as_ref()?.get(at).copied()
}

/// The last change in the hour before a metric moved or in the hour it moved in.
fn cause(at: UnixMicros, changes: &[Change]) -> Option<String> {
    let around = Window {
        from: UnixMicros(at.0.saturating_sub(UnixMicros::HOUR)),
        to: UnixMicros(at.0.saturating_add(UnixMicros::HOUR)),
    };
    let change = changes.iter().rev().find(|c| around.contains(c.at))?;
    let id = change.id.as_ref().map(|id| format!("change {id}"));
    let by = change.by.as_ref().map(|by| format!("by {by}"));
    let more: Vec<String> = id.into_iter().chain(by).collect();
    let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
    Some(format!("{}{more}", change.what))
}

/// Measures what each change did: the hours before it against the hours after it, inside the period.
pub(super) fn effects(
    sources: Ground<'_>,
    window: Window,
    changes: &mut [Change],
) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    let window = Window { to: window.to.min(sources.now), ..window };
    let day = HOURS * UnixMicros::HOUR;
    let wanted = Wanted {
        window: Window { from: UnixMicros(window.from.0.saturating_sub(day)), to: window.to },
        bucket_minutes: 60,
        min_samples: MIN_SAMPLES,
        filter: Filter::default(),
        left_out: Vec::new(),
        evaluator: None,
    };
    let (builder, _) = collect(sources.reader, &wanted)?;
    let skipped = changes.len().saturating_sub(CHANGES);
    for change in changes.iter_mut().skip(skipped) {
        // The hour of the change is of neither side.
        let hour = change.at.0.div_euclid(UnixMicros::HOUR) * UnixMicros::HOUR;
        let (before, after) = (hour.saturating_sub(day), hour.saturating_add(UnixMicros::HOUR));
        let side = |from: i64, to: i64| -> Vec<_> {
            let within = |p: &&crate::logic::baseline::Point| from <= p.at.0 && p.at.0 < to;
            builder.points().iter().filter(within).copied().collect()
        };
        let series = of_all(&side(before, hour), &side(after, after.saturating_add(day)));
        change.effect = effect(&compare_all(&series, &Settings::default()), after, window);
    }
    Ok(())
}

fn effect(compared: &[(Metric, Comparison)], after: i64, window: Window) -> Effect {
    let mut known: Vec<_> = compared
        .iter()
        .filter(|(_, c)| c.verdict != Verdict::InsufficientData && c.magnitude.is_some())
        .map(|(metric, c)| (word(*metric).to_owned(), shift(*metric, c)))
        .collect();
    if known.is_empty() {
        // Seven hours on each side are needed (`Settings::min_points`).
        let hours = window.to.0.saturating_sub(after) / UnixMicros::HOUR;
        return if hours < 7 { Effect::TooEarly } else { Effect::NotMeasured };
    }
    let size = |s: &Shift| s.by.value().map_or(0.0, |q| q.number().abs());
    let chance = |s: &Shift| s.meaning == Meaning::NotSignificant;
    known.sort_by(|(_, a), (_, b)| chance(a).cmp(&chance(b)).then(size(b).total_cmp(&size(a))));
    Effect::Measured(known)
}

/// What a stored check found last, in words, for those who read the period later.
pub(super) fn undetected(judged: &Judged) -> Option<String> {
    match judged.regressions.tested {
        Known::Unknown(Reason::NotConfigured) => Some(
            "Nothing was tested for regressions: no baseline from before this period is promoted \
             (flowgauge regression baseline propose)."
                .to_owned(),
        ),
        Known::Unknown(r) => {
            Some(format!("Nothing could be tested for regressions: {}.", number::unknown(r)))
        }
        Known::Value(_) => None,
    }
}
