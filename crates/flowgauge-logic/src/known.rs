//! Unknown is a value: a number, or the reason there is none. It is never read as zero.

use serde::{Deserialize, Serialize};

/// A value, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known<T> {
    /// Measured.
    Value(T),
    /// Not measured, and why.
    Unknown(Reason),
}

/// Why a value is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No request fell into the window.
    NoData,
    /// Requests did, but fewer than the statistic needs.
    TooFew,
    /// The provider or the producer did not send it.
    NotReported,
    /// No price is known for the model.
    NotPriced,
    /// The mechanism it describes is switched off.
    SwitchedOff,
    /// It is not measured in this installation (no baseline, no budget, no scores).
    NotConfigured,
    /// It is read minute by minute, and the window has too many of them.
    WindowTooLong,
}

impl Reason {
    /// A few words for a person.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoData => "no data",
            Self::TooFew => "too few samples",
            Self::NotReported => "not reported",
            Self::NotPriced => "not priced",
            Self::SwitchedOff => "switched off",
            Self::NotConfigured => "not measured",
            Self::WindowTooLong => "window too long",
        }
    }
}

impl<T> Known<T> {
    /// The value, where there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(v) => Some(v),
            Self::Unknown(_) => None,
        }
    }

    /// A value, or `reason` where there is none.
    pub fn from_option(v: Option<T>, reason: Reason) -> Self {
        v.map_or(Self::Unknown(reason), Self::Value)
    }

    /// The same unknown, or another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Self::Value(v) => Known::Value(f(v)),
            Self::Unknown(r) => Known::Unknown(r),
        }
    }
}
