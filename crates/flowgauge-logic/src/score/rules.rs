//! What is wrong with an answer whatever it is about: refused, cut off, repeated, too long, in
//! another language, not in the shape asked for.
//!
//! Owns the factors that scale every other score down. Refuses to look at the context.

use super::answer::{Answer, Ending, Evaluator, Part, ScoreOf, percent};
use super::language::Language;
use super::words::{self, Word};
use std::collections::BTreeSet;

/// The evaluator of these rules alone.
pub const RULES: Evaluator = Evaluator { name: "flowgauge.rules", version: "1" };

// The factors are what raters leave of an otherwise good answer with this fault; the audit of the
// default set holds them to its labels.

/// The answer declines although it need not.
const REFUSED: f64 = 0.25;
/// It tells what the context does not.
const INVENTED: f64 = 0.2;
/// It is in another language than asked for.
const OTHER_LANGUAGE: f64 = 0.2;
/// A limit of tokens cut it.
const CUT_OFF: f64 = 0.75;
/// It just stops; a missing full stop is less certain than a reason given by the provider.
const NO_END: f64 = 0.85;
/// It is not of the shape asked for, so a program cannot read it.
const SHAPE: f64 = 0.3;
/// Least that is left of an answer of a wrong length, or one that repeats itself.
const LEAST: f64 = 0.3;

/// Words in a row that are not repeated by chance.
const REPEAT: usize = 4;
/// Shorter answers may end without a mark: a name, a number.
const NEEDS_END: u32 = 4;
/// Words of a refusal; in a longer answer it is a remark about one of several things.
const REFUSAL_WORDS: u32 = 45;

/// Words in a sentence beyond which readers lose its thread: plain-language guides say 25 at most
/// on average, and 40 is hard for everybody.
const LONG_SENTENCE: f64 = 40.0;

/// What the rules found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ruled {
    /// What is left of any score, 0–1.
    pub(super) factor: f64,
    /// How readable it is, 0–1.
    pub(super) clarity: f64,
    /// Whether it declines.
    pub(super) refusal: bool,
    pub(super) findings: Vec<&'static str>,
}

/// Scores an answer by the rules alone; every answer has such a score.
#[must_use]
pub fn rules(answer: &Answer<'_>) -> ScoreOf {
    let ruled = look(answer);
    ScoreOf {
        evaluator: RULES,
        quality: percent(ruled.factor * (0.5 + 0.5 * ruled.clarity)),
        parts: vec![
            Part { name: "rules", value: percent(ruled.factor) },
            Part { name: "clarity", value: percent(ruled.clarity) },
        ],
        findings: ruled.findings,
    }
}

/// Applies every rule.
pub(super) fn look(answer: &Answer<'_>) -> Ruled {
    let said = words::words(answer.text);
    let mut findings = Vec::new();
    if said.is_empty() {
        return Ruled { factor: 0.0, clarity: 0.0, refusal: false, findings: vec!["empty"] };
    }
    let mut factor = 1.0;
    let mut find = |name: &'static str, left: f64| {
        if left < 1.0 {
            findings.push(name);
            factor *= left;
        }
    };
    let n = u32::try_from(said.len()).unwrap_or(u32::MAX);
    let refusal = n <= REFUSAL_WORDS && declines(answer.text);
    match (refusal, answer.wanted.refusal) {
        (true, false) => find("refusal", REFUSED),
        (false, true) => find("invented", INVENTED),
        _ => {}
    }
    if other_language(answer) {
        find("language", OTHER_LANGUAGE);
    }
    let wants_json = answer.wanted.schema.is_some();
    match answer.ending {
        Ending::CutOff => find("cut_off", CUT_OFF),
        _ if !wants_json && n >= NEEDS_END && !has_end(answer.text) => find("no_end", NO_END),
        _ => {}
    }
    let repeated = repeated(&said);
    find("repetition", (1.0 - repeated).max(LEAST));
    find("length", length(n, answer.wanted.words));
    if answer.wanted.schema.is_some_and(|schema| !schema.accepts_text(answer.text)) {
        find("shape", SHAPE);
    }
    Ruled { factor, clarity: clarity(answer.text, repeated), refusal, findings }
}

/// Whether a text says that it will not or cannot answer.
pub(super) fn declines(text: &str) -> bool {
    let text = words::bounded(text).to_lowercase().replace('’', "'");
    REFUSALS.iter().any(|phrase| text.contains(phrase))
}

/// How people and models decline, in the languages of the demo's readers.
const REFUSALS: &[&str] = &[
    "i cannot",
    "i can't",
    "i can not",
    "i am unable",
    "i'm unable",
    "i am sorry",
    "i'm sorry",
    "as an ai",
    "i do not know",
    "i don't know",
    "cannot help with",
    "can't help with",
    "unable to answer",
    "cannot answer",
    "can't answer",
    "does not say",
    "do not say",
    "doesn't say",
    "don't say",
    "do not answer",
    "does not answer",
    "is not mentioned",
    "not stated",
    "do not mention",
    "does not mention",
    "doesn't mention",
    "do not tell",
    "does not tell",
    "no lo sé",
    "no puedo",
    "lo siento",
    "no dice",
    "no dicen",
    "我不知道",
    "无法回答",
    "没有提到",
    "对不起",
];

fn other_language(answer: &Answer<'_>) -> bool {
    let wanted = answer.wanted.language.or_else(|| Language::of(answer.question));
    let is = Language::of(answer.text);
    wanted.is_some_and(|wanted| is.is_some_and(|is| is != wanted))
}

fn has_end(text: &str) -> bool {
    let text = text.trim_end_matches(|c: char| {
        c.is_whitespace()
            || matches!(c, '"' | '\'' | ')' | ']' | '”' | '’' | '»' | '*' | '`' | '」')
    });
    text.ends_with(['.', '!', '?', '…', ':', ';', '。', '！', '？', '؟', '।'])
}

/// Share of runs of [`REPEAT`] words that occurred before, 0–1.
fn repeated(said: &[Word]) -> f64 {
    let mut seen = BTreeSet::new();
    let (mut runs, mut again) = (0u32, 0u32);
    for run in said.windows(REPEAT) {
        runs += 1;
        let stems: Vec<&str> = run.iter().map(|w| w.stem.as_str()).collect();
        again += u32::from(!seen.insert(stems));
    }
    if runs == 0 { 0.0 } else { f64::from(again) / f64::from(runs) }
}

fn length(n: u32, bounds: Option<(u32, u32)>) -> f64 {
    let Some((least, most)) = bounds else { return 1.0 };
    let n = f64::from(n);
    let short = n / f64::from(least.max(1));
    let long = f64::from(most) / n.max(1.0);
    short.min(long).clamp(LEAST, 1.0)
}

fn clarity(text: &str, repeated: f64) -> f64 {
    let sentences = words::sentences(text);
    let longest = sentences.iter().map(|s| words::count(s)).max().unwrap_or(0);
    let thread = LONG_SENTENCE / f64::from(longest).max(LONG_SENTENCE);
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let capitals = text.chars().filter(|c| c.is_uppercase()).count();
    let shouted = if letters > 20 && capitals * 2 > letters { 0.5 } else { 1.0 };
    // A lone word can be right, yet it leaves the reader to make the sentence.
    let bare = if longest < 3 { 0.6 } else { 1.0 };
    thread * shouted * bare * (1.0 - repeated)
}

#[cfg(test)]
mod tests {
    use super::super::answer::Wanted;
    use super::super::schema::Schema;
    use super::*;

    const QUESTION: &str = "Why did the ferry stop on the way to the island?";
    const GOOD: &str = "It stopped because the bell on the far quay had not been rung.";

    fn found(answer: &Answer<'_>) -> Vec<&'static str> {
        rules(answer).findings
    }

    fn says(text: &str) -> Vec<&'static str> {
        found(&Answer { question: QUESTION, text, ..Answer::default() })
    }

    #[test]
    fn a_plain_answer_has_no_findings_and_full_marks() {
        let score = rules(&Answer { question: QUESTION, text: GOOD, ..Answer::default() });
        assert!(score.findings.is_empty(), "{score:?}");
        assert!(score.quality > 99.0, "{score:?}");
    }

    #[test]
    fn every_fault_is_found_by_its_name() {
        assert_eq!(says(""), ["empty"]);
        assert_eq!(says("I'm sorry, but I can't help with that."), ["refusal"]);
        assert_eq!(says("Se paró porque la campana del muelle no había sonado."), ["language"]);
        assert_eq!(says("It stopped because the bell on the far"), ["no_end"]);
        let again = "The bell had not been rung. ".repeat(5);
        assert_eq!(says(&again), ["repetition"]);
    }

    #[test]
    fn what_was_asked_of_the_form_is_held_against_it() {
        let wanted = Wanted { words: Some((20, 60)), ..Wanted::default() };
        let answer = Answer { question: QUESTION, text: GOOD, wanted, ..Answer::default() };
        assert_eq!(found(&answer), ["length"]);
        let schema = Schema::read(&serde_json::json!({"type": "object"})).unwrap();
        let wanted = Wanted { schema: Some(&schema), ..Wanted::default() };
        assert_eq!(found(&Answer { wanted, ..answer }), ["shape"]);
        let cut = Answer { ending: Ending::CutOff, wanted: Wanted::default(), ..answer };
        assert_eq!(found(&cut), ["cut_off"]);
        let wanted = Wanted { refusal: true, ..Wanted::default() };
        assert_eq!(found(&Answer { wanted, ..answer }), ["invented"]);
        let declined = Answer { text: "The passages do not say.", wanted, ..answer };
        assert!(found(&declined).is_empty());
    }

    #[test]
    fn a_translation_is_held_to_the_language_asked_for() {
        let text = "Se paró porque la campana del muelle no había sonado.";
        let wanted = Wanted { language: Some(Language::Es), ..Wanted::default() };
        assert!(
            found(&Answer { question: QUESTION, text, wanted, ..Answer::default() }).is_empty()
        );
    }
}
