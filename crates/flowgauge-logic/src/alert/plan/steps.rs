//! The step an episode takes at a tick, if any.
//!
//! An end is told exactly where the beginning was, whatever withholds the rest: a receiver that
//! opened an incident must close it.

use super::pace::repeat_after;
use super::{Entry, Row, Scene, forwards_acks, message, pace, to_channels};
use crate::alert::instance::{Instance, State};
use crate::alert::law;
use crate::alert::notice::{Kind, Notice};
use crate::alert::rule::{Semantics, Severity};
use crate::call::Text;
use crate::unit::{Micros, UnixMicros};
use pace::Pace;

/// What is noted in an episode once its acknowledgement was passed on.
const ACK_FORWARDED: Text = Text::const_new("acknowledgement forwarded");

/// How long a step waits for company.
#[derive(Clone, Copy)]
pub(super) enum Haste {
    AtOnce,
    Wait(Micros),
}

/// Plans the next step, at most one.
pub(super) fn take(
    scene: &Scene<'_>,
    entry: &mut Entry<'_>,
    withheld: bool,
    pace: &mut Pace,
    notices: &mut Vec<Notice>,
) {
    let told = entry.episode.sequence > 0;
    let (kind, haste) = match entry.episode.ended {
        Some(_) if told => return resolved(scene, entry, pace, notices),
        Some(_) => return,
        None if withheld => return,
        None => match due(scene, entry) {
            Some(step) => step,
            None => return,
        },
    };
    if kind == Kind::Acknowledged {
        return acknowledged(scene, entry, notices);
    }
    let severity = entry.episode.severity.max(entry.rule.severity);
    entry.episode.severity = severity;
    let group = pace::group(entry.rule, &entry.episode.labels);
    let due = pace.book(entry.rule, &group, haste, scene.now);
    push(scene, entry, kind, (&group, due), notices);
    entry.episode.told = Some(due);
}

/// The step that is due, and how fast.
fn due(scene: &Scene<'_>, entry: &Entry<'_>) -> Option<(Kind, Haste)> {
    let episode = &*entry.episode;
    let severity = episode.severity.max(entry.rule.severity);
    let haste = match (severity, entry.rule.semantics) {
        // Prometheus sends after every evaluation; waiting for company is Alertmanager's part.
        (Severity::Critical, _) | (_, Semantics::Prometheus) => Haste::AtOnce,
        (Severity::Warning | Severity::Info, _) => Haste::Wait(pace::GROUP_WAIT),
    };
    let told = episode.told.filter(|_| episode.sequence > 0);
    // It was withheld, and is clear by now: nobody is woken for what is about to end. What began while
    // flowgauge was away is told all the same.
    let recovers = |i: &Instance| matches!(i.state, State::Recovering { .. });
    if told.is_none() && !episode.late && entry.instance.is_some_and(recovers) {
        return None;
    }
    let Some(told) = told else {
        return Some((Kind::Fired, haste));
    };
    if severity > episode.severity {
        return Some((Kind::Escalated, haste));
    }
    if episode.acked.is_some() {
        let forwarded = episode.actions.contains(&ACK_FORWARDED);
        return (!forwarded).then_some((Kind::Acknowledged, Haste::AtOnce));
    }
    // A budget rule cannot get better before the period ends: once is enough.
    let latches = law::budget_period(&entry.rule.condition).is_some();
    let fires = entry.instance.is_some_and(|instance| instance.state == State::Firing);
    let every = repeat_after(entry.rule, severity).filter(|_| fires && !latches)?;
    (scene.now >= told.after(every)).then_some((Kind::Repeat, Haste::Wait(Micros(0))))
}

/// An end goes out at once, but not before the beginning it belongs to.
fn resolved(scene: &Scene<'_>, entry: &mut Entry<'_>, pace: &mut Pace, notices: &mut Vec<Notice>) {
    let due = entry.episode.told.map_or(scene.now, |told| told.max(scene.now));
    let group = pace::group(entry.rule, &entry.episode.labels);
    pace.note(&group, due);
    push(scene, entry, Kind::Resolved, (&group, due), notices);
    entry.episode.told = Some(due);
}

/// Receivers that keep incidents of their own are told that somebody looks after it.
fn acknowledged(scene: &Scene<'_>, entry: &mut Entry<'_>, notices: &mut Vec<Notice>) {
    entry.episode.actions.push(ACK_FORWARDED);
    let due = entry.episode.told.map_or(scene.now, |told| told.max(scene.now));
    let group = pace::group(entry.rule, &entry.episode.labels);
    push(scene, entry, Kind::Acknowledged, (&group, due), notices);
}

/// Rows of a step for every channel of the rule, and the step counted.
fn push(
    scene: &Scene<'_>,
    entry: &mut Entry<'_>,
    kind: Kind,
    (group, due): (&Text, UnixMicros),
    notices: &mut Vec<Notice>,
) {
    let message = message::of(scene, entry, kind);
    let (episode, sequence) = (entry.episode.id, entry.episode.sequence);
    let row = Row { episode, sequence, group, due };
    let wanted = |channel: &&Text| kind != Kind::Acknowledged || forwards_acks(scene, channel);
    notices.extend(to_channels(entry.rule.channels.iter().filter(wanted), &row, &message));
    entry.episode.sequence = sequence.saturating_add(1);
}
