//! Keys of a section and their texts, the file's `defaults:` behind them; every text that means
//! nothing is noted instead of stopping at it.

use crate::config::problem::{Place, Problem};
use crate::config::read::Findings;
use crate::config::tree::{Entry, Node, Value};
use crate::logic::nearest::nearest;

/// A section, and what stands in for keys it does not have.
#[derive(Debug, Clone, Copy)]
pub(in crate::judge) struct Fields<'a> {
    pub(in crate::judge) own: &'a Node,
    pub(in crate::judge) defaults: Option<&'a Node>,
}

impl<'a> Fields<'a> {
    /// The value of a key, where anything is written there.
    pub(in crate::judge) fn get(&self, key: &str) -> Option<&'a Node> {
        let written = |node: &'a Node| node.child(key).filter(|n| n.value != Value::Null);
        written(self.own).or_else(|| written(self.defaults?))
    }

    /// A single text; a list or section in its place is noted.
    pub(in crate::judge) fn text(
        &self,
        f: &mut Findings,
        key: &str,
    ) -> Option<(&'a str, &'a Place)> {
        let node = self.get(key)?;
        match &node.value {
            Value::Text(text) => Some((text.trim(), &node.place)),
            _ => {
                f.add(Problem::new(node.place.clone(), format!("`{key}` is a single value")));
                None
            }
        }
    }

    /// A parsed text, or `default` where it is unset or refused.
    pub(in crate::judge) fn parsed<T>(
        &self,
        f: &mut Findings,
        key: &str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let Some((text, place)) = self.text(f, key) else { return default };
        match parse(text) {
            Ok(value) => value,
            Err(why) => {
                f.add(Problem::new(place.clone(), why));
                default
            }
        }
    }
}

/// The texts of a list; one text alone is a list of one.
pub(in crate::judge) fn item_texts<'a>(
    f: &mut Findings,
    node: Option<&'a Node>,
    key: &str,
) -> Vec<(&'a str, &'a Place)> {
    let Some(node) = node else { return Vec::new() };
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        match &item.value {
            Value::Text(text) => texts.push((text.trim(), &item.place)),
            _ => f.add(Problem::new(item.place.clone(), format!("`{key}` is a list of texts"))),
        }
    }
    texts
}

/// Notes every key that is none of `allowed`.
pub(in crate::judge) fn known_keys(
    f: &mut Findings,
    entries: &[Entry],
    allowed: &[&str],
    place: &str,
) {
    for entry in entries.iter().filter(|e| !allowed.contains(&e.key.as_str())) {
        let problem =
            Problem::new(entry.place.clone(), format!("unknown key `{}` in {place}", entry.key));
        f.add(match nearest(&entry.key, allowed.iter().copied()) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint(format!("known here: {}", allowed.join(", "))),
        });
    }
}

/// A text that must be one of some words.
pub(in crate::judge) fn word<T: Copy>(
    text: &str,
    what: &str,
    words: &[(&str, T)],
) -> Result<T, String> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let tip = match nearest(text, words.iter().map(|(word, _)| *word)) {
        Some(near) => format!("did you mean {near}?"),
        None => {
            format!("there are {}", words.iter().map(|(w, _)| *w).collect::<Vec<_>>().join(", "))
        }
    };
    Err(format!("{text:?} is no {what}; {tip}"))
}
