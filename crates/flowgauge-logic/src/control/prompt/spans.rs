//! Which parts of a text are not to be touched.

use std::ops::Range;

/// Spans of code, quotations, JSON and elements; in order, apart from each other. What is opened and not closed
/// protects all that follows.
pub(super) fn protected(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        let begins_word = at == 0 || !bytes.get(at - 1).is_some_and(u8::is_ascii_alphanumeric);
        let end = match byte {
            b'`' if rest.starts_with("```") => closed(rest, 3, "```"),
            b'`' => closed(rest, 1, "`"),
            b'"' => closed(rest, 1, "\""),
            b'\'' if begins_word => quoted(rest),
            b'{' | b'[' => balanced(rest.as_bytes()),
            b'<' if rest
                .as_bytes()
                .get(1)
                .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'/') =>
            {
                closed(rest, 1, ">")
            }
            0xe2 if rest.starts_with('“') => closed(rest, 3, "”"),
            0xc2 if rest.starts_with('«') => closed(rest, 2, "»"),
            _ => 0,
        };
        if end > 0 {
            found.push(at..at + end);
            at += end;
        } else {
            at += 1;
        }
    }
    found
}

/// Length of what begins with `open` bytes and ends with `close`; all of the rest where it does not end.
fn closed(rest: &str, open: usize, close: &str) -> usize {
    let inner = rest.get(open..).unwrap_or_default();
    inner.find(close).map_or(rest.len(), |i| open + i + close.len())
}

/// A quotation in single marks; an apostrophe that is never closed on its line is none.
fn quoted(rest: &str) -> usize {
    let line = rest.lines().next().unwrap_or_default();
    let inner = line.get(1..).unwrap_or_default();
    inner.find('\'').map_or(0, |i| i + 2)
}

/// Length of a bracketed part, brackets inside counted; all of the rest where it does not close.
fn balanced(rest: &[u8]) -> usize {
    let mut depth = 0u32;
    for (i, b) in rest.iter().enumerate() {
        match b {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return i + 1;
        }
    }
    rest.len()
}

/// Whether a place lies in one of the spans.
pub(super) fn covers(spans: &[Range<usize>], range: &Range<usize>) -> bool {
    let first = spans.partition_point(|s| s.end <= range.start);
    spans.get(first).is_some_and(|s| s.start < range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        protected(text).into_iter().map(|s| &text[s]).collect()
    }

    #[test]
    fn code_quotations_and_json_are_protected() {
        let text =
            "Say ```a  b``` and `c` or \"d  e\" as {\"x\": [1, {}]} not 'f g' <tag a=1> it's “h”.";
        let want =
            ["```a  b```", "`c`", "\"d  e\"", "{\"x\": [1, {}]}", "'f g'", "<tag a=1>", "“h”"];
        assert_eq!(parts(text), want);
    }

    #[test]
    fn what_does_not_close_protects_the_rest() {
        assert_eq!(parts("a ```b  c"), ["```b  c"]);
        assert_eq!(parts("a { b"), ["{ b"]);
        assert!(parts("don't  do  it, isn't it").is_empty());
    }
}
