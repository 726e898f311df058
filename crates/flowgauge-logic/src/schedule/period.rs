//! The days a report is about: yesterday, the seven complete days before today, the last complete
//! month.
//!
//! Owns their names and their windows: half open, in UTC, from midnight to midnight of a zone, so that
//! the days of a month are the month, clock changes included.

use crate::unit::UnixMicros;
use crate::window::{Window, local_date};
use chrono::{Datelike, Days, Months, NaiveDate};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Days of a week, wherever it begins.
const WEEK: u64 = 7;

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// One calendar day.
    Day,
    /// Seven complete days, ending yesterday.
    Week,
    /// One calendar month.
    Month,
}

impl Every {
    /// The word used everywhere.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// Whole days in a row, as a report is about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Period {
    /// How long it is.
    pub every: Every,
    /// Its first day.
    pub first: NaiveDate,
    /// The day after its last.
    pub after: NaiveDate,
}

/// A text that names no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no period; write a day 2026-11-23, a week 2026-11-16_2026-11-22, or a month 2026-10"
)]
pub struct BadPeriod(String);

impl Period {
    /// The last complete one before a moment; nothing outside the calendar's range.
    #[must_use]
    pub fn complete_before(now: UnixMicros, every: Every, zone: Tz) -> Option<Self> {
        let today = local_date(now, zone)?;
        match every {
            Every::Day => Self::day(today.pred_opt()?),
            Every::Week => {
                let first = today.checked_sub_days(Days::new(WEEK))?;
                Some(Self { every, first, after: today })
            }
            Every::Month => {
                let this = today.with_day(1)?;
                Some(Self { every, first: this.checked_sub_months(Months::new(1))?, after: this })
            }
        }
    }

    /// One calendar day.
    #[must_use]
    pub fn day(date: NaiveDate) -> Option<Self> {
        Some(Self { every: Every::Day, first: date, after: date.succ_opt()? })
    }

    /// The one of the same length that follows.
    #[must_use]
    pub fn next(&self) -> Option<Self> {
        let first = self.after;
        let after = match self.every {
            Every::Day => first.succ_opt()?,
            Every::Week => first.checked_add_days(Days::new(WEEK))?,
            Every::Month => first.checked_add_months(Months::new(1))?,
        };
        Some(Self { every: self.every, first, after })
    }

    /// The one of the same length before it.
    #[must_use]
    pub fn previous(&self) -> Option<Self> {
        let after = self.first;
        let first = match self.every {
            Every::Day => after.pred_opt()?,
            Every::Week => after.checked_sub_days(Days::new(WEEK))?,
            Every::Month => after.checked_sub_months(Months::new(1))?,
        };
        Some(Self { every: self.every, first, after })
    }

    /// From its first midnight up to, not including, the one after it.
    #[must_use]
    pub fn window(&self, zone: Tz) -> Option<Window> {
        let from = Window::day(self.first, zone)?.from;
        Some(Window { from, to: Window::day(self.after, zone)?.from })
    }

    /// Its days.
    pub fn days(&self) -> impl Iterator<Item = Self> + use<> {
        let after = self.after;
        self.first.iter_days().take_while(move |d| *d < after).filter_map(Self::day)
    }

    /// Its last day.
    #[must_use]
    pub fn last(&self) -> NaiveDate {
        self.after.pred_opt().unwrap_or(self.first)
    }
}

/// As it stands in file names: `2026-11-23`, `2026-11-16_2026-11-22`, `2026-10`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.every {
            Every::Day => write!(f, "{}", self.first),
            Every::Week => write!(f, "{}_{}", self.first, self.last()),
            Every::Month => write!(f, "{}", self.first.format("%Y-%m")),
        }
    }
}

impl FromStr for Period {
    type Err = BadPeriod;

    fn from_str(text: &str) -> Result<Self, BadPeriod> {
        read(text).ok_or_else(|| BadPeriod(text.to_owned()))
    }
}

fn read(text: &str) -> Option<Period> {
    let date = |t: &str| NaiveDate::parse_from_str(t, "%Y-%m-%d").ok();
    if let Some((first, last)) = text.split_once('_') {
        let (first, after) = (date(first)?, date(last)?.succ_opt()?);
        let week = Period { every: Every::Week, first, after };
        return (first.checked_add_days(Days::new(WEEK))? == after).then_some(week);
    }
    if let Some(day) = date(text) {
        return Period::day(day);
    }
    let first = date(&format!("{text}-01"))?;
    let after = first.checked_add_months(Months::new(1))?;
    Some(Period { every: Every::Month, first, after })
}
