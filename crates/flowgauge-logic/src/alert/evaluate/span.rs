//! Which window a series is read over at a tick, and where the same window lies in the past.
//!
//! Owns growth, periods to date, complete days and moves back by days on the wall.

use super::tick::Tick;
use crate::alert::condition::Series;
use crate::alert::facts::BudgetPeriod;
use crate::alert::guard;
use crate::alert::metric::{Metric, MetricWindow};
use crate::alert::schedule::moment;
use crate::budget::Period;
use crate::unit::{Micros, UnixMicros};
use crate::window::{Window, local_date};
use chrono::{DateTime, Days};
use chrono_tz::Tz;

const DAY: u64 = 24 * 3_600_000_000;

/// The window of a metric that grows, before it grows.
const MINUTE: Micros = Micros(60_000_000);

/// Which window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// One minute, grown backwards to at most so much.
    Grows(Micros),
    /// Exactly so long.
    Last(Micros),
    /// As it is at the tick.
    Now,
    /// So many complete days before today.
    CompleteDays(u32),
    /// The calendar day so far.
    Today,
    /// The budget's period so far.
    Period(BudgetPeriod),
    /// That of whichever budget is used up most.
    AnyPeriod,
}

impl Span {
    /// The window of a series in a rule that must hold for `hold`; growth is switched off where
    /// `fixed`.
    pub(super) fn of(series: &Series, hold: Micros, fixed: bool) -> Self {
        if series.calendar_day {
            return Self::Today;
        }
        if let Some(over) = series.over {
            let days = u32::try_from(over.0 / DAY).unwrap_or(u32::MAX);
            let whole = over.0 > 0 && over.0.is_multiple_of(DAY);
            let sum = Metric::is_sum(series.metric) && whole;
            return if sum { Self::CompleteDays(days) } else { Self::Last(over) };
        }
        match series.metric.window() {
            MetricWindow::Short if fixed => Self::Last(MINUTE),
            MetricWindow::Short => Self::Grows(guard::growth_limit(hold)),
            MetricWindow::Last(length) => Self::Last(length),
            MetricWindow::Now => Self::Now,
            MetricWindow::PeriodDay => Self::Period(BudgetPeriod::Day),
            MetricWindow::PeriodMonth => Self::Period(BudgetPeriod::Month),
            MetricWindow::Period => Self::AnyPeriod,
        }
    }

    /// The window at a moment; `step` counts how often it has grown. Nothing where it cannot grow
    /// so often.
    pub(super) fn window(self, step: usize, at: UnixMicros, tick: &Tick<'_>) -> Option<Window> {
        if let Self::Grows(limit) = self {
            return Some(last(guard::growth(limit).nth(step)?, at));
        }
        if step > 0 {
            return None;
        }
        Some(match self {
            Self::Grows(limit) | Self::Last(limit) => last(limit, at),
            Self::Now => last(MINUTE, at),
            Self::CompleteDays(days) => complete_days(days, at, tick.zone)?,
            Self::Today => Window::day_to_date(at, tick.zone)?,
            Self::Period(period) => to_date(period, at, tick),
            Self::AnyPeriod => to_date(BudgetPeriod::Month, at, tick),
        })
    }

    /// How often it can grow.
    pub(super) fn last_step(self) -> usize {
        match self {
            Self::Grows(limit) => guard::growth(limit).count().saturating_sub(1),
            _ => 0,
        }
    }

    /// How far back it looks, where that is a fixed length.
    pub(super) const fn reach(self) -> Option<Micros> {
        match self {
            Self::Grows(length) | Self::Last(length) => Some(length),
            Self::Now => Some(MINUTE),
            Self::CompleteDays(_) | Self::Today | Self::Period(_) | Self::AnyPeriod => None,
        }
    }
}

/// A move into the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Back {
    /// By so much time.
    By(Micros),
    /// By so many days on the wall, 23 or 25 hours long where the clock changes.
    Days(u32),
}

impl Back {
    pub(super) fn from(self, at: UnixMicros, zone: Tz) -> UnixMicros {
        match self {
            Self::By(length) => before(at, length),
            Self::Days(days) => days_before(at, days, zone)
                .unwrap_or_else(|| before(at, Micros(u64::from(days) * DAY))),
        }
    }

    /// How far it is, roughly.
    pub(super) const fn length(self) -> Micros {
        match self {
            Self::By(length) => length,
            Self::Days(days) => Micros(days as u64 * DAY),
        }
    }
}

pub(super) fn last(length: Micros, at: UnixMicros) -> Window {
    Window { from: before(at, length), to: at }
}

fn before(at: UnixMicros, length: Micros) -> UnixMicros {
    UnixMicros(at.0.saturating_sub(i64::try_from(length.0).unwrap_or(i64::MAX)))
}

fn days_before(at: UnixMicros, days: u32, zone: Tz) -> Option<UnixMicros> {
    let local = DateTime::from_timestamp_micros(at.0)?.with_timezone(&zone).naive_local();
    moment(local.checked_sub_days(Days::new(u64::from(days)))?, zone)
}

fn complete_days(days: u32, at: UnixMicros, zone: Tz) -> Option<Window> {
    let today = local_date(at, zone)?;
    let first = today.checked_sub_days(Days::new(u64::from(days)))?;
    Some(Window { from: Window::day(first, zone)?.from, to: Window::day(today, zone)?.from })
}

/// The period a moment lies in: the budget's, else that of the configured zone.
pub(super) fn period(period: BudgetPeriod, at: UnixMicros, tick: &Tick<'_>) -> Window {
    let budget = tick.facts.budget(tick.budget, period).map(|b| b.period);
    budget.filter(|w| w.contains(at)).unwrap_or_else(|| {
        let calendar = match period {
            BudgetPeriod::Day => Period::Day,
            BudgetPeriod::Month => Period::Month,
        };
        calendar.containing(at, tick.zone)
    })
}

fn to_date(of: BudgetPeriod, at: UnixMicros, tick: &Tick<'_>) -> Window {
    Window { to: at, ..period(of, at, tick) }
}
