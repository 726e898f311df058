//! Silences: what is not told for a while, and which alerts that covers.
//!
//! Owns the matching, as Alertmanager's: regular expressions are anchored, a label that is not there
//! is the empty text. Refuses storage: silences are durable before anybody hears of them.

use super::facts::Labels;
use super::rule::{Rule, Severity};
use crate::call::Text;
use crate::unit::UnixMicros;
use regex_lite::Regex;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// The label of an alert that holds its rule's name.
pub const NAME_LABEL: &str = "alertname";
/// The label of an alert that holds its severity.
pub const SEVERITY_LABEL: &str = "severity";

/// A silence, as Alertmanager's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// A UUID.
    pub id: String,
    /// All must match.
    pub matchers: Vec<SilenceMatcher>,
    /// From when on.
    pub starts: UnixMicros,
    /// Until when.
    pub ends: UnixMicros,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// When it was changed last.
    pub updated: UnixMicros,
}

/// One matcher of a silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceMatcher {
    /// Label; `alertname` is the rule's name.
    pub name: String,
    /// Value, or an anchored regular expression.
    pub value: String,
    /// Whether it is one.
    pub is_regex: bool,
    /// Whether it must match; else it must not.
    pub is_equal: bool,
}

/// Where a silence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SilenceState {
    /// Begins later.
    Pending,
    /// Covers alerts now.
    Active,
    /// Over for good: it never comes back.
    Expired,
}

impl SilenceState {
    /// The word used everywhere, Alertmanager's.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Expired => "expired",
        }
    }
}

impl Silence {
    /// Where it stands at a moment.
    #[must_use]
    pub fn state(&self, now: UnixMicros) -> SilenceState {
        if now >= self.ends {
            SilenceState::Expired
        } else if now < self.starts {
            SilenceState::Pending
        } else {
            SilenceState::Active
        }
    }
}

/// Why a silence is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSilence {
    /// No matcher.
    #[error("a silence without a matcher would hide everything; write for example alertname=NAME")]
    NoMatcher,
    /// A matcher of no label.
    #[error("a matcher has no label name; write for example alertname=NAME")]
    NoName,
    /// Every matcher matches an alert without the label.
    #[error(
        "every matcher of the silence also matches the empty text, so it would hide everything"
    )]
    MatchesEverything,
    /// An expression that is none.
    #[error("{value:?} of label {name} is no regular expression: {why}")]
    Regex {
        /// The label.
        name: String,
        /// The expression.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// Ends before it begins.
    #[error("the silence ends before it begins")]
    Ends,
}

/// A silence ready to match.
#[derive(Debug, Clone)]
pub struct Covering {
    id: String,
    starts: UnixMicros,
    ends: UnixMicros,
    terms: Vec<Term>,
}

#[derive(Debug, Clone)]
struct Term {
    name: String,
    wanted: bool,
    pattern: Pattern,
}

#[derive(Debug, Clone)]
enum Pattern {
    Text(String),
    Regex(Regex),
}

impl Covering {
    /// Reads a silence.
    ///
    /// # Errors
    /// What would hide everything, and expressions that are none.
    pub fn new(silence: &Silence) -> Result<Self, BadSilence> {
        if silence.ends <= silence.starts {
            return Err(BadSilence::Ends);
        }
        let terms: Vec<Term> = silence.matchers.iter().map(Term::new).collect::<Result<_, _>>()?;
        if terms.is_empty() {
            return Err(BadSilence::NoMatcher);
        }
        if terms.iter().all(|term| term.matches("")) {
            return Err(BadSilence::MatchesEverything);
        }
        Ok(Self { id: silence.id.clone(), starts: silence.starts, ends: silence.ends, terms })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it covers alerts now.
    #[must_use]
    pub fn is_active(&self, now: UnixMicros) -> bool {
        self.starts <= now && now < self.ends
    }

    /// Whether the labels of an alert match, now or not.
    #[must_use]
    pub fn matches(&self, alert: &Labels) -> bool {
        self.terms.iter().all(|term| term.matches(value(alert, &term.name)))
    }
}

impl Term {
    fn new(matcher: &SilenceMatcher) -> Result<Self, BadSilence> {
        let SilenceMatcher { name, value, is_regex, is_equal } = matcher;
        if name.is_empty() {
            return Err(BadSilence::NoName);
        }
        let pattern = if *is_regex {
            let regex = Regex::new(&format!("^(?:{value})$")).map_err(|e| BadSilence::Regex {
                name: name.clone(),
                value: value.clone(),
                why: e.to_string(),
            })?;
            Pattern::Regex(regex)
        } else {
            Pattern::Text(value.clone())
        };
        Ok(Self { name: name.clone(), wanted: *is_equal, pattern })
    }

    fn matches(&self, value: &str) -> bool {
        let hit = match &self.pattern {
            Pattern::Text(text) => text == value,
            Pattern::Regex(regex) => regex.is_match(value),
        };
        hit == self.wanted
    }
}

/// The silences of a list that can be read; one that cannot hides nothing.
#[must_use]
pub fn readable(silences: &[Silence]) -> Vec<Covering> {
    silences.iter().filter_map(|silence| Covering::new(silence).ok()).collect()
}

/// Ids of the silences that cover an alert now.
#[must_use]
pub fn covering(silences: &[Covering], alert: &Labels, now: UnixMicros) -> Vec<String> {
    let covers = |silence: &&Covering| silence.is_active(now) && silence.matches(alert);
    silences.iter().filter(covers).map(|silence| silence.id.clone()).collect()
}

/// The labels an alert is silenced by: its rule's name and severity, the rule's labels, and the
/// instance's own, which win.
#[must_use]
pub fn alert_labels(rule: &Rule, labels: &Labels) -> Labels {
    let own = rule.labels.iter().map(|(name, value)| (name.clone(), value.clone()));
    merged(&rule.name, rule.severity, own.chain(labels.iter().cloned()))
}

/// The same where nothing is known of the rule but its name.
#[must_use]
pub fn labels_without_rule(name: &Text, severity: Severity, labels: &Labels) -> Labels {
    merged(name, severity, labels.iter().cloned())
}

fn merged(name: &Text, severity: Severity, labels: impl Iterator<Item = (Text, Text)>) -> Labels {
    let mut all: std::collections::BTreeMap<Text, Text> = labels.collect();
    all.insert(Text::const_new(NAME_LABEL), name.clone());
    all.insert(Text::const_new(SEVERITY_LABEL), Text::const_new(severity.word()));
    all.into_iter().collect()
}

fn value<'a>(labels: &'a Labels, name: &str) -> &'a str {
    labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value)
}
