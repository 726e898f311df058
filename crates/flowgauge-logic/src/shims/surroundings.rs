//! What a plan depends on beside its arguments: days, files of the guide, and whether somebody can be asked.

use crate::unit::UnixMicros;
use chrono::{Datelike as _, Days, NaiveDate};
use chrono_tz::Tz;
use std::fmt;

/// The surroundings of a plan.
pub struct Surroundings<'a> {
    /// Now.
    pub now: UnixMicros,
    /// Where days begin.
    pub zone: Tz,
    /// Whether somebody can be asked.
    pub terminal: bool,
    /// Put before the guide's absolute paths; empty is the machine itself.
    pub root: &'a str,
    /// Whether a file is there.
    pub exists: &'a dyn Fn(&str) -> bool,
    /// Whether a file or folder can be written, or made.
    pub writable: &'a dyn Fn(&str) -> bool,
    /// The text of a file, or why there is none.
    pub read: &'a dyn Fn(&str) -> Result<String, String>,
    /// A folder of nobody else's, gone afterwards.
    pub scratch: &'a str,
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("now", &self.now)
            .field("zone", &self.zone)
            .field("terminal", &self.terminal)
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl Surroundings<'_> {
    /// A path of the guide's on this machine.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// Today.
    #[must_use]
    pub fn today(&self) -> NaiveDate {
        let utc = chrono::DateTime::from_timestamp_micros(self.now.0).unwrap_or_default();
        utc.with_timezone(&self.zone).date_naive()
    }

    /// So many days before today.
    #[must_use]
    pub fn days_ago(&self, days: u64) -> NaiveDate {
        let today = self.today();
        today.checked_sub_days(Days::new(days)).unwrap_or(today)
    }

    /// The last complete month, `2026-10`.
    #[must_use]
    pub fn last_month(&self) -> String {
        let first = self.today().with_day(1).unwrap_or_default();
        first.pred_opt().unwrap_or(first).format("%Y-%m").to_string()
    }
}
