//! Alerts that others post, as Alertmanager takes them, and the rule they are told by.
//!
//! Owns how a posted alert becomes a rule and a label set, so that it is planned, silenced and told like
//! any other. Refuses to evaluate: its sender says when it begins and ends.

use super::condition::{Cadence, Condition, Schedule};
use super::facts::Labels;
use super::rule::{Clear, Rule, Severity};
use super::silence::{NAME_LABEL, SEVERITY_LABEL};
use crate::call::Text;
use crate::unit::{Micros, UnixMicros};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Texts for people, by what is shown first.
const TEXTS: [&str; 3] = ["summary", "description", "message"];

/// An alert to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedAlert {
    /// Which alert it is; `alertname` is among them.
    pub labels: BTreeMap<String, String>,
    /// Texts for people.
    pub annotations: BTreeMap<String, String>,
    /// Since when.
    pub starts: UnixMicros,
    /// Until when; without one it ends unless it is posted again.
    pub ends: Option<UnixMicros>,
    /// Where it comes from.
    pub generator: String,
}

/// An alert of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// As posted; its first start is kept while it is posted on.
    pub alert: PostedAlert,
    /// When it ends unless it is posted again.
    pub ends: UnixMicros,
    /// When it was posted last.
    pub updated: UnixMicros,
}

impl PostedAlert {
    /// Its label set: without its name and severity, which a rule has.
    #[must_use]
    pub fn label_set(&self) -> Labels {
        let own = self
            .labels
            .iter()
            .filter(|(name, _)| name.as_str() != NAME_LABEL && name.as_str() != SEVERITY_LABEL);
        own.map(|(name, value)| (Text::from(name.as_str()), Text::from(value.as_str()))).collect()
    }

    /// How bad it is. A severity that is none of ours is a warning: whoever wrote another word wanted it told, and
    /// nobody woken.
    #[must_use]
    pub fn severity(&self) -> Severity {
        let written = self.labels.get(SEVERITY_LABEL);
        let known = Severity::ALL.into_iter().find(|s| written.is_some_and(|w| w == s.word()));
        known.unwrap_or(Severity::Warning)
    }

    /// The rule it is told by.
    #[must_use]
    pub fn rule(&self, channels: &[Text]) -> Rule {
        let label = |name: &str| self.labels.get(name).map(String::as_str);
        let name = Text::from(label(NAME_LABEL).unwrap_or("alert"));
        let text = TEXTS.iter().find_map(|key| self.annotations.get(*key));
        let annotations = self.annotations.iter();
        // It has no condition of ours; a schedule is never true.
        let never = Condition::Schedule(Schedule { every: Cadence::Daily, at: None, zone: None });
        Rule {
            text: self.generator.clone(),
            channels: channels.to_vec(),
            message: text.cloned().unwrap_or_else(|| name.to_string()),
            keep: Some(Micros(0)),
            clear: Clear::Same,
            annotations: annotations.map(|(k, v)| (Text::from(k.as_str()), v.clone())).collect(),
            runbook: self.annotations.get("runbook_url").cloned(),
            max_hold: Micros(0),
            ..Rule::new(name, never, self.severity())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_posted_alert_is_told_by_its_name_severity_and_summary() {
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        let alert = PostedAlert {
            labels: pairs(&[("alertname", "DiskFull"), ("severity", "page"), ("host", "a")]),
            annotations: pairs(&[("summary", "a is full"), ("runbook_url", "https://r")]),
            starts: UnixMicros(0),
            ends: None,
            generator: "http://prometheus/graph".to_owned(),
        };
        let rule = alert.rule(&[Text::const_new("slack")]);
        assert_eq!((rule.name.as_str(), rule.severity), ("DiskFull", Severity::Warning));
        assert_eq!(
            (rule.message.as_str(), rule.runbook.as_deref()),
            ("a is full", Some("https://r"))
        );
        assert_eq!(alert.label_set(), [(Text::from("host"), Text::from("a"))]);
    }
}
