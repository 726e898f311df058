//! Matchers of labels, as people write them and as silences hold them: read, checked, applied.
//!
//! A label that is not there counts as empty, as in Alertmanager. Regular expressions are anchored.

use crate::logic::alert::facts::Labels;
use crate::logic::alert::silence::SilenceMatcher;
use regex_lite::Regex;
use std::collections::BTreeMap;

/// Labels of an alert by name.
pub type LabelMap = BTreeMap<String, String>;

/// A matcher that cannot be used, with what would be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct BadMatcher {
    /// What would be accepted.
    pub detail: String,
}

/// Matchers made ready: all must match.
#[derive(Debug, Clone)]
pub struct Matching(Vec<Ready>);

#[derive(Debug, Clone)]
struct Ready {
    name: String,
    test: Test,
    equal: bool,
}

#[derive(Debug, Clone)]
enum Test {
    Is(String),
    Like(Regex),
}

impl Matching {
    /// Makes matchers ready.
    ///
    /// # Errors
    /// When a name or a regular expression is none.
    pub fn new(matchers: &[SilenceMatcher]) -> Result<Self, BadMatcher> {
        let ready = |m: &SilenceMatcher| {
            if !is_label(&m.name) {
                return Err(bad(format!("{:?} is no label; write letters, digits and _", m.name)));
            }
            let test = if m.is_regex {
                let anchored = format!("^(?:{})$", m.value);
                // Alone first: an unbalanced bracket must not be repaired by the anchors.
                let plain = Regex::new(&m.value).and_then(|_| Regex::new(&anchored));
                Test::Like(plain.map_err(|e| bad(format!("{:?}: {e}", m.value)))?)
            } else {
                Test::Is(m.value.clone())
            };
            Ok(Ready { name: m.name.clone(), test, equal: m.is_equal })
        };
        matchers.iter().map(ready).collect::<Result<_, _>>().map(Self)
    }

    /// Whether all match these labels.
    #[must_use]
    pub fn covers(&self, labels: &LabelMap) -> bool {
        self.0.iter().all(|m| m.holds(labels.get(&m.name).map_or("", String::as_str)))
    }

    /// Whether an alert without any label would match.
    #[must_use]
    pub fn covers_everything(&self) -> bool {
        self.0.iter().all(|m| m.holds(""))
    }
}

impl Ready {
    fn holds(&self, value: &str) -> bool {
        let matches = match &self.test {
            Test::Is(wanted) => wanted == value,
            Test::Like(regex) => regex.is_match(value),
        };
        matches == self.equal
    }
}

/// Labels by name.
#[must_use]
pub fn by_name(labels: &Labels) -> LabelMap {
    labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn bad(detail: String) -> BadMatcher {
    BadMatcher { detail }
}

/// Whether a text can name a label.
#[must_use]
pub fn is_label(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Reads `name=value`, `name!=value`, `name=~regex` or `name!~regex`; the value may stand in double
/// quotes, and the name as well.
///
/// # Errors
/// When it is none of these.
pub fn matcher(text: &str) -> Result<SilenceMatcher, BadMatcher> {
    let advice = "write label=value, label!=value, label=~regex or label!~regex";
    let text = text.trim();
    let at = text.find(['=', '!']).ok_or_else(|| bad(advice.to_owned()))?;
    let (name, rest) = text.split_at(at);
    let operators =
        [("=~", true, true), ("!~", true, false), ("!=", false, false), ("=", false, true)];
    let found = operators.into_iter().find_map(|(word, is_regex, is_equal)| {
        rest.strip_prefix(word).map(|value| (value, is_regex, is_equal))
    });
    let (value, is_regex, is_equal) = found.ok_or_else(|| bad(advice.to_owned()))?;
    let name = unquoted(name.trim()).map_err(bad)?;
    let value = unquoted(value.trim()).map_err(bad)?;
    let read = SilenceMatcher { name, value, is_regex, is_equal };
    Matching::new(std::slice::from_ref(&read))?;
    Ok(read)
}

/// A matcher as people write it.
#[must_use]
pub fn written(m: &SilenceMatcher) -> String {
    let operator = match (m.is_regex, m.is_equal) {
        (false, true) => "=",
        (false, false) => "!=",
        (true, true) => "=~",
        (true, false) => "!~",
    };
    let mut value = String::with_capacity(m.value.len());
    for c in m.value.chars() {
        match c {
            '"' | '\\' => value.extend(['\\', c]),
            '\n' => value.push_str("\\n"),
            c => value.push(c),
        }
    }
    format!("{}{operator}\"{value}\"", m.name)
}

fn unquoted(text: &str) -> Result<String, String> {
    let Some(inner) = text.strip_prefix('"') else {
        let plain = !text.contains('"');
        return if plain { Ok(text.to_owned()) } else { Err(format!("{text}: a lone quote")) };
    };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    loop {
        match chars.next() {
            Some('"') if chars.as_str().is_empty() => return Ok(out),
            Some('"') | None => return Err(format!("{text}: the quotes do not enclose it")),
            Some('\\') => match chars.next() {
                Some('n') => out.push('\n'),
                Some(c @ ('"' | '\\')) => out.push(c),
                // What is left is for the regular expression: `\.`, `\d`.
                Some(c) => out.extend(['\\', c]),
                None => return Err(format!("{text}: ends inside an escape")),
            },
            Some(c) => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(pairs: &[(&str, &str)]) -> LabelMap {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn covers(texts: &[&str], pairs: &[(&str, &str)]) -> bool {
        let matchers: Vec<_> = texts.iter().map(|t| matcher(t).unwrap()).collect();
        Matching::new(&matchers).unwrap().covers(&labels(pairs))
    }

    #[test]
    fn matchers_match_as_alertmanagers_do() {
        let alert = [("alertname", "p95_latency_critical"), ("model", "gpt-4o")];
        for (texts, covered) in [
            (&["alertname=p95_latency_critical"][..], true),
            (&["alertname=\"p95_latency_critical\"", "model=~\"gpt-.*\""], true),
            (&["alertname=~p95"], false),
            (&["model!~\"claude.*\""], true),
            (&["team=\"\""], true),
            (&["team!=\"\""], false),
            (&["model!=gpt-4o"], false),
        ] {
            assert_eq!(covers(texts, &alert), covered, "{texts:?}");
        }
    }

    #[test]
    fn what_is_no_matcher_is_refused_with_what_would_be() {
        for text in ["", "x", "a b=c", "a=~(", "a=~)(", "=x", "a=\"x", "a=\"x\"y", "a!x"] {
            assert!(matcher(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in "\\PC{0,30}", is_equal: bool) {
            let m = SilenceMatcher { name: "a_1".to_owned(), value, is_regex: false, is_equal };
            prop_assert_eq!(matcher(&written(&m)), Ok(m));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
            let _read_or_refused = matcher(&text);
        }
    }
}
