//! Reports: the facts of a period, read from what is stored, and the document they make.
//!
//! Owns which figures belong in which report. Refuses to reckon (the KPI catalogue does) and to word or draw
//! (`logic::report` does); what is not stored is unknown, with its reason.

mod events;
mod figures;
mod file;
mod looks;
mod money;

use crate::logic::report::facts::{Head, Readings, Regressions};
use crate::logic::report::monthly::Include;
use crate::logic::report::{Document, Kind, Period as Shown, daily, executive, monthly, weekly};
use crate::logic::schedule::{Every, Period};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::store::{Reader, StoreError};
use chrono_tz::Tz;
use std::path::Path;

pub use file::{Format, Made, Wanted, every, make, render};
pub use money::Rates;

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
    /// It cannot be as it is asked for.
    #[error("{0}")]
    Asked(String),
    /// There is no report of this kind yet.
    #[error("there is no {0} report yet; there are daily, weekly, monthly, cost and executive")]
    Kind(&'static str),
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
    let cut = cut(sources, period)?;
    let head = head(sources, kind, period, cut.window);
    Ok(match kind {
        Kind::Daily => daily::document(&body(sources, head, period, &cut)?),
        Kind::Weekly => {
            let week = body(sources, head, period, &cut)?;
            weekly::document(&weekly::Facts {
                week_on_week: figures::week_on_week(sources, &cut)?,
                proposal: None,
                thresholds: Vec::new(),
                noise: events::noise(sources, cut.window)?,
                tested: Vec::new(),
                week,
            })
        }
        Kind::Monthly => {
            let month = body(sources, head, period, &cut)?;
            monthly::document(&monthly::Facts {
                months: figures::months(sources, period, MONTHS)?,
                objectives: Vec::new(),
                teams: money::teams(sources, cut.window)?,
                include,
                month,
            })
        }
        Kind::Executive => {
            let (readings, extra) = figures::readings(sources, period, &cut)?;
            executive::document(&executive::Facts {
                head,
                readings,
                extra,
                regressions: Regressions::default(),
                saved: money::saved(sources, cut.window)?,
                saved_by: "Cost of answers that the cache gave instead of a model".to_owned(),
                next: None,
            })
        }
        Kind::Cost => money::cost(sources, head, cut.window, rates)?,
        other => return Err(ReportError::Kind(other.name())),
    })
}

fn cut(sources: Sources<'_>, period: Period) -> Result<Cut, ReportError> {
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
fn head(sources: Sources<'_>, kind: Kind, period: Period, window: Window) -> Head {
    let partial = sources.now < window.to;
    let name = match period.every {
        Every::Week => format!("{} to {}", period.first, period.last()),
        Every::Day | Every::Month => period.to_string(),
    };
    Head {
        id: format!("{}-{period}", kind.name()),
        generated_at: if partial { sources.now } else { window.to },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        period: Shown { name, from: window.from, to: window.to, zone: sources.zone, partial },
    }
}

fn body(
    sources: Sources<'_>,
    head: Head,
    period: Period,
    cut: &Cut,
) -> Result<daily::Facts, ReportError> {
    let (readings, extra): (Readings, _) = figures::readings(sources, period, cut)?;
    let mut facts = daily::Facts::new(head);
    facts.stretches = figures::stretches(sources, period, cut.window)?;
    facts.changes = events::changes(sources, cut.window)?;
    facts.episodes = events::episodes(sources, cut.window)?;
    facts.switches = events::switches(sources)?;
    facts.movers = money::movers(sources, cut)?;
    facts.budgets = money::budgets(sources)?;
    facts.looks = looks::looks(sources, period, cut.window)?;
    facts.sureness = figures::sureness(sources, cut.window, &readings)?;
    (facts.readings, facts.extra) = (readings, extra);
    Ok(facts)
}
