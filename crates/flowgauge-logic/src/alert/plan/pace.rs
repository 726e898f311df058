//! How fast one may speak: the wait of a new group, the pause within a group, the least time between
//! two notifications of one rule, and for how long delivery is tried (alerting 14.3–14.5).

use super::is_alert;
use super::steps::Haste;
use crate::alert::facts::Labels;
use crate::alert::notice::Kind;
use crate::alert::rule::{Rule, Severity};
use crate::call::Text;
use crate::unit::{Micros, UnixMicros};
use std::collections::HashMap;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
/// A new group waits so long for company, critical ones excepted: instances of one cause fire within
/// a tick or two of each other.
pub(super) const GROUP_WAIT: Micros = Micros::from_millis(15_000);
/// At most one message per group in so long.
const GROUP_PAUSE: Micros = Micros::from_millis(5 * MINUTE_MS);

/// When groups and rules spoke last. Kept in memory: after a restart the first message of a group
/// may come up to five minutes early.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    groups: HashMap<Text, UnixMicros>,
    rules: HashMap<Text, (UnixMicros, Micros)>,
}

impl Pace {
    /// When a step may be told, and that it will be.
    pub(super) fn book(
        &mut self,
        rule: &Rule,
        group: &Text,
        haste: Haste,
        now: UnixMicros,
    ) -> UnixMicros {
        let mut due = match (haste, self.groups.get(group).copied()) {
            (Haste::AtOnce, _) => now,
            // A message of the group is waiting already: this one goes along.
            (Haste::Wait(_), Some(last)) if last > now => last,
            (Haste::Wait(wait), Some(last)) => now.after(wait).max(last.after(GROUP_PAUSE)),
            (Haste::Wait(wait), None) => now.after(wait),
        };
        if rule.min_interval.0 > 0 {
            let last = self.rules.get(&rule.name).map(|(last, _)| *last);
            due = due.max(last.map_or(due, |last| last.after(rule.min_interval)));
            self.rules.insert(rule.name.clone(), (due, rule.min_interval));
        }
        self.note(group, due);
        due
    }

    /// That a message of the group goes out, whatever the pace: an end.
    pub(super) fn note(&mut self, group: &Text, due: UnixMicros) {
        let last = self.groups.entry(group.clone()).or_insert(due);
        *last = (*last).max(due);
    }

    /// Lets go of what no longer holds anything back.
    pub(super) fn forget(&mut self, now: UnixMicros) {
        self.groups.retain(|_, last| last.after(GROUP_PAUSE) > now);
        self.rules.retain(|_, (last, interval)| last.after(*interval) > now);
    }
}

/// The group of an instance: order is kept and messages are joined within it. `alert` stands for the
/// rule's name, any other name for a label.
#[must_use]
pub fn group(rule: &Rule, labels: &Labels) -> Text {
    if rule.group_by.is_empty() {
        return rule.name.clone();
    }
    let parts = rule.group_by.iter().map(|name| {
        if *name == "alert" || *name == "alertname" {
            return rule.name.to_string();
        }
        let own = labels.iter().find(|(label, _)| label == name).map(|(_, value)| value);
        let value = own.or_else(|| rule.labels.get(name)).map_or("", Text::as_str);
        format!("{name}={value:?}")
    });
    Text::from(parts.collect::<Vec<_>>().join(","))
}

/// For how long delivery is tried.
#[must_use]
pub const fn horizon(kind: Kind, severity: Severity) -> Micros {
    let hours = match severity {
        Severity::Critical if is_alert(kind) => 24,
        Severity::Warning if is_alert(kind) => 6,
        // Nobody waits for it, so a weekend may pass.
        Severity::Critical | Severity::Warning | Severity::Info => 72,
    };
    Micros::from_millis(hours * HOUR_MS)
}

/// Between two repeats of an episode that nobody acknowledged; nothing = never.
#[must_use]
pub(super) fn repeat_after(rule: &Rule, severity: Severity) -> Option<Micros> {
    let own = match severity {
        Severity::Critical => HOUR_MS,
        Severity::Warning => 4 * HOUR_MS,
        Severity::Info => 0,
    };
    Some(rule.repeat.unwrap_or(Micros::from_millis(own))).filter(|every| every.0 > 0)
}
