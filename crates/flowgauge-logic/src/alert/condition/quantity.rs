//! A number with its unit, as written in a condition, and what it is in the evaluator's base unit.

use serde::{Deserialize, Serialize};

/// A number with its unit, as written.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    /// The number.
    pub number: f64,
    /// Its unit.
    pub unit: Written,
}

/// Units as they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Written {
    /// No unit: counts and ratings only.
    #[serde(rename = "")]
    Bare,
    /// Microseconds.
    #[serde(rename = "us")]
    Micros,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Millis,
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Minutes.
    #[serde(rename = "m")]
    Minutes,
    /// Hours.
    #[serde(rename = "h")]
    Hours,
    /// Percent.
    #[serde(rename = "%")]
    Percent,
    /// Tokens.
    #[serde(rename = "tokens")]
    Tokens,
    /// Thousands.
    #[serde(rename = "k")]
    Kilo,
    /// Millions.
    #[serde(rename = "M")]
    Mega,
    /// Billions.
    #[serde(rename = "G")]
    Giga,
    /// `$` in front.
    #[serde(rename = "$")]
    Dollar,
    /// `USD` behind.
    #[serde(rename = "USD")]
    Usd,
    /// Hundredths of a dollar.
    #[serde(rename = "cents")]
    Cents,
    /// Per minute.
    #[serde(rename = "rpm")]
    PerMinute,
    /// Per second.
    #[serde(rename = "rps")]
    PerSecond,
    /// Bytes.
    #[serde(rename = "B")]
    Bytes,
    /// 10³ bytes.
    #[serde(rename = "KB")]
    KiloBytes,
    /// 10⁶ bytes.
    #[serde(rename = "MB")]
    MegaBytes,
    /// 10⁹ bytes.
    #[serde(rename = "GB")]
    GigaBytes,
    /// 2¹⁰ bytes.
    #[serde(rename = "KiB")]
    KibiBytes,
    /// 2²⁰ bytes.
    #[serde(rename = "MiB")]
    MebiBytes,
    /// 2³⁰ bytes.
    #[serde(rename = "GiB")]
    GibiBytes,
    /// Of five.
    #[serde(rename = "/5")]
    OfFive,
}

impl Written {
    /// What one of it is in the evaluator's base unit: µs, ratio, count, nano-dollars, per minute,
    /// bytes, rating.
    #[must_use]
    pub const fn base(self) -> f64 {
        match self {
            Self::Bare
            | Self::Micros
            | Self::Tokens
            | Self::PerMinute
            | Self::Bytes
            | Self::OfFive => 1.0,
            Self::Millis | Self::Kilo | Self::KiloBytes => 1e3,
            Self::Seconds | Self::Mega | Self::MegaBytes => 1e6,
            Self::Minutes | Self::PerSecond => {
                60.0 * if matches!(self, Self::Minutes) { 1e6 } else { 1.0 }
            }
            Self::Hours => 3.6e9,
            Self::Percent => 0.01,
            Self::Giga | Self::GigaBytes | Self::Dollar | Self::Usd => 1e9,
            Self::Cents => 1e7,
            Self::KibiBytes => 1024.0,
            Self::MebiBytes => 1_048_576.0,
            Self::GibiBytes => 1_073_741_824.0,
        }
    }
}

impl Quantity {
    /// In the evaluator's base unit.
    #[must_use]
    pub fn base(self) -> f64 {
        if self.unit == Written::Percent {
            // 0.07 × 100 is 7.000000000000001; the division is exact where the number is.
            return self.number / 100.0;
        }
        self.number * self.unit.base()
    }
}
