//! Text to tokens. Owns spelling: words, numbers, quoted texts, signs, and what people write in their
//! place. Refuses meaning.

use super::Fault;
use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word: keyword, metric, label, unit.
    Word,
    /// Digits, perhaps with a fraction.
    Number,
    /// A quoted text, unescaped.
    Quoted(String),
    /// One of [`SIGNS`].
    Sign(&'static str),
    /// Nothing left.
    End,
}

/// A token and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

/// Longest first, so that `>=` is not read as `>`.
const SIGNS: &[&str] = &[
    ">=", "<=", "==", "!=", "=~", "!~", ">", "<", "=", "{", "}", "(", ")", ",", ":", "+", "-", "$",
    "%", "/",
];

/// Longest text of a condition, in bytes: the longest that a person can still read on one screen,
/// many times over.
const MAX_TEXT: usize = 16 * 1024;

/// Splits a text into tokens; the last is [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    if text.len() > MAX_TEXT {
        let message =
            format!("the condition has {} bytes; at most {MAX_TEXT} are read", text.len());
        return Err(Fault::new(0..0, message).hint("split it into several rules"));
    }
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        let blank = rest.len() - rest.trim_start().len();
        if blank > 0 {
            at += blank;
            continue;
        }
        let after_number = tokens.last().is_some_and(|t| t.kind == Kind::Number);
        let (kind, length) = token(rest, at, after_number)?;
        tokens.push(Token { kind, span: at..at + length });
        at += length;
    }
    tokens.push(Token { kind: Kind::End, span: text.len()..text.len() });
    Ok(tokens)
}

/// The first token of `rest`, which begins at byte `at`, and how many bytes it takes.
fn token(rest: &str, at: usize, after_number: bool) -> Result<(Kind, usize), Fault> {
    let first = rest.chars().next().unwrap_or(' ');
    if first.is_ascii_digit() {
        return number(rest, at);
    }
    if first.is_ascii_alphabetic() || first == '_' {
        return Ok((Kind::Word, word_length(rest, after_number)));
    }
    if first == '"' || first == '\'' {
        return quoted(rest, at, first);
    }
    if let Some(sign) = SIGNS.iter().find(|s| rest.starts_with(**s)) {
        return Ok((Kind::Sign(sign), sign.len()));
    }
    let span = at..at + first.len_utf8();
    Err(Fault::new(span, format!("unexpected {first:?}")).maybe(instead(rest, first)))
}

/// Behind a number a word is a unit, and `h30m` in `1h30m` is a unit and the next part.
fn word_length(rest: &str, after_number: bool) -> usize {
    let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let word = rest.get(..length).unwrap_or(rest);
    if after_number && !word.contains('_') {
        return word.find(|c: char| c.is_ascii_digit()).unwrap_or(length);
    }
    length
}

fn number(rest: &str, at: usize) -> Result<(Kind, usize), Fault> {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let whole = digits(rest);
    let Some(fraction) = rest.get(whole..).and_then(|r| r.strip_prefix('.')) else {
        return separated(rest, whole, at);
    };
    let decimals = digits(fraction);
    if decimals == 0 {
        let written = rest.get(..whole).unwrap_or(rest);
        return Err(Fault::new(
            at..at + whole + 1,
            format!("no digit after the point in \"{written}.\""),
        )
        .hint(format!("write {written} or {written}.0")));
    }
    Ok((Kind::Number, whole + 1 + decimals))
}

/// `12,345` and `12_345` are what people write; here they are `12345`.
fn separated(rest: &str, whole: usize, at: usize) -> Result<(Kind, usize), Fault> {
    let number = rest.get(..whole).unwrap_or(rest);
    let group = |text: &str| {
        let digits = text.chars().take_while(char::is_ascii_digit).count();
        (digits == 3).then(|| text.get(..3)).flatten().map(str::to_owned)
    };
    for mark in [',', '_'] {
        let Some(next) = rest.get(whole..).and_then(|r| r.strip_prefix(mark)).and_then(group)
        else {
            continue;
        };
        let message = format!("\"{number}{mark}{next}\" has a separator in it");
        return Err(Fault::new(at..at + whole + 4, message)
            .hint(format!("write {number}{next} without it")));
    }
    Ok((Kind::Number, whole))
}

/// `\"`, `\'`, `\\`, `\n` and `\t` stand for what they are elsewhere; a backslash before anything else
/// is itself, so that `"gpt-\d"` is the regular expression it looks like.
fn quoted(rest: &str, at: usize, quote: char) -> Result<(Kind, usize), Fault> {
    let mut value = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        if c == quote {
            return Ok((Kind::Quoted(value), i + 1));
        }
        if c != '\\' {
            value.push(c);
            continue;
        }
        match chars.next().map(|(_, c)| c) {
            Some(c @ ('"' | '\'' | '\\')) => value.push(c),
            Some('n') => value.push('\n'),
            Some('t') => value.push('\t'),
            Some(c) => {
                value.push('\\');
                value.push(c);
            }
            None => break,
        }
    }
    Err(Fault::new(at..at + rest.len(), "a quoted text does not end")
        .hint(format!("close it with {quote}")))
}

/// What to write for a sign of another language.
fn instead(rest: &str, first: char) -> Option<String> {
    let to_write = match first {
        '≥' => ">=",
        '≤' => "<=",
        '≠' => "!=",
        '“' | '”' | '„' | '‘' | '’' => "\"",
        '&' => "and",
        '|' => "or",
        '!' => "not",
        '−' | '–' => "-",
        'µ' | 'μ' => "us for microseconds",
        '€' | '£' => "USD; prices and budgets are in US dollars",
        '[' => "over 5m for a window, or by (model) for labels",
        '.' if rest.get(1..).is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit())) => {
            "a number that begins with a digit, as 0.5"
        }
        _ => return None,
    };
    Some(format!("write {to_write}"))
}

/// A quoted text that [`tokens`] reads as `value`.
pub(super) fn quote(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// Whether a name can stand without quotes.
pub(super) fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
