//! Units. A bare number never crosses a module boundary; percent exists only at the edges.

use serde::{Deserialize, Serialize};
use std::ops::{Add, AddAssign, Sub};

/// A duration in whole microseconds, measured on a monotonic clock.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Micros(pub u64);

impl Micros {
    /// From whole milliseconds.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(1_000))
    }

    /// In milliseconds, as people read it.
    #[must_use]
    pub fn as_millis_f64(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "durations stay far below 2^53 µs")]
        let us = self.0 as f64;
        us / 1_000.0
    }

    /// The difference, or zero where the other is longer.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// A point in time: microseconds since the Unix epoch, UTC.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixMicros(pub i64);

impl UnixMicros {
    /// Microseconds in one minute.
    pub const MINUTE: i64 = 60_000_000;
    /// Microseconds in one hour.
    pub const HOUR: i64 = 60 * Self::MINUTE;
    /// Microseconds in one day of 24 hours.
    pub const DAY: i64 = 24 * Self::HOUR;

    /// The minute this moment lies in, counted from the epoch.
    #[must_use]
    pub const fn minute(self) -> i64 {
        self.0.div_euclid(Self::MINUTE)
    }

    /// The first moment of a minute counted from the epoch.
    #[must_use]
    pub const fn from_minute(minute: i64) -> Self {
        Self(minute.saturating_mul(Self::MINUTE))
    }

    /// This moment, later by a duration.
    #[must_use]
    pub fn after(self, d: Micros) -> Self {
        Self(self.0.saturating_add(i64::try_from(d.0).unwrap_or(i64::MAX)))
    }

    /// Time since an earlier moment; zero where `earlier` is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Micros {
        Micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 in UTC with microseconds, for JSON and tables.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        match chrono::DateTime::from_timestamp_micros(self.0) {
            Some(t) => t.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
            None => format!("{} µs", self.0),
        }
    }
}

/// Money: one billionth of a US dollar. Integers only; a float never holds money.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NanoUsd(pub i64);

impl NanoUsd {
    /// In dollars, for display and statistics only.
    #[must_use]
    pub fn as_usd_f64(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "display only; sums stay integers")]
        let nanos = self.0 as f64;
        nanos / 1e9
    }

    /// Exact decimal dollars, e.g. `0.054399000`.
    #[must_use]
    pub fn to_decimal(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let n = self.0.unsigned_abs();
        format!("{sign}{}.{:09}", n / 1_000_000_000, n % 1_000_000_000)
    }

    /// Sum that stops at the largest amount instead of wrapping.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// A count of tokens.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Tokens(pub u64);

impl Add for Tokens {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Tokens {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// A share between 0 and 1. Percent is made where a person reads it.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratio(pub f64);

impl Ratio {
    /// `part / whole`, or nothing where the whole is empty.
    #[must_use]
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        (whole > 0).then(|| Self(part as f64 / whole as f64))
    }

    /// In percent, for people.
    #[must_use]
    pub fn percent(self) -> f64 {
        self.0 * 100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_before_the_epoch_rounds_down() {
        assert_eq!(UnixMicros(-1).minute(), -1);
        assert_eq!(UnixMicros(UnixMicros::MINUTE).minute(), 1);
    }

    #[test]
    fn money_prints_every_nano_dollar() {
        assert_eq!(NanoUsd(54_399_000).to_decimal(), "0.054399000");
        assert_eq!(NanoUsd(-1).to_decimal(), "-0.000000001");
    }

    #[test]
    fn a_ratio_of_nothing_is_no_ratio() {
        assert_eq!(Ratio::of(0, 0), None);
        assert_eq!(Ratio::of(1, 4), Some(Ratio(0.25)));
    }
}
