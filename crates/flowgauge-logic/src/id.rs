//! Typed ids: a call id cannot be handed where a trace id is wanted.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(s: &str) -> Result<Self, BadId> {
                let mut out = [0u8; $len];
                let digits = s.bytes().filter(|b| *b != b'-');
                let mut n = 0;
                for (i, b) in digits.enumerate() {
                    let v = (b as char).to_digit(16).ok_or(BadId)?;
                    let slot = out.get_mut(i / 2).ok_or(BadId)?;
                    *slot = (*slot << 4) | u8::try_from(v).map_err(|_| BadId)?;
                    n = i + 1;
                }
                if n == 2 * $len { Ok(Self(out)) } else { Err(BadId) }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'_, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hex_id!(
    /// One user-visible call. A UUID version 7: its first 48 bits are the millisecond flowgauge
    /// received it, so that an id alone narrows a search to a moment.
    CallId, 16
);
hex_id!(/// A W3C trace id.
    TraceId, 16);
hex_id!(/// A W3C span id.
    SpanId, 8);

impl CallId {
    /// An id for a call received at `now`; `random` supplies the lower bits.
    #[must_use]
    pub fn new(now: crate::unit::UnixMicros, random: [u8; 10]) -> Self {
        let ms = u64::try_from(now.0 / 1_000).unwrap_or(0).to_be_bytes();
        let mut b = [0u8; 16];
        b[..6].copy_from_slice(&ms[2..]);
        b[6..].copy_from_slice(&random);
        b[6] = (b[6] & 0x0f) | 0x70;
        b[8] = (b[8] & 0x3f) | 0x80;
        Self(b)
    }

    /// The millisecond this id was made, as a moment.
    #[must_use]
    pub fn received(&self) -> crate::unit::UnixMicros {
        let ms = self.0.iter().take(6).fold(0i64, |acc, b| (acc << 8) | i64::from(*b));
        crate::unit::UnixMicros(ms * 1_000)
    }
}

/// The text is not an id of the wanted length in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a hexadecimal id of the expected length")]
pub struct BadId;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::UnixMicros;

    #[test]
    fn an_id_carries_its_moment_and_survives_text() {
        let id = CallId::new(UnixMicros(1_700_000_000_123_456), [7; 10]);
        assert_eq!(id.received(), UnixMicros(1_700_000_000_123_000));
        assert_eq!(id.to_string().parse::<CallId>(), Ok(id));
    }

    #[test]
    fn dashes_are_accepted_and_wrong_lengths_are_not() {
        assert!("0190-0000000070008000000000000001".parse::<CallId>().is_ok());
        assert_eq!("ab".parse::<SpanId>(), Err(BadId));
        assert_eq!("zz00000000000000".parse::<SpanId>(), Err(BadId));
    }
}
