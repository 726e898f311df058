//! What is written down about once a minute and read at start: comparisons and what the guardrail did.
//!
//! Refuses to stop for it: a note that cannot be read begins anew and says why.

use super::course::{BeforeAfter, Begun, Course};
use super::guard::Said;
use crate::logic::control::guardrail::Guardrail;
use crate::logic::control::rollout::Mechanism;
use crate::logic::score::Evaluator;
use crate::store::{ControlStore, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Name of the note of a comparison begins so.
const COURSE: &str = "evidence.";
/// Name of the note of everything else.
const REST: &str = "guardrail";

/// What is not one mechanism's.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    pub(super) guardrail: Guardrail,
    /// What it said last.
    pub(super) said: BTreeMap<Mechanism, Said>,
    /// Method (a) over everything that went through the gateway.
    pub(super) whole: Option<(Begun, BeforeAfter)>,
    /// Whose word counts.
    pub(super) evaluator: Option<Evaluator>,
    /// Versions of it before.
    pub(super) retired: Vec<Evaluator>,
}

/// Reads what was written down.
pub(super) fn read(store: &ControlStore) -> (BTreeMap<Mechanism, Course>, Kept) {
    let mut courses = BTreeMap::new();
    for mechanism in Mechanism::ALL {
        match store.note::<Course>(&name(mechanism)) {
            Ok(Some(course)) => drop(courses.insert(mechanism, course)),
            Ok(None) => {}
            Err(error) => {
                let word = mechanism.word();
                tracing::error!(%error, mechanism = word, "its evidence begins anew");
            }
        }
    }
    let kept = store.note::<Kept>(REST).unwrap_or_else(|error| {
        tracing::error!(%error, "what the guardrail did before is not known");
        None
    });
    (courses, kept.unwrap_or_default())
}

/// Writes everything down, actions first: a restart must not repeat one.
pub(super) fn write(
    store: &ControlStore,
    courses: &BTreeMap<Mechanism, Course>,
    kept: &Kept,
) -> Result<(), StoreError> {
    store.put_note(REST, kept)?;
    for (mechanism, course) in courses {
        store.put_note(&name(*mechanism), course)?;
    }
    Ok(())
}

fn name(mechanism: Mechanism) -> String {
    format!("{COURSE}{}", mechanism.word())
}
