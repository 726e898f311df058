//! Reports: the facts of a period, read from what is stored, and the document they make.
//!
//! Owns which figures belong in which report. Refuses to reckon (the KPI catalogue does) and to word or draw
//! (`logic::report` does); what is not stored is unknown, with its reason.

mod cells;
mod events;
mod figures;
mod file;
mod judged;
mod looks;
mod money;
mod reviewed;
mod setup;
mod state;
mod trials;

use crate::logic::known::Known;
use crate::logic::report::facts::{Forecast, Head, Readings, Regression};
use crate::logic::report::monthly::Include;
use crate::logic::report::{
    Document, Kind, Period as Shown, book, comprehensive, cost, daily, executive, monthly, next,
    recommendations, weekly,
};
use crate::logic::schedule::{Every, Period};
use crate::logic::unit::{NanoUsd, UnixMicros};
use crate::logic::window::Window;
use crate::store::{Reader, StoreError};
use cells::Cells;
use chrono_tz::Tz;
use std::ops::Deref;
use std::path::Path;

pub use file::{
    Format, ISO_WEEK, Made, MadeMonth, Wanted, all_of_month, current, every, kind_of, make, render,
};
pub use money::Rates;
pub use setup::Setup;

/// Days before a month that show where it comes from: a year of months.
const MONTHS: usize = 12;

/// What reports are read from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// Calls, rollups, scores.
    pub reader: &'a Reader,
    /// Alerts, changes, baselines, budgets.
    pub dir: &'a Path,
    /// Whose days.
    pub zone: Tz,
    /// What the time is.
    pub now: UnixMicros,
    /// What only the configuration knows.
    pub setup: &'a Setup,
}

/// Sources of one report, and what several of its parts need of them.
#[derive(Debug, Clone, Copy)]
struct Ground<'a> {
    of: Sources<'a>,
    cells: &'a Cells,
}

impl<'a> Deref for Ground<'a> {
    type Target = Sources<'a>;

    fn deref(&self) -> &Sources<'a> {
        &self.of
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The period lies outside of the calendar.
    #[error("{0} has no first or no last moment")]
    Period(Period),
    /// It cannot be put on paper.
    #[error("no PDF: {0}")]
    Paper(String),
    /// It cannot be as it is asked for.
    #[error("{0}")]
    Asked(String),
}

/// A period cut into what a report compares.
struct Cut {
    window: Window,
    before: Window,
}

/// Makes a report.
///
/// # Errors
/// The store cannot be read, or there is no such period.
pub fn document(
    sources: Sources<'_>,
    kind: Kind,
    period: Period,
    include: Include,
    rates: &Rates,
) -> Result<Document, ReportError> {
    let cells = Cells::default();
    let sources = Ground { of: sources, cells: &cells };
    let cut = cut(sources, period)?;
    let head = head(sources, kind, period, cut.window);
    Ok(match kind {
        Kind::Daily => daily::document(&body(sources, head, period, &cut)?.0),
        Kind::Weekly => weekly::document(&week(sources, head, period, &cut)?),
        Kind::Monthly => {
            let (month, _) = body(sources, head, period, &cut)?;
            monthly::document(&review(sources, month, period, &cut, include)?)
        }
        Kind::Executive => {
            let (body, _) = body(sources, head, period, &cut)?;
            executive::document(&page(sources, body, cut.window)?)
        }
        Kind::Cost => cost::document(&money::cost(sources, head, cut.window, rates)?),
        Kind::Recommendations => recommendations::document(&advice(sources, head, cut.window)?),
        Kind::Comprehensive => {
            comprehensive::document(&everything(sources, head, period, &cut, rates)?)
        }
        Kind::Documentation => book::document(&state::book(sources, head, cut.window)?),
    })
}

/// What the month will cost, from a period's last day on, and the month's budget of everything.
///
/// # Errors
/// The store cannot be read.
pub fn forecast(
    sources: Sources<'_>,
    period: Period,
) -> Result<(Forecast, Option<NanoUsd>), StoreError> {
    let sources = Ground { of: sources, cells: &Cells::default() };
    Ok((figures::forecast(sources, period)?, money::monthly_budget(sources)))
}

/// Every document of a month, of the same facts.
#[derive(Debug, Clone, PartialEq)]
pub struct Month {
    /// The review.
    pub review: Document,
    /// The forecast alone.
    pub forecast: Document,
    /// What it cost.
    pub cost: Document,
    /// What to change.
    pub recommendations: Document,
    /// The page for those who decide.
    pub executive: Document,
}

/// Makes all of a month at once: what they share is read once.
///
/// # Errors
/// The store cannot be read, or there is no such period.
pub fn month(
    sources: Sources<'_>,
    period: Period,
    include: Include,
    rates: &Rates,
) -> Result<Month, ReportError> {
    let cells = Cells::default();
    let sources = Ground { of: sources, cells: &cells };
    let cut = cut(sources, period)?;
    let head = |kind| head(sources, kind, period, cut.window);
    let (body, _) = body(sources, head(Kind::Monthly), period, &cut)?;
    let only = Include { trends: false, costs: false, forecasts: true };
    let facts = review(sources, body.clone(), period, &cut, include)?;
    let review = monthly::document(&facts);
    let forecast = monthly::document(&monthly::Facts { include: only, ..facts });
    let page = page(sources, daily::Facts { head: head(Kind::Executive), ..body }, cut.window)?;
    let cost = money::cost(sources, head(Kind::Cost), cut.window, rates)?;
    let advice = advice(sources, head(Kind::Recommendations), cut.window)?;
    Ok(Month {
        review,
        forecast,
        cost: cost::document(&cost),
        recommendations: recommendations::document(&advice),
        executive: executive::document(&page),
    })
}

fn week(
    sources: Ground<'_>,
    head: Head,
    period: Period,
    cut: &Cut,
) -> Result<weekly::Facts, StoreError> {
    let (week, tested) = body(sources, head, period, cut)?;
    let regressed = !week.regressions.found.is_empty();
    Ok(weekly::Facts {
        week_on_week: figures::week_on_week(sources, cut)?,
        proposal: reviewed::proposal(sources, cut.window, regressed)?,
        thresholds: reviewed::thresholds(sources, cut.window)?,
        noise: events::noise(sources, cut.window)?,
        tested,
        week,
    })
}

fn review(
    sources: Ground<'_>,
    month: daily::Facts,
    period: Period,
    cut: &Cut,
    include: Include,
) -> Result<monthly::Facts, StoreError> {
    Ok(monthly::Facts {
        months: figures::months(sources, period, MONTHS)?,
        objectives: reviewed::objectives(sources, cut.window)?,
        teams: money::teams(sources, cut.window)?,
        include,
        month,
    })
}

fn page(
    sources: Ground<'_>,
    body: daily::Facts,
    window: Window,
) -> Result<executive::Facts, StoreError> {
    // Where nothing was looked up, nothing is known of what a cache would have saved.
    let saved = match body.readings.value("cache_hit_rate") {
        Known::Unknown(reason) => Known::Unknown(reason),
        Known::Value(_) => money::saved(sources, window)?,
    };
    Ok(executive::Facts {
        head: body.head,
        readings: body.readings,
        extra: body.extra,
        regressions: body.regressions,
        saved,
        saved_by: "a: what answers of the cache would have cost".to_owned(),
        next: body.actions.into_iter().next(),
    })
}

fn advice(
    sources: Ground<'_>,
    head: Head,
    window: Window,
) -> Result<recommendations::Facts, StoreError> {
    let (recommendations, left_out) = trials::recommended(sources, window)?;
    Ok(recommendations::Facts { head, recommendations, left_out })
}

fn everything(
    sources: Ground<'_>,
    head: Head,
    period: Period,
    cut: &Cut,
    rates: &Rates,
) -> Result<comprehensive::Facts, StoreError> {
    let (body, tested) = body(sources, head.clone(), period, cut)?;
    let regressed = !body.regressions.found.is_empty();
    Ok(comprehensive::Facts {
        month: review(sources, body, period, cut, Include::default())?,
        compared: figures::week_on_week(sources, cut)?,
        proposal: reviewed::proposal(sources, cut.window, regressed)?,
        thresholds: reviewed::thresholds(sources, cut.window)?,
        noise: events::noise(sources, cut.window)?,
        tested,
        cost: money::cost(sources, head.clone(), cut.window, rates)?,
        recommendations: advice(sources, head, cut.window)?,
    })
}

fn cut(sources: Ground<'_>, period: Period) -> Result<Cut, ReportError> {
    let none = || ReportError::Period(period);
    let window = period.window(sources.zone).ok_or_else(none)?;
    // A day is compared with the same day of the week before: days have habits.
    let earlier = match period.every {
        Every::Day => (0..7).try_fold(period, |p, _| p.previous()),
        Every::Week | Every::Month => period.previous(),
    };
    let before = earlier.and_then(|p| p.window(sources.zone)).ok_or_else(none)?;
    Ok(Cut { window, before })
}

/// The same period and rows give the same head, whoever asks and when, once the period is over.
fn head(sources: Ground<'_>, kind: Kind, period: Period, window: Window) -> Head {
    let partial = sources.now < window.to;
    let name = match period.every {
        Every::Week => format!("{} to {}", period.first, period.last()),
        Every::Day | Every::Month => period.to_string(),
    };
    Head {
        id: format!("{}-{period}", kind.name()),
        // The book is about the moment it is made.
        generated_at: if partial || kind == Kind::Documentation { sources.now } else { window.to },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        period: Shown { name, from: window.from, to: window.to, zone: sources.zone, partial },
    }
}

/// What the reports of a period share, and every comparison behind it.
fn body(
    sources: Ground<'_>,
    head: Head,
    period: Period,
    cut: &Cut,
) -> Result<(daily::Facts, Vec<Regression>), StoreError> {
    let (readings, extra): (Readings, _) = figures::readings(sources, period, cut)?;
    let window = cut.window;
    let mut facts = daily::Facts::new(head);
    facts.stretches = figures::stretches(sources, period, window)?;
    facts.changes = events::changes(sources, window)?;
    judged::effects(sources, window, &mut facts.changes)?;
    let judged = judged::judged(sources, window, &facts.changes)?;
    facts.episodes = events::episodes(sources, window)?;
    facts.switches = trials::switches(&trials::trials(sources, window)?);
    facts.movers = money::movers(sources, cut)?;
    facts.budgets = money::budgets(sources, window)?;
    let (looks, cut_off) = looks::looks(sources, period, window)?;
    facts.looks = looks;
    facts.sureness = figures::sureness(sources, window, &readings)?;
    facts.sureness.notes.extend(cut_off);
    facts.sureness.notes.extend(judged::undetected(&judged));
    (facts.readings, facts.extra) = (readings, extra);
    facts.regressions = judged.regressions;
    facts.actions = next::actions(&facts);
    Ok((facts, judged.tested))
}
