//! A request body as JSON with places: what is read is borrowed, and what is changed is changed in place.
//!
//! Owns [`Node`] (a value and where it lies) and [`Edits`] (replacements of spans, every other byte kept). Refuses
//! bodies that name a member twice: what the provider would read of them is not certain.

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// A JSON value and where it lies in the body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    raw: &'a str,
    at: usize,
}

/// The members of an object, in order.
pub(super) type Members<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

impl<'a> Node<'a> {
    /// The object that a body is; nothing where it is anything else.
    pub(super) fn object(body: &'a [u8]) -> Option<Self> {
        let raw: &RawValue = serde_json::from_slice(body).ok()?;
        let node = Self { raw: raw.get(), at: offset(body, raw.get())? };
        node.raw.starts_with('{').then_some(node)
    }

    /// Members of an object; nothing where it is none or names one twice.
    pub(super) fn members(self) -> Option<Members<'a>> {
        if !self.raw.starts_with('{') {
            return None;
        }
        let found: Pairs<'a> = serde_json::from_str(self.raw).ok()?;
        let mut names: Vec<&str> = found.0.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        if names.windows(2).any(|w| w[0] == w[1]) {
            return None;
        }
        found.0.into_iter().map(|(name, raw)| Some((name, self.child(raw)?))).collect()
    }

    /// Items of a list; nothing where it is none.
    pub(super) fn items(self) -> Option<Vec<Self>> {
        if !self.raw.starts_with('[') {
            return None;
        }
        let found: Values<'a> = serde_json::from_str(self.raw).ok()?;
        found.0.into_iter().map(|raw| self.child(raw)).collect()
    }

    /// The text of a string.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        #[derive(Deserialize)]
        struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
        self.raw
            .starts_with('"')
            .then(|| serde_json::from_str::<Text<'a>>(self.raw).ok())?
            .map(|t| t.0)
    }

    /// A count.
    pub(super) fn count(self) -> Option<u64> {
        self.raw.parse().ok()
    }

    /// Whether it is `null`, `false`, or an empty text, list or object: the same as not being there.
    pub(super) fn is_empty(self) -> bool {
        match self.raw.as_bytes() {
            b"null" | b"false" | b"\"\"" => true,
            [b'[' | b'{', inner @ .., _] => inner.trim_ascii().is_empty(),
            _ => false,
        }
    }

    /// As it was written.
    pub(super) const fn raw(self) -> &'a str {
        self.raw
    }

    /// Where it lies in the body.
    pub(super) const fn span(self) -> Range<usize> {
        self.at..self.at + self.raw.len()
    }

    fn child(self, raw: &'a RawValue) -> Option<Self> {
        let at = offset(self.raw.as_bytes(), raw.get())?;
        Some(Self { raw: raw.get(), at: self.at.checked_add(at)? })
    }
}

/// A member by name.
pub(super) fn member<'a>(members: &Members<'a>, name: &str) -> Option<Node<'a>> {
    members.iter().find(|(n, _)| n == name).map(|(_, node)| *node)
}

/// Where text that was read from `whole` lies in it.
fn offset(whole: &[u8], part: &str) -> Option<usize> {
    part.as_ptr().addr().checked_sub(whole.as_ptr().addr())
}

struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);
struct Values<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct All;
        #[derive(Deserialize)]
        struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
        impl<'de> Visitor<'de> for All {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = Vec::new();
                while let Some(name) = map.next_key::<Name<'de>>()? {
                    found.push((name.0, map.next_value()?));
                }
                Ok(found)
            }
        }
        d.deserialize_map(All).map(Pairs)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Values<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Vec<&'de RawValue>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut found = Vec::new();
                while let Some(raw) = seq.next_element()? {
                    found.push(raw);
                }
                Ok(found)
            }
        }
        d.deserialize_seq(All).map(Values)
    }
}

/// Replacements in a body. Spans must not overlap.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Replaces what lies in `span` by JSON text.
    pub(super) fn replace(&mut self, span: Range<usize>, json: String) {
        self.0.push((span, json));
    }

    /// Puts another text in the place of a string.
    pub(super) fn text(&mut self, node: Node<'_>, text: &str) -> Option<()> {
        self.replace(node.span(), json_text(text)?);
        Some(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where the first change lies.
    pub(super) fn first(&self) -> Option<usize> {
        self.0.iter().map(|(span, _)| span.start).min()
    }

    /// The body with all replacements; nothing where two of them touch the same byte.
    pub(super) fn apply(mut self, body: &[u8]) -> Option<Vec<u8>> {
        self.0.sort_by_key(|(span, _)| span.start);
        let added: usize = self.0.iter().map(|(_, new)| new.len()).sum();
        let mut out = Vec::with_capacity(body.len().saturating_add(added));
        let mut from = 0;
        for (span, new) in &self.0 {
            out.extend_from_slice(body.get(from..span.start)?);
            out.extend_from_slice(new.as_bytes());
            from = span.end;
        }
        out.extend_from_slice(body.get(from..)?);
        Some(out)
    }
}

/// A text as JSON.
pub(super) fn json_text(text: &str) -> Option<String> {
    #[derive(Serialize)]
    struct Text<'a>(&'a str);
    serde_json::to_string(&Text(text)).ok()
}

/// What takes items of a list out: the span of each run with one of the commas around it.
pub(super) fn without_items(items: &[Node<'_>], gone: &dyn Fn(usize) -> bool) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut begin = None;
    for (i, item) in items.iter().enumerate() {
        match (gone(i), begin) {
            (true, None) => begin = Some(i),
            (false, Some(first)) => {
                let start = items.get(first).map(|n| n.span().start);
                spans.extend(start.map(|s| s..item.span().start));
                begin = None;
            }
            _ => {}
        }
    }
    // At the end of the list there is no comma behind, so the one before goes.
    if let (Some(first), Some(last)) = (begin, items.last()) {
        let from = first.checked_sub(1).and_then(|i| items.get(i)).map(|n| n.span().end);
        let start = from.or_else(|| items.get(first).map(|n| n.span().start));
        spans.extend(start.map(|s| s..last.span().end));
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_value_knows_where_it_lies() {
        let body = br#" {"a": "x\u0062", "b" : [1, {"c":null}] } "#;
        let members = Node::object(body).unwrap().members().unwrap();
        let a = member(&members, "a").unwrap();
        assert_eq!(a.text().unwrap(), "xb");
        assert_eq!(&body[a.span()], br#""x\u0062""#);
        let items = member(&members, "b").unwrap().items().unwrap();
        assert_eq!(&body[items[1].span()], br#"{"c":null}"#);
        assert!(items[1].members().unwrap()[0].1.is_empty());
    }

    #[test]
    fn a_member_named_twice_is_refused() {
        assert!(Node::object(br#"{"a":1,"\u0061":2}"#).unwrap().members().is_none());
        assert!(Node::object(b"[1]").is_none() && Node::object(b"{").is_none());
    }

    #[test]
    fn every_byte_that_is_not_replaced_stays() {
        let body = br#"{"a": "x", "b" : "y"}"#;
        let members = Node::object(body).unwrap().members().unwrap();
        let mut edits = Edits::default();
        edits.text(member(&members, "b").unwrap(), "\"\n").unwrap();
        assert_eq!(edits.apply(body).unwrap(), br#"{"a": "x", "b" : "\"\n"}"#);
    }

    proptest! {
        #[test]
        fn a_list_without_some_items_is_the_list_of_the_others(gone in proptest::collection::vec(any::<bool>(), 1..8)) {
            let all: Vec<String> = (0..gone.len()).map(|i| format!(" {i} ")).collect();
            let body = format!("{{\"l\":[{}]}}", all.join(","));
            let members = Node::object(body.as_bytes()).unwrap().members().unwrap();
            let items = members[0].1.items().unwrap();
            let mut edits = Edits::default();
            for span in without_items(&items, &|i| gone[i]) {
                edits.replace(span, String::new());
            }
            let out = edits.apply(body.as_bytes()).unwrap();
            let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
            let want: Vec<usize> = (0..gone.len()).filter(|i| !gone[*i]).collect();
            prop_assert_eq!(read, serde_json::json!({ "l": want }));
        }

        #[test]
        fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Node::object(&body).and_then(Node::members);
        }
    }
}
