//! Whether a JSON answer has the shape that was asked for: a subset of JSON Schema.
//!
//! Owns these keywords: `type`, `enum`, `properties`, `required`, `additionalProperties` (true or
//! false), `items` (one schema), `minItems`, `maxItems`, `minLength`, `maxLength`, `minimum`,
//! `maximum`; `title`, `description` and `$schema` are read over. Refuses every other keyword when the
//! schema is read, so that nothing is silently left unchecked.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A schema that was read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Schema {
    kinds: Vec<Kind>,
    one_of: Option<Vec<Value>>,
    properties: BTreeMap<String, Schema>,
    required: Vec<String>,
    closed: bool,
    items: Option<Box<Schema>>,
    length: (Option<f64>, Option<f64>),
    range: (Option<f64>, Option<f64>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
    String,
    Number,
    Integer,
    Boolean,
    Null,
}

/// A schema that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSchema {
    /// A keyword outside the subset.
    #[error("{at}: the keyword {keyword:?} is not supported")]
    Keyword {
        /// Where.
        at: String,
        /// Which.
        keyword: String,
    },
    /// A keyword with a value it cannot have.
    #[error("{at}: {keyword} cannot be {value}")]
    Value {
        /// Where.
        at: String,
        /// Which.
        keyword: String,
        /// What it is.
        value: String,
    },
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// Names the place and the keyword.
    pub fn read(schema: &Value) -> Result<Self, BadSchema> {
        Self::at(schema, "schema")
    }

    fn at(schema: &Value, at: &str) -> Result<Self, BadSchema> {
        let Value::Object(map) = schema else { return Err(bad(at, "schema", schema)) };
        let mut out = Self::default();
        for (keyword, value) in map {
            let wrong = || bad(at, keyword, value);
            match keyword.as_str() {
                "title" | "description" | "$schema" => {}
                "type" => out.kinds = kinds(value).ok_or_else(wrong)?,
                "enum" => out.one_of = Some(value.as_array().ok_or_else(wrong)?.clone()),
                "properties" => out.properties = properties(value, at)?,
                "required" => out.required = texts(value).ok_or_else(wrong)?,
                "additionalProperties" => out.closed = !value.as_bool().ok_or_else(wrong)?,
                "items" => out.items = Some(Box::new(Self::at(value, &format!("{at}.items"))?)),
                "minItems" | "minLength" => out.length.0 = Some(value.as_f64().ok_or_else(wrong)?),
                "maxItems" | "maxLength" => out.length.1 = Some(value.as_f64().ok_or_else(wrong)?),
                "minimum" => out.range.0 = Some(value.as_f64().ok_or_else(wrong)?),
                "maximum" => out.range.1 = Some(value.as_f64().ok_or_else(wrong)?),
                _ => {
                    return Err(BadSchema::Keyword { at: at.to_owned(), keyword: keyword.clone() });
                }
            }
        }
        Ok(out)
    }

    /// Whether a text is JSON of this shape; a fence of backticks around it is looked through.
    #[must_use]
    pub fn accepts_text(&self, text: &str) -> bool {
        let text = text.trim();
        let inside = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
        let text = inside.and_then(|t| t.strip_suffix("```")).unwrap_or(text);
        serde_json::from_str(text).is_ok_and(|value| self.accepts(&value))
    }

    /// Whether a value has this shape.
    #[must_use]
    pub fn accepts(&self, value: &Value) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.iter().any(|k| k.is(value));
        let listed = self.one_of.as_ref().is_none_or(|all| all.contains(value));
        kind && listed
            && match value {
                Value::Object(map) => self.accepts_members(map),
                Value::Array(items) => {
                    within(length(items.len()), self.length)
                        && self.items.as_ref().is_none_or(|s| items.iter().all(|i| s.accepts(i)))
                }
                Value::String(text) => within(length(text.chars().count()), self.length),
                Value::Number(n) => n.as_f64().is_none_or(|n| within(n, self.range)),
                Value::Bool(_) | Value::Null => true,
            }
    }

    fn accepts_members(&self, map: &Map<String, Value>) -> bool {
        self.required.iter().all(|name| map.contains_key(name))
            && map.iter().all(|(name, value)| match self.properties.get(name) {
                Some(schema) => schema.accepts(value),
                None => !self.closed,
            })
    }
}

impl Kind {
    fn is(self, value: &Value) -> bool {
        match self {
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::String => value.is_string(),
            Self::Number => value.is_number(),
            Self::Integer => value.as_f64().is_some_and(|n| n.fract().abs() < f64::EPSILON),
            Self::Boolean => value.is_boolean(),
            Self::Null => value.is_null(),
        }
    }
}

fn kinds(value: &Value) -> Option<Vec<Kind>> {
    let names = if value.is_string() { vec![value.as_str()?.to_owned()] } else { texts(value)? };
    let kind = |name: &String| {
        Some(match name.as_str() {
            "object" => Kind::Object,
            "array" => Kind::Array,
            "string" => Kind::String,
            "number" => Kind::Number,
            "integer" => Kind::Integer,
            "boolean" => Kind::Boolean,
            "null" => Kind::Null,
            _ => return None,
        })
    };
    names.iter().map(kind).collect()
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|v| v.as_str().map(str::to_owned)).collect()
}

fn properties(value: &Value, at: &str) -> Result<BTreeMap<String, Schema>, BadSchema> {
    let Value::Object(map) = value else { return Err(bad(at, "properties", value)) };
    let read = |(name, schema): (&String, &Value)| {
        Ok((name.clone(), Schema::at(schema, &format!("{at}.{name}"))?))
    };
    map.iter().map(read).collect()
}

fn bad(at: &str, keyword: &str, value: &Value) -> BadSchema {
    let value = value.to_string();
    BadSchema::Value { at: at.to_owned(), keyword: keyword.to_owned(), value }
}

#[expect(clippy::cast_precision_loss, reason = "lengths stay far below 2^53")]
fn length(n: usize) -> f64 {
    n as f64
}

fn within(n: f64, (low, high): (Option<f64>, Option<f64>)) -> bool {
    low.is_none_or(|low| n >= low) && high.is_none_or(|high| n <= high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_shape_is_checked_to_its_leaves() {
        let schema = Schema::read(&json!({
            "type": "object", "required": ["terms"], "additionalProperties": false,
            "properties": {
                "terms": {"type": "array", "minItems": 1, "items": {"type": "string", "maxLength": 5}},
                "sure": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
            },
        }))
        .unwrap();
        for (text, fits) in [
            (r#"{"terms":["keel"]}"#, true),
            ("```json\n{\"terms\":[\"keel\"],\"sure\":null}\n```", true),
            (r#"{"terms":[]}"#, false),
            (r#"{"terms":["rudder"]}"#, false),
            (r#"{"terms":["keel"],"sure":2}"#, false),
            (r#"{"terms":["keel"],"more":1}"#, false),
            (r#"{"sure":1}"#, false),
            ("keel", false),
        ] {
            assert_eq!(schema.accepts_text(text), fits, "{text}");
        }
    }

    #[test]
    fn a_keyword_that_is_not_checked_is_refused() {
        let refused = Schema::read(&json!({"properties": {"a": {"pattern": "^x"}}})).unwrap_err();
        assert_eq!(refused.to_string(), "schema.a: the keyword \"pattern\" is not supported");
        assert!(Schema::read(&json!({"type": "thing"})).is_err());
    }
}
