//! The rewriting into the normal form: each step takes out what cannot change the answer.

use super::lists;

/// Verbs of a request: after them "can you" is politeness.
const REQUESTS: [&str; 9] =
    ["explain", "tell", "describe", "list", "summarize", "define", "give", "show", "name"];
/// What an indirect question goes on with.
const INTERROGATIVES: [&str; 8] = ["what", "who", "which", "when", "where", "why", "how", "whose"];
/// Openings that say nothing, longest first.
const OPENINGS: [&[&str]; 9] = [
    &["hi", "there", ","],
    &["hi", ","],
    &["hello", ","],
    &["hey", ","],
    &["ok", ","],
    &["okay", ","],
    &["so", ","],
    &["quick", "question", ":"],
    &["please"],
];
/// Openings before an indirect question.
const INDIRECT: [&[&str]; 8] = [
    &["i", "would", "like", "to", "know"],
    &["i", "want", "to", "know"],
    &["i", "need", "to", "know"],
    &["i", "was", "wondering"],
    &["do", "you", "know"],
    &["can", "you", "tell", "me"],
    &["tell", "me"],
    &["could", "you", "tell", "me"],
];
/// Endings that say nothing; without a mark before them they may be what is asked about.
const ENDINGS: [&[&str]; 3] = [&[",", "please"], &[",", "thanks"], &[",", "thank", "you"]];
/// The same as a sentence of their own.
const FAREWELLS: [&[&str]; 2] = [&["thanks"], &["thank", "you"]];
/// Between these and a verb "i" is whoever asks, and no letter.
const BEFORE_ME: [&str; 12] =
    ["do", "can", "should", "am", "did", "could", "must", "may", "shall", "had", "have", "would"];
const AFTER_ME: [&str; 8] = ["am", "would", "want", "need", "was", "have", "had", "will"];
/// Ways to begin that mean the same: as said, as kept.
const SAME: [(&[&str], &[&str]); 11] = [
    (&["how", "do", "i"], &["how", "to"]),
    (&["how", "can", "i"], &["how", "to"]),
    (&["what", "is", "the", "definition", "of"], &["define"]),
    (&["give", "me", "the", "definition", "of"], &["define"]),
    (&["give", "me", "an", "explanation", "of"], &["explain"]),
    (&["give", "an", "explanation", "of"], &["explain"]),
    (&["explain", "to", "me"], &["explain"]),
    (&["give", "me", "a", "list", "of"], &["list"]),
    (&["give", "me", "a", "summary", "of"], &["summarize"]),
    (&["show", "me", "how", "to"], &["how", "to"]),
    (&["tell", "me", "how", "to"], &["how", "to"]),
];

/// The normal form of a question's words.
pub(super) fn normal(mut words: Vec<String>) -> Vec<String> {
    full_stop(&mut words);
    let ours = |w: &String| {
        let lower = w.to_lowercase();
        lower.ends_with("n't") || lower.split('\'').next().is_some_and(lists::is_english)
    };
    let english = words.iter().all(|w| w.is_ascii()) && words.iter().any(ours);
    if !english {
        return words;
    }
    if let Some(first) = words.first_mut() {
        let lower = first.to_lowercase();
        let plain = first.chars().skip(1).all(|c| !c.is_uppercase());
        if plain && first != "I" && lists::opens(&lower) {
            *first = lower;
        }
    }
    let mut words: Vec<String> = words.iter().flat_map(|w| expanded(w)).collect();
    whoever_asks(&mut words);
    quiet(&mut words);
    loop {
        let before = words.len();
        polite(&mut words);
        quiet(&mut words);
        if words.len() == before {
            break;
        }
    }
    begin_alike(&mut words);
    asked_by_end(&mut words);
    belongs(&mut words);
    words
}

/// A word without contraction, in our spelling.
fn expanded(word: &str) -> Vec<String> {
    let lower = word.to_lowercase();
    // "IT's" is no "it is".
    if word.chars().skip(1).any(char::is_uppercase) {
        return vec![word.to_owned()];
    }
    let with = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
    match lower.as_str() {
        "can't" | "cannot" => return with("can", "not"),
        "won't" => return with("will", "not"),
        "shan't" => return with("shall", "not"),
        "i'm" => return with("i", "am"),
        _ => {}
    }
    let split =
        |ending: &str, whole: &str| lower.strip_suffix(ending).map(|head| with(head, whole));
    if let Some(words) = split("n't", "not") {
        return words;
    }
    for (ending, whole) in [("'re", "are"), ("'ve", "have"), ("'ll", "will")] {
        if let Some(words) = split(ending, whole) {
            return words;
        }
    }
    // Of "'s" it is only here certain that it is "is" and no possession.
    if let Some(head) = lower.strip_suffix("'s")
        && matches!(
            head,
            "what" | "who" | "where" | "how" | "that" | "it" | "there" | "when" | "why"
        )
    {
        return with(head, "is");
    }
    // A capitalised word may be a name, and a name has one spelling.
    vec![lists::spelling(word).unwrap_or(word).to_owned()]
}

/// "I" as "i" where it is whoever asks; elsewhere it may be a current, a numeral or a letter.
fn whoever_asks(words: &mut [String]) {
    let is = |w: Option<&String>, of: &[&str]| {
        w.is_some_and(|w| of.iter().any(|o| w.eq_ignore_ascii_case(o)))
    };
    for at in 0..words.len() {
        let before = at.checked_sub(1).and_then(|b| words.get(b));
        let me = is(before, &BEFORE_ME) || is(words.get(at + 1), &AFTER_ME);
        if let Some(word) = words.get_mut(at).filter(|w| me && *w == "I") {
            "i".clone_into(word);
        }
    }
}

/// Takes a full stop off the end; of several, none.
fn full_stop(words: &mut Vec<String>) {
    if let [.., before, last] = words.as_slice()
        && last == "."
        && !is_mark(before)
    {
        words.pop();
    }
}

/// Takes the question mark off the end, where the beginning already says that something is asked. An exclamation mark
/// stays: it may be a factorial.
fn quiet(words: &mut Vec<String>) {
    full_stop(words);
    if let [first, .., before, last] = words.as_slice()
        && last == "?"
        && lists::asks(first)
        && !is_mark(before)
    {
        words.pop();
    }
}

fn is_mark(word: &str) -> bool {
    matches!(word, "." | "?" | "!" | ",")
}

fn begins(words: &[String], with: &[&str]) -> bool {
    words.len() > with.len()
        && words.iter().zip(with).all(|(word, wanted)| word.eq_ignore_ascii_case(wanted))
}

/// Takes off one layer of politeness.
fn polite(words: &mut Vec<String>) {
    for opening in OPENINGS {
        let next = words.get(opening.len()).map(|w| w.to_lowercase());
        // "Please Mr. Postman" is a title.
        let asks = next.is_some_and(|w| w != "please" && lists::opens(&w));
        if begins(words, opening) && (asks || *opening != ["please"]) {
            words.drain(..opening.len());
            lower_first(words);
            return;
        }
    }
    for opening in INDIRECT {
        let next = words.get(opening.len()).map(String::as_str);
        // "Do you know how to swim" asks whether.
        let whether = opening.first() == Some(&"do") && next == Some("how");
        let indirect = next.is_some_and(|w| INTERROGATIVES.contains(&w)) && !whether;
        if begins(words, opening) && indirect {
            words.drain(..opening.len());
            return;
        }
    }
    let you = matches!(words.as_slice(), [a, b, ..] if matches!(a.as_str(), "can" | "could" | "would" | "will") && b == "you");
    if you {
        let skip = if words.get(2).is_some_and(|w| w == "please") { 3 } else { 2 };
        if words.get(skip).is_some_and(|w| REQUESTS.contains(&w.as_str())) {
            words.drain(..skip);
            return;
        }
    }
    if let [.., before, last] = words.as_slice()
        && last == "!"
        && matches!(before.to_lowercase().as_str(), "thanks" | "you")
        && (before != "you"
            || words.len() > 3
                && words.get(words.len() - 3).is_some_and(|w| w.eq_ignore_ascii_case("thank")))
    {
        words.pop();
        return;
    }
    for ending in ENDINGS.iter().chain(&FAREWELLS) {
        let Some(rest) = words.len().checked_sub(ending.len()).filter(|r| *r > 0) else { continue };
        let tail = words.get(rest..).unwrap_or_default();
        let apart = ending.first() == Some(&",") || words.get(rest - 1).is_some_and(|w| is_stop(w));
        if apart && tail.iter().zip(*ending).all(|(a, b)| a.eq_ignore_ascii_case(b)) {
            words.truncate(rest);
            return;
        }
    }
}

fn is_stop(word: &str) -> bool {
    matches!(word, "." | "?" | "!")
}

/// What followed an opening may be capitalised as the beginning of a sentence.
fn lower_first(words: &mut [String]) {
    if let Some(first) = words.first_mut()
        && lists::asks(&first.to_lowercase())
    {
        *first = first.to_lowercase();
    }
}

fn begin_alike(words: &mut Vec<String>) {
    for (said, kept) in SAME {
        if begins(words, said) {
            words.splice(..said.len(), kept.iter().map(|w| (*w).to_owned()));
            return;
        }
    }
}

/// "What does X mean" is "define X".
fn asked_by_end(words: &mut Vec<String>) {
    let shape = matches!(words.as_slice(), [what, does, _, .., mean]
        if what == "what" && does == "does" && mean == "mean");
    let plain = !words.iter().any(|w| lists::denies(&w.to_lowercase()) || w == ",");
    if shape && plain {
        words.pop();
        words.splice(..2, ["define".to_owned()]);
    }
}

/// "What is X's y" is "what is the y of X", where it is all that is asked.
fn belongs(words: &mut Vec<String>) {
    let (owner, thing, article) = match words.as_slice() {
        [_, is, owner, thing] if is == "is" => (owner, thing, None),
        [_, is, the, owner, thing] if is == "is" && the == "the" => (owner, thing, Some(the)),
        _ => return,
    };
    let asked = words.first().is_some_and(|w| matches!(w.as_str(), "what" | "who" | "where"));
    let plain = lists::is_attribute(thing);
    let Some(bare) = owner.strip_suffix("'s").filter(|_| asked && plain) else { return };
    let mut new = vec!["the".to_owned(), thing.clone(), "of".to_owned()];
    new.extend(article.cloned());
    new.push(bare.to_owned());
    words.splice(2.., new);
}
