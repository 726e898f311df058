//! Configuration as written: a tree of keys and texts in which every part knows where it came from.
//!
//! Owns reading YAML into that tree and laying environment and command line over it. Refuses to
//! judge: whether a key exists and a text means anything is for `check`.

use super::problem::{Place, Problem};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;

/// Deepest nesting of a path; the configuration itself needs five.
const MAX_DEPTH: usize = 12;

/// A part of the configuration and its origin.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) place: Place,
}

/// What is written there. Numbers and booleans stay text until their meaning is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

impl Node {
    /// A tree without any key.
    pub(crate) fn empty() -> Self {
        Self { value: Value::Map(Vec::new()), place: Place::Default }
    }

    /// The child of a key, or the item of an index.
    pub(crate) fn child(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.node),
            Value::List(items) => items.get(key.parse::<usize>().ok()?),
            Value::Null | Value::Text(_) => None,
        }
    }

    /// The node of a dotted path.
    pub(crate) fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |node, key| node.child(key))
    }

    /// Puts a value at a path, making the maps on the way. `false` where a list has no such item.
    pub(crate) fn put(&mut self, path: &[&str], node: Self) -> bool {
        let Some((key, rest)) = path.split_first() else {
            *self = node;
            return true;
        };
        if let Value::List(items) = &mut self.value {
            let Some(index) = key.parse::<usize>().ok().filter(|i| *i <= items.len()) else {
                return false;
            };
            if index == items.len() {
                items.push(Self { value: Value::Null, place: node.place.clone() });
            }
            return items.get_mut(index).is_some_and(|item| item.put(rest, node));
        }
        if !matches!(self.value, Value::Map(_)) {
            // A first index makes a list: `…PROVIDERS__0__NAME` needs no file.
            let list = *key == "0";
            self.value = if list { Value::List(Vec::new()) } else { Value::Map(Vec::new()) };
            self.place = node.place.clone();
            return self.put(path, node);
        }
        let Value::Map(entries) = &mut self.value else { return false };
        if let Some(entry) = entries.iter_mut().find(|e| e.key == *key) {
            return entry.node.put(rest, node);
        }
        let place = node.place.clone();
        let mut fresh = Self { value: Value::Null, place: place.clone() };
        let done = fresh.put(rest, node);
        entries.push(Entry { key: (*key).to_owned(), place, node: fresh });
        done
    }
}

/// Reads a file's text.
pub(crate) fn parse_file(text: &str) -> Result<Node, Problem> {
    if text.trim().is_empty() {
        return Ok(Node::empty());
    }
    let node = parse(text)?;
    Ok(if node.value == Value::Null { Node::empty() } else { node })
}

fn parse(text: &str) -> Result<Node, Problem> {
    // Comments that are handed out are limited in number; a file may explain itself at any length.
    let options = serde_saphyr::options! { with_snippet: false, emit_comments: false };
    let read: Result<Spanned<Value>, _> = serde_saphyr::from_str_with_options(text, options);
    read.map(node).map_err(|e| {
        let place = e.location().map_or(Place::Whole, place);
        let full = e.without_snippet().render();
        // The place is printed in front; the library says it once more.
        let message = full.split(" at line ").next().unwrap_or(&full);
        let message = message.split(", set Duplicate").next().unwrap_or(message);
        Problem::new(place, first_line(message))
    })
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or(text).trim().to_owned()
}

/// Lays `path = text` over a tree; a text in brackets or braces is YAML.
pub(crate) fn overlay(
    root: &mut Node,
    path: &str,
    text: &str,
    place: &Place,
) -> Result<(), Problem> {
    let keys: Vec<&str> = path.split('.').collect();
    if keys.len() > MAX_DEPTH || keys.iter().any(|k| k.is_empty()) {
        return Err(Problem::new(place.clone(), format!("{path:?} is no path of keys")));
    }
    let value = if text.starts_with(['[', '{']) {
        let mut node = parse(text).map_err(|p| Problem { place: place.clone(), ..p })?;
        relocate(&mut node, place);
        node.value
    } else {
        Value::Text(text.to_owned())
    };
    if root.put(&keys, Node { value, place: place.clone() }) {
        return Ok(());
    }
    Err(Problem::new(place.clone(), format!("{path:?} names a list item that does not exist")))
}

fn relocate(node: &mut Node, place: &Place) {
    node.place = place.clone();
    match &mut node.value {
        Value::Null | Value::Text(_) => {}
        Value::List(items) => items.iter_mut().for_each(|n| relocate(n, place)),
        Value::Map(entries) => {
            for entry in entries {
                entry.place = place.clone();
                relocate(&mut entry.node, place);
            }
        }
    }
}

fn place(location: serde_saphyr::Location) -> Place {
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    Place::File { line: number(location.line()), column: number(location.column()) }
}

fn node(spanned: Spanned<Value>) -> Node {
    Node { place: place(spanned.referenced), value: spanned.value }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reads)
    }
}

struct Reads;

impl<'de> Visitor<'de> for Reads {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key, a list or a value")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Text(v.to_string()))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Text(v.to_string()))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Text(v.to_string()))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(Value::Text(v.to_string()))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::Text(v.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Value>>()? {
            items.push(node(item));
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<Value>>()? {
            let Value::Text(name) = key.value else {
                return Err(A::Error::custom("a key must be a word"));
            };
            let value = map.next_value::<Spanned<Value>>()?;
            entries.push(Entry { key: name, place: place(key.referenced), node: node(value) });
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_may_hold_any_number_of_comments() {
        let text = format!("{}listen: 1\n", "# about it\n".repeat(500));
        assert!(parse(&text).unwrap().at("listen").is_some());
    }

    #[test]
    fn every_part_knows_its_line_and_column() {
        let root = parse_file("gateway:\n  routes:\n    - model: gpt-4o\n").unwrap();
        let model = root.at("gateway.routes.0.model").unwrap();
        assert_eq!(model.value, Value::Text("gpt-4o".to_owned()));
        assert_eq!(model.place, Place::File { line: 3, column: 14 });
    }

    #[test]
    fn a_key_written_twice_is_refused_at_its_place() {
        let problem = parse_file("listen: a\nlisten: b\n").unwrap_err();
        assert!(matches!(problem.place, Place::File { line: 2, .. }), "{problem:?}");
        assert!(problem.message.contains("listen"), "{problem:?}");
    }

    #[test]
    fn an_override_replaces_a_list_item_or_adds_one() {
        let mut root = parse_file("apps: [{name: a}]").unwrap();
        let place = Place::Option("--set".to_owned());
        overlay(&mut root, "apps.0.name", "b", &place).unwrap();
        overlay(&mut root, "apps.1.name", "c", &place).unwrap();
        assert_eq!(root.at("apps.0.name").unwrap().value, Value::Text("b".to_owned()));
        assert_eq!(root.at("apps.1.name").unwrap().place, place);
        assert!(overlay(&mut root, "apps.7.name", "d", &place).is_err());
        assert!(overlay(&mut root, "apps..name", "d", &place).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ -~\n]{0,60}") {
            let _read = parse_file(&text);
        }
    }
}
