//! Messages that are no step of an alert's episode: a scheduled report, a drill, a change; and the
//! rules that complain about rules.

use super::{Row, Settings, message, pace, to_channels};
use crate::alert::episode::EpisodeId;
use crate::alert::facts::Labels;
use crate::alert::notice::{Kind, Message, Notice};
use crate::alert::rule::{Clear, Rule, Severity};
use crate::alert::step::Raise;
use crate::call::Text;
use crate::id::CallId;
use crate::unit::{Micros, UnixMicros};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The label of a complaint that names the rule it is about.
const RULE_LABEL: Text = Text::const_new("rule");

/// Rows for one run of a scheduled rule. `period` is when it was due: the id, and so the key of every
/// row, is the same whoever plans it and how often.
#[must_use]
pub fn scheduled(
    rule: &Rule,
    settings: &Settings,
    period: UnixMicros,
    now: UnixMicros,
) -> Vec<Notice> {
    let mut hash = Sha256::new();
    hash.update(rule.name.as_bytes());
    hash.update(period.0.to_be_bytes());
    let mut random = [0; 10];
    random.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
    let message = message::of_event(settings, rule, Kind::Scheduled, period);
    event(rule, CallId::new(period, random), now, &message)
}

/// Rows of a marked test message on the real path.
#[must_use]
pub fn drill(rule: &Rule, settings: &Settings, id: EpisodeId, now: UnixMicros) -> Vec<Notice> {
    event(rule, id, now, &message::of_event(settings, rule, Kind::Drill, now))
}

/// Rows that say what was changed: configuration, a rollback, prices, a model.
#[must_use]
pub fn changed(
    what: &str,
    channels: &[Text],
    settings: &Settings,
    id: EpisodeId,
    now: UnixMicros,
) -> Vec<Notice> {
    let message = message::of_change(settings, what, now);
    let group = Text::const_new("changes");
    let row = Row { episode: id, sequence: 0, group: &group, due: now };
    to_channels(channels, &row, &message)
}

/// Rows that say how a job ended, or hand over the report it made.
#[must_use]
pub fn of_job(
    job: &str,
    text: &str,
    channels: &[Text],
    settings: &Settings,
    id: EpisodeId,
    now: UnixMicros,
) -> Vec<Notice> {
    let message = message::of_job(settings, job, text, now);
    // A group of its own: two reports at once are two messages.
    let group = Text::from(id.to_string());
    let row = Row { episode: id, sequence: 0, group: &group, due: now };
    to_channels(channels, &row, &message)
}

fn event(rule: &Rule, id: EpisodeId, now: UnixMicros, message: &Message) -> Vec<Notice> {
    let group = pace::group(rule, &Vec::new());
    let row = Row { episode: id, sequence: 0, group: &group, due: now };
    to_channels(&rule.channels, &row, message)
}

/// The rule behind a complaint about another: it tells the same channels, and begins and ends when
/// the state machine says so, not by its condition.
#[must_use]
pub fn meta_rule(raise: Raise, about: &Rule) -> Rule {
    let message = match raise {
        Raise::NoData => format!(
            "{} is firing and has had no data since; it stays firing until there is data again",
            about.name
        ),
        Raise::RuleError => {
            format!("{} could not be evaluated three times in a row: it is blind", about.name)
        }
        Raise::Cardinality => format!(
            "{} has more label sets than are told apart: it does not look at all calls. Narrow its \
             selector, or split it by fewer labels",
            about.name
        ),
    };
    let severity = about.severity.min(Severity::Warning);
    Rule {
        text: about.text.clone(),
        channels: about.channels.clone(),
        message,
        keep: Some(Micros(0)),
        clear: Clear::Same,
        labels: about.labels.clone(),
        owner: about.owner.clone(),
        runbook: about.runbook.clone(),
        max_hold: about.max_hold,
        repeat: about.repeat,
        min_interval: about.min_interval,
        group_by: vec![Text::const_new("alert"), RULE_LABEL],
        active_times: about.active_times.clone(),
        shipped: true,
        semantics: about.semantics,
        interval: about.interval,
        ..Rule::new(Text::const_new(raise.alert()), about.condition.clone(), severity)
    }
}

/// The label set of a complaint about one instance of a rule.
#[must_use]
pub fn meta_labels(about: &Rule, labels: &Labels) -> Labels {
    let mut all: BTreeMap<Text, Text> = labels.iter().cloned().collect();
    all.insert(RULE_LABEL, about.name.clone());
    all.into_iter().collect()
}
