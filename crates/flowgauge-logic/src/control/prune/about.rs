//! Whether a question is about the passages as such: then none of them may go.
//!
//! Owns the words that say so. Refuses less than it knows: "answer from the passages" is about none of them.

/// What passages are called.
const NAMES: [&str; 8] =
    ["passage", "document", "source", "chunk", "excerpt", "doc", "paragraph", "snippet"];
/// Before a name: all of them, or one by its place.
const BEFORE: [&str; 22] = [
    "all", "each", "every", "both", "any", "which", "many", "first", "second", "third", "fourth",
    "fifth", "last", "next", "previous", "compare", "other", "another", "same", "between", "count",
    "number",
];
/// Words between such a word and the name ("all of the passages", "which two documents").
const BETWEEN: usize = 3;

/// Whether a question is about the passages.
pub(super) fn is_about_passages(question: &str) -> bool {
    let lower = question.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let names = |word: &str| NAMES.contains(&word.strip_suffix('s').unwrap_or(word));
    let number = |w: &&&str| w.chars().all(|c| c.is_ascii_digit()) || w.chars().count() == 1;
    let named = words.iter().enumerate().filter(|(_, w)| names(w));
    for (at, name) in named {
        let before = words.get(at.saturating_sub(BETWEEN)..at).unwrap_or_default();
        if before.iter().any(|w| BEFORE.contains(w)) {
            return true;
        }
        // "document 2", "source B"; "a" is an article.
        let next = words.get(at + 1).filter(number).is_some_and(|w| !matches!(*w, "a" | "i"));
        if next && !name.ends_with('s') {
            return true;
        }
    }
    marked(&lower)
}

/// "[2]": a passage by its number.
fn marked(text: &str) -> bool {
    text.split('[').skip(1).any(|rest| {
        let inside = rest.split(']').next().unwrap_or_default();
        !inside.is_empty()
            && inside.len() < rest.len()
            && inside.chars().all(|c| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_counted_compared_or_named_by_their_place_are_asked_about() {
        for question in [
            "How many of the passages mention Marta?",
            "Summarise all the documents.",
            "What does document 2 say?",
            "Compare the first and the last excerpt.",
            "Which source is older?",
            "Is [3] right?",
            "Sum up each of these chunks",
        ] {
            assert!(is_about_passages(question), "{question}");
        }
        for question in [
            "Answer from the passages: who rings the bell?",
            "Using the documents above, say when the ferry leaves.",
            "What is the source of the river?",
            "Who wrote the article of 1911?",
            "Is x[i] an element?",
        ] {
            assert!(!is_about_passages(question), "{question}");
        }
    }
}
