//! Which language a text is in, as far as its script and its commonest words tell.
//!
//! Owns a guess that says "unknown" rather than guess wrongly. Refuses dialects and mixed texts.

use super::words::bounded;
use serde::{Deserialize, Serialize};

/// A language, by its ISO 639-1 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the variants are ISO 639-1 codes")]
pub enum Language {
    En,
    Es,
    Fr,
    De,
    It,
    Pt,
    Nl,
    Zh,
    Ja,
    Ko,
    Ru,
    El,
    Ar,
    He,
    Hi,
    Th,
}

/// Fewest words of grammar that decide between languages of one script: one may be a name, or
/// belong to several.
const LEAST_HITS: u32 = 2;

/// Share of its words that must be words of grammar of the language; in running text of any of them
/// they are a third or more.
const LEAST_SHARE: f64 = 0.12;

/// By how much the first must lead over the second: Spanish and Portuguese share half their list.
const LEAD: f64 = 1.2;

impl Language {
    /// From a code like `es` or `zh-CN`.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        let base = code.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        serde_json::from_value(serde_json::Value::String(base)).ok()
    }

    /// The language of a text; nothing where it is too short or too mixed to tell.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let text = bounded(text);
        by_script(text).or_else(|| by_grammar(text))
    }
}

fn by_script(text: &str) -> Option<Language> {
    let (mut all, mut kana) = (0u32, 0u32);
    let mut counts = [0u32; 8];
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        all = all.saturating_add(1);
        let at = match c {
            '\u{3040}'..='\u{30ff}' => {
                kana = kana.saturating_add(1);
                0
            }
            '\u{3400}'..='\u{9fff}' => 0,
            '\u{ac00}'..='\u{d7a3}' => 1,
            '\u{0400}'..='\u{04ff}' => 2,
            '\u{0370}'..='\u{03ff}' => 3,
            '\u{0600}'..='\u{06ff}' => 4,
            '\u{0590}'..='\u{05ff}' => 5,
            '\u{0900}'..='\u{097f}' => 6,
            '\u{0e00}'..='\u{0e7f}' => 7,
            _ => continue,
        };
        if let Some(n) = counts.get_mut(at) {
            *n += 1;
        }
    }
    use Language::{Ar, El, He, Hi, Ja, Ko, Ru, Th, Zh};
    let han = if kana > 0 { Ja } else { Zh };
    let languages = [han, Ko, Ru, El, Ar, He, Hi, Th];
    // A third and more: a Chinese answer about an English title is Chinese.
    counts.iter().zip(languages).find(|(n, _)| **n >= 2 && **n * 3 >= all).map(|(_, l)| l)
}

fn by_grammar(text: &str) -> Option<Language> {
    let mut hits = [0u32; 7];
    let mut all = 0u32;
    for word in text.split(|c: char| !c.is_alphabetic() && c != '\'').filter(|w| !w.is_empty()) {
        all = all.saturating_add(1);
        let word = word.to_lowercase();
        for (n, (_, list)) in hits.iter_mut().zip(GRAMMAR) {
            *n += u32::from(list.contains(&word.as_str()));
        }
    }
    let mut ranked: Vec<(u32, Language)> =
        hits.iter().zip(GRAMMAR).map(|(n, (language, _))| (*n, *language)).collect();
    ranked.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
    let [(first, language), (second, _), ..] = ranked.as_slice() else { return None };
    let sure = *first >= LEAST_HITS
        && f64::from(*first) >= LEAST_SHARE * f64::from(all)
        && f64::from(*first) >= LEAD * f64::from(*second);
    sure.then_some(*language)
}

/// The commonest words of grammar of each, those it does not share with the next first.
const GRAMMAR: &[(Language, &[&str])] = &[
    (
        Language::En,
        &[
            "the", "and", "of", "to", "is", "that", "it", "was", "for", "with", "as", "his", "on",
            "be", "by", "this", "had", "not", "but", "from", "they", "her", "she", "or", "an",
            "were", "which", "there", "are", "their", "at", "what", "who", "how", "why", "does",
            "did", "when", "where",
        ],
    ),
    (
        Language::Es,
        &[
            "el", "la", "los", "las", "que", "y", "en", "un", "una", "por", "con", "para", "del",
            "se", "su", "es", "al", "lo", "como", "más", "pero", "sus", "le", "ha", "era", "sin",
            "sobre", "cuando", "muy", "no", "ya", "había", "cada", "porque", "está", "de",
        ],
    ),
    (
        Language::Fr,
        &[
            "le", "les", "des", "et", "est", "une", "dans", "que", "qui", "pour", "sur", "pas",
            "plus", "par", "avec", "au", "il", "elle", "ce", "cette", "son", "ses", "aux", "ne",
            "du", "était", "mais", "ou", "où", "sont", "la", "de", "un",
        ],
    ),
    (
        Language::De,
        &[
            "der", "die", "das", "und", "ist", "nicht", "ein", "eine", "einen", "zu", "den", "dem",
            "des", "mit", "sich", "auf", "für", "von", "im", "es", "sie", "er", "auch", "wird",
            "war", "bei", "aus", "nach", "wie", "aber", "daß", "dass", "sind", "oder",
        ],
    ),
    (
        Language::It,
        &[
            "il", "lo", "gli", "che", "di", "e", "è", "per", "una", "non", "con", "del", "della",
            "sono", "nel", "alla", "più", "anche", "come", "ma", "da", "i", "al", "dei", "era",
            "si", "questo", "la", "le", "un",
        ],
    ),
    (
        Language::Pt,
        &[
            "o", "os", "as", "que", "e", "do", "da", "em", "um", "uma", "para", "com", "não",
            "por", "mais", "dos", "das", "no", "na", "se", "ao", "é", "foi", "como", "mas", "ele",
            "ela", "seu", "sua", "também", "está", "de", "a",
        ],
    ),
    (
        Language::Nl,
        &[
            "het", "een", "van", "en", "dat", "niet", "op", "te", "zijn", "voor", "met", "aan",
            "er", "maar", "om", "ook", "als", "bij", "nog", "uit", "wordt", "naar", "heeft",
            "werd", "hij", "zij", "deze", "de", "in", "is",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_text_is_recognised() {
        for (text, language) in [
            ("The ferry was late and nobody on the quay knew why.", Language::En),
            ("El transbordador llegó tarde y nadie en el muelle sabía por qué.", Language::Es),
            ("Le bac était en retard et personne sur le quai ne savait pourquoi.", Language::Fr),
            ("Die Fähre war spät und niemand auf dem Kai wußte, warum das so ist.", Language::De),
            ("渡船来晚了，码头上没有人知道为什么。", Language::Zh),
            ("フェリーは遅れて、誰も理由を知らなかった。", Language::Ja),
            ("Паром опоздал, и никто не знал почему.", Language::Ru),
        ] {
            assert_eq!(Language::of(text), Some(language), "{text}");
        }
    }

    #[test]
    fn what_is_too_short_is_unknown() {
        for text in ["", "Marta", "42", "a", "ok ok ok ok"] {
            assert_eq!(Language::of(text), None, "{text}");
        }
    }

    #[test]
    fn codes_with_regions_are_read() {
        assert_eq!(Language::from_code("zh-CN"), Some(Language::Zh));
        assert_eq!(Language::from_code("ES"), Some(Language::Es));
        assert_eq!(Language::from_code("xx"), None);
    }
}
