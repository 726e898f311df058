//! Templates of messages (alerting 11): text with `{{variables}}`. No code, no loops; what is not known
//! is said, never shown as zero. Values are not escaped here: each channel escapes its own way.

use super::language::Fault;
use crate::nearest::nearest;
use std::ops::Range;

pub use self::figure::{Figure, main_predicate};
pub use self::shown::{shown, shown_with_unit};
pub use self::vars::{Moment, Vars, figures, now_text, vars};

mod figure;
mod shown;
mod vars;

/// Shown where a value is not known.
pub const UNKNOWN: &str = "n/a";

/// A template, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(Variable),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Variable {
    /// One of [`NAMES`].
    Named(&'static str),
    /// `labels.X`.
    Label(String),
}

/// Every variable but the labels, in the order of alerting 11.
pub const NAMES: &[&str] = &[
    "value",
    "raw",
    "reference",
    "threshold",
    "unit",
    "ratio",
    "percentage",
    "metric",
    "condition",
    "severity",
    "alert",
    "for",
    "window",
    "n",
    "exceed",
    "peak",
    "started_at",
    "duration",
    "episode",
    "url",
    "runbook",
    "direction",
];

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// A variable that does not exist, or braces that do not close.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(open) = find(text, at, "{{") {
            push_text(&mut parts, text.get(at..open).unwrap_or(""));
            let Some(close) = find(text, open + 2, "}}") else {
                return Err(Fault::new(open..text.len(), "`{{` is not closed")
                    .hint("write `}}` behind the variable, e.g. {{value}}"));
            };
            let name = text.get(open + 2..close).unwrap_or("");
            parts.push(Part::Variable(variable(name, open..close + 2)?));
            at = close + 2;
        }
        push_text(&mut parts, text.get(at..).unwrap_or(""));
        Ok(Self { parts })
    }

    /// The text with its variables filled in.
    #[must_use]
    pub fn render(&self, vars: &Vars) -> String {
        let mut text = String::new();
        for part in &self.parts {
            text.push_str(match part {
                Part::Text(part) => part,
                Part::Variable(Variable::Named(name)) => vars.get(name),
                Part::Variable(Variable::Label(name)) => vars.label(name),
            });
        }
        text
    }

    /// The labels it names.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(Variable::Label(name)) => Some(name.as_str()),
            _ => None,
        })
    }
}

fn find(text: &str, from: usize, what: &str) -> Option<usize> {
    text.get(from..)?.find(what).map(|i| from + i)
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

fn variable(written: &str, span: Range<usize>) -> Result<Variable, Fault> {
    let name = written.trim();
    if let Some(name) = NAMES.iter().find(|n| **n == name) {
        return Ok(Variable::Named(name));
    }
    if let Some(label) = name.strip_prefix("labels.")
        && is_label(label)
    {
        return Ok(Variable::Label(label.to_owned()));
    }
    let fault = Fault::new(span, format!("`{{{{{written}}}}}` is no variable"));
    Err(fault.hint(instead(name)))
}

fn is_label(label: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !label.is_empty() && label.chars().all(inner)
}

/// What to write in the place of a name that is no variable.
fn instead(name: &str) -> String {
    // Prometheus writes {{ $value }} and {{ $labels.model }}.
    let plain = name.trim_start_matches(['$', '.']).to_ascii_lowercase();
    if NAMES.contains(&plain.as_str()) || plain.strip_prefix("labels.").is_some_and(is_label) {
        return format!("write {{{{{plain}}}}}");
    }
    if plain == "labels" || plain.starts_with("labels.") || plain.starts_with("label.") {
        return "write the name of a label, e.g. {{labels.model}}".to_owned();
    }
    if name.contains([' ', '|', '(']) {
        return "only variables are possible: no code, no conditions, no loops".to_owned();
    }
    nearest(&plain, NAMES.iter().copied()).map_or_else(
        || format!("there are {}, labels.NAME", NAMES.join(", ")),
        |near| format!("did you mean {{{{{near}}}}}?"),
    )
}

#[cfg(test)]
mod tests;
