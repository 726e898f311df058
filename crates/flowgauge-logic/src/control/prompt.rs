//! The same in fewer words: blanks, instructions said twice, shorter variants chosen by the operator, shorter answers.
//!
//! Owns what changes and its reason. Refuses to touch what a reader may quote: code, JSON, quotations, tables and
//! indented lines stay; and it never cuts a text in the middle, since what stands last is mostly the question
//! (catalogue E.4, 6).

mod answer;
mod paragraphs;
mod spans;
mod tidy;

#[cfg(test)]
mod tests;

use super::body::{Edits, Members, member};
use super::conversation::{Conversation, Piece, Role};
use crate::call::{Protocol, Text};
use serde::{Deserialize, Serialize};

/// A system prompt and what is sent in its place. Both are the operator's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Intents it is for; empty is all.
    #[serde(default)]
    pub intents: Vec<Text>,
    /// The system prompt as the application sends it; blanks at both ends do not matter.
    pub from: String,
    /// What is sent.
    pub to: String,
}

/// The member that limits an answer of the chat family.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Insert {
    /// A request without a limit is left without one.
    #[default]
    Never,
    /// `max_tokens`, the older name, which every server knows and some models refuse.
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Take out blanks that mean nothing.
    pub whitespace: bool,
    /// Take out instructions of the system prompt that it gave before.
    pub repeated_instructions: bool,
    /// Shorter system prompts.
    pub variants: Vec<Variant>,
    /// Tokens of the user's last message. Above it whole paragraphs of its middle go, if that suffices.
    pub max_user_tokens: Option<u64>,
    /// Tokens of an answer, before the intent changes it; nothing leaves it to the application.
    pub max_answer_tokens: Option<u64>,
    /// Whether simple intents get 0.7 of it and complex ones 1.2 (catalogue E.2: 280, 400, 480).
    pub by_intent: bool,
    /// What is added to a chat request that has no limit.
    pub insert: Insert,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            whitespace: true,
            repeated_instructions: true,
            variants: Vec::new(),
            max_user_tokens: None,
            max_answer_tokens: None,
            by_intent: true,
            insert: Insert::Never,
        }
    }
}

impl Settings {
    /// Tokens of an answer for an intent.
    #[must_use]
    pub fn answer_limit(&self, intent: Option<&str>) -> Option<u64> {
        let tenths = match intent.filter(|_| self.by_intent) {
            Some("simple" | "definition" | "define") => 7,
            Some("complex" | "analyze" | "analyse") => 12,
            _ => 10,
        };
        self.max_answer_tokens.map(|limit| (limit.saturating_mul(tenths) / 10).max(1))
    }
}

/// Something that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Another system prompt of the operator's.
    Variant,
    /// Instructions said twice went.
    Repeated,
    /// Blanks went.
    Whitespace,
    /// Paragraphs in the middle of the user's text went.
    Paragraphs,
    /// The answer may be shorter.
    AnswerLimit,
}

/// Why a request is sent as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// It is not understood.
    Unread,
    /// There was nothing to do.
    Nothing,
    /// The provider was told to remember text that would change.
    Marked,
}

/// A shortened request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortened {
    /// The body to send.
    pub body: Vec<u8>,
    /// What was done, in order.
    pub steps: Vec<Step>,
    /// Tokens of the changed texts before.
    pub before: u64,
    /// And after.
    pub after: u64,
}

/// Shortens a request. `count` counts the tokens of a text.
pub fn shorten(
    protocol: Protocol,
    body: &[u8],
    intent: Option<&str>,
    settings: &Settings,
    count: &dyn Fn(&str) -> u64,
) -> Result<Shortened, Kept> {
    let talk = Conversation::read(protocol, body).ok_or(Kept::Unread)?;
    let mut work = Work { count, edits: Edits::default(), steps: Vec::new(), before: 0, after: 0 };
    for piece in system(&talk) {
        work.change(piece, |text, steps| system_text(text, intent, settings, steps))
            .ok_or(Kept::Unread)?;
    }
    let last = talk.turns().last().and_then(|i| talk.messages.get(*i));
    if let Some(last) = last {
        for piece in &last.pieces {
            work.change(piece, |text, steps| user_text(text, settings, count, steps))
                .ok_or(Kept::Unread)?;
        }
    }
    let first = work.edits.first();
    if first.is_some_and(|f| talk.messages.iter().any(|m| m.marked && m.node.span().end > f)) {
        return Err(Kept::Marked);
    }
    if let Some(limit) = settings.answer_limit(intent)
        && answer::limit(protocol, &talk.members, limit, settings.insert, &mut work.edits)
            == Some(true)
    {
        work.steps.push(Step::AnswerLimit);
    }
    if work.edits.is_empty() {
        return Err(Kept::Nothing);
    }
    work.steps.sort_unstable();
    work.steps.dedup();
    let body = work.edits.apply(body).ok_or(Kept::Unread)?;
    Ok(Shortened { body, steps: work.steps, before: work.before, after: work.after })
}

/// Texts of the system prompt.
fn system<'t, 'a>(talk: &'t Conversation<'a>) -> impl Iterator<Item = &'t Piece<'a>> {
    let messages = talk.messages.iter().filter(|m| m.role == Role::System);
    talk.outside.iter().chain(messages.flat_map(|m| &m.pieces))
}

struct Work<'c> {
    count: &'c dyn Fn(&str) -> u64,
    edits: Edits,
    steps: Vec<Step>,
    before: u64,
    after: u64,
}

impl Work<'_> {
    /// Puts the changed text in the place of a piece, where it is shorter and not empty.
    fn change(
        &mut self,
        piece: &Piece<'_>,
        by: impl FnOnce(&str, &mut Vec<Step>) -> String,
    ) -> Option<()> {
        let mut steps = Vec::new();
        let new = by(&piece.text, &mut steps);
        if new == piece.text || new.trim().is_empty() {
            return Some(());
        }
        let (before, after) = ((self.count)(&piece.text), (self.count)(&new));
        // Fewer letters can be more tokens; then the longer text stays.
        if after > before {
            return Some(());
        }
        self.before += before;
        self.after += after;
        self.steps.append(&mut steps);
        self.edits.text(piece.node, &new)
    }
}

fn system_text(
    text: &str,
    intent: Option<&str>,
    settings: &Settings,
    steps: &mut Vec<Step>,
) -> String {
    let fits = |v: &&Variant| {
        let meant = v.intents.is_empty() || v.intents.iter().any(|i| Some(i.as_str()) == intent);
        meant && v.from.trim() == text.trim()
    };
    // The operator's words are sent as they are written.
    if let Some(variant) = settings.variants.iter().find(fits) {
        steps.push(Step::Variant);
        return variant.to.clone();
    }
    let mut text = text.to_owned();
    let mut step = |on: bool, step: Step, by: fn(&str) -> Option<String>| {
        if let Some(new) = Some(&text).filter(|_| on).and_then(|t| by(t)) {
            text = new;
            steps.push(step);
        }
    };
    step(settings.repeated_instructions, Step::Repeated, tidy::said_once);
    step(settings.whitespace, Step::Whitespace, tidy::blanks);
    text
}

fn user_text(
    text: &str,
    settings: &Settings,
    count: &dyn Fn(&str) -> u64,
    steps: &mut Vec<Step>,
) -> String {
    let mut text = text.to_owned();
    if let Some(new) = Some(&text).filter(|_| settings.whitespace).and_then(|t| tidy::blanks(t)) {
        text = new;
        steps.push(Step::Whitespace);
    }
    if let Some(limit) = settings.max_user_tokens
        && let Some(new) = paragraphs::within(&text, limit, count)
    {
        text = new;
        steps.push(Step::Paragraphs);
    }
    text
}

/// Whether an answer in a fixed form is asked for, which a shorter limit could break.
fn wants_form(members: &Members<'_>) -> bool {
    ["response_format", "text", "output_format", "reasoning", "reasoning_effort", "thinking"]
        .iter()
        .any(|name| member(members, name).is_some_and(|n| !n.is_empty()))
}
