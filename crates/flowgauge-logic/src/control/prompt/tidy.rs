//! Blanks that mean nothing and instructions said twice.

use super::spans::{covers, protected};
use std::collections::BTreeSet;

/// Words an instruction needs to be recognised: shorter ones ("Yes.", "For example:") are repeated on purpose.
const LEAST_WORDS: usize = 4;

/// The text without blanks that mean nothing; nothing where there are none, or where the text may be a table.
///
/// Blanks inside protected spans stay, and so does the indent of a line.
pub(super) fn blanks(text: &str) -> Option<String> {
    if is_table(text) {
        return None;
    }
    let spans = protected(text);
    let mut out = String::with_capacity(text.len());
    let (mut lines, mut begun, mut run) = (0, false, None);
    let mut next = spans.iter().peekable();
    for (at, c) in text.char_indices() {
        while next.peek().is_some_and(|s| s.end <= at) {
            next.next();
        }
        let kept = next.peek().is_some_and(|s| s.start <= at);
        match c {
            '\n' if !kept => {
                // Blanks before the line's end go with the run.
                run = None;
                lines += 1;
                if lines <= 2 {
                    out.push('\n');
                }
                begun = false;
            }
            ' ' if !kept && begun => run = run.or(Some(at)),
            _ => {
                if run.take().is_some() {
                    out.push(' ');
                }
                // Indents are kept only on lines that hold something.
                if c != ' ' && c != '\t' || kept {
                    begun = true;
                    lines = 0;
                }
                out.push(c);
            }
        }
    }
    let trimmed = out.trim_end_matches([' ', '\n']);
    let out =
        if spans.last().is_some_and(|s| s.end == text.len()) { out.as_str() } else { trimmed };
    (out.len() < text.len()).then(|| out.to_owned())
}

/// Whether columns may be aligned by blanks: two lines that follow each other with runs of them inside.
fn is_table(text: &str) -> bool {
    let wide = |line: &str| {
        line.trim().contains("   ") || line.contains('|') || line.trim().contains('\t')
    };
    let lines: Vec<&str> = text.lines().collect();
    lines.windows(2).any(|w| wide(w[0]) && wide(w[1]))
}

/// The text without instructions that it gave before, sign by sign; nothing where there are none.
///
/// Numbered lines stay, and so does everything that touches a protected span, what a label stands before, as in the
/// turns of an example, and what follows one: there the same words are said of something else.
pub(super) fn said_once(text: &str) -> Option<String> {
    let spans = protected(text);
    let mut said = BTreeSet::new();
    let mut out = String::with_capacity(text.len());
    let mut labelled = false;
    for range in sentences(text) {
        let sentence = text.get(range.clone()).unwrap_or_default();
        let words = sentence.split_whitespace().count();
        let first = sentence.trim_start().chars().next();
        let listed =
            first.is_some_and(|c| c.is_ascii_digit() || matches!(c, '-' | '*' | '#' | '|'));
        let after_label = std::mem::replace(&mut labelled, sentence.trim_end().ends_with(':'));
        let labels = after_label || sentence.contains(':');
        let plain = words >= LEAST_WORDS && !listed && !labels && !covers(&spans, &range);
        if plain && !said.insert(instruction(sentence)) {
            continue;
        }
        out.push_str(sentence);
    }
    (out.len() < text.len()).then_some(out)
}

/// An instruction as it is compared: whether it begins large, how it is spaced and its last mark say nothing; every other
/// sign does ("add 5", "add -5").
fn instruction(sentence: &str) -> String {
    let line = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.trim_end_matches(['.', '!']);
    let mut signs = line.chars();
    match (signs.next(), signs.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(signs).collect()
        }
        _ => line.to_owned(),
    }
}

/// Sentences with the blanks behind them; a line's end ends one.
fn sentences(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let (mut begin, mut ended, mut before) = (0, false, ' ');
    for (at, c) in text.char_indices() {
        if ended && !c.is_whitespace() {
            found.push(begin..at);
            (begin, ended) = (at, false);
        }
        let next = text.get(at + c.len_utf8()..).and_then(|r| r.chars().next());
        let mark = matches!(c, '.' | '!' | '?') && next.is_none_or(char::is_whitespace);
        // "1." numbers what follows.
        ended |= c == '\n' || (mark && !before.is_ascii_digit());
        before = c;
    }
    found.push(begin..text.len());
    found
}
