//! The day or month a moment lies in, on the wall of a zone: 23 or 25 hours where the clock changes.

use crate::unit::UnixMicros;
use crate::window::{Window, local_date};
use chrono::{Datelike, Months};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// How long until a budget begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A calendar day.
    Day,
    /// A calendar month.
    Month,
}

impl Period {
    /// The word used in configuration and JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The value of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Day, Self::Month].into_iter().find(|p| p.word() == word)
    }

    /// The period a moment lies in. A moment no calendar holds lies in one that never ends.
    #[must_use]
    pub fn containing(self, at: UnixMicros, zone: Tz) -> Window {
        let always = Window { from: UnixMicros(i64::MIN), to: UnixMicros(i64::MAX) };
        self.on_the_wall(at, zone).filter(|w| w.contains(at)).unwrap_or(always)
    }

    fn on_the_wall(self, at: UnixMicros, zone: Tz) -> Option<Window> {
        let today = local_date(at, zone)?;
        match self {
            Self::Day => Window::day(today, zone),
            Self::Month => {
                let first = today.with_day(1)?;
                let next = first.checked_add_months(Months::new(1))?;
                let from = Window::day(first, zone)?.from;
                Some(Window { from, to: Window::day(next, zone)?.from })
            }
        }
    }
}

/// A moment as RFC 3339 with the offset of a zone.
#[must_use]
pub fn local_rfc3339(at: UnixMicros, zone: Tz) -> String {
    match chrono::DateTime::from_timestamp_micros(at.0) {
        Some(utc) => utc.with_timezone(&zone).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false),
        None => "never".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> UnixMicros {
        let t = chrono::DateTime::parse_from_rfc3339(text).unwrap();
        UnixMicros(t.timestamp_micros())
    }

    fn shown(period: Period, moment: &str, zone: Tz) -> (String, String) {
        let w = period.containing(at(moment), zone);
        (local_rfc3339(w.from, zone), local_rfc3339(w.to, zone))
    }

    fn pair(from: &str, to: &str) -> (String, String) {
        (from.to_owned(), to.to_owned())
    }

    #[test]
    fn half_past_eleven_at_night_is_still_today() {
        let want = pair("2026-05-05T00:00:00+05:30", "2026-05-06T00:00:00+05:30");
        assert_eq!(shown(Period::Day, "2026-05-05T23:30:00+05:30", Tz::Asia__Kolkata), want);
        let want = pair("2026-05-05T00:00:00-07:00", "2026-05-06T00:00:00-07:00");
        assert_eq!(shown(Period::Day, "2026-05-05T23:30:00-07:00", Tz::America__Los_Angeles), want);
    }

    #[test]
    fn days_of_the_clock_change_are_whole_days() {
        let want = pair("2026-03-08T00:00:00-08:00", "2026-03-09T00:00:00-07:00");
        assert_eq!(shown(Period::Day, "2026-03-08T23:59:59-07:00", Tz::America__Los_Angeles), want);
        let want = pair("2026-11-01T00:00:00-07:00", "2026-11-02T00:00:00-08:00");
        assert_eq!(shown(Period::Day, "2026-11-01T01:30:00-08:00", Tz::America__Los_Angeles), want);
    }

    #[test]
    fn a_month_ends_where_the_next_begins() {
        let want = pair("2024-02-01T00:00:00-08:00", "2024-03-01T00:00:00-08:00");
        assert_eq!(
            shown(Period::Month, "2024-02-29T12:00:00-08:00", Tz::America__Los_Angeles),
            want
        );
        let want = pair("2026-12-01T00:00:00+05:30", "2027-01-01T00:00:00+05:30");
        assert_eq!(shown(Period::Month, "2026-12-31T23:59:59+05:30", Tz::Asia__Kolkata), want);
    }

    proptest! {
        #[test]
        fn every_moment_lies_in_its_period_and_periods_follow_each_other(
            us in 0i64..4_102_444_800_000_000, zone in prop::sample::select(&chrono_tz::TZ_VARIANTS[..]),
            month in any::<bool>(),
        ) {
            let period = if month { Period::Month } else { Period::Day };
            let w = period.containing(UnixMicros(us), zone);
            prop_assert!(w.contains(UnixMicros(us)));
            prop_assert!(w.to.0 < i64::MAX, "it ends");
            prop_assert_eq!(period.containing(w.to, zone).from, w.to);
            prop_assert_eq!(period.containing(w.from, zone), w);
        }
    }
}
