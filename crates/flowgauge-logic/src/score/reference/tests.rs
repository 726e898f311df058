//! Good answers before poor ones, and no text that breaks a scorer.

use super::super::answer::{Ending, Wanted};
use super::*;
use proptest::prelude::*;

const CONTEXT: &[&str] = &[
    "The ferry crosses at seven and at noon. Marta rings the bell on the far quay before it may land.",
    "In winter the bell is wrapped in felt, because frost once cracked it.",
];
const QUESTION: &str = "Why is the bell wrapped in felt in winter?";

fn elements() -> Vec<Element> {
    let any = |wordings: &[&str]| Element(wordings.iter().map(|w| (*w).to_owned()).collect());
    vec![any(&["frost", "cold"]), any(&["cracked", "broke it"])]
}

fn quality(text: &str) -> f64 {
    let elements = elements();
    let wanted = Wanted { elements: &elements, ..Wanted::default() };
    let answer = Answer { question: QUESTION, context: CONTEXT, text, wanted, ..Answer::default() };
    reference(&answer).unwrap().quality
}

#[test]
fn better_answers_have_higher_scores() {
    let ranked = [
        "In winter the bell is wrapped in felt because frost once cracked it.",
        "The bell is wrapped because of frost.",
        "The ferry crosses at seven and at noon.",
        "I cannot help with that.",
        "",
    ];
    let scores: Vec<f64> = ranked.iter().map(|text| quality(text)).collect();
    assert!(scores.is_sorted_by(|a, b| a > b), "{scores:?}");
    assert!(scores[0] > 95.0 && scores[2] < 45.0, "{scores:?}");
}

#[test]
fn the_parts_weighed_are_the_score() {
    let elements = elements();
    let wanted = Wanted { elements: &elements, ..Wanted::default() };
    let text = "The bell is wrapped because of frost.";
    let answer = Answer { question: QUESTION, context: CONTEXT, text, wanted, ..Answer::default() };
    let score = reference(&answer).unwrap();
    let sum: f64 = score.parts.iter().zip(WEIGHTS).map(|(p, (_, w))| p.value * w).sum();
    assert!((sum - score.quality).abs() < 1e-9, "{score:?}");
    let names: Vec<&str> = score.parts.iter().map(|p| p.name).collect();
    assert_eq!(names, ["accuracy", "relevance", "completeness", "clarity"]);
}

#[test]
fn where_declining_is_right_it_has_full_marks_and_an_invention_has_not() {
    let wanted = Wanted { refusal: true, ..Wanted::default() };
    let of = |text| {
        let question = "Who built the ferry?";
        let answer = Answer { question, context: CONTEXT, text, wanted, ..Answer::default() };
        reference(&answer).unwrap().quality
    };
    assert!(of("The passages do not say who built it.") > 95.0);
    assert!(of("The ferry was built by Marta and her brothers.") < 30.0);
}

#[test]
fn with_nothing_but_form_there_is_no_score_but_by_the_rules() {
    let answer = Answer { text: "The bell is wrapped in felt.", ..Answer::default() };
    assert_eq!(local(&answer).unwrap_err(), NotScored::NothingToCompare);
    assert_eq!(reference(&answer).unwrap_err(), NotScored::NothingToCompare);
    assert!(by_name("flowgauge.rules", &answer).unwrap().is_ok());
    assert!(by_name("somebody.else", &answer).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_text_has_a_score_in_range_or_a_reason(
        question in ".{0,80}", text in ".{0,400}",
        context in proptest::collection::vec(".{0,200}", 0..4),
        element in ".{0,30}", refusal: bool, cut: bool,
    ) {
        let elements = [Element(vec![element])];
        let context: Vec<&str> = context.iter().map(String::as_str).collect();
        let wanted = Wanted { elements: &elements, wrong: &elements, refusal, ..Wanted::default() };
        let ending = if cut { Ending::CutOff } else { Ending::Unknown };
        let answer = Answer { question: &question, context: &context, text: &text, ending, wanted };
        for name in ["flowgauge.local", "flowgauge.reference", "flowgauge.grounded", "flowgauge.rules"] {
            let first = by_name(name, &answer).unwrap();
            if let Ok(score) = &first {
                prop_assert!((0.0..=100.0).contains(&score.quality), "{score:?}");
                prop_assert!(score.parts.iter().all(|p| (0.0..=100.0).contains(&p.value)));
            }
            prop_assert_eq!(first, by_name(name, &answer).unwrap());
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]
    #[test]
    fn longer_texts_than_any_answer_are_scored_by_their_beginning(
        piece in "(a\\. |the 9 |é|渡船|\\.|\"|\n){1,8}", times in 5_000usize..20_000,
    ) {
        let text = piece.repeat(times);
        let context = [text.as_str()];
        let answer = Answer { question: &text, context: &context, text: &text, ..Answer::default() };
        if let Ok(score) = local(&answer) {
            prop_assert!((0.0..=100.0).contains(&score.quality));
        }
    }
}
