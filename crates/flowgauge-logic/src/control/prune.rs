//! Less context: passages that repeat each other or do not matter to the question go, and the oldest turns.
//!
//! Owns what goes and the reason for each. The question is never cut: only passages that were declared or announced by
//! headings go, and whole turns before the last. Refuses on doubt: what is not read for certain, shares no word with
//! the question, or is worth more in the provider's prompt cache, is sent as it came.

mod about;
mod chunks;
mod history;
mod relevance;

#[cfg(test)]
mod tests;

use super::body::Edits;
use super::conversation::{Conversation, Piece, Role};
use crate::call::Protocol;
use relevance::Read;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Jaccard index from which two passages are one (catalogue E.3).
const DUPLICATE: f64 = 0.85;
/// Passages kept at most (catalogue E.2, `topKFinal`).
const TOP_K: usize = 3;
/// Context in tokens for intents that are neither simple nor complex (catalogue E.2).
const CONTEXT_TOKENS: u64 = 1_500;

/// Passages compared with each other; retrieval brings eight to twenty. More are sent as they came, so that the time
/// pruning takes is bounded.
const MAX_PASSAGES: usize = 64;

/// How much context there may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Tokens of all passages, before the intent changes it.
    pub context_tokens: u64,
    /// Whether simple intents get 0.6 of it and complex ones 1.2.
    pub by_intent: bool,
    /// Passages kept at most.
    pub top_k: usize,
    /// Jaccard index from which two passages are one.
    pub duplicate: f64,
    /// Elements that hold passages; empty is the usual ones.
    pub tags: Vec<String>,
    /// Tokens of the conversation before the last turn; nothing leaves it whole.
    pub history_tokens: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            context_tokens: CONTEXT_TOKENS,
            by_intent: true,
            top_k: TOP_K,
            duplicate: DUPLICATE,
            tags: Vec::new(),
            history_tokens: None,
        }
    }
}

impl Settings {
    /// Tokens of context for an intent: 900, 1,500 or 1,800 by default (catalogue E.2).
    #[must_use]
    pub fn limit(&self, intent: Option<&str>) -> u64 {
        let tenths = match intent.filter(|_| self.by_intent) {
            Some("simple" | "definition" | "define" | "translate") => 6,
            Some("complex" | "analyze" | "analyse") => 12,
            _ => 10,
        };
        self.context_tokens.saturating_mul(tenths) / 10
    }
}

/// What the provider's prompt cache is thought to hold of this request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prefix {
    /// Tokens from the beginning that it read the last time.
    pub tokens: u64,
    /// Price of a token read from it, in thousandths of one that is not.
    pub price_milli: u64,
}

/// Why something went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// It says what an earlier passage says.
    Duplicate,
    /// Others matter more, and there is room for so many only.
    TopK,
    /// Others matter more, and there are tokens for those only.
    Limit,
    /// A turn long ago.
    OldTurn,
}

/// One thing that went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Why.
    pub because: Because,
    /// Its tokens.
    pub tokens: u64,
    /// Which passage or turn it was, counted from 0.
    pub place: usize,
}

/// Why a request is sent as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// It is not understood, or its tool calls and results do not match.
    Unread,
    /// No passages are declared or announced, and there is no history to trim.
    NoContext,
    /// There is no question beside the passages.
    NoQuestion,
    /// No passage shares a word with the question, so nothing is known of their relevance.
    NoneRelevant,
    /// There are more passages than are compared.
    TooMany,
    /// The question is about the passages as such: their number, one of them by its place, each of them.
    AboutPassages,
    /// What is asked is not text alone: which passages matter to a picture is not known.
    NotTextAlone,
    /// Everything fits.
    Fits,
    /// The provider was told to remember text that would change.
    Marked,
    /// What would be saved is worth less than the prompt cache that would be lost.
    Prefix,
}

/// A pruned request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// The body to send.
    pub body: Vec<u8>,
    /// What went, passages first.
    pub removed: Vec<Removed>,
    /// Tokens of context and history before.
    pub before: u64,
    /// And after.
    pub after: u64,
}

/// Prunes a request. `count` counts the tokens of a text.
pub fn prune(
    protocol: Protocol,
    body: &[u8],
    intent: Option<&str>,
    settings: &Settings,
    prefix: Prefix,
    count: &dyn Fn(&str) -> u64,
) -> Result<Pruned, Kept> {
    let talk = Conversation::read(protocol, body).ok_or(Kept::Unread)?;
    let mut plan =
        Plan { settings, count, removed: Vec::new(), edits: Edits::default(), before: 0 };
    let context = plan.context(&talk, settings.limit(intent));
    let history = plan.history(&talk);
    if plan.edits.is_empty() {
        return Err(match (context, history) {
            (Err(Kept::NoContext), Err(other)) => other,
            (Err(why), _) => why,
            (Ok(()), _) => Kept::Fits,
        });
    }
    plan.is_worth_it(&talk, prefix)?;
    let gone: u64 = plan.removed.iter().map(|r| r.tokens).sum();
    let body = plan.edits.apply(body).ok_or(Kept::Unread)?;
    Ok(Pruned {
        body,
        removed: plan.removed,
        before: plan.before,
        after: plan.before.saturating_sub(gone),
    })
}

struct Plan<'s> {
    settings: &'s Settings,
    count: &'s dyn Fn(&str) -> u64,
    removed: Vec<Removed>,
    edits: Edits,
    before: u64,
}

/// A passage and its place.
struct Passage {
    piece: usize,
    whole: Range<usize>,
    read: Read,
    tokens: u64,
}

impl Plan<'_> {
    /// Passages: of the system's messages and the user's last turn.
    fn context(&mut self, talk: &Conversation<'_>, limit: u64) -> Result<(), Kept> {
        let last = talk.turns().last().copied().ok_or(Kept::NoQuestion)?;
        let system =
            talk.messages.iter().filter(|m| m.role == Role::System).flat_map(|m| &m.pieces);
        let asked = talk.messages.get(last).map_or(&[][..], |m| &m.pieces);
        let pieces: Vec<&Piece<'_>> = talk.outside.iter().chain(system).chain(asked).collect();
        let first_asked = pieces.len() - asked.len();
        let mut passages = Vec::new();
        let mut question = String::new();
        for (place, piece) in pieces.iter().enumerate() {
            let mut at = 0;
            let found = chunks::find(&piece.text, &self.settings.tags);
            if passages.len() + found.len() > MAX_PASSAGES {
                return Err(Kept::TooMany);
            }
            for chunk in found {
                let inner = piece.text.get(chunk.inner).unwrap_or_default();
                let (read, tokens) = (Read::of(inner), (self.count)(inner));
                if place >= first_asked {
                    question.push_str(piece.text.get(at..chunk.whole.start).unwrap_or_default());
                    at = chunk.whole.end;
                }
                passages.push(Passage { piece: place, whole: chunk.whole, read, tokens });
            }
            if place >= first_asked {
                question.push_str(piece.text.get(at..).unwrap_or_default());
                question.push('\n');
            }
        }
        if passages.is_empty() {
            return Err(Kept::NoContext);
        }
        if talk.messages.get(last).is_some_and(|m| m.other_parts) {
            return Err(Kept::NotTextAlone);
        }
        if about::is_about_passages(&question) {
            return Err(Kept::AboutPassages);
        }
        self.before += passages.iter().map(|p| p.tokens).sum::<u64>();
        let going = self.choose(&relevance::words(&question), &passages, limit)?;
        for (at, because) in going.iter().enumerate() {
            if let (Some(because), Some(passage)) = (*because, passages.get(at)) {
                self.removed.push(Removed { because, tokens: passage.tokens, place: at });
            }
        }
        for (place, piece) in pieces.iter().enumerate() {
            let gone: Vec<&Range<usize>> = passages
                .iter()
                .zip(&going)
                .filter(|(p, because)| p.piece == place && because.is_some())
                .map(|(p, _)| &p.whole)
                .collect();
            if !gone.is_empty() {
                self.edits.text(piece.node, &without(&piece.text, &gone)).ok_or(Kept::Unread)?;
            }
        }
        Ok(())
    }

    /// Which passages go, and why. The best one always stays.
    fn choose(
        &self,
        question: &[String],
        passages: &[Passage],
        limit: u64,
    ) -> Result<Vec<Option<Because>>, Kept> {
        if question.is_empty() {
            return Err(Kept::NoQuestion);
        }
        let read: Vec<Read> = passages.iter().map(|p| p.read.clone()).collect();
        let mut going: Vec<Option<Because>> =
            relevance::duplicates(question, &read, self.settings.duplicate)
                .into_iter()
                .map(|twin| twin.then_some(Because::Duplicate))
                .collect();
        // A passage that the question quotes is what the question is about: others have to say something of it.
        let quoted: Vec<bool> =
            read.iter().map(|p| p.is_quoted(question, self.settings.duplicate)).collect();
        let left = |going: &[Option<Because>]| {
            let stay = passages.iter().zip(&quoted).zip(going).filter(|(_, g)| g.is_none());
            stay.fold((0, 0), |(n, tokens), ((p, quoted), _)| {
                (n + usize::from(!quoted), tokens + p.tokens)
            })
        };
        let (number, tokens) = left(&going);
        if number <= self.settings.top_k.max(1) && tokens <= limit {
            return Ok(going);
        }
        let words: Vec<Vec<String>> = read.into_iter().map(|r| r.words).collect();
        let scores = relevance::scores(question, &words).ok_or(Kept::NoneRelevant)?;
        let mut order: Vec<usize> =
            (0..passages.len()).filter(|i| going.get(*i) == Some(&None)).collect();
        let score = |i: usize| scores.get(i).copied().unwrap_or(0.0);
        order.sort_by(|a, b| score(*b).total_cmp(&score(*a)).then(a.cmp(b)));
        let (mut kept, mut used) = (0, 0);
        for place in order {
            let (Some(passage), Some(slot)) = (passages.get(place), going.get_mut(place)) else {
                continue;
            };
            let counts = !quoted.get(place).copied().unwrap_or(false);
            if counts && kept >= self.settings.top_k.max(1) {
                *slot = Some(Because::TopK);
            } else if used > 0 && used + passage.tokens > limit {
                *slot = Some(Because::Limit);
            } else {
                kept += usize::from(counts);
                used += passage.tokens;
            }
        }
        Ok(going)
    }

    /// Whether what goes is worth the part of the provider's prompt cache that is lost with it.
    fn is_worth_it(&self, talk: &Conversation<'_>, prefix: Prefix) -> Result<(), Kept> {
        let first = self.edits.first().unwrap_or(0);
        if talk.messages.iter().any(|m| m.marked && m.node.span().end > first) {
            return Err(Kept::Marked);
        }
        let pieces = talk.outside.iter().chain(talk.messages.iter().flat_map(|m| &m.pieces));
        let before: u64 =
            pieces.filter(|p| p.node.span().end <= first).map(|p| (self.count)(&p.text)).sum();
        let lost = prefix.tokens.saturating_sub(before);
        let gone: u64 = self.removed.iter().map(|r| r.tokens).sum();
        // All in thousandths of a full token: sent again at the full price is what stays of the lost part.
        let dearer =
            lost.saturating_sub(gone).saturating_mul(1_000u64.saturating_sub(prefix.price_milli));
        let saved_of_lost = lost.min(gone).saturating_mul(prefix.price_milli);
        let saved = gone.saturating_sub(lost).saturating_mul(1_000).saturating_add(saved_of_lost);
        if saved > dearer { Ok(()) } else { Err(Kept::Prefix) }
    }
}

/// A text without some of its parts, which lie in order and apart.
fn without(text: &str, gone: &[&Range<usize>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for range in gone {
        out.push_str(text.get(at..range.start).unwrap_or_default());
        at = range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// What of a text lies outside its passages, as far as the usual marks show.
pub(super) fn outside_passages(text: &str) -> String {
    let found = chunks::find(text, &[]);
    without(text, &found.iter().map(|c| &c.whole).collect::<Vec<_>>())
}
