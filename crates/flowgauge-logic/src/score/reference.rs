//! An answer against what is known of a good one: accuracy, relevance, completeness, clarity.
//!
//! Owns the four parts and their weights, and the default evaluator made of them. Refuses a score
//! where nothing is known of the answer but its form.

use super::answer::{Answer, Element, Evaluator, NotScored, Part, ScoreOf, percent};
use super::grounded::{self, share};
use super::rules::{self, Ruled};
use super::words::{self, Sort};
use std::collections::BTreeSet;

/// The evaluator that compares with expected elements.
pub const REFERENCE: Evaluator = Evaluator { name: "flowgauge.reference", version: "1" };

/// The default: as the reference evaluator where elements are known, else from question and context.
pub const LOCAL: Evaluator = Evaluator { name: "flowgauge.local", version: "1" };

/// All of our own evaluators, the default first.
pub const EVALUATORS: [Evaluator; 4] = [LOCAL, REFERENCE, grounded::GROUNDED, rules::RULES];

/// Weights of accuracy, relevance, completeness and clarity, as in both knowledge tests of the
/// example application.
const WEIGHTS: [(&str, f64); 4] =
    [("accuracy", 0.25), ("relevance", 0.35), ("completeness", 0.20), ("clarity", 0.20)];

/// Least share of an element's words that counts as having said part of it: one of three.
const PARTLY: f64 = 0.33;

/// What being readable is worth by itself.
const READABLE: f64 = 0.3;

/// What a usual mistake leaves of an answer: it is wrong, whatever else it says.
const MISTAKEN: f64 = 0.3;

/// Share of relevance that repeating the question's words can earn where elements are known.
const ECHO: f64 = 0.3;

/// Scores an answer against its expected elements.
///
/// # Errors
/// Where no element is known and no refusal is wanted.
pub fn reference(answer: &Answer<'_>) -> Result<ScoreOf, NotScored> {
    if answer.wanted.elements.is_empty() && !answer.wanted.refusal {
        return Err(NotScored::NothingToCompare);
    }
    parts(answer, REFERENCE)
}

/// Scores an answer by whatever is known.
///
/// # Errors
/// Where neither elements nor a question nor a context are known.
pub fn local(answer: &Answer<'_>) -> Result<ScoreOf, NotScored> {
    parts(answer, LOCAL)
}

/// Scores an answer with one of the evaluators, by name.
///
/// # Errors
/// As that evaluator; nothing where the name is none of ours.
#[must_use]
pub fn by_name(name: &str, answer: &Answer<'_>) -> Option<Result<ScoreOf, NotScored>> {
    Some(match name {
        _ if name == LOCAL.name => local(answer),
        _ if name == REFERENCE.name => reference(answer),
        _ if name == grounded::GROUNDED.name => grounded::grounded(answer),
        _ if name == rules::RULES.name => Ok(rules::rules(answer)),
        _ => return None,
    })
}

fn parts(answer: &Answer<'_>, evaluator: Evaluator) -> Result<ScoreOf, NotScored> {
    let mut ruled = rules::look(answer);
    if answer.wanted.refusal || ruled.findings.contains(&"empty") {
        return Ok(by_rules(&ruled, evaluator));
    }
    let said = words::content(answer.text);
    let text = words::bounded(answer.text).to_lowercase();
    let found: Vec<f64> = answer.wanted.elements.iter().map(|e| said_of(e, &said, &text)).collect();
    let completeness = mean(&found);
    // To the letter: the words of a mistake, in another order, may be right.
    let mistake = |w: &String| is_word_of(&w.to_lowercase(), &text);
    if answer.wanted.wrong.iter().flat_map(|e| &e.0).any(mistake) {
        ruled.factor *= MISTAKEN;
        ruled.findings.push("mistake");
    }
    let claims = grounded::claims(answer).ok();
    let values = [
        accuracy(answer, claims.as_deref(), completeness),
        relevance(answer, claims.as_deref(), completeness),
        completeness,
        Some(ruled.clarity),
    ];
    if values.iter().take(3).all(Option::is_none) {
        return Err(NotScored::NothingToCompare);
    }
    let (mut sum, mut weights, mut parts) = (0.0, 0.0, Vec::new());
    for ((name, weight), value) in WEIGHTS.into_iter().zip(values) {
        let Some(value) = value else { continue };
        let value = if name == "clarity" { value * to_the_point(&values) } else { value };
        sum += weight * value;
        weights += weight;
        parts.push(Part { name, value: percent(value) });
    }
    let quality = percent(ruled.factor * sum / weights);
    Ok(ScoreOf { evaluator, quality, parts, findings: ruled.findings })
}

/// The only right answer was to decline, or nothing was said: the rules know all there is.
fn by_rules(ruled: &Ruled, evaluator: Evaluator) -> ScoreOf {
    ScoreOf {
        evaluator,
        quality: percent(ruled.factor * ruled.clarity),
        parts: vec![Part { name: "clarity", value: percent(ruled.clarity) }],
        findings: ruled.findings.clone(),
    }
}

/// Being readable is worth little where nothing that was asked for is said.
fn to_the_point([_, relevance, completeness, _]: &[Option<f64>; 4]) -> f64 {
    let most = relevance.unwrap_or(0.0).max(completeness.unwrap_or(0.0));
    READABLE + (1.0 - READABLE) * most.sqrt()
}

/// How much of an element was said; its best wording counts, to the letter or by its words. Numbers
/// have to be there.
fn said_of(element: &Element, said: &BTreeSet<String>, text: &str) -> f64 {
    let of = |wording: &String| {
        if is_word_of(&wording.to_lowercase(), text) {
            return 1.0;
        }
        let words = words::words(wording);
        let missing = |w: &words::Word| w.sort == Sort::Number && !said.contains(&w.stem);
        if words.iter().any(missing) {
            return 0.0;
        }
        let stems: BTreeSet<String> =
            words.into_iter().filter(|w| w.sort != Sort::Function).map(|w| w.stem).collect();
        share(&stems, said).filter(|s| *s >= PARTLY).unwrap_or(0.0)
    };
    element.0.iter().map(of).fold(0.0, f64::max)
}

/// Whether a wording stands in a text from the beginning of a word on; in scripts without spaces,
/// anywhere.
fn is_word_of(wording: &str, text: &str) -> bool {
    let wording = wording.trim();
    !wording.is_empty()
        && text.match_indices(wording).any(|(at, _)| {
            let before = text.get(..at).and_then(|t| t.chars().next_back());
            before.is_none_or(|c| !c.is_alphanumeric() || !c.is_ascii() && !c.is_lowercase())
        })
}

/// Share of the claims that the context supports and that are about the matter. What only repeats
/// the question claims nothing. Without a comparable context, what was said of the elements stands in.
fn accuracy(
    answer: &Answer<'_>,
    claims: Option<&[grounded::Claim]>,
    completeness: Option<f64>,
) -> Option<f64> {
    let Some(claims) = claims else { return completeness };
    let asked = words::content(answer.question);
    let topic = topic(answer);
    let (mut right, mut all) = (0.0, 0.0);
    for claim in claims {
        let own = claim.stems.difference(&asked).count();
        let about = topic.is_empty() || claim.stems.iter().any(|s| topic.contains(s));
        right += if about { count(own) * claim.support } else { 0.0 };
        all += count(own);
    }
    Some(if all > 0.0 { right / all } else { 0.0 })
}

/// Stems of what was asked and of what is expected.
fn topic(answer: &Answer<'_>) -> BTreeSet<String> {
    let mut topic = words::content(answer.question);
    for element in answer.wanted.elements {
        topic.extend(element.0.iter().flat_map(|w| words::content(w)));
    }
    topic
}

/// Whether the answer speaks of what was asked: the question's words and the elements in it, and how
/// much of it is about neither.
fn relevance(
    answer: &Answer<'_>,
    claims: Option<&[grounded::Claim]>,
    completeness: Option<f64>,
) -> Option<f64> {
    let Some(claims) = claims else {
        // Another language, or no context: question and answer share no words to count.
        return completeness.or_else(|| grounded::addressed(answer));
    };
    let addressed = grounded::addressed(answer).unwrap_or(0.0);
    let topic = topic(answer);
    let about = |c: &&grounded::Claim| c.stems.intersection(&topic).count() * 4 >= c.stems.len();
    let focus = count(claims.iter().filter(about).count()) / count(claims.len()).max(1.0);
    let asked = match completeness {
        Some(found) => ECHO * addressed + (1.0 - ECHO) * found,
        None => addressed,
    };
    Some(asked * (0.5 + 0.5 * focus))
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / count(values.len()))
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
