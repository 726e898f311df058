//! How much of an answer its context supports, and whether it is about what was asked.
//!
//! Owns a lexical measure: words, names and numbers of the answer that stand in the context. Refuses
//! to judge truth, and answers in another language than their context.

use super::answer::{Answer, Evaluator, NotScored, Part, ScoreOf, percent};
use super::language::Language;
use super::rules;
use super::words::{self, Sort, Word};
use std::collections::{BTreeMap, BTreeSet};

/// The evaluator of groundedness.
pub const GROUNDED: Evaluator = Evaluator { name: "flowgauge.grounded", version: "1" };

/// A wrong number or name is worse than a word of the answer's own: so many words it weighs.
const NUMBER: f64 = 3.0;
const NAME: f64 = 2.0;

/// Share of support that must come from one sentence of the context; the rest may lie anywhere in
/// it. Words scattered over three passages support a claim less than one sentence that says it.
const FROM_ONE: f64 = 0.5;

/// Answers use words of their own: from this share of supported words on, all is supported.
const ENOUGH: f64 = 0.85;

/// Two fifths of a question's words in an answer are as many as good answers have: the rest is the
/// asking.
const ADDRESSED: f64 = 0.4;

/// What is left of a supported answer that is not about the question at all.
const OFF_TOPIC: f64 = 0.25;

/// Sentences compared at most on either side, which bounds the work: 400 are more than 6,000 words.
const SENTENCES: usize = 400;

/// Scores how well an answer rests on its context. It falls when the context is cut, for then there
/// is less to rest on, and when the question is cut, for then there is nothing it could be about.
///
/// # Errors
/// Says why there is no score.
pub fn grounded(answer: &Answer<'_>) -> Result<ScoreOf, NotScored> {
    let support = support(answer)?;
    let addressed = addressed(answer).unwrap_or(0.0);
    let ruled = rules::look(answer);
    Ok(ScoreOf {
        evaluator: GROUNDED,
        quality: percent(support * (OFF_TOPIC + (1.0 - OFF_TOPIC) * addressed)),
        parts: vec![
            Part { name: "support", value: percent(support) },
            Part { name: "addressed", value: percent(addressed) },
        ],
        findings: ruled.findings,
    })
}

/// Share of what the answer claims that its context supports, 0–1.
pub(super) fn support(answer: &Answer<'_>) -> Result<f64, NotScored> {
    let claims = claims(answer)?;
    let (supported, all) =
        claims.iter().fold((0.0, 0.0), |(s, a), c| (s + c.weight * c.support, a + c.weight));
    if all > 0.0 { Ok(supported / all) } else { Err(NotScored::NoClaims) }
}

/// One sentence of an answer.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    /// Its words that say something, numbers and names counted more.
    pub(super) weight: f64,
    /// How much of it the context supports, 0–1.
    pub(super) support: f64,
    /// Its stems.
    pub(super) stems: BTreeSet<String>,
}

/// The sentences of an answer with their support.
pub(super) fn claims(answer: &Answer<'_>) -> Result<Vec<Claim>, NotScored> {
    if answer.context.iter().all(|c| c.trim().is_empty()) {
        return Err(NotScored::NothingToCompare);
    }
    let whole = answer.context.concat();
    if let (Some(said), Some(given)) = (Language::of(answer.text), Language::of(&whole))
        && said != given
    {
        return Err(NotScored::OtherLanguage);
    }
    if rules::declines(answer.text) && words::count(answer.text) < 20 {
        return Err(NotScored::NoClaims);
    }
    let ground = Ground::of(answer.context);
    let sentences = words::sentences(answer.text);
    let claims: Vec<Claim> =
        sentences.iter().take(SENTENCES).filter_map(|s| ground.claim(s)).collect();
    if claims.is_empty() { Err(NotScored::NoClaims) } else { Ok(claims) }
}

/// A context, by its words.
struct Ground {
    /// In which sentences a stem stands.
    places: BTreeMap<String, Vec<usize>>,
    sentences: usize,
}

impl Ground {
    fn of(context: &[&str]) -> Self {
        let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let sentences = context.iter().flat_map(|c| words::sentences(c)).take(SENTENCES);
        let mut n = 0;
        for (at, sentence) in sentences.enumerate() {
            n = at + 1;
            for word in words::of_sentence(sentence) {
                let list = places.entry(word.stem).or_default();
                if list.last() != Some(&at) {
                    list.push(at);
                }
            }
        }
        Self { places, sentences: n }
    }

    fn claim(&self, sentence: &str) -> Option<Claim> {
        let said: BTreeSet<Word> =
            words::of_sentence(sentence).into_iter().filter(|w| w.sort != Sort::Function).collect();
        let (mut all, mut anywhere) = (0.0, 0.0);
        let mut here = vec![0.0; self.sentences];
        for word in &said {
            let weight = weight(word.sort);
            all += weight;
            let Some(places) = self.places.get(&word.stem) else { continue };
            anywhere += weight;
            for at in places {
                if let Some(sum) = here.get_mut(*at) {
                    *sum += weight;
                }
            }
        }
        let one = here.iter().copied().fold(0.0, f64::max);
        let share = (FROM_ONE * one + (1.0 - FROM_ONE) * anywhere) / all;
        let stems = said.into_iter().map(|w| w.stem).collect();
        (all > 0.0).then(|| Claim { weight: all, support: (share / ENOUGH).min(1.0), stems })
    }
}

const fn weight(sort: Sort) -> f64 {
    match sort {
        Sort::Function => 0.0,
        Sort::Content => 1.0,
        Sort::Name => NAME,
        Sort::Number => NUMBER,
    }
}

/// Share of what was asked that the answer speaks of, 0–1; nothing where nothing was asked.
pub(super) fn addressed(answer: &Answer<'_>) -> Option<f64> {
    let asked = words::content(answer.question);
    let said = words::content(answer.text);
    let share = share(&asked, &said)?;
    Some((share / ADDRESSED).min(1.0))
}

/// Share of `these` that are among `those`; nothing of nothing.
pub(super) fn share(these: &BTreeSet<String>, those: &BTreeSet<String>) -> Option<f64> {
    let both = these.intersection(those).count();
    let n = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    (!these.is_empty()).then(|| n(both) / n(these.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: &[&str] = &[
        "The ferry crosses at seven and at noon. Marta rings the bell on the far quay before it may land.",
        "In winter the bell is wrapped in felt, because frost once cracked it.",
    ];
    const QUESTION: &str = "Who rings the bell before the ferry may land?";
    const GOOD: &str = "Marta rings the bell on the far quay before the ferry may land.";

    fn quality(question: &str, context: &[&str], text: &str) -> f64 {
        let answer = Answer { question, context, text, ..Answer::default() };
        grounded(&answer).map_or(-1.0, |s| s.quality)
    }

    #[test]
    fn what_the_context_says_is_supported_and_what_it_does_not_is_not() {
        assert!(quality(QUESTION, CONTEXT, GOOD) > 95.0);
        let made_up = "Captain Olsen fires the 9 brass cannons before the ferry may land.";
        assert!(quality(QUESTION, CONTEXT, made_up) < 50.0);
    }

    #[test]
    fn a_wrong_number_or_name_costs_more_than_a_word() {
        let right = quality("When does the ferry cross?", CONTEXT, "The ferry crosses at seven.");
        let wrong = quality("When does the ferry cross?", CONTEXT, "The ferry crosses at eleven.");
        assert!(right - wrong > 30.0, "{right} {wrong}");
    }

    #[test]
    fn it_falls_when_the_context_is_cut_and_when_the_question_is() {
        let whole = quality(QUESTION, CONTEXT, GOOD);
        let less = quality(QUESTION, &CONTEXT[1..], GOOD);
        assert!(whole - less > 30.0, "{whole} {less}");
        let unasked = quality("", CONTEXT, GOOD);
        assert!(whole - unasked > 30.0, "{whole} {unasked}");
    }

    #[test]
    fn what_cannot_be_compared_has_a_reason() {
        let score = |context, text| {
            grounded(&Answer { question: QUESTION, context, text, ..Answer::default() })
        };
        assert_eq!(score(&[], GOOD).unwrap_err(), NotScored::NothingToCompare);
        assert_eq!(score(CONTEXT, "").unwrap_err(), NotScored::NoClaims);
        assert_eq!(score(CONTEXT, "I do not know.").unwrap_err(), NotScored::NoClaims);
        let spanish = "Marta toca la campana del muelle antes de que llegue el barco.";
        assert_eq!(score(CONTEXT, spanish).unwrap_err(), NotScored::OtherLanguage);
    }
}
