//! Token counts of our own, for calls whose provider gave none.
//!
//! Owns the vocabularies, the shape of a prompt and what is done about text that was not kept. Refuses to
//! pass for a measurement: every count from here is marked `estimated`, images and audio are left out.

mod prompt;
mod vocabulary;

#[cfg(test)]
mod tests;

pub use vocabulary::{TokenizerError, Vocabularies};

use crate::logic::call::{InputTokens, OutputTokens, Protocol, Usage, UsageSource};
use crate::logic::wire::Produced;
use std::fmt;
use vocabulary::Vocabulary;

/// What there is to count.
pub struct Order<'a> {
    /// Shape of the request.
    pub protocol: Protocol,
    /// The model that answered, else the one asked for.
    pub model: Option<&'a str>,
    /// The request's body, where it was kept.
    pub request: Option<&'a [u8]>,
    /// The answer's text.
    pub produced: &'a Produced,
}

impl fmt::Debug for Order<'_> {
    /// Content stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order").field("model", &self.model).finish_non_exhaustive()
    }
}

impl Vocabularies {
    /// Counts tokens of texts as a model does.
    pub fn counting(&self, model: &str) -> impl Fn(&str) -> u64 + '_ {
        let vocabulary = self.of(model);
        move |text| vocabulary.count(text)
    }

    /// Reads the built-in vocabularies.
    pub fn warm() {
        for vocabulary in [bpe_openai::cl100k_base(), bpe_openai::o200k_base()] {
            Vocabulary::OpenAi(vocabulary).count("warm");
        }
    }

    /// Counts the tokens of one call. A side that cannot be counted stays unknown.
    #[must_use]
    pub fn usage(&self, order: &Order<'_>) -> Usage {
        let vocabulary = self.of(order.model.unwrap_or_default());
        let input = order.request.and_then(|r| prompt::tokens(&vocabulary, order.protocol, r));
        let output = match order.protocol {
            Protocol::Embeddings => 0,
            _ => produced(&vocabulary, order.produced),
        };
        Usage {
            input: input.map(|text| InputTokens { text, ..InputTokens::default() }),
            output: Some(OutputTokens { visible: output, ..OutputTokens::default() }),
            source: UsageSource::Estimated,
            ..Usage::default()
        }
    }
}

/// Tokens of an answer; what was not kept of it counts as much per byte as what was.
fn produced(vocabulary: &Vocabulary<'_>, produced: &Produced) -> u64 {
    let counted = vocabulary.count(&produced.text);
    let kept = produced.text.len() as u64;
    if kept == 0 || kept >= produced.bytes {
        return counted;
    }
    let all = u128::from(counted) * u128::from(produced.bytes) / u128::from(kept);
    u64::try_from(all).unwrap_or(u64::MAX)
}
