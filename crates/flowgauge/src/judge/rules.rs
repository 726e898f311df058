//! Rule files: from text as people write it to checked rules, or every fault with its place.
mod channels;
mod fields;
mod forms;
mod mapping;
mod scalar;
mod times;
/// Letters, digits, `_`, `-` and `.`, not beginning with a digit.
fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}
