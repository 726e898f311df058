//! What a question asks, in a form in which the same question is the same list of words.
//!
//! Owns the normal form and the verdict whether two questions are one. Only what cannot change the answer is taken
//! out: politeness, contractions, spelling variants, three ways to say "how do I" or "define". Every other word, its
//! place, every number, sign and comma counts, because encoders put a question and its reversal at 0.83 to 0.9997
//! (zilliztech/GPTCache#694). Refuses what it does not understand: code, addresses, several lines, long texts, and
//! questions about words themselves, in which a spelling or a blank is what is asked about.

mod lists;
mod rewrite;
mod words;

#[cfg(test)]
pub(super) mod pairs;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest question compared, in bytes; longer ones are texts, and of a text every word matters.
const MAX_BYTES: usize = 600;

/// A question in its normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    words: Vec<String>,
    /// Nothing is capitalised, so that missing capitals say nothing.
    lower: bool,
}

/// How two questions differ: the first of these that does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// Another number, or a number more.
    Number,
    /// Another month or weekday.
    Date,
    /// One denies what the other does not.
    Negation,
    /// The same words in another order.
    Order,
    /// Another name.
    Name,
    /// A word that is a name when capitalised is in one of them.
    Capital,
    /// Another word, or a sign.
    Word,
}

impl Meaning {
    /// Of a question; nothing where it holds what is not understood.
    #[must_use]
    pub fn of(question: &str) -> Option<Self> {
        let question = question.trim();
        if question.is_empty() || question.len() > MAX_BYTES {
            return None;
        }
        let foreign = |c: char| c.is_control() || matches!(c, '`' | '{' | '}' | '<' | '>' | '\\');
        if question.chars().any(foreign) || question.contains("://") {
            return None;
        }
        let words = words::split(question);
        if lists::is_about_words(&words) || words::has_blanks_in_quotation(question) {
            return None;
        }
        let words = rewrite::normal(words);
        let lower = !question.chars().any(char::is_uppercase);
        (!words.is_empty()).then_some(Self { words, lower })
    }

    /// The words of the normal form.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether an answer to the one answers the other.
    pub fn same(&self, other: &Self) -> Result<(), Difference> {
        let careless = self.lower || other.lower;
        let alike =
            |(a, b): (&String, &String)| a == b || (careless && lists::is_only_a_name(a, b));
        if self.words.len() == other.words.len() && self.words.iter().zip(&other.words).all(alike) {
            return Ok(());
        }
        Err(self.difference(other))
    }

    fn difference(&self, other: &Self) -> Difference {
        let folded = |m: &Self| m.words.iter().map(|w| w.to_lowercase()).collect::<Vec<_>>();
        let (a, b) = (folded(self), folded(other));
        let differ = |of: &dyn Fn(&str) -> bool| bag(&a, of) != bag(&b, of);
        let number = |w: &str| w.chars().any(|c| c.is_ascii_digit());
        if differ(&number) {
            Difference::Number
        } else if differ(&lists::is_date) {
            Difference::Date
        } else if differ(&lists::denies) {
            Difference::Negation
        } else if a == b {
            Difference::Capital
        } else if !differ(&|_| true) {
            Difference::Order
        } else if names(self) != names(other) && !(self.lower || other.lower) {
            Difference::Name
        } else {
            Difference::Word
        }
    }
}

/// How often each word of a kind occurs.
fn bag<'a>(words: &'a [String], of: &dyn Fn(&str) -> bool) -> BTreeMap<&'a str, u32> {
    let mut bag = BTreeMap::new();
    for word in words.iter().filter(|w| of(w)) {
        *bag.entry(word.as_str()).or_insert(0) += 1;
    }
    bag
}

fn names(meaning: &Meaning) -> Vec<&String> {
    let mut names: Vec<_> =
        meaning.words.iter().filter(|w| w.chars().any(char::is_uppercase)).collect();
    names.sort_unstable();
    names
}
