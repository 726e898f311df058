//! The guardrail's look at each mechanism that acts, and what follows: the mechanism is switched off at once, then its
//! answers are dropped and people are told.
//!
//! Refuses to switch anything on.

use super::{State, Trials};
use crate::control::{Snapshot, Wanted};
use crate::judge::desk::PostedAlert;
use crate::judge::seen::Seen as Alerting;
use crate::logic::alert::rule::{Rule, Severity};
use crate::logic::control::cache::store::Purge;
use crate::logic::control::guardrail::{Decision, Reason, Seen, Settings};
use crate::logic::control::rollout::Mechanism;
use crate::logic::unit::UnixMicros;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Label and annotation by which a rule names a mechanism.
const NAMES: &str = "optimization";
/// The alert by which people are told.
const ALERT: &str = "optimization_rolled_back";
/// It is shown so long: a working day, so that whoever comes in the morning sees what happened at night.
const SHOWN: i64 = 12 * UnixMicros::HOUR;
/// By whom changes are made.
const AUTHOR: &str = "guardrail";

/// What the guardrail said of a mechanism.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Since when it says so.
    pub at: UnixMicros,
    /// What.
    pub decision: Decision,
    /// The reason in a sentence; nothing where all is well.
    pub sentence: Option<String>,
    /// Generation of control with the mechanism off, where it was switched off.
    pub generation: Option<u64>,
}

/// A mechanism to be switched off.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Due {
    pub(super) mechanism: Mechanism,
    pub(super) sentence: String,
}

impl Trials {
    pub(super) fn guard(
        &self,
        state: &mut State,
        snapshot: &Snapshot,
        now: UnixMicros,
    ) -> Vec<Due> {
        let Some(settings) = snapshot.settings.as_ref().map(|s| &s.guardrail) else {
            return Vec::new();
        };
        // The chance of a false alarm is that of all that act together.
        let acting = state.courses.values().filter(|c| c.acts).count().max(1);
        let alpha = settings.alpha / f64::from(u32::try_from(acting).unwrap_or(u32::MAX));
        let settings = &Settings { alpha, ..settings.clone() };
        let alerting = self.desk.seen();
        let State { courses, kept, .. } = state;
        let mut due = Vec::new();
        for (mechanism, course) in courses.iter().filter(|(_, c)| c.acts) {
            let report = course.report(settings.alpha);
            let alert = critical(&alerting, *mechanism);
            let floor = settings.floor.and_then(|_| course.quality_at_most(settings.alpha));
            let seen = Seen {
                report: Some(&report),
                critical_alert: alert.as_deref(),
                quality_at_most: floor,
            };
            let decision = kept.guardrail.look(*mechanism, &seen, settings, now);
            due.extend(say(&mut kept.said, *mechanism, decision, settings, now));
        }
        due
    }

    /// Switches a mechanism off and tells people. The switch waits for nothing but itself.
    pub(super) async fn act(self: &Arc<Self>, due: Due) {
        let Due { mechanism, sentence } = due;
        let wanted = Wanted::by(AUTHOR, sentence.clone());
        let made = self
            .control
            .desk
            .change(&wanted, |s| {
                s.kill.only.insert(mechanism);
            })
            .await;
        let word = mechanism.word();
        let generation = match made {
            Ok(made) => made.generation,
            Err(error) => {
                tracing::error!(%error, mechanism = word, %sentence, "it harms and could not be switched off");
                return;
            }
        };
        tracing::error!(mechanism = word, generation, %sentence, "switched off");
        {
            let mut state = self.state.lock();
            if let Some(said) = state.kept.said.get_mut(&mechanism) {
                said.generation = Some(generation);
            }
            // Also where it is switched on again before the next look: that is another comparison.
            if let Some(course) = state.courses.get_mut(&mechanism) {
                course.switch(false);
            }
        }
        if mechanism == Mechanism::ResponseCaching {
            self.control.memory.clear(&Purge::default(), self.clock.now());
        }
        let (this, at) = (Arc::clone(self), self.clock.now());
        let told = tokio::task::spawn_blocking(move || {
            this.store();
            this.desk.post(vec![rolled_back(mechanism, &sentence, generation, at)])
        });
        match told.await {
            Ok(Ok(0)) => {}
            Ok(Ok(_)) => tracing::error!(mechanism = word, "there was no room to tell people"),
            Ok(Err(error)) => tracing::error!(%error, mechanism = word, "people were not told"),
            Err(error) => tracing::error!(%error, mechanism = word, "people were not told"),
        }
    }
}

/// Keeps what was decided; what is to be done now.
fn say(
    said: &mut BTreeMap<Mechanism, Said>,
    mechanism: Mechanism,
    decision: Decision,
    settings: &Settings,
    now: UnixMicros,
) -> Option<Due> {
    let reason = match &decision {
        Decision::Keep => None,
        Decision::Confirming(reason, _)
        | Decision::RollBack(reason)
        | Decision::WouldRollBack(reason)
        | Decision::Held(reason, _) => Some(reason),
    };
    let sentence = reason.map(|r: &Reason| r.sentence(mechanism, settings.alpha));
    let before = said.get(&mechanism);
    let kind = std::mem::discriminant(&decision);
    let is_new = before.is_none_or(|b| std::mem::discriminant(&b.decision) != kind);
    // While it rests after having said what it would have done, that stays to be read.
    let rests = matches!(decision, Decision::Held(..) | Decision::Confirming(..))
        && before.is_some_and(|b| matches!(b.decision, Decision::WouldRollBack(_)));
    let word = mechanism.word();
    let text = sentence.clone().unwrap_or_default();
    match &decision {
        Decision::WouldRollBack(_) => {
            tracing::warn!(mechanism = word, sentence = %text, "it would be switched off, if the guardrail acted");
        }
        Decision::Held(_, hold) if is_new && !rests => {
            tracing::warn!(mechanism = word, ?hold, sentence = %text, "it harms and is left on for now");
        }
        Decision::Held(..) | Decision::Keep | Decision::Confirming(..) | Decision::RollBack(_) => {}
    }
    let due = matches!(decision, Decision::RollBack(_)).then(|| Due { mechanism, sentence: text });
    if !rests {
        let at = if is_new { now } else { before.map_or(now, |b| b.at) };
        said.insert(mechanism, Said { at, decision, sentence, generation: None });
    }
    due
}

/// A firing critical alert whose rule names the mechanism.
fn critical(alerting: &Alerting, mechanism: Mechanism) -> Option<String> {
    let names = |rule: &Rule| {
        let label = rule.labels.get(NAMES).map(|l| l.as_str());
        let note = rule.annotations.get(NAMES).map(String::as_str);
        label == Some(mechanism.word()) || note == Some(mechanism.word())
    };
    let open =
        alerting.open.iter().filter(|e| e.severity == Severity::Critical && e.ended.is_none());
    let mut named = open.filter(|e| {
        alerting.rules.iter().any(|seen| seen.rule.name == e.rule && names(&seen.rule))
    });
    named.next().map(|episode| episode.rule.to_string())
}

/// What people are told.
#[must_use]
pub fn rolled_back(
    mechanism: Mechanism,
    sentence: &str,
    generation: u64,
    at: UnixMicros,
) -> PostedAlert {
    let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    };
    let description = "flowgauge opt restore switches it on again; flowgauge opt evaluate shows why it was switched off";
    PostedAlert {
        labels: pairs(&[
            ("alertname", ALERT),
            ("severity", Severity::Critical.word()),
            (NAMES, mechanism.word()),
            ("generation", &generation.to_string()),
        ]),
        annotations: pairs(&[("summary", sentence), ("description", description)]),
        starts: at,
        ends: Some(UnixMicros(at.0.saturating_add(SHOWN))),
        generator: String::new(),
    }
}
