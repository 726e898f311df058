//! Lengths of time as people write them: `30min`, `2hours`, `7d`, `3months`, `5 minutes`.
//!
//! Owns the literals and what a length means before a moment; months and days follow the calendar
//! of a zone only where asked. `m` is a minute; a month is a calendar month, never 30 days.
//! Refuses clocks: the moment to count back from is passed in.

use crate::unit::{Micros, UnixMicros};
use chrono::{Months, TimeZone};
use chrono_tz::Tz;
use std::fmt;
use std::str::FromStr;

/// A length of time: calendar months and a fixed part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Calendar months, 28 to 31 days long.
    pub months: u32,
    /// The rest, microseconds; never negative.
    pub micros: i64,
}

/// Text that is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDuration {
    /// Nothing there.
    #[error("a duration is missing; write for example 30min, 24h, 7d or 3months")]
    Empty,
    /// No number where one is needed.
    #[error("{0:?} is no duration: it does not begin with a number; write for example 30min or 7d")]
    NoNumber(String),
    /// A number alone.
    #[error("{0:?} has no unit; write for example {0}s or {0}min")]
    NoUnit(String),
    /// A unit that does not exist.
    #[error("{0:?} is no unit of time; there are ms, s, m (minute), h, d, w, mo (month)")]
    Unit(String),
    /// Longer than time lasts here.
    #[error("{0:?} is too long")]
    TooLong(String),
}

/// What one unit is worth.
#[derive(Clone, Copy)]
enum Worth {
    Micros(i64),
    Months,
}

/// Reads a length of time: a number and a unit, or several of them (`1h30min`).
///
/// # Errors
/// Names what is not understood and what would be.
pub fn parse(text: &str) -> Result<Span, BadDuration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(BadDuration::Empty);
    }
    let mut span = Span::default();
    while !rest.is_empty() {
        let (number, after) = split_where(rest, |c| !c.is_ascii_digit() && c != '.');
        let (unit, after) = split_where(after.trim_start(), |c| !c.is_alphabetic());
        if number.is_empty() {
            return Err(BadDuration::NoNumber(text.trim().to_owned()));
        }
        if unit.is_empty() && after.is_empty() {
            return Err(BadDuration::NoUnit(number.to_owned()));
        }
        let part = part(number, unit).map_err(|e| match e {
            BadDuration::TooLong(_) => BadDuration::TooLong(text.trim().to_owned()),
            other => other,
        })?;
        span = span.plus(part).ok_or_else(|| BadDuration::TooLong(text.trim().to_owned()))?;
        rest = after.trim_start();
    }
    Ok(span)
}

fn split_where(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

fn part(number: &str, unit: &str) -> Result<Span, BadDuration> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.contains('.') || (number.ends_with('.')) {
        return Err(BadDuration::NoNumber(format!("{number}{unit}")));
    }
    let too_long = || BadDuration::TooLong(number.to_owned());
    let whole: i64 = whole.parse().map_err(|_| too_long())?;
    match worth(unit).ok_or_else(|| BadDuration::Unit(unit.to_owned()))? {
        Worth::Months if fraction.is_empty() => {
            Ok(Span { months: u32::try_from(whole).map_err(|_| too_long())?, micros: 0 })
        }
        // Half a calendar month has no length.
        Worth::Months => Err(BadDuration::NoNumber(format!("{number}{unit}"))),
        Worth::Micros(worth) => {
            let fixed = whole.checked_mul(worth).ok_or_else(too_long)?;
            let micros = fixed.checked_add(share(fraction, worth)).ok_or_else(too_long)?;
            Ok(Span { months: 0, micros })
        }
    }
}

/// Decimals of a unit in microseconds, rounded down.
fn share(fraction: &str, worth: i64) -> i64 {
    let mut left = worth;
    let mut sum = 0;
    for digit in fraction.chars().filter_map(|c| c.to_digit(10)) {
        // Carries the remainder, so that 0.5h is exact.
        sum += left / 10 * i64::from(digit) + left % 10 * i64::from(digit) / 10;
        left /= 10;
    }
    sum
}

fn worth(unit: &str) -> Option<Worth> {
    const SECOND: i64 = 1_000_000;
    let lower = unit.to_lowercase();
    Some(match lower.as_str() {
        "us" | "µs" | "microseconds" => Worth::Micros(1),
        "ms" | "msec" | "millisecond" | "milliseconds" => Worth::Micros(1_000),
        "s" | "sec" | "secs" | "second" | "seconds" => Worth::Micros(SECOND),
        "m" | "min" | "mins" | "minute" | "minutes" => Worth::Micros(UnixMicros::MINUTE),
        "h" | "hr" | "hrs" | "hour" | "hours" => Worth::Micros(UnixMicros::HOUR),
        "d" | "day" | "days" => Worth::Micros(UnixMicros::DAY),
        "w" | "week" | "weeks" => Worth::Micros(7 * UnixMicros::DAY),
        "mo" | "mon" | "month" | "months" => Worth::Months,
        _ => return None,
    })
}

impl Span {
    /// A fixed length.
    #[must_use]
    pub const fn fixed(micros: i64) -> Self {
        Self { months: 0, micros }
    }

    fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            months: self.months.checked_add(other.months)?,
            micros: self.micros.checked_add(other.micros)?,
        })
    }

    /// Its length, where it does not depend on the calendar.
    #[must_use]
    pub fn as_micros(self) -> Option<Micros> {
        if self.months > 0 {
            return None;
        }
        u64::try_from(self.micros).ok().map(Micros)
    }

    /// The moment this long before `now`; months are counted on the calendar of `zone`, so that
    /// 31 March less a month is the last day of February.
    #[must_use]
    pub fn before(self, now: UnixMicros, zone: Tz) -> UnixMicros {
        let start = months_before(now, self.months, zone).unwrap_or(UnixMicros(i64::MIN));
        UnixMicros(start.0.saturating_sub(self.micros))
    }
}

/// `None` beyond the calendar's range.
fn months_before(now: UnixMicros, months: u32, zone: Tz) -> Option<UnixMicros> {
    if months == 0 {
        return Some(now);
    }
    let utc = chrono::DateTime::from_timestamp_micros(now.0)?;
    let local = utc.with_timezone(&zone).naive_local().checked_sub_months(Months::new(months))?;
    // Where the clock skipped that time of day, the first moment after the gap (at most a day).
    (0..=96).find_map(|quarter| {
        let t = local.checked_add_signed(chrono::TimeDelta::minutes(15 * quarter))?;
        zone.from_local_datetime(&t).earliest().map(|m| UnixMicros(m.timestamp_micros()))
    })
}

impl FromStr for Span {
    type Err = BadDuration;
    fn from_str(text: &str) -> Result<Self, BadDuration> {
        parse(text)
    }
}

impl fmt::Display for Span {
    /// In the largest unit that divides it, as `parse` reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.months > 0 {
            write!(f, "{}mo", self.months)?;
            if self.micros == 0 {
                return Ok(());
            }
        }
        let units = [
            (UnixMicros::DAY, "d"),
            (UnixMicros::HOUR, "h"),
            (UnixMicros::MINUTE, "min"),
            (1_000_000, "s"),
            (1_000, "ms"),
        ];
        for (worth, unit) in units {
            if self.micros % worth == 0 && self.micros > 0 {
                return write!(f, "{}{unit}", self.micros / worth);
            }
        }
        if self.micros == 0 { f.write_str("0s") } else { write!(f, "{}us", self.micros) }
    }
}

#[cfg(test)]
mod tests;
