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

/// What turns a sentence round, without its ending; of "doesn't" the "t" is left.
const DENIALS: &str = "not no never none neither nor nobody noth nowhere without except unless hardly barely cannot t \
    only";
/// What turns a word round.
const OPPOSITES: [&str; 8] = ["un", "in", "im", "il", "ir", "dis", "non", "a"];

/// A passage as it is compared with others.
#[derive(Debug, Clone)]
pub(super) struct Read {
    /// Its words.
    pub(super) words: Vec<String>,
    /// Those by which it differs from one that is nearly the same: numbers, denials, names.
    weighty: BTreeSet<String>,
}

impl Read {
    pub(super) fn of(text: &str) -> Self {
        let grammar: BTreeSet<&str> = GRAMMAR.split_whitespace().collect();
        let denials: BTreeSet<&str> = DENIALS.split_whitespace().collect();
        let words = words(text);
        let capital = |run: &&str| run.chars().next().is_some_and(char::is_uppercase);
        let named = beginning(text).split(|c: char| !c.is_alphanumeric()).filter(capital);
        let named = named.map(|run| stem(&run.to_lowercase()));
        let weighty = named.filter(|w| !grammar.contains(w.as_str()));
        let counts =
            |w: &&String| denials.contains(w.as_str()) || w.chars().any(|c| c.is_ascii_digit());
        let weighty = weighty.chain(words.iter().filter(counts).cloned()).collect();
        Self { words, weighty }
    }

    /// Whether nearly all of its words stand in the question: a reader asks about a text and hands it in.
    pub(super) fn is_quoted(&self, question: &[String], share: f64) -> bool {
        let asked: BTreeSet<&str> = question.iter().map(String::as_str).collect();
        let words: BTreeSet<&str> = self.words.iter().map(String::as_str).collect();
        let there = words.intersection(&asked).count() as f64;
        !words.is_empty() && there >= share * words.len() as f64
    }

    /// Whether another passage says the same where it matters: numbers, names, denials and words of the question in the
    /// same order, and no word the opposite of the other's.
    fn says_what(&self, other: &Self, question: &BTreeSet<&str>) -> bool {
        let weighs = |w: &&String| {
            self.weighty.contains(*w) || other.weighty.contains(*w) || question.contains(w.as_str())
        };
        let mine = self.words.iter().filter(weighs);
        if !mine.eq(other.words.iter().filter(weighs)) {
            return false;
        }
        let set = |of: &Self| of.words.iter().cloned().collect::<BTreeSet<String>>();
        let (a, b) = (set(self), set(other));
        let turned = |only: &str, there: &BTreeSet<String>| {
            OPPOSITES.iter().any(|p| {
                there.contains(&format!("{p}{only}"))
                    || only.strip_prefix(p).is_some_and(|rest| there.contains(rest))
            })
        };
        !a.difference(&b).any(|w| turned(w, &b))
    }
}

/// The part of a passage that is read.
fn beginning(text: &str) -> &str {
    let mut end = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The words of a passage or question, in lower case; scripts without spaces give pairs of characters.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for run in beginning(text).split(|c: char| !c.is_alphanumeric()) {
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

/// For each passage whether it repeats an earlier one: nearly the same words, and the same where it matters, so that
/// two rows of one table, two entries of one form, or a sentence and its denial are never taken for one.
pub(super) fn duplicates(question: &[String], passages: &[Read], jaccard: f64) -> Vec<bool> {
    let grammar: BTreeSet<&str> = GRAMMAR.split_whitespace().collect();
    let asked: BTreeSet<&str> =
        question.iter().map(String::as_str).filter(|w| !grammar.contains(w)).collect();
    let hashed = |read: &Read| -> Vec<u64> {
        let mut set: Vec<u64> = read.words.iter().map(|w| fingerprint(&[w.as_bytes()])).collect();
        set.sort_unstable();
        set.dedup();
        set
    };
    let sets: Vec<(Vec<u64>, &Read)> = passages.iter().map(|p| (hashed(p), p)).collect();
    let twins = |(a, one): &(Vec<u64>, &Read), (b, other): &(Vec<u64>, &Read)| {
        let (small, large) = (a.len().min(b.len()) as f64, a.len().max(b.len()) as f64);
        // Sets of very unlike size cannot be alike.
        if large <= 0.0 || small / large < jaccard {
            return false;
        }
        let shared = a.iter().filter(|w| b.binary_search(w).is_ok()).count() as f64;
        shared / (small + large - shared) >= jaccard && one.says_what(other, &asked)
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

    fn read(texts: &[&str]) -> Vec<Read> {
        texts.iter().map(|t| Read::of(t)).collect()
    }

    #[test]
    fn rows_that_differ_in_a_number_are_no_duplicates() {
        let rows = read(&[
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
        let passages = read(&entries.each_ref().map(String::as_str));
        let asked = words("What did sailors do with harpoons?");
        assert_eq!(duplicates(&asked, &passages, 0.85), [false, false, true]);
    }

    #[test]
    fn a_passage_that_differs_where_it_matters_is_no_duplicate() {
        let rest = "for the children of the village, said the doctor who had lived among them and \
            had seen the harbour grow from a few wooden huts into a town with a market and a school";
        for (a, b) in [
            ("The water is safe", "The water is not safe"),
            ("The water is safe", "The water isn't safe"),
            ("The water was legal", "The water was illegal"),
            ("The water was brought by Marta", "The water was brought by Ivo"),
            ("Rome paid Carthage", "Carthage paid Rome"),
            ("The water came in 1911", "The water came in 1912"),
            ("The water was given without salt", "The water was given with salt"),
        ] {
            let both = [format!("{a} {rest}"), format!("{b} {rest}")];
            let passages = read(&both.each_ref().map(String::as_str));
            assert_eq!(duplicates(&words("What did the doctor say?"), &passages, 0.85), [false; 2]);
        }
        let again = [format!("The water is safe {rest}"), format!("Water is safe, {rest}!")];
        let passages = read(&again.each_ref().map(String::as_str));
        assert_eq!(duplicates(&[], &passages, 0.85), [false, true]);
    }
}
