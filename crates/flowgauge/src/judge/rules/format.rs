//! `alert fmt`: any accepted form as one list under `alerts:`, conditions in their canonical
//! spelling, comments and everything else as written.
//!
//! Works on the text, not on the rules: nothing is lost that only the text has.

use super::forms::{self, Piece};
use super::parts::{self, Part};
use crate::config::problem::{Place, Problem, Problems};
use crate::config::read::Findings;
use crate::config::tree::{Node, Value};
use crate::logic::alert::language::{self, Context};

/// Writes a file's rules as one list.
///
/// # Errors
/// What is no YAML, or no part of a rule file. Faults inside rules are for loading.
pub fn format(name: &str, text: &str) -> Result<String, Problems> {
    let problems = |list| Problems { file: name.to_owned(), text: text.to_owned(), list };
    let (mut pieces, broken) = forms::pieces(text);
    if !broken.is_empty() {
        return Err(problems(broken));
    }
    let mut found = Findings::default();
    let mut edits = Vec::new();
    for part in parts::parts(&pieces, &mut found).rules {
        edits.extend(canonical(&part));
    }
    if !found.0.is_empty() {
        return Err(problems(found.0));
    }
    // From the end, so that places before an edit stay where they are.
    edits.sort_by_key(|edit| std::cmp::Reverse((edit.first, edit.from)));
    for edit in edits {
        let Some(piece) = pieces.iter_mut().find(|p| p.first == edit.first) else { continue };
        piece.text.replace_range(edit.from..edit.to, &edit.text);
    }
    let said: Vec<&Piece> = pieces.iter().filter(|p| !is_empty(p)).collect();
    let out = match said.as_slice() {
        [one] if !is_rule(one) => pieces.iter().map(|p| p.text.as_str()).collect(),
        _ => joined(&pieces).map_err(|problem| problems(vec![problem]))?,
    };
    Ok(ended(&out))
}

/// One replacement in the text of a piece.
struct Edit {
    first: usize,
    from: usize,
    to: usize,
    text: String,
}

/// The canonical spelling of a rule's condition, where it is a text that means something.
fn canonical(part: &Part<'_>) -> Option<Edit> {
    let node = part.node.child("condition")?;
    let Value::Text(text) = &node.value else { return None };
    // What is not configured here is no fault of the spelling.
    let context = Context { shipped: true, ..Context::default() };
    let canonical = language::print(&language::read(text, &context).ok()?);
    let source = &part.piece.text;
    let written = part.piece.written(node)?;
    let as_is = source.get(written.from..written.to)?;
    if canonical == *text || (written.lines(source) > 1 && as_is.contains('#')) {
        return None;
    }
    let plain = |t: &str| {
        let odd = t.contains(": ") || t.contains(" #") || t.ends_with(':');
        // Brackets and commas end a plain scalar inside `{…}`; where they stood, they may stand.
        let flow = |t: &str| t.contains([',', '[', ']', '{', '}']);
        !odd && (!flow(t) || flow(text)) && t.starts_with(|c: char| c.is_ascii_alphabetic())
    };
    let text = match written.style {
        ' ' | '|' | '>' if plain(&canonical) => canonical,
        '"' if !canonical.contains(['"', '\\']) => format!("\"{canonical}\""),
        _ => format!("'{}'", canonical.replace('\'', "''")),
    };
    Some(Edit { first: part.piece.first, from: written.from, to: written.to, text })
}

fn is_empty(piece: &Piece) -> bool {
    matches!(&piece.root.value, Value::Map(entries) if entries.is_empty())
}

fn is_rule(piece: &Piece) -> bool {
    piece.root.child("alert").is_some()
}

/// What the list is made of.
#[derive(Default)]
struct Joined {
    /// Comments and sections above the list.
    head: String,
    list: String,
    /// Comments that belong to what follows.
    waiting: Vec<String>,
}

/// Several pieces, or one that is a rule, as sections and one list.
fn joined(pieces: &[Piece]) -> Result<String, Problem> {
    let mut out = Joined::default();
    let mut first = true;
    for piece in pieces {
        let mut lines: Vec<&str> = piece.text.lines().collect();
        let begin = begin(piece).min(lines.len());
        let end = end(piece, lines.len());
        let after = lines.split_off(end.max(begin));
        let body = lines.split_off(begin);
        out.waiting.extend(lines.iter().map(|l| (*l).to_owned()));
        if first && !is_empty(piece) {
            out.head_comments();
            first = false;
        }
        if is_rule(piece) {
            out.rule(&body, indent(&piece.root));
        } else if !is_empty(piece) {
            out.sections(piece, &body, begin)?;
        }
        out.waiting.extend(after.iter().map(|l| (*l).to_owned()));
    }
    out.comments();
    let gap = if out.head.is_empty() || out.head.ends_with("\n\n") { "" } else { "\n" };
    Ok(format!("{}{gap}alerts:\n{}", out.head, out.list))
}

impl Joined {
    /// Of the comments before the first rule, those apart from it by an empty line are the file's.
    fn head_comments(&mut self) {
        let Some(gap) = self.waiting.iter().rposition(|l| l.trim().is_empty()) else { return };
        for line in self.waiting.drain(..=gap) {
            self.head.push_str(line.trim_end());
            self.head.push('\n');
        }
    }

    fn comments(&mut self) {
        for line in self.waiting.drain(..) {
            let line = line.trim();
            if !line.is_empty() {
                self.list.push_str("  ");
            }
            self.list.push_str(line);
            self.list.push('\n');
        }
    }

    fn rule(&mut self, body: &[&str], indent: usize) {
        self.comments();
        for (at, line) in body.iter().enumerate() {
            let line = without(line, indent);
            match (at, line.is_empty()) {
                (0, _) => self.list.push_str("  - "),
                (_, false) => self.list.push_str("    "),
                (_, true) => {}
            }
            self.list.push_str(line);
            self.list.push('\n');
        }
    }

    /// The sections of a piece; its own list joins the others.
    fn sections(&mut self, piece: &Piece, body: &[&str], begin: usize) -> Result<(), Problem> {
        let Value::Map(entries) = &piece.root.value else { return Ok(()) };
        let line_of = |place: &Place| match place {
            Place::File { line, .. } => line.saturating_sub(piece.first + 1),
            _ => 0,
        };
        let starts: Vec<usize> = entries.iter().map(|e| line_of(&e.place)).collect();
        let column = indent(&piece.root);
        for (at, entry) in entries.iter().enumerate() {
            let from = starts.get(at).copied().unwrap_or(0).saturating_sub(begin);
            let to = starts.get(at + 1).map_or(body.len(), |l| l.saturating_sub(begin));
            let Some(lines) = body.get(from..to).filter(|l| !l.is_empty()) else {
                return Err(in_one_line(&entry.place));
            };
            if entry.key == "alerts" {
                self.items(&entry.node, lines)?;
                continue;
            }
            for line in lines {
                self.head.push_str(without(line, column).trim_end());
                self.head.push('\n');
            }
        }
        Ok(())
    }

    fn items(&mut self, node: &Node, lines: &[&str]) -> Result<(), Problem> {
        let Some((key, items)) = lines.split_first() else { return Ok(()) };
        if node.value == Value::Null {
            return Ok(());
        }
        if key.trim_start().trim_start_matches("alerts").contains('[') {
            return Err(in_one_line(&node.place));
        }
        let dash = items.iter().find(|l| l.trim_start().starts_with("- "));
        let dash = dash.map_or(0, |l| l.len() - l.trim_start().len());
        self.comments();
        for line in items {
            let line = without(line, dash);
            if !line.is_empty() {
                self.list.push_str("  ");
            }
            self.list.push_str(line);
            self.list.push('\n');
        }
        Ok(())
    }
}

fn in_one_line(place: &Place) -> Problem {
    let problem = Problem::new(place.clone(), "a list in brackets cannot join other documents");
    problem.hint("write each key on a line of its own, and each rule with `- ` before it")
}

/// A line without so many blanks at its start; nothing but the blanks is taken away.
fn without(line: &str, indent: usize) -> &str {
    let blanks = line.len() - line.trim_start_matches(' ').len();
    let line = line.get(blanks.min(indent)..).unwrap_or(line);
    if line.trim().is_empty() { "" } else { line }
}

/// Columns before the first key.
fn indent(root: &Node) -> usize {
    let place = match &root.value {
        Value::Map(entries) => entries.first().map_or(&root.place, |e| &e.place),
        _ => &root.place,
    };
    // A mapping in braces begins before its first key.
    match (place, &root.place) {
        (Place::File { column, .. }, Place::File { column: own, .. }) => {
            (*column).min(*own).saturating_sub(1)
        }
        _ => 0,
    }
}

/// The line of a piece on which it begins to say something.
fn begin(piece: &Piece) -> usize {
    let first = match &piece.root.value {
        Value::Map(entries) => entries.first().map(|e| &e.place),
        _ => None,
    };
    match (first, &piece.root.place) {
        (Some(Place::File { line, .. }), Place::File { line: own, .. }) => {
            (*line).min(*own).saturating_sub(piece.first + 1)
        }
        _ => usize::MAX,
    }
}

/// The line behind the last that says something: comments behind it belong to what follows.
fn end(piece: &Piece, lines: usize) -> usize {
    let content = last(piece, &piece.root);
    let blank = |l: &&str| l.trim().is_empty() || l.trim_start().starts_with('#');
    let trailing = piece.text.lines().rev().take_while(blank).count();
    lines.saturating_sub(trailing).max(content)
}

/// The line behind the last scalar.
fn last(piece: &Piece, node: &Node) -> usize {
    match &node.value {
        Value::Null => 0,
        Value::Text(_) => piece.written(node).map_or(0, |written| {
            piece.text.get(..written.to).map_or(0, |t| t.matches('\n').count() + 1)
        }),
        Value::List(items) => items.iter().map(|n| last(piece, n)).max().unwrap_or(0),
        Value::Map(entries) => entries.iter().map(|e| last(piece, &e.node)).max().unwrap_or(0),
    }
}

/// Ends with exactly one line break.
fn ended(text: &str) -> String {
    format!("{}\n", text.trim_end())
}
