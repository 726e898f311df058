//! A place in the tokens of a text: looking, taking, and saying what was expected there.

use super::Fault;
use super::lexer::{Kind, Token, tokens};
use crate::nearest::nearest;
use std::ops::Range;

/// A place in the tokens.
pub(super) struct Cursor<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    at: usize,
}

/// What is there where the tokens are used up.
const END: Token = Token { kind: Kind::End, span: 0..0 };

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Result<Self, Fault> {
        Ok(Self { text, tokens: tokens(text)?, at: 0 })
    }

    /// The token so many ahead.
    pub(super) fn ahead(&self, by: usize) -> &Token {
        self.tokens.get(self.at + by).or(self.tokens.last()).unwrap_or(&END)
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.ahead(0).span.clone()
    }

    /// Where the token before ended.
    pub(super) fn end(&self) -> usize {
        self.at.checked_sub(1).and_then(|i| self.tokens.get(i)).map_or(0, |t| t.span.end)
    }

    /// The text of the token so many ahead; of a quoted text with its quotes.
    pub(super) fn text_ahead(&self, by: usize) -> &'t str {
        self.text.get(self.ahead(by).span.clone()).unwrap_or("")
    }

    pub(super) fn slice(&self, span: Range<usize>) -> &'t str {
        self.text.get(span).unwrap_or("")
    }

    pub(super) fn step(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len());
    }

    pub(super) fn is_end(&self) -> bool {
        self.ahead(0).kind == Kind::End
    }

    /// Whether the token so many ahead is this keyword, in any case.
    pub(super) fn is_word_ahead(&self, by: usize, word: &str) -> bool {
        self.ahead(by).kind == Kind::Word && self.text_ahead(by).eq_ignore_ascii_case(word)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.is_word_ahead(0, word)
    }

    /// Takes a keyword, in any case, if it is there.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let there = self.is_word(word);
        if there {
            self.step();
        }
        there
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        matches!(self.ahead(0).kind, Kind::Sign(s) if s == sign)
    }

    pub(super) fn take_sign(&mut self, sign: &str) -> bool {
        let there = self.is_sign(sign);
        if there {
            self.step();
        }
        there
    }

    /// Takes any word.
    pub(super) fn any_word(&mut self) -> Option<&'t str> {
        let word = (self.ahead(0).kind == Kind::Word).then(|| self.text_ahead(0))?;
        self.step();
        Some(word)
    }

    /// Takes a keyword.
    pub(super) fn need_word(&mut self, word: &str, why: &str) -> Result<(), Fault> {
        if self.take_word(word) { Ok(()) } else { Err(self.expected(&format!("`{word}` {why}"))) }
    }

    /// Takes a sign.
    pub(super) fn need_sign(&mut self, sign: &str, why: &str) -> Result<(), Fault> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.expected(&format!("`{sign}` {why}"))) }
    }

    /// Takes a quoted text, if there is one.
    pub(super) fn quoted(&mut self) -> Option<String> {
        let Kind::Quoted(value) = &self.ahead(0).kind else { return None };
        let value = value.clone();
        self.step();
        Some(value)
    }

    pub(super) fn need_quoted(&mut self, what: &str) -> Result<String, Fault> {
        if let Some(value) = self.quoted() {
            return Ok(value);
        }
        let word = (self.ahead(0).kind == Kind::Word).then(|| self.text_ahead(0));
        Err(self.expected(what).maybe(word.map(|w| format!("write \"{w}\" in quotes"))))
    }

    /// Takes a number, if there is one.
    pub(super) fn number(&mut self) -> Option<Result<f64, Fault>> {
        if self.ahead(0).kind != Kind::Number {
            return None;
        }
        let (text, span) = (self.text_ahead(0), self.span());
        self.step();
        Some(match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(Fault::new(span, format!("{text} is too large"))),
        })
    }

    pub(super) fn need_number(&mut self, what: &str) -> Result<f64, Fault> {
        match self.number() {
            Some(number) => number,
            None => Err(self.expected(what)),
        }
    }

    /// Takes a whole number.
    pub(super) fn need_whole<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, Fault> {
        let (text, span) = (self.text_ahead(0), self.span());
        if self.ahead(0).kind != Kind::Number {
            return Err(self.expected(what));
        }
        self.step();
        text.parse().map_err(|_| Fault::new(span, format!("{text} cannot be {what}")))
    }

    /// What stands here, in words.
    pub(super) fn found(&self) -> String {
        match self.ahead(0).kind {
            Kind::End => "the condition ends".to_owned(),
            _ => format!("found `{}`", self.text_ahead(0)),
        }
    }

    /// A fault at this place.
    pub(super) fn expected(&self, what: &str) -> Fault {
        Fault::new(self.span(), format!("expected {what}, but {}", self.found()))
    }

    /// The known word nearest to the one here.
    pub(super) fn did_you_mean<'c>(
        &self,
        words: impl IntoIterator<Item = &'c str>,
    ) -> Option<String> {
        if self.ahead(0).kind != Kind::Word {
            return None;
        }
        did_you_mean(self.text_ahead(0), words)
    }
}

/// The known word nearest to a mistyped one, as a question. Letters in another order (`fro`) are one
/// slip, though two edits.
pub(super) fn did_you_mean<'c>(
    word: &str,
    words: impl IntoIterator<Item = &'c str>,
) -> Option<String> {
    let word = word.to_ascii_lowercase();
    let words: Vec<&str> = words.into_iter().collect();
    let sorted = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    let swapped = words.iter().copied().find(|w| w.len() > 2 && sorted(w) == sorted(&word));
    let near = swapped.or_else(|| nearest(&word, words.iter().copied()))?;
    // A known word in the wrong place is not mistyped.
    (near != word).then(|| format!("did you mean `{near}`?"))
}
