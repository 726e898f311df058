//! What a metric usually is at this hour of the week (alerting 10.1): its values over comparable
//! windows of the past, learned once an hour for all label sets of a series together.
//!
//! Owns which windows are read. Refuses medians and slots: those are `logic::alert::baseline`'s.

use super::at_tick::AtTick;
use super::kept::{held, said};
use crate::logic::alert::baseline::{SlotValue, WEEKS, learn, moments};
use crate::logic::alert::condition::Series;
use crate::logic::alert::facts::{Baseline, BaselineAsk, Facts, Labels, Selection};
use crate::logic::alert::metric::{Dimension, Metric, MetricWindow};
use crate::logic::known::{Known, Reason};
use crate::logic::kpi::{Context, Kpi, measure};
use crate::logic::rollup::Rollup;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use std::collections::HashMap;

/// How long a learned value stands: slots are hours.
const STANDS_US: i64 = UnixMicros::HOUR;
/// Of a calendar day so far, whose usual value grows with the day.
const STANDS_IN_A_DAY_US: i64 = 10 * UnixMicros::MINUTE;
/// Window of a metric whose own is a minute: the slot itself, so that thin traffic has samples.
const SLOT_US: i64 = UnixMicros::HOUR;

/// Baselines of one series, learned at a moment.
#[derive(Debug, Clone)]
pub(super) struct Usual {
    step: i64,
    of: HashMap<Labels, Known<Baseline>>,
}

/// The baseline that is asked for.
pub(super) fn baseline(
    facts: &AtTick<'_>,
    ask: &BaselineAsk<'_>,
) -> Result<Known<Baseline>, String> {
    if let Some(name) = ask.pinned {
        let kept = facts.long().kept(name);
        let none = Known::Unknown(Reason::NotConfigured);
        return Ok(kept.map_or(none, |b| said(&b, facts.zone(), ask)));
    }
    let stands = if ask.series.calendar_day { STANDS_IN_A_DAY_US } else { STANDS_US };
    let step = ask.at.0.div_euclid(stands);
    let known = facts.long().usual(ask.series);
    let usual = match known.filter(|usual| usual.step == step) {
        Some(usual) => usual,
        None => {
            let usual = Usual { step, of: learned(facts, ask.series, ask.at)? };
            facts.long().keep_usual(ask.series, usual.clone());
            usual
        }
    };
    let learned = usual.of.get(ask.labels).copied().unwrap_or(Known::Unknown(Reason::TooFew));
    let pinned = facts.long().last_pinned();
    Ok(held(learned, pinned.as_deref(), facts.zone(), ask))
}

fn learned(
    facts: &AtTick<'_>,
    series: &Series,
    at: UnixMicros,
) -> Result<HashMap<Labels, Known<Baseline>>, String> {
    let zone = facts.zone();
    let of = Selection { selector: series.selector.clone(), by: series.by.clone() };
    let Some(since) = facts.first_data(at, WEEKS * 7 * UnixMicros::DAY)? else {
        return Ok(HashMap::new());
    };
    let bad = facts.long().bad_times(series.metric, Window { from: since, to: at })?;
    let mut values: HashMap<Labels, Vec<SlotValue>> = HashMap::new();
    for moment in ends(series, at, since, facts) {
        let Some(window) = window_of(series, moment, facts) else { continue };
        // What began before the first data is no whole window.
        if window.from < since || bad.iter().any(|b| b.from < window.to && b.to > window.from) {
            continue;
        }
        for (labels, value) in values_in(facts, series.metric, &of, window)? {
            values.entry(labels).or_default().push(SlotValue { at: moment, value });
        }
    }
    Ok(values.into_iter().map(|(labels, values)| (labels, learn(&values, at, zone))).collect())
}

/// Where the windows end: for sums of tokens at the same moment of the last four same weekdays.
fn ends(series: &Series, at: UnixMicros, since: UnixMicros, facts: &AtTick<'_>) -> Vec<UnixMicros> {
    if series.metric == Metric::DailyTokens {
        let weeks_ago = |n: i64| UnixMicros(at.0.saturating_sub(n * 7 * UnixMicros::DAY));
        return (1..=WEEKS).map(weeks_ago).collect();
    }
    moments(at, since, facts.zone())
}

fn window_of(series: &Series, end: UnixMicros, facts: &AtTick<'_>) -> Option<Window> {
    if series.calendar_day {
        return Window::day_to_date(end, facts.zone());
    }
    let own = match series.metric.window() {
        MetricWindow::Last(length) => i64::try_from(length.0).ok()?,
        MetricWindow::PeriodDay => return Window::day_to_date(end, facts.zone()),
        MetricWindow::PeriodMonth => return Window::month_to_date(end, facts.zone()),
        MetricWindow::Short | MetricWindow::Now | MetricWindow::Period => SLOT_US,
    };
    let length = series.over.map_or(Some(own), |over| i64::try_from(over.0).ok())?;
    Some(Window::last(length.max(own), end))
}

/// The value of a metric for each label set that has samples enough.
fn values_in(
    facts: &AtTick<'_>,
    metric: Metric,
    of: &Selection,
    window: Window,
) -> Result<Vec<(Labels, f64)>, String> {
    let least = metric.min_samples();
    if matches!(metric, Metric::QualityScore | Metric::QualityRegression) {
        let scores = facts.scores(of, window)?;
        let enough = scores.iter().filter(|(_, s)| s.n > 0 && s.n >= least);
        return Ok(enough.map(|(labels, s)| (labels.clone(), s.mean)).collect());
    }
    if metric == Metric::UserSatisfaction {
        let ratings = facts.ratings(of, window)?;
        let enough = ratings.iter().filter(|(_, r)| r.n > 0 && r.n >= least);
        return Ok(enough.map(|(labels, r)| (labels.clone(), r.mean)).collect());
    }
    let calls = facts.past(of, window)?;
    let value = |(labels, rollup): (Labels, Rollup)| {
        Some((labels, value(metric, &rollup, window.minutes(), least)?))
    };
    Ok(calls.into_iter().filter_map(value).collect())
}

/// A metric of calls in its base unit, by the catalogue's own formula.
fn value(metric: Metric, rollup: &Rollup, minutes: f64, least: u64) -> Option<f64> {
    let kpi = Kpi::find(metric.kpi()?)?;
    let measured = measure(kpi, rollup, Context { minutes });
    let shown = measured.value.value().filter(|_| measured.n >= least)?;
    Some(match metric.dimension() {
        Dimension::Time => shown * 1e3,
        Dimension::Ratio => shown / 100.0,
        Dimension::Money => shown * 1e9,
        Dimension::Count | Dimension::Size | Dimension::Rate | Dimension::Rating => shown,
    })
}
