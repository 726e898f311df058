//! The demo's book: six chapters written for it, how passages of it are named and found, and one
//! chapter's translations.
//!
//! Owns every word the pretend application can show, so nothing of anybody's is shown. Refuses to
//! answer questions: that is the pretend model's part.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The chapters; a paragraph is a line.
const CHAPTERS: [&str; 6] = [
    include_str!("book/1-crossing.txt"),
    include_str!("book/2-lamps.txt"),
    include_str!("book/3-library.txt"),
    include_str!("book/4-eels.txt"),
    include_str!("book/5-clock.txt"),
    include_str!("book/6-letters.txt"),
];

/// The chapter that was translated, from 1, and its translations, a sentence a line.
const TRANSLATED: usize = 6;
const SPANISH: &str = include_str!("book/6-letters.es.txt");
const CHINESE: &str = include_str!("book/6-letters.zh.txt");

/// Questions readers ask, one a line; each of at most 120 characters.
const QUESTIONS: &str = include_str!("book/questions.txt");

/// Sentences of a passage as the retriever cuts the book.
const SENTENCES_OF_A_PASSAGE: usize = 2;
/// Letters of a word that are compared: enough to keep words apart, few enough for their forms to
/// meet.
const LETTERS: usize = 5;
/// Shorter words are grammar, numbers excepted.
const SHORT: usize = 4;

static SENTENCES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| CHAPTERS.iter().flat_map(|c| paragraphs(c)).flat_map(split).collect());

/// The sentences of the book, in order.
#[must_use]
pub fn sentences() -> &'static [&'static str] {
    &SENTENCES
}

/// The sentences of the chapter that has translations.
#[must_use]
pub fn translated() -> Vec<&'static str> {
    paragraphs(chapter(TRANSLATED)).flat_map(split).collect()
}

/// Questions readers ask.
#[must_use]
pub fn questions() -> Vec<&'static str> {
    QUESTIONS.lines().collect()
}

/// A paragraph by its name, `chapter:paragraph`, both from 1.
#[must_use]
pub fn paragraph(name: &str) -> Option<&'static str> {
    let (chapter_no, paragraph_no) = name.split_once(':')?;
    let number: usize = paragraph_no.parse().ok()?;
    paragraphs(chapter(chapter_no.parse().ok()?)).nth(number.checked_sub(1)?)
}

fn chapter(number: usize) -> &'static str {
    number.checked_sub(1).and_then(|at| CHAPTERS.get(at)).copied().unwrap_or_default()
}

fn paragraphs(chapter: &'static str) -> impl Iterator<Item = &'static str> {
    chapter.lines().filter(|line| !line.is_empty())
}

/// A sentence of the translated chapter in `es` or `zh`.
#[must_use]
pub fn translate(sentence: &str, language: &str) -> Option<&'static str> {
    let lines = match language.get(..2)? {
        "es" => SPANISH,
        "zh" => CHINESE,
        _ => return None,
    };
    let at = paragraphs(chapter(TRANSLATED)).flat_map(split).position(|s| s == sentence.trim())?;
    lines.lines().nth(at)
}

/// Sentences of the book that share words with a query, the best first, until their characters
/// reach `wanted`; then in the order of the book. Where nothing fits, the book's beginning.
#[must_use]
pub fn retrieve(query: &str, wanted: usize) -> String {
    let all = sentences();
    let mut ranked = rank(query, all);
    ranked.extend((0..all.len()).map(|at| (0.0, at)));
    let mut chosen: Vec<usize> = Vec::new();
    let mut length = 0;
    for (_, at) in ranked {
        if length >= wanted {
            break;
        }
        if !chosen.contains(&at) {
            length += all.get(at).map_or(0, |s| s.len());
            chosen.push(at);
        }
    }
    chosen.sort_unstable();
    let chosen: Vec<&str> = chosen.into_iter().filter_map(|at| all.get(at).copied()).collect();
    chosen.join(" ")
}

/// Passages of the book that share words with a query, the best first, until their characters reach `wanted` and there
/// are `fewest` of them: what a retriever brings before anybody chooses.
#[must_use]
pub fn passages(query: &str, wanted: usize, fewest: usize) -> Vec<String> {
    let all: Vec<String> = CHAPTERS
        .iter()
        .flat_map(|c| paragraphs(c))
        .flat_map(|p| {
            split(p).chunks(SENTENCES_OF_A_PASSAGE).map(|c| c.join(" ")).collect::<Vec<_>>()
        })
        .collect();
    let texts: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut order: Vec<usize> = rank(query, &texts).into_iter().map(|(_, at)| at).collect();
    order.extend(0..texts.len());
    let mut chosen: Vec<usize> = Vec::new();
    let mut length = 0;
    for at in order {
        if length >= wanted && chosen.len() >= fewest {
            break;
        }
        if !chosen.contains(&at) {
            length += texts.get(at).map_or(0, |t| t.len());
            chosen.push(at);
        }
    }
    chosen.into_iter().filter_map(|at| all.get(at).cloned()).collect()
}

/// Sentences that share words with a query, best first, each with the weight it shares. Words that
/// stand in few of the sentences weigh more.
pub(super) fn rank(query: &str, sentences: &[&str]) -> Vec<(f64, usize)> {
    let words: Vec<Vec<String>> = sentences.iter().map(|s| keys(s)).collect();
    let mut found = BTreeMap::new();
    for key in words.iter().flatten() {
        *found.entry(key.as_str()).or_insert(0u32) += 1;
    }
    let n = f64::from(u32::try_from(sentences.len()).unwrap_or(u32::MAX));
    let asked = keys(query);
    let weight =
        |key: &String| found.get(key.as_str()).map_or(0.0, |k| (1.0 + n / f64::from(*k)).ln());
    let mut ranked: Vec<(f64, usize)> = words
        .iter()
        .enumerate()
        .map(|(at, own)| (asked.iter().filter(|k| own.contains(k)).map(weight).sum(), at))
        .filter(|(score, _)| *score > 0.0)
        .collect();
    ranked.sort_by(|(a, i), (b, j)| b.total_cmp(a).then(i.cmp(j)));
    ranked
}

/// What of a text's words is compared, each once.
pub(super) fn keys(text: &str) -> Vec<String> {
    let mut keys: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| w.chars().count() >= SHORT || w.chars().any(|c| c.is_ascii_digit()))
        .map(str::to_lowercase)
        .filter(|w| !COMMON.contains(&w.as_str()))
        .map(|w| w.chars().take(LETTERS).collect())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Longer words that say nothing about what is meant.
const COMMON: [&str; 36] = [
    "about", "after", "also", "because", "before", "been", "book", "does", "each", "ever", "every",
    "explain", "from", "have", "into", "more", "much", "once", "only", "over", "passage", "that",
    "their", "them", "then", "there", "they", "this", "were", "what", "when", "where", "which",
    "while", "with", "would",
];

/// The sentences of a paragraph; all of the book end with a full stop.
pub(super) fn split(paragraph: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = paragraph.trim();
    while let Some(at) = rest.find(['.', '?', '!', '。']) {
        let end = at + rest.get(at..).and_then(|r| r.chars().next()).map_or(1, char::len_utf8);
        found.extend(rest.get(..end));
        rest = rest.get(end..).unwrap_or_default().trim_start();
    }
    if !rest.is_empty() {
        found.push(rest);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_book_needs_no_escaping_in_the_stream_of_an_application_that_escapes_nothing() {
        assert!(sentences().iter().all(|s| !s.contains(['"', '\\']) && s.ends_with('.')));
        let words: usize = sentences().iter().map(|s| s.split_whitespace().count()).sum();
        assert!(words > 2_500, "{words}");
        assert!(questions().iter().all(|q| q.ends_with('?') && q.chars().count() <= 120));
    }

    #[test]
    fn every_sentence_of_one_chapter_has_its_translations() {
        for sentence in translated() {
            assert!(translate(sentence, "es").is_some_and(|s| s.ends_with('.')), "{sentence}");
            assert!(translate(sentence, "zh-CN").is_some_and(|s| s.ends_with('。')), "{sentence}");
        }
        assert_eq!(SPANISH.lines().count(), translated().len());
        assert_eq!(CHINESE.lines().count(), translated().len());
        assert_eq!(translate("Not in the book.", "es"), None);
    }

    #[test]
    fn passages_are_found_by_what_is_asked_and_by_name() {
        let found = retrieve("Who rings the bell on the eastern quay?", 300);
        assert!(found.contains("Marta Oren rings the bell."), "{found}");
        assert!(paragraph("4:3").is_some_and(|p| p.starts_with("Smoking the catch")));
        assert_eq!((paragraph("4:9"), paragraph("0:1"), paragraph("x")), (None, None, None));
    }
}
