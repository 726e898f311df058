//! Half-open time windows, and calendar days in a named zone.

use crate::unit::UnixMicros;
use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// From the first moment up to, not including, the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// First moment inside.
    pub from: UnixMicros,
    /// First moment after.
    pub to: UnixMicros,
}

impl Window {
    /// The window that ends at `now` and lasts `length_us` microseconds.
    #[must_use]
    pub fn last(length_us: i64, now: UnixMicros) -> Self {
        Self { from: UnixMicros(now.0.saturating_sub(length_us)), to: now }
    }

    /// The calendar day in a zone; 23 or 25 hours long where the clock changes.
    ///
    /// Returns nothing for a date outside the calendar's range.
    #[must_use]
    pub fn day(date: NaiveDate, zone: Tz) -> Option<Self> {
        let next = date.checked_add_days(Days::new(1))?;
        Some(Self { from: midnight(date, zone)?, to: midnight(next, zone)? })
    }

    /// The calendar day so far, in a zone.
    #[must_use]
    pub fn day_to_date(now: UnixMicros, zone: Tz) -> Option<Self> {
        Some(Self { from: Self::day(local_date(now, zone)?, zone)?.from, to: now })
    }

    /// The calendar month so far, in a zone.
    #[must_use]
    pub fn month_to_date(now: UnixMicros, zone: Tz) -> Option<Self> {
        let first = local_date(now, zone)?.with_day(1)?;
        Some(Self { from: Self::day(first, zone)?.from, to: now })
    }

    /// Whether a moment lies inside.
    #[must_use]
    pub fn contains(&self, t: UnixMicros) -> bool {
        self.from <= t && t < self.to
    }

    /// Whether two windows share a moment.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    /// Length in minutes, as a fraction.
    #[must_use]
    pub fn minutes(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "windows are far below 2^53 µs")]
        let us = self.to.0.saturating_sub(self.from.0).max(0) as f64;
        us / 60e6
    }

    /// The window widened to whole minutes: rollups know nothing finer.
    #[must_use]
    pub fn whole_minutes(&self) -> Self {
        let up = self.to.0.saturating_add(UnixMicros::MINUTE - 1);
        Self {
            from: UnixMicros::from_minute(self.from.minute()),
            to: UnixMicros::from_minute(UnixMicros(up).minute()),
        }
    }
}

/// The date on the wall at a moment.
#[must_use]
pub fn local_date(now: UnixMicros, zone: Tz) -> Option<NaiveDate> {
    let utc = chrono::DateTime::from_timestamp_micros(now.0)?;
    Some(utc.with_timezone(&zone).date_naive())
}

/// The first moment of a day. Where midnight is skipped, the first moment that exists after it.
fn midnight(date: NaiveDate, zone: Tz) -> Option<UnixMicros> {
    let local = date.and_time(NaiveTime::MIN);
    // Zones skip at most a day (Samoa, 2011); probing by quarter hours finds the first moment.
    (0..=96).find_map(|q| {
        let t = local.checked_add_signed(chrono::TimeDelta::minutes(15 * q))?;
        zone.from_local_datetime(&t).earliest().map(|m| UnixMicros(m.timestamp_micros()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(y: i32, m: u32, d: u32, zone: Tz) -> i64 {
        let w = Window::day(NaiveDate::from_ymd_opt(y, m, d).unwrap(), zone).unwrap();
        (w.to.0 - w.from.0) / UnixMicros::HOUR
    }

    #[test]
    fn days_of_the_clock_change_have_23_and_25_hours() {
        assert_eq!(hours(2026, 3, 8, Tz::America__Los_Angeles), 23);
        assert_eq!(hours(2026, 11, 1, Tz::America__Los_Angeles), 25);
        assert_eq!(hours(2026, 11, 1, Tz::Asia__Kolkata), 24);
    }

    #[test]
    fn the_end_is_not_inside() {
        let w = Window { from: UnixMicros(0), to: UnixMicros(10) };
        assert!(w.contains(UnixMicros(0)) && !w.contains(UnixMicros(10)));
    }
}
