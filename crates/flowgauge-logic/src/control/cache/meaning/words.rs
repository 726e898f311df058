//! A question as words and signs; nothing of it is lost but the spaces.

/// Words, numbers with what stands inside them, and each other sign by itself.
pub(super) fn split(text: &str) -> Vec<String> {
    let text: Vec<char> = text
        .chars()
        .map(|c| match c {
            '\u{2018}' | '\u{2019}' => '\'',
            '\u{201c}' | '\u{201d}' => '"',
            c if c.is_whitespace() => ' ',
            c => c,
        })
        .collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (i, c) in text.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|b| text.get(b));
        let after = text.get(i + 1);
        let between =
            |of: fn(char) -> bool| before.is_some_and(|c| of(*c)) && after.is_some_and(|c| of(*c));
        let joins = match c {
            '\'' | '-' => between(char::is_alphanumeric),
            '.' | ',' | ':' | '/' => between(|c| c.is_ascii_digit()),
            c => c.is_alphanumeric(),
        };
        if joins {
            word.push(*c);
            continue;
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if *c != ' ' {
            words.push(c.to_string());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Whether a quotation may hold several blanks in a row: how many there are may be what is asked.
pub(super) fn has_blanks_in_quotation(text: &str) -> bool {
    let quotes = |c: char| matches!(c, '\'' | '"' | '\u{2018}' | '\u{201c}' | '\u{ab}' | '(' | '[');
    let mut blanks = text.split(|c: char| !c.is_whitespace()).map(|run| run.chars().count());
    blanks.any(|run| run > 1) && text.contains(quotes)
}
