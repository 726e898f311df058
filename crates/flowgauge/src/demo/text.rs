//! The demo's only literature: sentences about reading, and how the pretend provider counts them.
//!
//! Every prompt and answer of the demo is put together from these, so nothing of anybody's is shown.

use super::dice::Dice;

/// One sentence a line.
const READING: &str = include_str!("reading.txt");

/// Characters of one token, the rule of thumb FlowReader itself uses (catalogue E.3).
const CHARACTERS_PER_TOKEN: usize = 4;

/// Tokens of a text, as the pretend provider bills them.
#[must_use]
pub fn tokens(text: &str) -> u64 {
    let characters = text.chars().count();
    u64::try_from(characters.div_ceil(CHARACTERS_PER_TOKEN)).unwrap_or(u64::MAX)
}

/// Sentences until the text has about so many tokens; at least one sentence.
#[must_use]
pub fn passage(dice: &mut Dice, wanted: u64) -> String {
    let lines: Vec<&str> = READING.lines().collect();
    let mut text = String::new();
    while let Some(line) = dice.pick(&lines) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(line);
        if tokens(&text) >= wanted {
            break;
        }
    }
    text
}

/// A text cut after at most so many tokens.
#[must_use]
pub fn cut(text: &str, limit: u64) -> String {
    let characters = usize::try_from(limit).unwrap_or(usize::MAX);
    text.chars().take(characters.saturating_mul(CHARACTERS_PER_TOKEN)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passage_has_the_wanted_length_give_or_take_a_sentence() {
        let mut dice = Dice::new(3);
        for wanted in [1, 50, 400] {
            let n = tokens(&passage(&mut dice, wanted));
            assert!(n >= wanted && n < wanted + 30, "{wanted} wanted, got {n}");
        }
    }

    #[test]
    fn a_cut_text_has_at_most_the_tokens_allowed() {
        let text = passage(&mut Dice::new(4), 100);
        assert_eq!(tokens(&cut(&text, 10)), 10);
        assert_eq!(cut(&text, 10_000), text);
    }

    #[test]
    fn the_sentences_need_no_escaping_in_the_stream_of_an_application_that_escapes_nothing() {
        assert!(READING.lines().all(|l| !l.contains(['"', '\\']) && l.ends_with('.')));
        assert!(READING.lines().count() > 20);
    }
}
