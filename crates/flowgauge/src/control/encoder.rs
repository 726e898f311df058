//! What makes vectors of questions, so that the same question is found in other words.
//!
//! Owns the seam: the built-in one is by words, at once and for nothing; a model is asked within a time, and a question
//! without a vector is looked up as it stands only. Refuses to mix: one flowgauge has one encoder for its whole life.

use crate::logic::control::cache::meaning::Meaning;
use crate::logic::control::cache::semantic::embed::Embedding;
use futures_util::future::BoxFuture;
use std::fmt::Debug;

/// What makes vectors of questions.
pub trait Encoder: Send + Sync + Debug {
    /// Its name: vectors of different ones are never compared.
    fn name(&self) -> &str;
    /// The vector of a question; nothing where there is none in time.
    fn encode<'a>(
        &'a self,
        question: &'a str,
        meaning: &'a Meaning,
    ) -> BoxFuture<'a, Option<Embedding>>;
    /// What it did since the start; nothing where it costs nothing.
    fn counts(&self) -> Option<Encoded> {
        None
    }
}

/// What an encoder did since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Encoded {
    /// Questions it was asked about.
    pub asked: u64,
    /// Vectors it gave.
    pub made: u64,
    /// Questions passed over because a vector took too long.
    pub late: u64,
    /// Questions passed over because it failed or gave no vector.
    pub failed: u64,
    /// Questions passed over because its budget has no room, or the model no price.
    pub denied: u64,
    /// Questions passed over while it rests after failures.
    pub rested: u64,
}

/// By words.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lexical;

impl Encoder for Lexical {
    fn name(&self) -> &'static str {
        "words"
    }

    fn encode<'a>(
        &'a self,
        _question: &'a str,
        meaning: &'a Meaning,
    ) -> BoxFuture<'a, Option<Embedding>> {
        Box::pin(std::future::ready(Some(Embedding::of(meaning))))
    }
}
