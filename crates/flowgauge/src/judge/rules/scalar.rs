//! Where inside a file a byte of a scalar stands: faults inside `condition:` and `message:` get
//! their own line and column, however the scalar is written (plain, quoted, block).

use crate::config::problem::Place;

/// A scalar in its source: every character of its text and where it is written.
#[derive(Debug)]
pub(super) struct Written<'a> {
    text: &'a str,
    /// One per character of the text: line and column from 1, and the byte in the source.
    spots: Vec<(usize, usize, usize)>,
    /// Byte in the source where the scalar begins and ends, quotes included.
    pub(super) from: usize,
    pub(super) to: usize,
    /// `"`, `'`; `|` for the content of any block, a space for a plain one.
    pub(super) style: char,
}

/// Finds the characters of `text` in `source`, where it begins at a line and column from 1.
///
/// Nothing where the source does not say that text: an alias, or a number normalised on reading.
pub(super) fn written<'a>(
    source: &str,
    place: (usize, usize),
    text: &'a str,
) -> Option<Written<'a>> {
    let mut cursor = Cursor::at(source, place)?;
    let from = cursor.byte;
    let style = match cursor.peek() {
        _ if is_block(source, from) => '|',
        Some(c @ ('"' | '\'')) => {
            cursor.step();
            c
        }
        _ => ' ',
    };
    let mut spots = Vec::with_capacity(text.len());
    for c in text.chars() {
        spots.push(cursor.find(c, style)?);
    }
    if matches!(style, '"' | '\'') {
        while cursor.peek().is_some_and(|c| c != style) {
            cursor.step();
        }
        cursor.step();
    }
    let to = if style == ' ' || style == '"' || style == '\'' {
        cursor.byte
    } else {
        source.get(..cursor.byte).map_or(cursor.byte, |s| s.trim_end().len())
    };
    Some(Written { text, spots, from, to, style })
}

/// Whether what begins there is the content of a block scalar: its header ends the line above.
fn is_block(source: &str, from: usize) -> bool {
    let before = source.get(..from).unwrap_or_default();
    let Some((above, indent)) = before.rsplit_once('\n') else { return false };
    let header = above.trim_end().lines().next_back().unwrap_or_default();
    let header = header.split_once(" #").map_or(header, |(header, _)| header).trim_end();
    let mark = header.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
    indent.trim().is_empty() && mark.ends_with(['|', '>'])
}

impl Written<'_> {
    /// Where a byte of the text stands; its end stands behind its last character.
    pub(super) fn place(&self, byte: usize) -> Place {
        let index = self.text.char_indices().take_while(|(at, _)| *at < byte).count();
        let spot = self.spots.get(index).copied();
        let behind = || self.spots.last().map(|(line, column, at)| (*line, column + 1, *at));
        let (line, column, _) = spot.or_else(behind).unwrap_or((1, 1, 0));
        Place::File { line, column }
    }
}

struct Cursor<'a> {
    source: &'a str,
    byte: usize,
    line: usize,
    column: usize,
}

impl<'a> Cursor<'a> {
    fn at(source: &'a str, (line, column): (usize, usize)) -> Option<Self> {
        let start: usize =
            source.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
        let mut cursor = Self { source, byte: start, line, column: 1 };
        while cursor.column < column {
            cursor.peek().filter(|c| *c != '\n')?;
            cursor.step();
        }
        Some(cursor)
    }

    fn peek(&self) -> Option<char> {
        self.source.get(self.byte..)?.chars().next()
    }

    fn step(&mut self) {
        let Some(c) = self.peek() else { return };
        self.byte += c.len_utf8();
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
    }

    const fn spot(&self) -> (usize, usize, usize) {
        (self.line, self.column, self.byte)
    }

    /// Where the next character of the text is written. White space of the text may be a line
    /// break and indentation in the source, or nothing; everything else is itself or an escape.
    fn find(&mut self, c: char, style: char) -> Option<(usize, usize, usize)> {
        let escape = |cursor: &Self| style == '"' && cursor.peek() == Some('\\');
        if c.is_whitespace() && !escape(self) {
            let spot = self.spot();
            if self.peek().is_some_and(|found| found == c && c != '\n') {
                self.step();
            }
            return Some(spot);
        }
        loop {
            let found = self.peek()?;
            if escape(self) {
                let spot = self.spot();
                if self.escape() {
                    return Some(spot);
                }
            } else if found.is_whitespace() && !c.is_whitespace() {
                self.step();
            } else if found == c {
                let spot = self.spot();
                self.step();
                if style == '\'' && c == '\'' {
                    self.step();
                }
                return Some(spot);
            } else {
                return None;
            }
        }
    }

    /// Passes an escape of a double-quoted scalar; `false` for a line that goes on.
    fn escape(&mut self) -> bool {
        self.step();
        let digits = match self.peek() {
            Some('\n' | '\r') => {
                self.step();
                return false;
            }
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            _ => 0,
        };
        for _ in 0..=digits {
            self.step();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree::{Value, parse_file};
    use proptest::prelude::*;

    /// Line and column of a word inside the scalar of the key `k`.
    fn find(source: &str, word: &str) -> (usize, usize) {
        let root = parse_file(source).unwrap();
        let node = root.child("k").unwrap();
        let (Value::Text(text), Place::File { line, column }) = (&node.value, &node.place) else {
            panic!("{node:?}")
        };
        let written = written(source, (*line, *column), text).unwrap();
        let Place::File { line, column } = written.place(text.find(word).unwrap()) else {
            panic!("no place")
        };
        (line, column)
    }

    #[test]
    fn every_style_of_scalar_tells_where_its_words_are() {
        assert_eq!(find("k: one two\n", "two"), (1, 8));
        assert_eq!(find("k: one\n  two\n", "two"), (2, 3));
        assert_eq!(find("k: \"a \\\"b\\\" \\u00e4 two\"\n", "two"), (1, 20));
        assert_eq!(find("k: \"one \\\n   two\"\n", "two"), (2, 4));
        assert_eq!(find("k: 'it''s two'\n", "two"), (1, 11));
        assert_eq!(find("k: |\n  one\n  two\n", "two"), (3, 3));
        assert_eq!(find("k: >- # why\n  one\n  two\n", "two"), (3, 3));
        assert_eq!(find("k:\n  one two\n", "two"), (2, 7));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(source in "[a'\"\\\\|> \nä]{0,20}", text in "[a'\" \nä]{0,8}", line in 0..4usize, column in 0..9usize) {
            if let Some(written) = written(&source, (line, column), &text) {
                let _place = written.place(text.len());
            }
        }

        #[test]
        fn quoted_texts_are_found(text in "[a-z'\"\\\\{}%]{1,12}") {
            let quoted = format!("k: {}\n", serde_json::to_string(&text).unwrap());
            let found = written(&quoted, (1, 4), &text).unwrap();
            prop_assert_eq!(found.to, quoted.len() - 1);
        }
    }
}
