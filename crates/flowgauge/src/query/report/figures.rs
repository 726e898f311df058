//! KPIs of a period beside the baseline and the period before, hour by hour or day by day.

use super::{Cut, Ground, money, reviewed};
use crate::logic::known::{Known, Reason};
use crate::logic::kpi::{self, CATALOGUE, Context, Kpi, Measured};
use crate::logic::report::facts::{Forecast, Gap, Reading, Readings, Stretch, Sureness};
use crate::logic::report::figure::nano_usd;
use crate::logic::report::key::{Extra, Intent};
use crate::logic::report::weekly::Compared;
use crate::logic::report::{Quantity, moment};
use crate::logic::rollup::{Dim, Filter};
use crate::logic::schedule::{Every, Period};
use crate::logic::unit::{NanoUsd, UnixMicros};
use crate::logic::window::{Window, local_date};
use crate::query::{self, KpiValue, Table};
use crate::store::baselines::BaselineStore;
use crate::store::{RollupQuery, Step, StoreError};
use std::collections::BTreeMap;

/// Sums that grow with the length of a window: against a baseline of another length they say nothing.
const SUMS: &[&str] = &[
    "request_count",
    "total_tokens",
    "total_cost",
    "daily_tokens",
    "daily_cost",
    "monthly_cost",
    "avoided_cost",
];
/// Days a forecast looks back over: eight weeks give each day of the week eight values.
const LOOK_BACK: usize = 56;
/// Fewest days behind a forecast: two of each day of the week.
const FEWEST_DAYS: usize = 14;
/// Confidence of the forecast's interval.
const LEVEL: f64 = 0.8;
/// Between two notes of the server that it runs lie twenty seconds; three of them are a restart, not an absence.
const UNNOTED: i64 = UnixMicros::MINUTE;
/// Half width of the middle 80 % of a normal distribution, in standard deviations.
const HALF: f64 = 1.2816;

/// KPIs of the period, and what the key table needs beside them.
pub(super) fn readings(
    sources: Ground<'_>,
    period: Period,
    cut: &Cut,
) -> Result<(Readings, Extra), StoreError> {
    let all = Filter::default();
    let now = query::snapshot(sources.reader, cut.window, &all, sources.zone)?;
    let before = query::snapshot(sources.reader, cut.before, &all, sources.zone)?;
    let baseline = BaselineStore::open_reader(sources.dir)?;
    let baseline = baseline.map(|b| b.promoted()).transpose()?.flatten();
    let before: BTreeMap<&str, Measured> =
        before.kpis.iter().map(|k| (k.name.as_str(), measured(k))).collect();
    let mut readings = Readings::default();
    for value in &now.kpis {
        let Some(kpi) = Kpi::find(&value.name) else { continue };
        let mut reading = Reading::new(kpi, measured(value));
        if let Some(before) = before.get(kpi.name) {
            reading = reading.against_before(kpi, *before);
        }
        if let Some((baseline, _)) = &baseline
            && !SUMS.contains(&kpi.name)
        {
            let context = Context { minutes: baseline.window.minutes() };
            let usual = kpi::measure(kpi, &baseline.whole.rollup, context);
            reading = reading.against_baseline(kpi, usual);
        }
        readings.put(kpi, reading);
    }
    let away = absences(sources, cut.window)?;
    if is_away(&away, cut.window) && readings.value("request_count").value().is_some_and(is_none) {
        forget(&mut readings);
    }
    let extra = extra(sources, period, cut)?;
    Ok((readings, extra))
}

fn is_none(quantity: Quantity) -> bool {
    quantity.number().abs() < f64::EPSILON
}

/// Sums over a time in which nobody looked are not zero.
fn forget(readings: &mut Readings) {
    for name in SUMS {
        let Some(kpi) = Kpi::find(name) else { continue };
        let none = Measured { value: Known::Unknown(Reason::NotConfigured), n: 0 };
        readings.put(kpi, Reading::new(kpi, none));
    }
}

fn measured(value: &KpiValue) -> Measured {
    let none = value.unknown.unwrap_or(Reason::NoData);
    let known = value.value.map_or(Known::Unknown(none), Known::Value);
    Measured { value: known, n: value.n }
}

/// Columns of a table of KPIs, by name.
fn asked(
    sources: Ground<'_>,
    window: Window,
    group_by: &[Dim],
    step: Step,
    names: &[&str],
) -> Result<Table, StoreError> {
    let kpis: Vec<&Kpi> = CATALOGUE.iter().filter(|k| names.contains(&k.name)).collect();
    let filter = Filter::default();
    let group_by = group_by.to_vec();
    query::table(sources.reader, &kpis, &RollupQuery { window, filter, group_by, step })
}

/// A value of a row by the name of its column.
fn of(table: &Table, row: &query::Row, name: &str) -> Measured {
    let at = table.kpis.iter().position(|k| k == name);
    let none = Measured { value: Known::Unknown(Reason::NotConfigured), n: 0 };
    at.and_then(|i| row.values.get(i)).copied().unwrap_or(none)
}

fn extra(sources: Ground<'_>, period: Period, cut: &Cut) -> Result<Extra, StoreError> {
    let scored = reviewed::of_record(sources.reader, cut.window)?.is_some();
    let intents = scored
        .then(|| asked(sources, cut.window, &[Dim::Intent], Step::Whole, &["quality_score"]))
        .transpose()?;
    let target = Kpi::find("quality_score").and_then(|k| k.target);
    let mut worst: Option<Intent> = None;
    let (mut below, mut known) = (0, 0);
    let rows = intents.iter().flat_map(|table| table.rows.iter().map(move |row| (table, row)));
    for (table, row) in rows {
        let value = of(table, row, "quality_score");
        let (Known::Value(quality), Some(name)) = (value.value, row.key.first()) else { continue };
        known += 1;
        below += u64::from(target.is_some_and(|t| quality < t));
        if !name.is_empty() && worst.as_ref().is_none_or(|w| quality < w.quality) {
            worst = Some(Intent { name: name.to_string(), quality, n: value.n });
        }
    }
    let peak = peak(sources, cut.window)?;
    Ok(Extra {
        worst_intent: worst,
        intents_below: if known > 0 { Known::Value(below) } else { Known::Unknown(Reason::NoData) },
        peak_per_minute: peak,
        forecast: Some(forecast(sources, period)?),
        token_growth: growth(sources, cut.window)?,
        budget: money::monthly_budget(sources),
        ..Extra::default()
    })
}

/// Requests of the busiest minute; minutes are kept for some time only.
fn peak(sources: Ground<'_>, window: Window) -> Result<Known<f64>, StoreError> {
    let mut most = f64::NEG_INFINITY;
    // A day at a time: the rollups of a month's minutes are not in memory together.
    let mut from = window.from;
    while from < window.to {
        let to = UnixMicros(from.0.saturating_add(UnixMicros::DAY)).min(window.to);
        let table = asked(sources, Window { from, to }, &[], Step::Minutes(1), &["request_count"])?;
        let counts = table.rows.iter().filter_map(|r| of(&table, r, "request_count").value.value());
        most = counts.fold(most, f64::max);
        from = to;
    }
    Ok(if most.is_finite() { Known::Value(most) } else { Known::Unknown(Reason::NoData) })
}

/// Tokens of the seven days that end with the window against those before.
fn growth(sources: Ground<'_>, window: Window) -> Result<Known<f64>, StoreError> {
    const WEEK: i64 = 7 * UnixMicros::DAY;
    let week = Window::last(WEEK, window.to);
    let sum = |window| -> Result<Known<f64>, StoreError> {
        let table = asked(sources, window, &[], Step::Whole, &["total_tokens"])?;
        let first = table.rows.first().map(|r| of(&table, r, "total_tokens").value);
        Ok(first.unwrap_or(Known::Unknown(Reason::NoData)))
    };
    let (now, before) = (sum(week)?, sum(Window::last(WEEK, week.from))?);
    Ok(match (now, before) {
        (Known::Value(now), Known::Value(before)) if before > 0.0 => {
            Known::Value(now / before - 1.0)
        }
        (Known::Unknown(reason), _) | (_, Known::Unknown(reason)) => Known::Unknown(reason),
        _ => Known::Unknown(Reason::NoData),
    })
}

/// What the month will cost: what it has cost, and for the days to come the means of their days of the week. Of a month
/// that is over it is the next one.
pub(super) fn forecast(sources: Ground<'_>, period: Period) -> Result<Forecast, StoreError> {
    use chrono::Datelike;
    let over = period.window(sources.zone).is_some_and(|whole| sources.now >= whole.to);
    // A day that is not over says nothing of a whole one.
    let today = local_date(sources.now, sources.zone).unwrap_or(period.after);
    let next = today.min(period.after);
    let month = if over && period.every == Every::Month { period.after } else { period.last() };
    let none = |reason, days| Forecast {
        of: month.format("%Y-%m").to_string(),
        cost: Known::Unknown(reason),
        interval: None,
        level: LEVEL,
        method: "to date + remaining days × weekday means".to_owned(),
        days,
    };
    let mut by_weekday: [Vec<f64>; 7] = Default::default();
    let (mut to_date, mut days) = (0.0, 0u64);
    for date in next.iter_days().rev_days().skip(1).take(LOOK_BACK) {
        let Some(window) = Window::day(date, sources.zone) else { continue };
        let table = asked(sources, window, &[], Step::Whole, &["total_cost", "request_count"])?;
        let Some(row) = table.rows.first() else { continue };
        let Known::Value(cost) = of(&table, row, "total_cost").value else { continue };
        days += 1;
        if let Some(of_day) = by_weekday.get_mut(date.weekday().num_days_from_monday() as usize) {
            of_day.push(cost);
        }
        if (date.year(), date.month()) == (month.year(), month.month()) {
            to_date += cost;
        }
    }
    if usize::try_from(days).unwrap_or(0) < FEWEST_DAYS {
        return Ok(none(if days == 0 { Reason::NoData } else { Reason::TooFew }, days));
    }
    let (mut rest, mut variance) = (0.0, 0.0);
    for date in next.iter_days().take_while(|d| d.month() == month.month()) {
        let of_day = by_weekday.get(date.weekday().num_days_from_monday() as usize);
        let (mean, spread) = mean_and_variance(of_day.map_or(&[], Vec::as_slice));
        rest += mean;
        variance += spread;
    }
    let half = HALF * variance.sqrt();
    let cost = to_date + rest;
    let low = nano_usd((cost - half).max(to_date));
    // Nothing is left to guess on the last day.
    let interval = (next.month() == month.month()).then(|| (low, nano_usd(cost + half)));
    Ok(Forecast { cost: Known::Value(nano_usd(cost)), interval, ..none(Reason::NoData, days) })
}

/// Mean, and the variance of the next value around it.
#[expect(clippy::cast_precision_loss, reason = "eight values at most")]
fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let mean = values.iter().sum::<f64>() / n;
    if values.len() == 1 {
        return (mean, mean * mean);
    }
    let spread = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, spread * (1.0 + 1.0 / n))
}

/// Days backwards, the given one first.
trait Backwards {
    fn rev_days(self) -> impl Iterator<Item = chrono::NaiveDate>;
}

impl Backwards for chrono::naive::NaiveDateDaysIterator {
    fn rev_days(self) -> impl Iterator<Item = chrono::NaiveDate> {
        self.rev()
    }
}

const COURSE: &[&str] =
    &["request_count", "p95_latency", "p50_latency", "total_tokens", "total_cost", "quality_score"];

/// The hours of a day, or the days of a longer period.
pub(super) fn stretches(
    sources: Ground<'_>,
    period: Period,
    window: Window,
) -> Result<Vec<Stretch>, StoreError> {
    let mut away = absences(sources, window)?;
    // Of what is still to come nothing is measured either.
    away.push(Window { from: sources.now.max(window.from), to: window.to });
    if period.every == Every::Day {
        return hours(sources, window, &away);
    }
    let day = |p: Period| {
        let window = p.window(sources.zone).unwrap_or(window);
        let whole = stretch(sources, p.to_string(), window)?;
        Ok(if is_away(&away, window) { unmeasured(whole) } else { whole })
    };
    period.days().map(day).collect()
}

/// When nobody looked: neither a request nor its absence is known.
pub(super) fn absences(sources: Ground<'_>, window: Window) -> Result<Vec<Window>, StoreError> {
    sources.reader.absences(window, sources.now, UNNOTED)
}

/// Whether a stretch lies in an absence altogether.
fn is_away(away: &[Window], stretch: Window) -> bool {
    away.iter().any(|a| a.from <= stretch.from && stretch.to <= a.to)
}

/// A stretch without requests in which nobody looked; requests that came later, by import or telemetry, count.
fn unmeasured(stretch: Stretch) -> Stretch {
    if stretch.requests != Known::Value(0) {
        return stretch;
    }
    let none = Reason::NotConfigured;
    Stretch {
        requests: Known::Unknown(none),
        tokens: Known::Unknown(none),
        cost: Known::Unknown(none),
        ..stretch
    }
}

fn hours(sources: Ground<'_>, window: Window, away: &[Window]) -> Result<Vec<Stretch>, StoreError> {
    const HOUR: i64 = UnixMicros::HOUR;
    // Steps of the store begin with hours of UTC; where hours of the zone do not, each is asked for by itself.
    let aligned = window.from.0.rem_euclid(HOUR) == 0;
    let table = aligned.then(|| asked(sources, window, &[], Step::Minutes(60), COURSE));
    let table = table.transpose()?;
    let mut out = Vec::new();
    let mut from = window.from;
    while from < window.to {
        let to = UnixMicros(from.0.saturating_add(HOUR)).min(window.to);
        let name = moment::clock(from, sources.zone);
        let hour = match &table {
            None => stretch(sources, name, Window { from, to })?,
            Some(table) => match table.rows.iter().find(|r| r.from >= from && r.from < to) {
                Some(row) => shown(table, row, name),
                None => nothing(name),
            },
        };
        out.push(if is_away(away, Window { from, to }) { unmeasured(hour) } else { hour });
        from = to;
    }
    Ok(out)
}

fn stretch(sources: Ground<'_>, name: String, window: Window) -> Result<Stretch, StoreError> {
    let table = asked(sources, window, &[], Step::Whole, COURSE)?;
    Ok(match table.rows.first() {
        Some(row) => shown(&table, row, name),
        None => nothing(name),
    })
}

fn nothing(name: String) -> Stretch {
    let none = Reason::NoData;
    Stretch {
        name,
        requests: Known::Value(0),
        p95: Known::Unknown(none),
        p50: Known::Unknown(none),
        tokens: Known::Value(0),
        cost: Known::Value(NanoUsd(0)),
        quality: Known::Unknown(none),
    }
}

fn shown(table: &Table, row: &query::Row, name: String) -> Stretch {
    let value = |name| of(table, row, name).value;
    Stretch {
        name,
        requests: whole(value("request_count")),
        p95: value("p95_latency"),
        p50: value("p50_latency"),
        tokens: whole(value("total_tokens")),
        cost: value("total_cost").map(nano_usd),
        quality: value("quality_score"),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are whole, not negative, and below 2^53"
)]
pub(super) fn whole(value: Known<f64>) -> Known<u64> {
    value.map(|v| v.round() as u64)
}

/// The months before a month and itself, oldest first, from the first that has requests.
pub(super) fn months(
    sources: Ground<'_>,
    period: Period,
    most: usize,
) -> Result<Vec<Stretch>, StoreError> {
    let mut periods: Vec<Period> =
        std::iter::successors(Some(period), Period::previous).take(most).collect();
    periods.reverse();
    let mut out = Vec::new();
    for month in periods {
        let Some(window) = month.window(sources.zone) else { continue };
        out.push(stretch(sources, month.to_string(), window)?);
    }
    let empty = |s: &Stretch| s.requests == Known::Value(0);
    let first = out.iter().position(|s| !empty(s)).unwrap_or(out.len());
    Ok(out.split_off(first))
}

/// Every KPI of the period against the one before.
pub(super) fn week_on_week(sources: Ground<'_>, cut: &Cut) -> Result<Vec<Compared>, StoreError> {
    let all = Filter::default();
    let now = query::snapshot(sources.reader, cut.window, &all, sources.zone)?;
    let before = query::snapshot(sources.reader, cut.before, &all, sources.zone)?;
    let mut out = Vec::new();
    for (now, before) in now.kpis.iter().zip(&before.kpis) {
        let Some(kpi) = Kpi::find(&now.name) else { continue };
        if now.value.is_none() && before.value.is_none() {
            continue;
        }
        let reading = Reading::new(kpi, measured(now)).against_before(kpi, measured(before));
        let earlier = Reading::new(kpi, measured(before));
        let Some(shift) = reading.before else { continue };
        out.push(Compared {
            metric: kpi.title.to_owned(),
            now: reading.figure.value(),
            n: now.n,
            before: earlier.figure.value(),
            shift,
        });
    }
    Ok(out)
}

/// Requests of a period.
pub(super) fn requests(
    sources: Ground<'_>,
    period: &crate::logic::report::Period,
) -> Result<u64, StoreError> {
    let window = Window { from: period.from, to: period.to };
    let table = asked(sources, window, &[], Step::Whole, &["request_count"])?;
    let first = table.rows.first().map(|r| whole(of(&table, r, "request_count").value));
    Ok(first.and_then(Known::value).unwrap_or(0))
}

/// What the figures rest on.
pub(super) fn sureness(
    sources: Ground<'_>,
    window: Window,
    readings: &Readings,
) -> Result<Sureness, StoreError> {
    let gaps = sources.reader.gaps(window)?;
    let lost: u64 = gaps.iter().map(|g| g.lost).sum();
    let count = asked(sources, window, &[], Step::Whole, &["request_count", "estimated_usage"])?;
    let row = count.rows.first();
    let value = |name| row.map_or(Known::Unknown(Reason::NoData), |r| of(&count, r, name).value);
    let seen = whole(value("request_count")).value().unwrap_or(0);
    let gap = |g: crate::store::Gap| Gap {
        from: g.from,
        to: g.to,
        why: format!("{} calls could not be recorded: {}", g.lost, g.reason),
    };
    let mut gaps: Vec<Gap> = gaps.into_iter().map(gap).collect();
    let away = absences(sources, window)?.into_iter();
    gaps.extend(away.map(|w| Gap {
        from: w.from,
        to: w.to,
        why: "flowgauge was not running".to_owned(),
    }));
    gaps.sort_by_key(|g| (g.from, g.to));
    let mut notes = Vec::new();
    if readings.value("quality_score").value().is_none() {
        notes.push("Nobody scored an answer in this period.".to_owned());
    }
    Ok(Sureness {
        seen,
        expected: Known::Value(seen.saturating_add(lost)),
        estimated: value("estimated_usage").map(|percent| percent / 100.0),
        gaps,
        config: sources.setup.config(),
        notes,
        ..Sureness::default()
    })
}
