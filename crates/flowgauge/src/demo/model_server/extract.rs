//! How the pretend model answers: it finds the question in the prompt and picks sentences of the
//! passages around it. Cut the passages and it knows less; cut the question and it only recites.
//!
//! Pure, and the same answer to the same prompt every time. Refuses to know anything of itself.

use crate::demo::book;

/// What it says where the passages do not answer.
pub(super) const UNKNOWN: &str = "The passages given do not answer this.";
/// What it says to a translation it has no words for.
const UNTRANSLATED: &str = "I cannot translate this passage.";

/// Share of the best sentence's weight another one needs to be said too.
const BESIDE: f64 = 0.6;
/// Share of a question's words that must be in the passages for an answer.
const KNOWN: f64 = 0.3;
/// Sentences recited where no question was found.
const RECITED: usize = 2;

/// A prompt taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Prompt<'a> {
    passages: Vec<&'a str>,
    intent: &'a str,
    language: &'a str,
    question: Option<&'a str>,
}

/// Answers a prompt.
pub(super) fn answer(prompt: &str) -> String {
    let prompt = Prompt::read(prompt);
    let sentences: Vec<&str> = prompt.passages.iter().flat_map(|p| book::split(p)).collect();
    let Some(question) = prompt.question else {
        return or(sentences.into_iter().take(RECITED).collect(), UNKNOWN);
    };
    match prompt.intent {
        "translate" => {
            let said = book::split(question);
            or(
                said.iter().filter_map(|s| book::translate(s, prompt.language)).collect(),
                UNTRANSLATED,
            )
        }
        "explain" | "enhance" => around(question, &prompt.passages, 4),
        "analyze" => around(question, &prompt.passages, 5),
        _ => facts(question, &prompt.passages),
    }
}

fn or(sentences: Vec<&str>, otherwise: &str) -> String {
    if sentences.is_empty() { otherwise.to_owned() } else { sentences.join(" ") }
}

/// The sentences of the best passage that share most with a question, and what leads on from them.
fn facts(question: &str, passages: &[&str]) -> String {
    let Some(home) = book::rank(question, passages).first().and_then(|(_, at)| passages.get(*at))
    else {
        return UNKNOWN.to_owned();
    };
    let asked = book::keys(question);
    let there = book::keys(home);
    if share(asked.iter().filter(|k| there.contains(k)).count(), asked.len()) < KNOWN {
        return UNKNOWN.to_owned();
    }
    let sentences = book::split(home);
    let ranked = book::rank(question, &sentences);
    let Some((best, first)) = ranked.first().copied() else { return UNKNOWN.to_owned() };
    let mut chosen: Vec<usize> =
        ranked.iter().take(3).filter(|(w, _)| *w >= BESIDE * best).map(|(_, at)| *at).collect();
    // What follows explains or goes on; a sentence that begins with a pronoun belongs to the one
    // before it.
    chosen.push(first + 1);
    let lower = question.to_lowercase();
    if ["why", "how ", "what happened", " and "].iter().any(|w| lower.contains(w)) {
        chosen.push(first + 2);
    }
    if sentences.get(first).is_some_and(|s| leans(s)) && first > 0 {
        chosen.push(first - 1);
    }
    said(chosen, &sentences)
}

fn leans(sentence: &str) -> bool {
    ["It ", "He ", "She ", "They ", "That ", "This ", "Its ", "In the end "]
        .iter()
        .any(|begin| sentence.starts_with(begin))
}

/// The sentences around a marked passage: its neighbours in the passage it stands in, else what
/// shares its words.
fn around(marked: &str, passages: &[&str], most: usize) -> String {
    let own = book::split(marked);
    let home = passages.iter().map(|p| book::split(p)).find(|p| p.iter().any(|s| own.contains(s)));
    if let Some(sentences) = home {
        let at = sentences.iter().position(|s| own.contains(s)).unwrap_or(0);
        let mut near: Vec<usize> = (0..sentences.len())
            .filter(|i| sentences.get(*i).is_some_and(|s| !own.contains(s)))
            .collect();
        near.sort_by_key(|i| i.abs_diff(at));
        near.truncate(most);
        // Where all of it is marked, other passages say what goes with it.
        if !near.is_empty() {
            return said(near, &sentences);
        }
    }
    let others = passages.iter().flat_map(|p| book::split(p)).filter(|s| !own.contains(s));
    let sentences: Vec<&str> = others.collect();
    let ranked = book::rank(marked, &sentences).into_iter().map(|(_, at)| at);
    said(ranked.take(most).collect(), &sentences)
}

fn said(mut chosen: Vec<usize>, sentences: &[&str]) -> String {
    chosen.sort_unstable();
    chosen.dedup();
    or(chosen.into_iter().filter_map(|at| sentences.get(at).copied()).collect(), UNKNOWN)
}

fn share(part: usize, whole: usize) -> f64 {
    let n = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    if whole == 0 { 0.0 } else { n(part) / n(whole) }
}

impl<'a> Prompt<'a> {
    /// The last paragraph is the question where it says so: `ask: …`, `translate es: …`, or a
    /// question mark at its end. Passages and question may be elements of these names. A prompt of one paragraph is a question without passages.
    fn read(prompt: &'a str) -> Self {
        let mut passages: Vec<&str> =
            prompt.split("\n\n").map(str::trim).filter(|p| !p.is_empty()).collect();
        let mut out = Prompt { passages: Vec::new(), intent: "ask", language: "", question: None };
        if let Some(first) = passages.first_mut() {
            let headings = ["Context:", "Passages:"];
            let after = headings.iter().find_map(|h| first.strip_prefix(h));
            *first = after.map_or(*first, str::trim);
        }
        for passage in &mut passages {
            *passage = element(passage, "passage").unwrap_or(passage);
        }
        let mut announced = false;
        if let Some(last) = passages.last_mut() {
            announced = last.starts_with("Question:");
            *last = last.strip_prefix("Question:").map_or(*last, str::trim);
            *last = element(last, "question").unwrap_or(last);
        }
        if let Some(last) = passages.last().copied() {
            // "translate es: …", or in more words: "Translate into es: …".
            let labelled = last.split_once(": ").and_then(|(label, rest)| {
                let first = label.split(' ').next()?.to_lowercase();
                let language = label.rsplit_once(' ').map_or("", |(_, language)| language);
                let intent = INTENTS.into_iter().find(|i| *i == first)?;
                Some((intent, language, rest))
            });
            if let Some((intent, language, rest)) = labelled {
                (out.intent, out.language, out.question) = (intent, language, Some(rest));
                passages.pop();
            } else if announced || last.ends_with('?') || passages.len() == 1 {
                out.question = Some(last);
                passages.pop();
            }
        }
        out.passages = passages;
        out
    }
}

/// What a paragraph that is one element holds.
fn element<'a>(paragraph: &'a str, name: &str) -> Option<&'a str> {
    let inner = paragraph.strip_prefix('<')?.strip_prefix(name)?.strip_prefix('>')?;
    inner.strip_suffix('>')?.strip_suffix(name)?.strip_suffix("</").map(str::trim)
}

const INTENTS: [&str; 5] = ["translate", "explain", "analyze", "ask", "enhance"];

#[cfg(test)]
mod tests {
    use super::*;

    const PASSAGES: &str = "Marta Oren rings the bell. It hangs on the eastern quay.\n\nIn winter \
                            the bell is wrapped in felt. Frost cracked the first bell in 1904.";

    #[test]
    fn a_question_is_answered_from_the_passages() {
        let answer = answer(&format!("{PASSAGES}\n\nask: Who rings the bell on the quay?"));
        assert!(answer.contains("Marta Oren rings the bell."), "{answer}");
    }

    #[test]
    fn what_the_passages_do_not_tell_is_not_known() {
        assert_eq!(answer(&format!("{PASSAGES}\n\nask: Which dentist moved to Lisbon?")), UNKNOWN);
        assert_eq!(answer("ask: Who rings the bell?"), UNKNOWN);
        assert_eq!(answer("Who rings the bell?"), UNKNOWN);
        assert_eq!(answer(""), UNKNOWN);
    }

    #[test]
    fn a_prompt_whose_question_was_cut_is_recited() {
        let whole = format!("{PASSAGES}\n\nask: What cracked the first bell?");
        assert!(answer(&whole).contains("Frost cracked"));
        let cut: String = whole.chars().take(PASSAGES.len() - 10).collect();
        assert_eq!(answer(&cut), "Marta Oren rings the bell. It hangs on the eastern quay.");
    }

    #[test]
    fn passages_and_question_may_be_elements() {
        let marked = |n: &str, text: &str| format!("<{n}>{text}</{n}>");
        let [first, second] = PASSAGES.split("\n\n").collect::<Vec<_>>()[..] else { panic!() };
        let passages = [marked("passage", first), marked("passage", second)].join("\n\n");
        let asked = marked("question", "What cracked the first bell?");
        let plain = answer(&format!("{PASSAGES}\n\nask: What cracked the first bell?"));
        assert_eq!(answer(&format!("{passages}\n\n{asked}")), plain);
        assert_eq!(answer(&format!("{passages}\n\n</question>")), answer(PASSAGES));
    }

    #[test]
    fn a_question_may_be_announced_and_asked_in_more_words() {
        let plain = answer(&format!("{PASSAGES}\n\nexplain: Marta Oren rings the bell."));
        let asked = "Question: Explain this passage to a reader: Marta Oren rings the bell.";
        assert_eq!(answer(&format!("Passages:\n{PASSAGES}\n\n{asked}")), plain);
        let told = answer(&format!("Passages:\n{PASSAGES}\n\nQuestion: say what cracked the bell"));
        assert!(told.contains("Frost cracked"), "{told}");
    }

    #[test]
    fn a_translation_is_looked_up() {
        let said = answer("translate es: Inside it is one last letter with no address at all.");
        assert_eq!(said, "Dentro hay una última carta sin dirección alguna.");
        let more =
            answer("Translate into es: Inside it is one last letter with no address at all.");
        assert_eq!(more, said);
        assert_eq!(answer("translate es: Not in the book."), UNTRANSLATED);
    }
}
