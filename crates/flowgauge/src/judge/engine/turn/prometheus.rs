//! Rules of files that ask for `semantics: prometheus`, moved by Prometheus' own state machine
//! (alerting 18).
//!
//! Owns how its alerts and our instances correspond: nothing is remembered beside the instances and
//! the open episodes, so a restart and a reload find everything where it is for any other rule.
//! Refuses the machine itself (`logic::alert::prometheus`), and what is told of an episode.

use super::{Tick, said, standing};
use crate::judge::engine::Engine;
use crate::judge::engine::complaints::Complaint;
use crate::judge::engine::live::Live;
use crate::judge::engine::open::Open;
use crate::logic::alert::condition::Condition;
use crate::logic::alert::episode::{self, EndReason};
use crate::logic::alert::facts::Labels;
use crate::logic::alert::instance::{Instance, InstanceKey, State};
use crate::logic::alert::prometheus::{self, Alert, AlertState, Alerts, Group, RESEND_DELAY};
use crate::logic::alert::sample::{Evaluated, Sample, Verdict, Why};
use crate::logic::alert::step::Raise;
use crate::logic::call::Text;
use crate::logic::unit::{Micros, UnixMicros};
use crate::store::alerts::{AlertChanges, Transition};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// So many failures in a row are no chance (alerting 8.1).
const FAILURES_IN_A_ROW: u32 = 3;

/// Evaluates a rule once.
pub(super) fn evaluate(
    live: &mut Live,
    tick: &Tick<'_>,
    open: &mut Open,
    out: &mut AlertChanges,
    complaints: &mut Vec<Complaint>,
) {
    let samples = live.compiled.evaluate(tick.facts, tick.at);
    let mut alerts = alerts(live, open);
    let moved = vector(&samples).and_then(|vector| {
        prometheus::evaluate(&group(live), &mut alerts, &vector, tick.at)
            .map_err(|error| error.to_string())
    });
    if let Err(why) = moved {
        return failed(live, tick.at, why, out, complaints);
    }
    recovered(live, complaints);
    let samples: BTreeMap<Labels, Sample> = samples.into_iter().collect();
    let known = live.instances.iter().map(|(labels, _)| labels);
    let known = known.chain(alerts.keys()).chain(samples.keys());
    let all: BTreeSet<Labels> = known.cloned().collect();
    for labels in all {
        let (alert, sample) = (alerts.get(&labels), samples.get(&labels));
        if alert.is_some() || sample.is_some() {
            move_to(live, labels, (alert, sample), tick, open, out);
        } else {
            live.instances.remove(&labels);
            out.instances.push((key(live, labels), None));
        }
    }
}

/// What the machine asks of the rule.
fn group(live: &Live) -> Group {
    let hold = match &live.rule.condition {
        Condition::When { hold, .. } => hold.length,
        Condition::Schedule(_) => Micros(0),
    };
    Group {
        interval: live.rule.interval.unwrap_or_default(),
        hold,
        keep_firing_for: live.rule.keep.unwrap_or_default(),
        resend_delay: RESEND_DELAY,
        limit: 0,
    }
}

/// The series for which the condition is true. Nothing known is nothing there; a failure fails all.
fn vector(samples: &[Evaluated]) -> Result<Vec<(Labels, f64)>, String> {
    let mut vector = Vec::new();
    for (labels, sample) in samples {
        match &sample.verdict {
            Verdict::True => {
                vector.push((labels.clone(), sample.evidence.value.unwrap_or(1.0)));
            }
            Verdict::False | Verdict::Clear | Verdict::Unknown(_) => {}
            Verdict::Failed(why) => return Err(why.clone()),
        }
    }
    Ok(vector)
}

/// The instances as the machine knows them.
fn alerts(live: &Live, open: &Open) -> Alerts {
    let alert = |(labels, instance): (&Labels, &Instance)| {
        let since = instance.since;
        let (state, active_at, fired_at, resolved_at) = match instance.state {
            State::Unknown => return None,
            State::Inactive => (AlertState::Inactive, since, None, Some(since)),
            State::Pending { .. } => (AlertState::Pending, since, None, None),
            State::Firing | State::Recovering { .. } => {
                let held = instance.episode.and_then(|id| open.get(id));
                let active_at = held.map_or(since, |held| held.episode.first_true);
                (AlertState::Firing, active_at, Some(since), None)
            }
        };
        let alert = Alert {
            state,
            value: instance.evidence.value.unwrap_or_default(),
            active_at,
            fired_at,
            resolved_at,
            last_sent_at: None,
            keep_firing_since: instance.held_since,
        };
        Some((labels.clone(), alert))
    };
    live.instances.iter().filter_map(alert).collect()
}

/// Brings an instance to where its alert is.
fn move_to(
    live: &mut Live,
    labels: Labels,
    (alert, sample): (Option<&Alert>, Option<&Sample>),
    tick: &Tick<'_>,
    open: &mut Open,
    out: &mut AlertChanges,
) {
    let at = tick.at;
    let key = key(live, labels.clone());
    let instance = live.instances.of(labels, at);
    let before = standing(instance);
    let from = instance.state;
    let (state, active_at) = match alert.map(|alert| (alert.state, alert.active_at)) {
        Some((AlertState::Pending, active)) => {
            (State::Pending { elapsed: at.since(active) }, active)
        }
        Some((AlertState::Firing, active)) => (State::Firing, active),
        Some((AlertState::Inactive, _)) | None => (State::Inactive, at),
    };
    note(instance, sample, at);
    instance.held_since = alert.and_then(|alert| alert.keep_firing_since);
    let is_true = sample.is_some_and(|sample| sample.verdict == Verdict::True);
    let mut why = sample.filter(|_| is_true).map(said).unwrap_or_default();
    instance.state = state;
    let was = instance.episode;
    match (from.is_open(), state.is_open()) {
        (true, true) => {
            if let Some((held, sample)) = was.and_then(|id| open.get_mut(id)).zip(sample) {
                let violations = held.episode.violations;
                held.episode.update(&live.rule, sample, at);
                held.changed |= held.episode.violations != violations;
            }
        }
        (false, true) => {
            let (id, times) = (Engine::mint(at), (active_at, at));
            let mut fired = episode::open(&live.rule, &key.labels, &instance.evidence, times, id);
            fired.late = tick.late;
            instance.episode = Some(id);
            open.add(Arc::clone(&live.rule), fired, true);
        }
        (true, false) => {
            // Pending again: a reload raised `for`, which is no all-clear.
            let pending = matches!(state, State::Pending { .. });
            let reason = if pending { EndReason::RuleChanged } else { EndReason::Recovered };
            if let Some(held) = instance.episode.take().and_then(|id| open.get_mut(id)) {
                held.episode.late |= tick.late;
                held.episode.close(at, reason);
                held.changed = true;
            }
            why = format!("{reason:?}");
        }
        (false, false) => {}
    }
    if from.word() != state.word() {
        let pending = matches!(state, State::Pending { .. });
        instance.since = if pending { active_at } else { at };
        let (from, to) = (Text::const_new(from.word()), Text::const_new(state.word()));
        let episode = instance.episode.or(was);
        out.transitions.push(Transition { at, key: key.clone(), from, to, episode, why });
    }
    if before != standing(instance) {
        out.instances.push((key, Some(instance.clone())));
    }
}

/// The figures of an evaluation, for people.
fn note(instance: &mut Instance, sample: Option<&Sample>, at: UnixMicros) {
    instance.evaluated = at;
    instance.failed = None;
    instance.raised = false;
    instance.unknown = match sample.map(|sample| &sample.verdict) {
        Some(Verdict::Unknown(why)) => Some(*why),
        Some(_) => None,
        None => Some(Why::NoData),
    };
    if let Some(sample) = sample {
        instance.evidence.clone_from(&sample.evidence);
    }
}

/// An evaluation that failed moves nothing, and time runs on. The rule complains where that is so
/// again and again; what keeps count is its instance without labels.
fn failed(
    live: &mut Live,
    at: UnixMicros,
    why: String,
    out: &mut AlertChanges,
    complaints: &mut Vec<Complaint>,
) {
    let about = key(live, Labels::new());
    let instance = live.instances.of(Labels::new(), at);
    let count = instance.failed.as_ref().map_or(0, |(_, count)| *count).saturating_add(1);
    instance.failed = Some((why, count));
    instance.unknown = None;
    instance.evaluated = at;
    if count == FAILURES_IN_A_ROW {
        instance.raised = true;
        complaints.push(Complaint { raise: Raise::RuleError, begins: true, about: about.clone() });
    }
    out.instances.push((about, Some(instance.clone())));
}

/// Takes a complaint back once the rule could be evaluated.
fn recovered(live: &Live, complaints: &mut Vec<Complaint>) {
    if live.instances.get(&Labels::new()).is_some_and(|instance| instance.raised) {
        let about = key(live, Labels::new());
        complaints.push(Complaint { raise: Raise::RuleError, begins: false, about });
    }
}

fn key(live: &Live, labels: Labels) -> InstanceKey {
    InstanceKey { rule: live.rule.name.clone(), labels }
}
