//! Where the context lies in a text: passages that the application declared, or that its headings show.
//!
//! Owns the finding. Refuses to guess: text outside a mark or a heading is never a passage, so it is never cut.

use std::ops::Range;

/// Elements whose content is context, where the settings name no others.
pub(super) const TAGS: [&str; 6] = ["context", "document", "doc", "chunk", "passage", "source"];
/// Lines that begin a run of passages.
const OPENING: [&str; 7] =
    ["context", "contexts", "sources", "documents", "passages", "search results", "background"];
/// Lines that end it: what the user wants follows.
const CLOSING: [&str; 7] =
    ["question", "query", "user question", "task", "instruction", "instructions", "request"];

/// Of these, the ones that say how to answer, not what.
const ORDERS: [&str; 4] = ["task", "instruction", "instructions", "request"];

/// Bytes of a tag; longer ones are no tags but text.
const MAX_TAG: usize = 256;

/// A passage: what goes when it goes, and what of it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    /// All of it, with its marks and the space behind.
    pub(super) whole: Range<usize>,
    /// Its words.
    pub(super) inner: Range<usize>,
}

/// The passages of a text, in order and apart from each other.
pub(super) fn find(text: &str, tags: &[String]) -> Vec<Chunk> {
    let declared = declared(text, tags);
    if declared.is_empty() { headed(text) } else { declared }
}

/// Innermost elements of the named kinds. Where they do not nest properly there are none.
fn declared(text: &str, tags: &[String]) -> Vec<Chunk> {
    let known = |name: &str| {
        if tags.is_empty() { TAGS.contains(&name) } else { tags.iter().any(|t| t == name) }
    };
    let mut found: Vec<Chunk> = Vec::new();
    // Name, begin, begin of the inside, whether an element lay inside.
    let mut open: Vec<(&str, usize, usize, bool)> = Vec::new();
    let mut at = 0;
    while let Some(begin) = text.get(at..).and_then(|t| t.find('<')).map(|i| i + at) {
        at = begin + 1;
        let rest = text.as_bytes().get(begin..).unwrap_or_default();
        let Some(length) = rest.iter().take(MAX_TAG).position(|b| *b == b'>') else { continue };
        let end = begin + length + 1;
        let tag = text.get(begin + 1..end - 1).unwrap_or_default();
        let (closing, tag) = tag.strip_prefix('/').map_or((false, tag), |t| (true, t));
        let name = tag.split_whitespace().next().unwrap_or_default();
        if !known(name) || tag.ends_with('/') {
            continue;
        }
        at = end;
        if !closing {
            if let Some(outer) = open.last_mut() {
                outer.3 = true;
            }
            open.push((name, begin, end, false));
            continue;
        }
        match open.pop() {
            Some((opened, from, inside, false)) if opened == name => {
                found.push(Chunk { whole: from..spaced(text, end), inner: inside..begin });
            }
            Some((opened, .., true)) if opened == name => {}
            _ => return Vec::new(),
        }
    }
    if open.is_empty() { found } else { Vec::new() }
}

/// The end of the line that a passage ends, where nothing else stands on it.
fn spaced(text: &str, end: usize) -> usize {
    let rest = text.get(end..).unwrap_or_default();
    let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    if rest.get(blank..).is_some_and(|r| r.starts_with('\n')) { end + blank + 1 } else { end }
}

/// Paragraphs between a heading that announces context and one that asks. Without both there are none: where the
/// context ends is not known then.
fn headed(text: &str) -> Vec<Chunk> {
    let mut begin = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let here = at;
        at += line.len();
        match begin {
            None if is_heading(line, &OPENING, true) => begin = Some(at),
            // The first heading that asks: where it is a passage's own, what follows only counts as asked.
            Some(begin) if is_heading(line, &CLOSING, false) => {
                let mut found = paragraphs(text, begin, here);
                if is_heading(line, &ORDERS, false) {
                    // What to do it with may stand right before how to do it.
                    found.pop();
                }
                found.retain(|c| !asks(text.get(c.inner.clone()).unwrap_or_default()));
                return found;
            }
            _ => {}
        }
    }
    Vec::new()
}

/// Whether a paragraph may be the question itself.
fn asks(paragraph: &str) -> bool {
    paragraph.trim_end_matches([' ', '\t', '\n', '\r', '"', '*', ')']).ends_with(['?', '？', '؟'])
}

/// Whether a line is one of these headings; `alone` says that nothing may follow it.
fn is_heading(line: &str, names: &[&str], alone: bool) -> bool {
    let line = line.trim().trim_start_matches(['#', '*', ' ']);
    let Some((name, rest)) = line.split_once(':') else {
        return alone && names.contains(&line.trim_end_matches('*').to_ascii_lowercase().as_str());
    };
    let known = names.contains(&name.trim_end_matches('*').trim().to_ascii_lowercase().as_str());
    known && (!alone || rest.trim_matches(['*', ' ']).is_empty())
}

/// Blocks between blank lines, each with the blank behind it.
fn paragraphs(text: &str, begin: usize, end: usize) -> Vec<Chunk> {
    let mut found: Vec<Chunk> = Vec::new();
    let mut at = begin;
    let mut open: Option<Range<usize>> = None;
    for line in text.get(begin..end).unwrap_or_default().split_inclusive('\n') {
        let next = at + line.len();
        let blank = line.trim().is_empty() || line.trim().chars().all(|c| c == '-' || c == '=');
        match (blank, open.take()) {
            (false, None) => open = Some(at..next),
            (false, Some(block)) => open = Some(block.start..next),
            (true, Some(block)) => {
                found.push(Chunk { whole: block.start..next, inner: block });
            }
            (true, None) => {
                if let Some(last) = found.last_mut() {
                    last.whole.end = next;
                }
            }
        }
        at = next;
    }
    if let Some(block) = open {
        found.push(Chunk { whole: block.clone(), inner: block });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn inner(text: &str) -> Vec<&str> {
        find(text, &[]).into_iter().map(|c| text[c.inner].trim()).collect()
    }

    #[test]
    fn declared_passages_are_the_innermost_elements() {
        let text = "<context>\n<doc id=\"1\">One.</doc>\n<doc>Two.</doc>\n</context>\nWhy?";
        assert_eq!(inner(text), ["One.", "Two."]);
        assert_eq!(inner("<chunk>a</chunk> b < c > d"), ["a"]);
        assert_eq!(find("<note>a</note>", &["note".to_owned()]).len(), 1);
    }

    #[test]
    fn marks_that_do_not_nest_declare_nothing() {
        for text in ["<doc>a", "a</doc>", "<doc><chunk>a</doc></chunk>", "<b>a</b>", "<doc"] {
            assert!(find(text, &[]).is_empty(), "{text}");
        }
    }

    #[test]
    fn headings_show_passages_only_where_one_asks_after_them() {
        let text =
            "Be brief.\n\nContext:\n[1] One\nmore.\n\n[2] Two.\n---\nThree.\n\nQuestion: Why?";
        assert_eq!(inner(text), ["[1] One\nmore.", "[2] Two.", "Three."]);
        assert!(find("Context:\nOne.\n\nTwo.\n\nWhy?", &[]).is_empty());
        assert!(find("Question: Why?\n\nContext:\nOne.", &[]).is_empty());
        assert_eq!(inner("## Sources\nOne.\n\n**Question:** Why?"), ["One."]);
    }

    #[test]
    fn what_may_be_asked_is_no_passage() {
        let said =
            "Context:\nOne.\n\nTwo.\n\nQuestion: Rewrite this note.\n\nDear all,\n\nTask: finish.";
        assert_eq!(inner(said), ["One.", "Two."]);
        let said = "Context:\nOne.\n\nTwo.\n\nWho rings the bell?\n\nQuery: in one word";
        assert_eq!(inner(said), ["One.", "Two."]);
        let said = "Context:\nOne.\n\nTwo.\n\nTranslate it into German.\n\nInstructions: be brief";
        assert_eq!(inner(said), ["One.", "Two."]);
    }

    proptest! {
        #[test]
        fn passages_lie_apart_in_order_and_inside_the_text(text in "(<doc>|</doc>|<chunk>|</chunk>|Context:\n|Question: |[a-zé<>/ ]{0,5}|\n\n){0,20}") {
            let mut last = 0;
            for chunk in find(&text, &[]) {
                prop_assert!(chunk.whole.start >= last && chunk.whole.end <= text.len());
                prop_assert!(chunk.inner.start >= chunk.whole.start && chunk.inner.end <= chunk.whole.end);
                prop_assert!(text.get(chunk.whole.clone()).is_some() && text.get(chunk.inner).is_some());
                last = chunk.whole.end;
            }
        }
    }
}
