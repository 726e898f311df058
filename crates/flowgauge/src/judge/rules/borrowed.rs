//! Objectives of Sloth and OpenSLO as a rule file of ours.
//!
//! Owns which keys of theirs mean what, and the place of whatever is left out. Refuses to decide what
//! a query counts and how an objective is written here: `logic::alert::borrowed` does.

mod openslo;
mod sloth;

use super::forms;
use super::prometheus::Translated;
use crate::config::problem::{Place, Problem, Problems};
use crate::config::tree::{Node, Value};
use crate::logic::alert::borrowed::Borrowed;
use crate::logic::alert::rule::Severity;
use std::collections::BTreeMap;

/// A specification of Sloth, as it is or as Kubernetes holds it.
///
/// # Errors
/// What is no specification of Sloth.
pub fn sloth(name: &str, text: &str) -> Result<Translated, Problems> {
    let roots = roots(name, text)?;
    let mut import = Import::new(name);
    let known = sloth::all(&roots, &mut import);
    import.finish(
        known,
        "sloth",
        text,
        "no `slos` of Sloth: version prometheus/v1 or sloth.slok.dev/v1",
    )
}

/// Objects of OpenSLO.
///
/// # Errors
/// What holds no objective of OpenSLO.
pub fn openslo(name: &str, text: &str) -> Result<Translated, Problems> {
    let roots = roots(name, text)?;
    let mut import = Import::new(name);
    let known = openslo::all(&roots, &mut import);
    import.finish(known, "openslo", text, "no object `kind: SLO` of openslo/v1")
}

/// The documents of a file.
fn roots(name: &str, text: &str) -> Result<Vec<Node>, Problems> {
    let (pieces, broken) = forms::pieces(text);
    if !broken.is_empty() {
        return Err(Problems { file: name.to_owned(), text: text.to_owned(), list: broken });
    }
    Ok(pieces.into_iter().map(|piece| piece.root).collect())
}

/// A file being translated.
struct Import<'a> {
    file: &'a str,
    out: Borrowed,
    left_out: Vec<(String, String)>,
}

impl<'a> Import<'a> {
    fn new(file: &'a str) -> Self {
        Self { file, out: Borrowed::default(), left_out: Vec::new() }
    }

    /// Something that cannot be said here: where it stands, what it is, and why not.
    fn leave(&mut self, place: &Place, what: &str, why: impl Into<String>) {
        let origin = Problems::origin(self.file, place);
        self.left_out.push((format!("{origin}: {what}"), why.into()));
    }

    /// The file of ours; `known` says whether there was anything of theirs in it.
    fn finish(
        self,
        known: bool,
        form: &str,
        text: &str,
        nothing: &str,
    ) -> Result<Translated, Problems> {
        if !known {
            let problem = Problem::new(Place::Whole, nothing);
            let list = vec![problem.hint("`flowgauge alert check` reads our own files")];
            return Err(Problems { file: self.file.to_owned(), text: text.to_owned(), list });
        }
        let command = format!("flowgauge alert import {form}");
        Ok(Translated { text: self.out.text(&command), left_out: self.left_out })
    }
}

/// The first of some keys that is there: Kubernetes spells them another way.
fn either<'a>(node: &'a Node, keys: &[&str]) -> Option<&'a Node> {
    keys.iter().find_map(|key| node.child(key))
}

fn text_of(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(text) => Some(text.trim()),
        _ => None,
    }
}

fn text_at<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.child(key).and_then(text_of)
}

fn number_at(node: &Node, key: &str) -> Option<f64> {
    text_at(node, key)?.parse().ok().filter(|n: &f64| n.is_finite())
}

fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|n| &n.value) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

/// Pairs of texts.
fn pairs(node: Option<&Node>, into: &mut BTreeMap<String, String>) {
    let Some(Value::Map(entries)) = node.map(|n| &n.value) else { return };
    for entry in entries {
        if let Value::Text(value) = &entry.node.value {
            into.insert(entry.key.clone(), value.clone());
        }
    }
}

/// Their word for how bad it is.
fn severity(word: Option<&str>, otherwise: Severity) -> Severity {
    match word.unwrap_or_default().to_ascii_lowercase().as_str() {
        "critical" | "page" | "error" => Severity::Critical,
        "warning" | "ticket" => Severity::Warning,
        "info" | "none" => Severity::Info,
        _ => otherwise,
    }
}

#[cfg(test)]
mod tests;
