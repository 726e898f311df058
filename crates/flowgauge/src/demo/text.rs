//! Passages of the demo's book, and how the pretend provider counts their tokens.
//!
//! Refuses words of its own: every prompt and answer of the demo is put together from the book.

use super::book;
use super::dice::Dice;

/// Characters of one token, the rule of thumb FlowReader itself uses (catalogue E.3).
const CHARACTERS_PER_TOKEN: usize = 4;

/// Tokens of a text, as the pretend provider bills them: a character of a script without spaces is
/// one by itself.
#[must_use]
pub fn tokens(text: &str) -> u64 {
    let quarters: usize = text.chars().map(quarters).sum();
    u64::try_from(quarters.div_ceil(CHARACTERS_PER_TOKEN)).unwrap_or(u64::MAX)
}

const fn quarters(c: char) -> usize {
    if matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}') {
        CHARACTERS_PER_TOKEN
    } else {
        1
    }
}

/// Sentences in a row until the text has about so many tokens; at least one sentence.
#[must_use]
pub fn passage(dice: &mut Dice, wanted: u64) -> String {
    from(dice, book::sentences(), wanted)
}

/// The same from the chapter that has translations.
#[must_use]
pub fn translatable(dice: &mut Dice, wanted: u64) -> String {
    from(dice, &book::translated(), wanted)
}

fn from(dice: &mut Dice, sentences: &[&str], wanted: u64) -> String {
    let count = u64::try_from(sentences.len()).unwrap_or(u64::MAX);
    let begin = usize::try_from(dice.below(count)).unwrap_or_default();
    let mut text = String::new();
    for sentence in sentences.iter().cycle().skip(begin) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(sentence);
        if tokens(&text) >= wanted {
            break;
        }
    }
    text
}

/// A text cut after at most so many tokens.
#[must_use]
pub fn cut(text: &str, limit: u64) -> String {
    let mut left =
        usize::try_from(limit).unwrap_or(usize::MAX).saturating_mul(CHARACTERS_PER_TOKEN);
    let fits = |c: &char| match left.checked_sub(quarters(*c)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    text.chars().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passage_has_the_wanted_length_give_or_take_a_sentence() {
        let mut dice = Dice::new(3);
        for wanted in [1, 50, 400] {
            let n = tokens(&passage(&mut dice, wanted));
            assert!(n >= wanted && n < wanted + 60, "{wanted} wanted, got {n}");
        }
    }

    #[test]
    fn a_cut_text_has_at_most_the_tokens_allowed() {
        let text = passage(&mut Dice::new(4), 100);
        assert_eq!(tokens(&cut(&text, 10)), 10);
        assert_eq!(cut(&text, 10_000), text);
        assert_eq!((tokens("渡船到了"), cut("渡船到了", 3).as_str()), (4, "渡船到"));
    }
}
