//! Attribute values of OTLP's JSON mapping. Unknown fields are ignored, as the protocol demands.

use super::batch::Malformed;
use super::walk::MAX_DEPTH;
use crate::logic::alias::{Value, quote};
use crate::logic::call::Text;
use serde::Deserialize;
use std::borrow::Cow;
use std::fmt::Write as _;

/// A 64-bit integer: a string in protobuf's JSON mapping, a number from lenient senders.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Number<'a> {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

impl Number<'_> {
    pub(super) fn unsigned(&self) -> Option<u64> {
        match self {
            Self::Unsigned(n) => Some(*n),
            Self::Signed(_) | Self::Float(_) => None,
            Self::Text(s) => s.parse().ok(),
        }
    }

    fn signed(&self) -> Option<i64> {
        match self {
            Self::Unsigned(n) => i64::try_from(*n).ok(),
            Self::Signed(n) => Some(*n),
            Self::Float(_) => None,
            Self::Text(s) => s.parse().ok(),
        }
    }

    fn double(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "an attribute declared as double")]
            Self::Unsigned(n) => Some(*n as f64),
            #[expect(clippy::cast_precision_loss, reason = "an attribute declared as double")]
            Self::Signed(n) => Some(*n as f64),
            Self::Float(d) => Some(*d),
            // Also "NaN" and "Infinity", which the normaliser judges.
            Self::Text(s) => s.parse().ok(),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct KeyValue<'a> {
    #[serde(borrow, default)]
    pub(super) key: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) value: Option<AnyValue<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AnyValue<'a> {
    #[serde(alias = "string_value")]
    string_value: Option<String>,
    #[serde(alias = "bool_value")]
    bool_value: Option<bool>,
    #[serde(borrow, alias = "int_value")]
    int_value: Option<Number<'a>>,
    #[serde(borrow, alias = "double_value")]
    double_value: Option<Number<'a>>,
    #[serde(borrow, alias = "array_value")]
    array_value: Option<Values<'a, AnyValue<'a>>>,
    #[serde(borrow, alias = "kvlist_value")]
    kvlist_value: Option<Values<'a, KeyValue<'a>>>,
    #[serde(alias = "bytes_value")]
    bytes_value: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Values<'a, T> {
    #[serde(default = "Vec::new")]
    values: Vec<T>,
    #[serde(skip)]
    borrowed: std::marker::PhantomData<&'a ()>,
}

impl AnyValue<'_> {
    /// The value as the normaliser takes it; nothing where no kind is set.
    pub(super) fn value(&self) -> Result<Option<Value<'_>>, Malformed> {
        let wrong = || Malformed::new("JSON: intValue or doubleValue is not a number");
        Ok(if let Some(s) = &self.string_value {
            Some(Value::Str(s))
        } else if let Some(b) = self.bool_value {
            Some(Value::Bool(b))
        } else if let Some(n) = &self.int_value {
            Some(Value::Int(n.signed().ok_or_else(wrong)?))
        } else if let Some(n) = &self.double_value {
            Some(Value::Double(n.double().ok_or_else(wrong)?))
        } else if self.array_value.is_some() || self.kvlist_value.is_some() {
            let mut out = String::new();
            self.render(&mut out, 0)?;
            Some(Value::Json(Text::from(out)))
        } else {
            // Base64: four characters for three bytes.
            self.bytes_value.as_ref().map(|b| Value::Bytes(b.len() / 4 * 3))
        })
    }

    fn render(&self, out: &mut String, depth: usize) -> Result<(), Malformed> {
        if depth > MAX_DEPTH {
            return Err(Malformed::new("attribute value is nested too deeply"));
        }
        if let Some(list) = &self.array_value {
            out.push('[');
            for (i, item) in list.values.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                item.render(out, depth + 1)?;
            }
            out.push(']');
            return Ok(());
        }
        if let Some(map) = &self.kvlist_value {
            out.push('{');
            for (i, pair) in map.values.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                quote(out, &pair.key);
                out.push(':');
                match &pair.value {
                    Some(value) => value.render(out, depth + 1)?,
                    None => out.push_str("null"),
                }
            }
            out.push('}');
            return Ok(());
        }
        self.render_scalar(out)
    }

    fn render_scalar(&self, out: &mut String) -> Result<(), Malformed> {
        // Writing to memory cannot fail.
        let _ = match self.value()? {
            Some(Value::Str(s)) => {
                quote(out, s);
                Ok(())
            }
            Some(Value::Bool(b)) => write!(out, "{b}"),
            Some(Value::Int(i)) => write!(out, "{i}"),
            Some(Value::Double(d)) if d.is_finite() => write!(out, "{d}"),
            Some(Value::Bytes(n)) => write!(out, "{{\"len\":{n}}}"),
            Some(Value::Double(_) | Value::Json(_)) | None => write!(out, "null"),
        };
        Ok(())
    }
}
