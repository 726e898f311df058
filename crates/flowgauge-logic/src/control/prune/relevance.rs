//! Which passages matter to a question, by the words they share.
//!
//! Owns BM25 (Robertson and Zaragoza 2009) over the passages of one request, and the finding of duplicates. Refuses to
//! rank where no word is shared: then relevance is not known.

use crate::fingerprint::fingerprint;
use std::collections::{BTreeMap, BTreeSet};

/// How fast a word that is repeated stops counting, and how much long passages are discounted: the usual values
/// (Robertson and Zaragoza 2009, 3.5).
const K1: f64 = 1.2;
const B: f64 = 0.75;
/// Bytes of a passage that are read: retrieval cuts at some hundred words.
const MAX_BYTES: usize = 16 << 10;
/// Words of grammar, which every passage has.
const GRAMMAR: &str = "a an the of to in on at is are was were be been and or not it its this that these those for \
    with by as from what which who whom whose when where why how do does did can could will would should i you he \
    she we they me my your his her our their about into than then there here has have had if so no yes please";

/// The words of a passage or question, in lower case; scripts without spaces give pairs of characters.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut end = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut found = Vec::new();
    for run in text.get(..end).unwrap_or_default().split(|c: char| !c.is_alphanumeric()) {
        if run.chars().any(|c| matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{3040}'..='\u{9fff}')) {
            let characters: Vec<char> = run.chars().collect();
            found.extend(characters.windows(2).map(|w| w.iter().collect::<String>()));
            if characters.len() == 1 {
                found.push(run.to_owned());
            }
        } else if !run.is_empty() {
            found.push(stem(&run.to_lowercase()));
        }
    }
    found
}

/// Plural and verb endings off: a passage about "ferries" matters to a question about a "ferry".
fn stem(word: &str) -> String {
    for (ending, instead) in [("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", "")] {
        if let Some(rest) = word.strip_suffix(ending)
            && rest.chars().count() >= 3
            && !rest.ends_with('s')
        {
            return format!("{rest}{instead}");
        }
    }
    word.to_owned()
}

/// BM25 of each passage; nothing where the question shares no word that says something with any.
pub(super) fn scores(question: &[String], passages: &[Vec<String>]) -> Option<Vec<f64>> {
    let grammar: BTreeSet<&str> = GRAMMAR.split_whitespace().collect();
    let asked: BTreeSet<&str> =
        question.iter().map(String::as_str).filter(|w| !grammar.contains(w)).collect();
    let count = passages.len() as f64;
    let length = passages.iter().map(Vec::len).sum::<usize>() as f64 / count.max(1.0);
    let mut holding: BTreeMap<&str, f64> = BTreeMap::new();
    let frequencies: Vec<BTreeMap<&str, f64>> = passages
        .iter()
        .map(|words| {
            let mut often = BTreeMap::new();
            for word in words.iter().map(String::as_str).filter(|w| asked.contains(w)) {
                *often.entry(word).or_insert(0.0) += 1.0;
            }
            often.keys().for_each(|w| *holding.entry(w).or_insert(0.0) += 1.0);
            often
        })
        .collect();
    if holding.is_empty() {
        return None;
    }
    let weight = |word: &str| {
        let n = holding.get(word).copied().unwrap_or(0.0);
        (1.0 + (count - n + 0.5) / (n + 0.5)).ln()
    };
    let score = |(often, words): (&BTreeMap<&str, f64>, &Vec<String>)| {
        let norm = K1 * (1.0 - B + B * words.len() as f64 / length);
        often.iter().map(|(w, f)| weight(w) * f * (K1 + 1.0) / (f + norm)).sum()
    };
    Some(frequencies.iter().zip(passages).map(score).collect())
}

/// For each passage whether it repeats an earlier one: nearly the same words, exactly the same numbers, and the same
/// words of the question, so that two rows of one table or two entries of one form are never taken for one.
pub(super) fn duplicates(question: &[String], passages: &[Vec<String>], jaccard: f64) -> Vec<bool> {
    let hashed = |words: &mut dyn Iterator<Item = &String>| -> Vec<u64> {
        let mut set: Vec<u64> = words.map(|w| fingerprint(&[w.as_bytes()])).collect();
        set.sort_unstable();
        set.dedup();
        set
    };
    // What must be the same to the word.
    let number = |w: &&String| w.chars().any(|c| c.is_ascii_digit()) || question.contains(*w);
    let sets: Vec<(Vec<u64>, Vec<u64>)> = passages
        .iter()
        .map(|p| (hashed(&mut p.iter()), hashed(&mut p.iter().filter(number))))
        .collect();
    let twins = |(a, numbers): &(Vec<u64>, Vec<u64>), (b, others): &(Vec<u64>, Vec<u64>)| {
        let (small, large) = (a.len().min(b.len()) as f64, a.len().max(b.len()) as f64);
        // Sets of very unlike size cannot be alike.
        if large <= 0.0 || small / large < jaccard || numbers != others {
            return false;
        }
        let shared = a.iter().filter(|w| b.binary_search(w).is_ok()).count() as f64;
        shared / (small + large - shared) >= jaccard
    };
    sets.iter()
        .enumerate()
        .map(|(i, set)| sets.iter().take(i).any(|other| twins(set, other)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Vec<Vec<String>> {
        texts.iter().map(|t| words(t)).collect()
    }

    #[test]
    fn a_passage_with_the_rare_words_of_the_question_comes_first() {
        let passages = of(&[
            "The harbour was built by the old king.",
            "Ferries leave the harbour at noon.",
            "Bread is baked every morning.",
        ]);
        let scores = scores(&words("When does the ferry leave the harbour?"), &passages).unwrap();
        assert!(scores[1] > scores[0] && scores[0] > scores[2], "{scores:?}");
    }

    /// `k1=1.2; b=.75; idf=log(1+(2-1+.5)/1.5); tf=1; len=2, avg=2 → idf*2.2/2.2` by hand: ln 2.
    #[test]
    fn the_score_is_that_of_the_formula() {
        let scores = scores(&words("ferry"), &of(&["ferry boat", "bread oven"])).unwrap();
        assert!((scores[0] - 2f64.ln()).abs() < 1e-12 && scores[1].abs() < 1e-12);
    }

    #[test]
    fn where_no_word_is_shared_nothing_is_ranked() {
        assert_eq!(scores(&words("Why is that?"), &of(&["The bread is baked."])), None);
        assert_eq!(scores(&[], &[]), None);
    }

    #[test]
    fn rows_that_differ_in_a_number_are_no_duplicates() {
        let rows = of(&[
            "Room with a view of the old harbour and one bed costs 40 a night",
            "Room with a view of the old harbour and one bed costs 45 a night",
            "A room with a view of the old harbour, and one bed: costs 40 a night!",
        ]);
        assert_eq!(duplicates(&[], &rows, 0.85), [false, false, true]);
    }

    #[test]
    fn entries_of_one_form_are_no_duplicates_where_the_question_tells_them_apart() {
        let entry = |about: &str| {
            format!("This passage is about {about} and says what sailors did with {about} at sea")
        };
        let entries = ["whaling", "harpoons", "ballast"].map(entry);
        let passages = of(&entries.each_ref().map(String::as_str));
        let asked = words("What did sailors do with harpoons?");
        assert_eq!(duplicates(&asked, &passages, 0.85), [false, false, true]);
    }
}
