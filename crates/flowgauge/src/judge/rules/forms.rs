//! The three forms a rule file may have (alerting 2.1), taken apart into mappings that are YAML
//! each by itself: a list, documents, or rules one below the other as the guide prints them.
//!
//! Refuses to know what a key means, except `alert`, by which rules are told apart.

use super::scalar::{self, Written};
use crate::config::problem::{Place, Problem};
use crate::config::tree::{self, Node, Value};

/// A part of a file that is one YAML document.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    /// Lines of the file before it.
    pub(super) first: usize,
    /// Its text, columns as in the file.
    pub(super) text: String,
    /// What it says; places are those of the file.
    pub(super) root: Node,
    /// Whether it was cut out of a document that repeats the key `alert`.
    pub(super) cut: bool,
}

impl Piece {
    /// Where in its text a scalar is written.
    pub(super) fn written<'a>(&self, node: &'a Node) -> Option<Written<'a>> {
        let (Value::Text(text), Place::File { line, column }) = (&node.value, &node.place) else {
            return None;
        };
        scalar::written(&self.text, (line.checked_sub(self.first)?, *column), text)
    }

    /// Where in the file a byte of a scalar stands.
    pub(super) fn inside(&self, node: &Node, byte: usize) -> Place {
        let Some(written) = self.written(node) else { return node.place.clone() };
        let mut place = written.place(byte);
        move_down(&mut place, self.first);
        place
    }
}

/// The pieces of a file that say anything, in order.
pub(super) fn pieces(text: &str) -> (Vec<Piece>, Vec<Problem>) {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for (first, text, cut) in cuts(text) {
        match tree::parse_file(&text) {
            Ok(mut root) => {
                shift(&mut root, first);
                found.push(Piece { first, text, root, cut });
            }
            Err(mut problem) => {
                move_down(&mut problem.place, first);
                problems.push(problem);
            }
        }
    }
    (found, problems)
}

/// First line, text and whether it was cut, of every piece; together they are the whole file.
fn cuts(text: &str) -> Vec<(usize, String, bool)> {
    let mut pieces = Vec::new();
    for (first, document) in documents(text) {
        let starts: Vec<usize> = begins_rule(&document).collect();
        if starts.len() < 2 {
            pieces.push((first, document.concat(), false));
            continue;
        }
        let mut from = 0;
        for at in starts.into_iter().chain([document.len()]) {
            let piece = document.get(from..at).unwrap_or_default().concat();
            if !piece.trim().is_empty() {
                pieces.push((first + from, piece, true));
            }
            from = at;
        }
    }
    pieces
}

/// Lines that begin with `alert:`.
fn begins_rule(lines: &[String]) -> impl Iterator<Item = usize> + '_ {
    lines.iter().enumerate().filter(|(_, line)| line.starts_with("alert:")).map(|(at, _)| at)
}

/// The YAML documents of a stream: a line `---` or `...` ends one wherever it stands.
fn documents(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut documents = vec![(0, Vec::new())];
    for (at, line) in text.split_inclusive('\n').enumerate() {
        let marked = ["---", "..."].iter().find_map(|mark| {
            let rest = line.strip_prefix(mark)?;
            (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some(rest)
        });
        match (marked, documents.last_mut()) {
            // What follows the mark on its line belongs to the document; it keeps its column.
            (Some(rest), _) => documents.push((at, vec![format!("   {rest}")])),
            (None, Some((_, lines))) => lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    documents
}

fn move_down(place: &mut Place, by: usize) {
    if let Place::File { line, .. } = place {
        *line += by;
    }
}

fn shift(node: &mut Node, by: usize) {
    move_down(&mut node.place, by);
    match &mut node.value {
        Value::Null | Value::Text(_) => {}
        Value::List(items) => items.iter_mut().for_each(|n| shift(n, by)),
        Value::Map(entries) => {
            for entry in entries {
                move_down(&mut entry.place, by);
                shift(&mut entry.node, by);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(text: &str) -> Vec<String> {
        let (pieces, problems) = pieces(text);
        assert_eq!(problems, Vec::new(), "{text}");
        let name = |p: &Piece| match p.root.child("alert").map(|n| &n.value) {
            Some(Value::Text(name)) => Some(name.clone()),
            _ => None,
        };
        pieces.iter().filter_map(name).collect()
    }

    #[test]
    fn documents_and_repeated_keys_are_told_apart() {
        assert_eq!(names("alert: a\nfor: 1m\n---\nalert: b\n"), ["a", "b"]);
        assert_eq!(names("--- {alert: a}\n--- # two\nalert: b\n...\n"), ["a", "b"]);
        assert_eq!(names("# x\nalert: a\nfor: 1m\n# y\nalert: b\nfor: 2m\n"), ["a", "b"]);
        assert_eq!(names("alert: a\nmessage: |\n  alert: no\n  alert: never\n"), ["a"]);
    }

    #[test]
    fn places_are_those_of_the_file() {
        let (pieces, _) = pieces("# one\nalert: a\n\n# two\nalert: b\nfor: 2m\n");
        let of = |at: usize, key: &str| pieces[at].root.child(key).unwrap().place.clone();
        assert_eq!(of(1, "alert"), Place::File { line: 2, column: 8 });
        assert_eq!(of(2, "for"), Place::File { line: 6, column: 6 });
        assert!(pieces[1].cut);
    }

    #[test]
    fn a_key_written_twice_in_one_rule_is_refused_at_its_line() {
        let (_, problems) = pieces("alert: a\nfor: 1m\nfor: 2m\nalert: b\n");
        assert!(matches!(problems[..], [Problem { place: Place::File { line: 3, .. }, .. }]));
    }

    proptest! {
        #[test]
        fn pieces_are_the_whole_file(text in "[a-c:#\n -]{0,60}|(alert: [a-z]\n|---\n|#x\n|k: v\n){0,12}") {
            let kept: usize = cuts(&text).iter().map(|(_, t, _)| t.matches('\n').count()).sum();
            let blank = |t: &str| t.lines().filter(|l| !l.trim().is_empty()).count();
            prop_assert!(kept <= text.matches('\n').count());
            let marks = text.lines().filter(|l| matches!(l.trim_end(), "---" | "...")).count();
            let lines: usize = cuts(&text).iter().map(|(_, t, _)| blank(t)).sum();
            prop_assert!(lines + marks >= blank(&text));
        }
    }
}
