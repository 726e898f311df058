//! Moments as reports write them: in the zone of the report, without doubt where the clock is set back.

use crate::unit::UnixMicros;
use chrono::{LocalResult, NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::Tz;

/// Date and time of day to the minute: `2026-11-23 14:02`.
#[must_use]
pub fn minute(at: UnixMicros, zone: Tz) -> String {
    written(at, zone, "%Y-%m-%d %H:%M")
}

/// The time of day: `14:02`.
#[must_use]
pub fn clock(at: UnixMicros, zone: Tz) -> String {
    written(at, zone, "%H:%M")
}

/// The date: `2026-11-23`.
#[must_use]
pub fn date(at: UnixMicros, zone: Tz) -> String {
    written(at, zone, "%Y-%m-%d")
}

/// The time of day where it falls on that date, else date and time.
#[must_use]
pub fn near(at: UnixMicros, day: UnixMicros, zone: Tz) -> String {
    if date(at, zone) == date(day, zone) { clock(at, zone) } else { minute(at, zone) }
}

/// A date as reports name it.
#[must_use]
pub fn day(date: NaiveDate) -> String {
    date.format("%Y-%m-%d").to_string()
}

fn written(at: UnixMicros, zone: Tz, pattern: &str) -> String {
    let Some(utc) = chrono::DateTime::from_timestamp_micros(at.0) else {
        return at.to_rfc3339();
    };
    let local = utc.with_timezone(&zone);
    let text = local.format(pattern).to_string();
    // The hour that comes twice names its offset.
    if pattern.contains("%H") && comes_twice(local.naive_local(), zone) {
        format!("{text} {}", local.format("%:z"))
    } else {
        text
    }
}

fn comes_twice(local: NaiveDateTime, zone: Tz) -> bool {
    matches!(zone.from_local_datetime(&local), LocalResult::Ambiguous(_, _))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixMicros {
        let moment = chrono::DateTime::parse_from_rfc3339(text).unwrap();
        UnixMicros(moment.timestamp_micros())
    }

    #[test]
    fn a_moment_is_written_in_the_zone_of_the_report() {
        let t = at("2026-11-23T14:02:59Z");
        assert_eq!(minute(t, Tz::UTC), "2026-11-23 14:02");
        assert_eq!(minute(t, Tz::Asia__Kolkata), "2026-11-23 19:32");
        assert_eq!(near(t, at("2026-11-23T00:00:00Z"), Tz::UTC), "14:02");
        assert_eq!(near(t, at("2026-11-22T00:00:00Z"), Tz::UTC), "2026-11-23 14:02");
    }

    #[test]
    fn the_hour_that_comes_twice_names_its_offset() {
        let zone = Tz::America__Los_Angeles;
        assert_eq!(clock(at("2026-11-01T08:30:00Z"), zone), "01:30 -07:00");
        assert_eq!(clock(at("2026-11-01T09:30:00Z"), zone), "01:30 -08:00");
        assert_eq!(clock(at("2026-11-01T10:30:00Z"), zone), "02:30");
        assert_eq!(date(at("2026-11-01T08:30:00Z"), zone), "2026-11-01");
    }
}
