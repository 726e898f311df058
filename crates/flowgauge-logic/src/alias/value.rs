//! Attribute values and how lenient their reading is. Refuses to guess: a value of the wrong kind
//! is unknown, a negative or endless one is an error.

use super::{MAX_NAME, MAX_TOKENS, Rejected};
use crate::call::Text;

/// One attribute value, borrowed from the message.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Text.
    Str(&'a str),
    /// Truth value.
    Bool(bool),
    /// Integer.
    Int(i64),
    /// Floating point.
    Double(f64),
    /// Array or key-value list, rendered as JSON.
    Json(Text),
    /// Bytes; only their number is of interest.
    Bytes(usize),
}

impl Value<'_> {
    /// The text, cut to the length of a column; empty text is no text.
    pub(super) fn name(&self) -> Option<Text> {
        match self {
            Self::Str(s) => name(s),
            Self::Json(t) => name(t),
            Self::Int(i) => Some(compact_str::format_compact!("{i}")),
            Self::Bool(_) | Self::Double(_) | Self::Bytes(_) => None,
        }
    }

    /// The text of a string or of rendered JSON.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Str(s) => Some(s),
            Self::Json(t) => Some(t),
            _ => None,
        }
    }

    /// A truth value, also when written as text.
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(*b),
            Self::Str(s) if s.eq_ignore_ascii_case("true") => Some(true),
            Self::Str(s) if s.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    /// A token count.
    pub(super) fn tokens(&self, key: &str) -> Result<Option<u64>, Rejected> {
        let count = match self {
            Self::Int(i) => {
                u64::try_from(*i).map_err(|_| Rejected::new(format!("{key} is negative")))?
            }
            Self::Double(d) => return double_tokens(*d, key),
            Self::Str(s) => match s.trim().parse::<i64>() {
                Ok(i) => {
                    u64::try_from(i).map_err(|_| Rejected::new(format!("{key} is negative")))?
                }
                Err(_) => return Ok(None),
            },
            Self::Bool(_) | Self::Json(_) | Self::Bytes(_) => return Ok(None),
        };
        if count > MAX_TOKENS {
            return Err(Rejected::new(format!("{key} is larger than 2^53")));
        }
        Ok(Some(count))
    }

    /// A finite number that is not negative.
    pub(super) fn amount(&self, key: &str) -> Result<Option<f64>, Rejected> {
        let number = match self {
            Self::Double(d) => *d,
            #[expect(
                clippy::cast_precision_loss,
                reason = "amounts of time or money; 2^53 is ample"
            )]
            Self::Int(i) => *i as f64,
            Self::Str(s) => match s.trim().parse() {
                Ok(d) => d,
                Err(_) => return Ok(None),
            },
            Self::Bool(_) | Self::Json(_) | Self::Bytes(_) => return Ok(None),
        };
        if !number.is_finite() {
            return Err(Rejected::new(format!("{key} is not a finite number")));
        }
        if number < 0.0 {
            return Err(Rejected::new(format!("{key} is negative")));
        }
        Ok(Some(number))
    }
}

pub(super) fn double_tokens(d: f64, key: &str) -> Result<Option<u64>, Rejected> {
    if !d.is_finite() {
        return Err(Rejected::new(format!("{key} is not a finite number")));
    }
    if d < 0.0 {
        return Err(Rejected::new(format!("{key} is negative")));
    }
    #[expect(clippy::cast_precision_loss, reason = "2^53 is exact")]
    if d > MAX_TOKENS as f64 {
        return Err(Rejected::new(format!("{key} is larger than 2^53")));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Ok(Some(d.round() as u64))
}

/// A name cut at a character boundary; nothing where it is empty.
pub(super) fn name(s: &str) -> Option<Text> {
    (!s.is_empty()).then(|| Text::from(cut(s, MAX_NAME)))
}

/// The longest prefix of whole characters in `max` bytes.
pub(super) fn cut(s: &str, max: usize) -> &str {
    if s.len() <= max {
        return s;
    }
    let end = (0..=max).rev().find(|i| s.is_char_boundary(*i));
    end.and_then(|i| s.get(..i)).unwrap_or_default()
}
