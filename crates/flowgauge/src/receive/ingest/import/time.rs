//! Time stamps as files write them. Text without a zone is UTC.

use crate::logic::unit::UnixMicros;
use chrono::{DateTime, NaiveDateTime};

/// Reads RFC 3339, `YYYY-MM-DD HH:MM:SS[.fraction]` or a Unix time, whose size tells its unit.
pub(super) fn parse(text: &str) -> Option<UnixMicros> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return unix(number);
    }
    if let Ok(seconds) = text.parse::<f64>() {
        // Fractional seconds; anything larger than the year 5000 is no number of seconds.
        #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
        return (0.0..1e11).contains(&seconds).then(|| UnixMicros((seconds * 1e6).round() as i64));
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(UnixMicros(time.timestamp_micros()));
    }
    for form in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, form) {
            return Some(UnixMicros(time.and_utc().timestamp_micros()));
        }
    }
    None
}

/// Seconds, milliseconds, microseconds or nanoseconds: each is the one that lies before the year 5138.
fn unix(number: i64) -> Option<UnixMicros> {
    const LIMIT: i64 = 100_000_000_000;
    let us = match number {
        ..0 => return None,
        n if n < LIMIT => n.checked_mul(1_000_000)?,
        n if n < LIMIT * 1_000 => n.checked_mul(1_000)?,
        n if n < LIMIT * 1_000_000 => n,
        n => n / 1_000,
    };
    Some(UnixMicros(us))
}
