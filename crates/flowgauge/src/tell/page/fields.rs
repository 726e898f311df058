//! Fields of a JSON body: read once into checked values, or refused by name, all of them at once.

use super::Problem;
use crate::logic::alias::bounded_name;
use crate::logic::call::Text;
use crate::logic::id::{CallId, SpanId, TraceId};
use crate::logic::score::Reference;
use crate::logic::unit::UnixMicros;
use chrono::DateTime;
use http::StatusCode;
use serde_json::{Map, Value};
use std::str::FromStr;

/// Wrong fields named in one answer: enough to see what they have in common.
const MAX_NAMED: usize = 8;
/// Objects of one body.
const MAX_ITEMS: usize = 1_000;
/// Fields that name a call.
const NAMES: &[&str] = &["request_id", "response_id", "trace_id", "span_id"];
/// A clock may be wrong by so much; what lies further ahead was not given yet.
const MAX_AHEAD: i64 = 10 * UnixMicros::MINUTE;

/// What is wrong with the fields of a body.
#[derive(Debug, Default)]
pub(super) struct Wrong(Vec<(String, String, String)>);

impl Wrong {
    /// Nothing, or a problem that names every wrong field.
    pub(super) fn none(self) -> Result<(), Problem> {
        let mut all = self.0.into_iter().take(MAX_NAMED);
        let Some((place, value, detail)) = all.next() else { return Ok(()) };
        let first = Problem::field(&place, &value, detail);
        let problem = all.fold(first, |p, (place, value, detail)| p.also(&place, &value, detail));
        Err(problem.with_status(StatusCode::UNPROCESSABLE_ENTITY))
    }
}

/// The objects of a body: one, or a list of them.
pub(super) fn objects(body: &[u8]) -> Result<Vec<Map<String, Value>>, Problem> {
    let malformed = |detail: String| Problem::field("body", "", detail);
    let value = serde_json::from_slice(body).map_err(|e| malformed(e.to_string()))?;
    let items = match value {
        Value::Array(items) => items,
        one => vec![one],
    };
    if items.len() > MAX_ITEMS {
        let detail = format!("{} objects; send at most {MAX_ITEMS} at once", items.len());
        return Err(malformed(detail).with_status(StatusCode::UNPROCESSABLE_ENTITY));
    }
    let object = |item| match item {
        Value::Object(map) => Ok(map),
        _ => Err(malformed("write an object, or a list of objects".to_owned())
            .with_status(StatusCode::UNPROCESSABLE_ENTITY)),
    };
    items.into_iter().map(object).collect()
}

/// The fields of one object.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    place: String,
    map: &'a Map<String, Value>,
    wrong: &'a mut Wrong,
}

impl<'a> Fields<'a> {
    /// Of the object at a place of the body: its own fields, and those that name a call. Fields that nothing would read are refused.
    pub(super) fn of(
        index: Option<usize>,
        map: &'a Map<String, Value>,
        own: &[&str],
        wrong: &'a mut Wrong,
    ) -> Self {
        let known = [own, NAMES].concat();
        let place = index.map_or_else(|| "body".to_owned(), |i| format!("body[{i}]"));
        let mut fields = Self { place, map, wrong };
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            fields.refuse(key, "", format!("no such field; there are {}", known.join(", ")));
        }
        fields
    }

    /// Refuses a field.
    pub(super) fn refuse(&mut self, name: &str, value: &str, detail: impl Into<String>) {
        self.wrong.0.push((format!("{}.{name}", self.place), value.to_owned(), detail.into()));
    }

    /// Refuses a field that must be there; where it is and was refused already, once is enough.
    pub(super) fn require(&mut self, name: &str, detail: &str) {
        if self.get(name).is_none() {
            self.refuse(name, "", detail);
        }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|v| !v.is_null())
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, name: &str) -> Option<&'a str> {
        match self.get(name)? {
            Value::String(text) if !text.trim().is_empty() => Some(text.trim()),
            other => {
                self.refuse(name, &other.to_string(), "write a text that is not empty");
                None
            }
        }
    }

    /// A text short enough to be a name.
    pub(super) fn name(&mut self, name: &str) -> Option<Text> {
        bounded_name(self.text(name)?)
    }

    /// One of some words, or a text of a form; `words` says which.
    pub(super) fn word<T>(
        &mut self,
        name: &str,
        words: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let found = read(text);
        if found.is_none() {
            self.refuse(name, text, format!("write {words}"));
        }
        found
    }

    /// A finite number.
    pub(super) fn number(&mut self, name: &str) -> Option<f64> {
        let value = self.get(name)?;
        // JSON has no endless numbers, but one like 1e999 reads as one.
        let number = value.as_f64().filter(|n| n.is_finite());
        if number.is_none() {
            self.refuse(name, &value.to_string(), "write a finite number");
        }
        number
    }

    /// When it was given; `now` unless said.
    pub(super) fn time(&mut self, now: UnixMicros) -> UnixMicros {
        let Some(text) = self.text("time") else { return now };
        match DateTime::parse_from_rfc3339(text) {
            Ok(time) if time.timestamp_micros() <= now.0.saturating_add(MAX_AHEAD) => {
                UnixMicros(time.timestamp_micros())
            }
            Ok(_) => {
                self.refuse("time", text, "lies in the future");
                now
            }
            Err(_) => {
                self.refuse("time", text, "write RFC 3339, e.g. 2026-05-04T12:00:00Z");
                now
            }
        }
    }

    /// The call it is about.
    pub(super) fn reference(&mut self) -> Reference {
        let about = Reference {
            call: self.id("request_id", "the id of x-flowgauge-request-id, 32 hexadecimal digits"),
            trace: self.id::<TraceId>("trace_id", "the 32 hexadecimal digits of a trace id"),
            span: self.id::<SpanId>("span_id", "the 16 hexadecimal digits of a span id"),
            response: self.name("response_id"),
        };
        let named = NAMES.iter().any(|name| self.get(name).is_some());
        if !named {
            let detail = "name the call: request_id, response_id, or trace_id with span_id";
            self.refuse("request_id", "", detail);
        } else if about.span.is_some() && self.get("trace_id").is_none() {
            self.refuse("trace_id", "", "a span is found by its trace; give trace_id too");
        }
        about
    }

    fn id<T: FromStr>(&mut self, name: &str, what: &str) -> Option<T> {
        let text = self.text(name)?;
        let id = text.parse().ok();
        if id.is_none() {
            self.refuse(name, text, format!("write {what}"));
        }
        id
    }
}

/// An id for a score: unlike others of the same millisecond.
pub(super) fn fresh_id(now: UnixMicros) -> Result<CallId, Problem> {
    let mut random = [0; 10];
    match getrandom::fill(&mut random) {
        Ok(()) => Ok(CallId::new(now, random)),
        Err(e) => {
            let detail = format!("the system gives no random numbers: {e}");
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(value: &Value) -> (Reference, Vec<String>) {
        let map = value.as_object().expect("an object");
        let mut wrong = Wrong::default();
        let about = Fields::of(None, map, &[], &mut wrong).reference();
        (about, wrong.0.into_iter().map(|(place, ..)| place).collect())
    }

    #[test]
    fn a_call_is_named_in_one_of_three_ways() {
        let id = "01900000000070008000000000000001";
        assert!(read(&json!({"request_id": id})).0.call.is_some());
        assert_eq!(read(&json!({"response_id": "chatcmpl-1"})).1, Vec::<String>::new());
        let span = json!({"trace_id": id, "span_id": "b7ad6b7169203331"});
        assert!(read(&span).0.span.is_some());
        for (body, place) in [
            (json!({}), "body.request_id"),
            (json!({"request_id": "x"}), "body.request_id"),
            (json!({"response_id": 7}), "body.response_id"),
            (json!({"span_id": "b7ad6b7169203331"}), "body.trace_id"),
            (json!({"request_id": id, "reqest": 1}), "body.reqest"),
        ] {
            assert_eq!(read(&body).1, [place], "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_read_or_refused(body in "[\\[\\]{}\",:a-z0-9.]{0,60}", value in "\\PC{0,40}") {
            let _objects_or_problem = objects(body.as_bytes());
            for name in NAMES.iter().chain(&["time"]) {
                let object = json!({ *name: value });
                let mut wrong = Wrong::default();
                let map = object.as_object().expect("an object");
                let mut fields = Fields::of(None, map, &["time"], &mut wrong);
                let about = fields.reference();
                let _time = fields.time(UnixMicros(0));
                prop_assert!(!about.is_empty() || wrong.none().is_err());
            }
        }
    }

    #[test]
    fn a_body_is_an_object_or_a_list_of_them() {
        assert_eq!(objects(b"{}").unwrap().len(), 1);
        assert_eq!(objects(b"[{},{}]").unwrap().len(), 2);
        assert_eq!(objects(b"{").unwrap_err().status(), StatusCode::BAD_REQUEST);
        assert_eq!(objects(b"[1]").unwrap_err().status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
}
