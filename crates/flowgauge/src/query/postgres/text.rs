//! Statements as text: where each ends, which words it begins with, how many values it wants.
//!
//! Owns quoting. Refuses to parse: what a statement means is the worker's.

/// A piece of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A word or a number, as written.
    Word(&'a str),
    /// A name in double quotes, with them.
    Quoted(&'a str),
    /// A text, with its quotes.
    Text(&'a str),
    /// `$1`
    Value(u16),
    /// Anything else.
    Mark(char),
}

/// The pieces of a text, each with the place of its first byte and of the byte after its last.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

/// The pieces of a text; comments are none.
pub(super) const fn tokens(text: &str) -> Tokens<'_> {
    Tokens { text, at: 0 }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (Token<'a>, usize, usize);

    fn next(&mut self) -> Option<Self::Item> {
        self.at += blank(self.rest());
        let (rest, from) = (self.rest(), self.at);
        let first = rest.chars().next()?;
        let (token, length) = piece(rest, first);
        self.at += length;
        Some((token, from, self.at))
    }
}

impl<'a> Tokens<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }
}

fn piece(rest: &str, first: char) -> (Token<'_>, usize) {
    let upto = |n: usize| rest.get(..n).unwrap_or(rest);
    match first {
        '\'' => {
            let n = quoted(rest, '\'', false);
            (Token::Text(upto(n)), n)
        }
        'e' | 'E' if rest.as_bytes().get(1) == Some(&b'\'') => {
            let n = 1 + quoted(rest.get(1..).unwrap_or(""), '\'', true);
            (Token::Text(upto(n)), n)
        }
        '"' => {
            let n = quoted(rest, '"', false);
            (Token::Quoted(upto(n)), n)
        }
        '$' => dollar(rest),
        c if in_word(c) => {
            let n = rest.find(|c| !in_word(c) && c != '$').unwrap_or(rest.len());
            (Token::Word(upto(n)), n)
        }
        c => (Token::Mark(c), c.len_utf8()),
    }
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Bytes of white space and comments at the beginning; comments nest.
fn blank(text: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or("");
        let spaces = rest.len() - rest.trim_start().len();
        let rest = rest.trim_start();
        at += spaces;
        if rest.starts_with("--") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += comment(rest);
        } else {
            return at;
        }
    }
}

fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0u32, 0);
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Bytes of a quoted text with both quotes; a doubled quote belongs to it.
fn quoted(text: &str, quote: char, escapes: bool) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if escapes && c == '\\' {
            chars.next();
        } else if c == quote {
            if chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
            } else {
                return at + 1;
            }
        }
    }
    text.len()
}

/// `$1`, `$$text$$` or `$tag$text$tag$`.
fn dollar(rest: &str) -> (Token<'_>, usize) {
    let after = rest.get(1..).unwrap_or("");
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    if digits > 0 {
        let number = after.get(..digits).and_then(|d| d.parse().ok()).unwrap_or(u16::MAX);
        return (Token::Value(number), digits + 1);
    }
    let tag =
        after.find(|c| !in_word(c)).filter(|n| after.get(*n..).is_some_and(|r| r.starts_with('$')));
    let Some(tag) = tag.and_then(|n| rest.get(..n + 2)) else { return (Token::Mark('$'), 1) };
    let inner = rest.get(tag.len()..).unwrap_or("");
    let length = inner.find(tag).map_or(rest.len(), |n| 2 * tag.len() + n);
    (Token::Text(rest.get(..length).unwrap_or(rest)), length)
}

/// The statements of a text, without what separates them.
pub(super) fn statements(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut from = 0;
    for (token, at, after) in tokens(text) {
        if token == Token::Mark(';') {
            out.extend(text.get(from..at));
            from = after;
        }
    }
    out.extend(text.get(from..));
    out.retain(|s| tokens(s).next().is_some());
    out
}

/// The highest `$n` of a statement.
pub(super) fn values(text: &str) -> u16 {
    let number = |(token, ..): (Token<'_>, usize, usize)| match token {
        Token::Value(n) => n,
        _ => 0,
    };
    tokens(text).map(number).max().unwrap_or(0)
}

/// A name without its quotes; small letters where it has none.
pub(super) fn name(token: Token<'_>) -> Option<String> {
    match token {
        Token::Word(word) => Some(word.to_lowercase()),
        Token::Quoted(text) => Some(inner(text).replace("\"\"", "\"")),
        _ => None,
    }
}

/// A text's content; a word's or number's is itself.
pub(super) fn content(token: Token<'_>) -> Option<String> {
    match token {
        Token::Text(text) => Some(inner(text.trim_start_matches(['e', 'E'])).replace("''", "'")),
        Token::Word(word) => Some(word.to_owned()),
        Token::Quoted(text) => Some(inner(text).to_owned()),
        _ => None,
    }
}

fn inner(text: &str) -> &str {
    text.get(1..text.len().saturating_sub(1)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn statements_end_at_semicolons_outside_of_quotes_and_comments() {
        let text =
            "select ';' -- a; b\n; select $$;$$, \"a;b\" /* ; /* ; */ ; */; ;\nselect E'\\';'";
        let found: Vec<_> = statements(text).into_iter().map(str::trim).collect();
        let expected =
            ["select ';' -- a; b", "select $$;$$, \"a;b\" /* ; /* ; */ ; */", "select E'\\';'"];
        assert_eq!(found, expected);
        assert!(statements(" ; -- nothing\n").is_empty());
    }

    #[test]
    fn values_are_counted_where_they_are_values() {
        assert_eq!(values("select $1, '$3', $2 -- $9"), 2);
        assert_eq!(values("select a$4, $tag$ $7 $tag$"), 0);
    }

    proptest! {
        #[test]
        fn any_text_is_cut_into_pieces_that_follow_each_other(text in "[-a$;'\"/*\\\\ \n1é]{0,40}") {
            let mut last = 0;
            for (_, from, to) in tokens(&text) {
                prop_assert!(last <= from && from < to && to <= text.len());
                prop_assert!(text.get(from..to).is_some());
                last = to;
            }
            let _statements = statements(&text);
        }
    }
}
