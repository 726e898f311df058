//! What metrics measure, and the units that may be written for it.

/// What a metric measures; a condition's unit must measure the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// µs.
    Time,
    /// 0–1 as a rule.
    Ratio,
    /// Tokens, users, requests.
    Count,
    /// Nano-dollars.
    Money,
    /// Bytes.
    Size,
    /// Requests per minute.
    Rate,
    /// 1–5.
    Rating,
}

impl Dimension {
    /// A few words for a person.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Time => "a time",
            Self::Ratio => "a share in percent",
            Self::Count => "a count",
            Self::Money => "an amount of money",
            Self::Size => "a size in bytes",
            Self::Rate => "a rate of requests",
            Self::Rating => "a rating from 1 to 5",
        }
    }

    /// Units that may be written for it, as examples in messages.
    #[must_use]
    pub const fn units(self) -> &'static str {
        match self {
            Self::Time => "us, ms, s, m, h",
            Self::Ratio => "%",
            Self::Count => "no unit, tokens, k, M, G",
            Self::Money => "$, USD, cents",
            Self::Size => "B, KB, MB, GB, KiB, MiB, GiB",
            Self::Rate => "rpm, rps",
            Self::Rating => "no unit, /5",
        }
    }
}
