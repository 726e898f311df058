//! What is scored, and what a score of our own looks like.
//!
//! Owns the input and the output of every evaluator here. Refuses to store either: an answer is lent
//! for as long as it is looked at.

use super::language::Language;
use super::schema::Schema;
use serde::{Deserialize, Serialize};

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// Nobody said.
    #[default]
    Unknown,
    /// The model was done.
    Complete,
    /// A limit of tokens cut it.
    CutOff,
}

impl Ending {
    /// From a provider's finish reason.
    #[must_use]
    pub fn of(reason: &str) -> Self {
        match reason {
            "length" | "max_tokens" | "max_output_tokens" => Self::CutOff,
            "stop" | "end_turn" | "stop_sequence" | "completed" => Self::Complete,
            _ => Self::Unknown,
        }
    }
}

/// One thing a good answer says; any of the wordings will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Element(pub Vec<String>);

/// What is known of a good answer. Everything may be left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// What it says.
    pub elements: &'a [Element],
    /// What it must not say: usual mistakes.
    pub wrong: &'a [Element],
    /// The language it is in; that of the question unless said.
    pub language: Option<Language>,
    /// Fewest and most words.
    pub words: Option<(u32, u32)>,
    /// Whether the only right answer is that the context does not tell.
    pub refusal: bool,
    /// Shape of a JSON answer.
    pub schema: Option<&'a Schema>,
}

/// An answer and what it is an answer to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answer<'a> {
    /// What was asked, in the asker's words.
    pub question: &'a str,
    /// The passages it was to be answered from.
    pub context: &'a [&'a str],
    /// What was said.
    pub text: &'a str,
    /// How it ended.
    pub ending: Ending,
    /// What is known of a good one.
    pub wanted: Wanted<'a>,
}

/// Who judges: the name and version every score carries. A change that can move any score by more
/// than rounding gets a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Evaluator {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// One aspect of a score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Part {
    /// Which.
    pub name: &'static str,
    /// 0–100.
    pub value: f64,
}

/// A score of our own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoreOf {
    /// Who judged.
    pub evaluator: Evaluator,
    /// 0–100.
    pub quality: f64,
    /// What it is made of.
    pub parts: Vec<Part>,
    /// What was found wrong, in a word each.
    pub findings: Vec<&'static str>,
}

/// Why an answer has no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotScored {
    /// There is nothing to compare it with.
    NothingToCompare,
    /// It is in another language than what it would be compared with.
    OtherLanguage,
    /// It says nothing that could be compared.
    NoClaims,
    /// The judging model was asked and gave no verdict.
    NoVerdict,
}

impl NotScored {
    /// A few words for a person.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NothingToCompare => "nothing to compare with",
            Self::OtherLanguage => "another language than its context",
            Self::NoClaims => "says nothing that could be compared",
            Self::NoVerdict => "the judging model gave no verdict",
        }
    }
}

/// A share as 0–100; what is no number counts as nothing.
pub(super) fn percent(share: f64) -> f64 {
    if share.is_finite() { 100.0 * share.clamp(0.0, 1.0) } else { 0.0 }
}
