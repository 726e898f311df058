//! Labelled sets: cases with a question, its passages, what a good answer says, and answers people
//! have labelled. One JSON object a line.
//!
//! Owns reading and checking them. Refuses a set with a line it does not understand.

use crate::demo::book;
use crate::logic::score::answer::{Answer, Element, Ending, Wanted};
use crate::logic::score::language::Language;
use crate::logic::score::schema::Schema;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The set that is shipped: about the book of the demo.
const DEFAULT: &str = include_str!("../../../sets/default.jsonl");

/// Passages of the demo's book are named like `book:3:2`, its third chapter's second paragraph.
const BOOK: &str = "book:";

/// Largest set read: 100 000 cases of some kilobytes each are more than anybody labels.
const MAX_CASES: usize = 100_000;

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) intent: String,
    pub(crate) question: String,
    /// Passages: texts, or names of the demo's.
    #[serde(default)]
    pub(crate) context: Vec<String>,
    #[serde(default)]
    expected: Vec<Element>,
    #[serde(default)]
    wrong: Vec<Element>,
    #[serde(default)]
    pub(crate) language: Option<Language>,
    #[serde(default)]
    words: Option<(u32, u32)>,
    #[serde(default)]
    refusal: bool,
    #[serde(default)]
    schema: Option<serde_json::Value>,
    #[serde(skip)]
    shape: Option<Schema>,
    #[serde(default)]
    pub(crate) answers: Vec<Labelled>,
}

/// An answer somebody has labelled.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Labelled {
    pub(crate) text: String,
    /// 0–100.
    pub(crate) label: f64,
}

/// A line that is refused.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {why}")]
pub(crate) struct BadLine {
    line: usize,
    why: String,
}

/// The set that is shipped.
pub(crate) fn default_set() -> Result<Vec<Case>, BadLine> {
    read(DEFAULT)
}

/// Reads a set.
pub(crate) fn read(text: &str) -> Result<Vec<Case>, BadLine> {
    let mut cases = Vec::new();
    let mut ids = BTreeSet::new();
    for (at, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let bad = |why: String| BadLine { line: at + 1, why };
        let mut case: Case = serde_json::from_str(line).map_err(|e| bad(e.to_string()))?;
        case.check().map_err(bad)?;
        if !ids.insert(case.id.clone()) {
            return Err(bad(format!("the id {:?} stands on an earlier line too", case.id)));
        }
        if cases.len() >= MAX_CASES {
            return Err(bad(format!("more than {MAX_CASES} cases")));
        }
        cases.push(case);
    }
    Ok(cases)
}

impl Case {
    fn check(&mut self) -> Result<(), String> {
        for (name, text) in
            [("id", &self.id), ("intent", &self.intent), ("question", &self.question)]
        {
            if text.trim().is_empty() {
                return Err(format!("{name} is empty"));
            }
        }
        for passage in &mut self.context {
            if let Some(name) = passage.strip_prefix(BOOK) {
                *passage = book::paragraph(name)
                    .ok_or_else(|| format!("context {passage:?}: the book has no such passage"))?
                    .to_owned();
            }
        }
        for answer in &self.answers {
            if !(0.0..=100.0).contains(&answer.label) {
                return Err(format!("label {} lies outside 0 to 100", answer.label));
            }
        }
        if let Some(schema) = &self.schema {
            self.shape = Some(Schema::read(schema).map_err(|e| e.to_string())?);
        }
        Ok(())
    }

    /// The passages, lent.
    pub(crate) fn passages(&self) -> Vec<&str> {
        self.context.iter().map(String::as_str).collect()
    }

    /// An answer to this case, as evaluators see it.
    pub(crate) fn answered<'a>(
        &'a self,
        text: &'a str,
        ending: Ending,
        context: &'a [&'a str],
    ) -> Answer<'a> {
        let wanted = Wanted {
            elements: &self.expected,
            wrong: &self.wrong,
            language: self.language,
            words: self.words,
            refusal: self.refusal,
            schema: self.shape.as_ref(),
        };
        Answer { question: &self.question, context, text, ending, wanted }
    }

    /// The prompt a reading application sends: passages first, the question last.
    pub(crate) fn prompt(&self) -> String {
        let language = self.language.filter(|_| self.intent == "translate");
        let code = language.and_then(|l| serde_json::to_value(l).ok());
        let label = match code.as_ref().and_then(serde_json::Value::as_str) {
            Some(code) => format!("{} {code}", self.intent),
            None => self.intent.clone(),
        };
        format!("{}\n\n{label}: {}", self.context.join("\n\n"), self.question)
    }
}

#[cfg(test)]
mod tests;
