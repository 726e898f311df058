//! Text as words: sentences, stems, numbers, names. What every lexical evaluator counts.
//!
//! Owns what a word is in any script. Refuses meaning: two words are the same when their stems are.
//! All work is linear in the text, and texts are cut first.

use self::lists::{irregular, is_function, numeral};
use std::collections::BTreeSet;

mod lists;

/// Bytes of a text that are looked at. A long answer has some thousand words, 10 KB; at ten times
/// that the rest does not change a share by a visible amount.
const MAX_BYTES: usize = 100_000;

/// Shortest stem that a suffix may leave: below three letters words fall together.
const LEAST_STEM: usize = 3;

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    /// Grammar: it says nothing by itself.
    Function,
    /// Anything else.
    Content,
    /// Capitalised inside a sentence.
    Name,
    /// Digits, or a numeral.
    Number,
}

/// One word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Word {
    /// Lower case, without its ending.
    pub(super) stem: String,
    pub(super) sort: Sort,
}

/// The part of a text that is looked at.
pub(super) fn bounded(text: &str) -> &str {
    let mut end = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Sentences: ended by a mark and a space, by a mark that needs no space, or by a line's end.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let text = bounded(text);
    let mut found = Vec::new();
    let mut begin = 0;
    let mut ended = false;
    for (at, c) in text.char_indices() {
        let here = at + c.len_utf8();
        let cut = match c {
            '\n' | '。' | '！' | '？' | '؟' | '।' => true,
            _ if c.is_whitespace() => ended,
            _ => false,
        };
        if cut {
            push(&mut found, text.get(begin..here));
            begin = here;
        }
        // A closing quote or bracket after the mark still belongs to the sentence.
        ended = matches!(c, '.' | '!' | '?' | '…')
            || (ended && matches!(c, '"' | '\'' | ')' | '”' | '’' | '»'));
    }
    push(&mut found, text.get(begin..));
    found
}

fn push<'a>(found: &mut Vec<&'a str>, sentence: Option<&'a str>) {
    if let Some(sentence) = sentence.map(str::trim)
        && sentence.chars().any(char::is_alphanumeric)
    {
        found.push(sentence);
    }
}

/// The words of a text.
pub(super) fn words(text: &str) -> Vec<Word> {
    sentences(text).into_iter().flat_map(of_sentence).collect()
}

/// The words of one sentence. Scripts that do not separate words give overlapping pairs of
/// characters, the usual stand-in for a dictionary.
pub(super) fn of_sentence(sentence: &str) -> Vec<Word> {
    let mut found = Vec::new();
    let mut first = true;
    for run in sentence.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’') {
        let run = run.trim_matches(['\'', '’']);
        if run.is_empty() {
            continue;
        }
        for piece in by_script(run) {
            if piece.chars().next().is_some_and(unspaced) {
                pairs(piece, &mut found);
            } else {
                found.push(word(piece, first));
            }
            first = false;
        }
    }
    found
}

/// Stems of the words that say something.
pub(super) fn content(text: &str) -> BTreeSet<String> {
    words(text).into_iter().filter(|w| w.sort != Sort::Function).map(|w| w.stem).collect()
}

/// Words of a text as people count them; two characters of an unspaced script count as one.
pub(super) fn count(text: &str) -> u32 {
    u32::try_from(words(text).len()).unwrap_or(u32::MAX)
}

fn unspaced(c: char) -> bool {
    // Kana, Han, Hangul is spaced, Thai, Lao, Khmer, Myanmar are not.
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{2fa1f}' | '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}')
}

fn by_script(run: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut begin = 0;
    let mut last = None;
    for (at, c) in run.char_indices() {
        let now = unspaced(c);
        if last.is_some_and(|l| l != now) {
            pieces.extend(run.get(begin..at));
            begin = at;
        }
        last = Some(now);
    }
    pieces.extend(run.get(begin..));
    pieces
}

fn pairs(piece: &str, found: &mut Vec<Word>) {
    let characters: Vec<char> = piece.chars().collect();
    let mut add = |stem: String| found.push(Word { stem, sort: Sort::Content });
    if characters.len() == 1 {
        add(piece.to_owned());
    }
    for pair in characters.windows(2) {
        add(pair.iter().collect());
    }
}

fn word(piece: &str, first: bool) -> Word {
    let lower = piece.to_lowercase().replace('’', "'");
    if let Some(numeral) = numeral(&lower) {
        return Word { stem: numeral.to_owned(), sort: Sort::Number };
    }
    if lower.chars().any(|c| c.is_ascii_digit()) {
        return Word { stem: lower, sort: Sort::Number };
    }
    let bare = lower.strip_suffix("'s").unwrap_or(&lower);
    if is_function(bare) {
        return Word { stem: bare.to_owned(), sort: Sort::Function };
    }
    let capital = piece.chars().next().is_some_and(char::is_uppercase);
    let sort = if capital && !first { Sort::Name } else { Sort::Content };
    Word { stem: stem(bare), sort }
}

/// A light English stemmer: plural, past, progressive and adverb endings. It errs towards leaving
/// words apart; for other languages it does little.
fn stem(word: &str) -> String {
    if let Some(stem) = irregular(word) {
        return stem.to_owned();
    }
    let mut stem = word.to_owned();
    for (ending, instead) in [
        ("iness", "y"),
        ("ation", "at"),
        ("ingly", ""),
        ("edly", ""),
        ("ies", "y"),
        ("ied", "y"),
        ("ness", ""),
        ("ment", ""),
        ("sses", "ss"),
        ("ing", ""),
        ("ed", ""),
        ("ly", ""),
        ("er", ""),
        ("es", ""),
        ("s", ""),
    ] {
        if let Some(rest) = word.strip_suffix(ending)
            && rest.chars().count() >= LEAST_STEM
            && !(ending == "s" && rest.ends_with(['s', 'u', 'i']))
        {
            stem = format!("{rest}{instead}");
            break;
        }
    }
    // "stopped" and "stop", "care" and "cared" meet here.
    let mut tail = stem.chars().rev();
    if let (Some(a), Some(b)) = (tail.next(), tail.next())
        && a == b
        && !matches!(a, 's' | 'l')
        && stem.chars().count() > LEAST_STEM
    {
        stem.pop();
    }
    if stem.ends_with('e') && stem.chars().count() > LEAST_STEM {
        stem.pop();
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(text: &str) -> Vec<String> {
        words(text).into_iter().map(|w| w.stem).collect()
    }

    #[test]
    fn forms_of_a_word_have_one_stem() {
        for forms in [
            &["stop", "stops", "stopped", "stopping"][..],
            &["care", "cares", "cared"],
            &["carry", "carries", "carried"],
            &["write", "written", "wrote", "writes"],
            &["tell", "tells"],
        ] {
            let all: BTreeSet<String> = forms.iter().map(|f| stem(f)).collect();
            assert_eq!(all.len(), 1, "{forms:?} {all:?}");
        }
        assert_ne!(stem("bell"), stem("bed"));
        assert_eq!(stems("Three boats"), stems("3 boat"));
    }

    #[test]
    fn names_and_numbers_are_told_from_other_words() {
        let sorts: Vec<Sort> = words("Old Marta paid 40 coins.").iter().map(|w| w.sort).collect();
        assert_eq!(sorts, [Sort::Content, Sort::Name, Sort::Content, Sort::Number, Sort::Content]);
    }

    #[test]
    fn sentences_end_at_marks_of_any_script_and_at_lines() {
        assert_eq!(sentences("One. Two? \"Three.\" 3.5 is four").len(), 4);
        assert_eq!(sentences("渡船到了。钟响了！").len(), 2);
        assert_eq!(sentences("a\nb\n\n--\n"), ["a", "b"]);
    }

    #[test]
    fn unspaced_scripts_give_pairs() {
        assert_eq!(stems("渡船到"), ["渡船", "船到"]);
    }
}
