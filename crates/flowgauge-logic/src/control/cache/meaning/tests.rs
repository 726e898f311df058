//! What the normal form promises.

use super::pairs::{DIFFERENT, SAME};
use super::*;
use proptest::prelude::*;

fn verdict(a: &str, b: &str) -> Option<Result<(), Difference>> {
    Some(Meaning::of(a)?.same(&Meaning::of(b)?))
}

/// Reliability C02, scenario 17: the shipped adversarial pairs.
#[test]
fn no_pair_of_different_questions_is_taken_for_one() {
    assert!(DIFFERENT.len() >= 120, "{}", DIFFERENT.len());
    for (a, b) in DIFFERENT {
        assert_ne!(verdict(a, b), Some(Ok(())), "{a:?} {b:?} {:?}", Meaning::of(a));
        assert_ne!(verdict(b, a), Some(Ok(())), "{b:?} {a:?}");
    }
}

#[test]
fn the_shipped_paraphrases_are_recognised() {
    let missed: Vec<_> = SAME.iter().filter(|(a, b)| verdict(a, b) != Some(Ok(()))).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn a_difference_is_named() {
    for (a, b, difference) in [
        ("What is 12 plus 5?", "What is 13 plus 5?", Difference::Number),
        ("Is the shop open on Monday?", "Is the shop open on Tuesday?", Difference::Date),
        ("Is it safe?", "Isn't it safe?", Difference::Negation),
        ("Does a cause b?", "Does b cause a?", Difference::Order),
        ("Who is Ada Lovelace?", "Who is Ada Byron?", Difference::Name),
        ("What is the US policy?", "what is the us policy", Difference::Capital),
        ("What is the tallest tower?", "What is the oldest tower?", Difference::Word),
    ] {
        assert_eq!(verdict(a, b), Some(Err(difference)), "{a} {b}");
    }
}

#[test]
fn what_is_not_understood_has_no_meaning() {
    let long = "why ".repeat(200);
    for text in ["", "  ", "a\nb", "what is `x`", "see https://a.b", "{\"a\":1}", long.as_str()] {
        assert_eq!(Meaning::of(text), None, "{text:?}");
    }
}

proptest! {
    #[test]
    fn a_question_is_the_same_as_itself_and_sameness_has_no_direction(a in "[ -~]{0,40}", b in "[ -~]{0,40}") {
        if let Some(a) = Meaning::of(&a) {
            prop_assert_eq!(a.same(&a), Ok(()));
            if let Some(b) = Meaning::of(&b) {
                prop_assert_eq!(a.same(&b).is_ok(), b.same(&a).is_ok());
            }
        }
    }

    #[test]
    fn any_other_word_is_another_question(
        words in proptest::collection::vec("[a-z]{3,8}", 3..8), at in 0usize..8, other in "[a-z]{9,10}",
    ) {
        let question = |words: &[String]| format!("what is the {} now", words.join(" "));
        let mut changed = words.clone();
        let at = at % words.len();
        changed[at] = other;
        prop_assert_ne!(verdict(&question(&words), &question(&changed)), Some(Ok(())));
        let mut shorter = words.clone();
        shorter.remove(at);
        prop_assert_ne!(verdict(&question(&words), &question(&shorter)), Some(Ok(())));
    }
}
