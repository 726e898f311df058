//! The guide's five variables, read once at start: they can switch off whatever the stored state says.
//!
//! Owns their names and reading. Refuses to switch anything on: a variable that allows a mechanism leaves it to
//! the stored state, so that a forgotten `ENABLE_…=true` does not undo an emergency rollback at the next restart.

use crate::control::rollout::Mechanism;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Switches all four off.
const ALL_OFF: &str = "DISABLE_ALL_OPTIMIZATIONS";

/// The variables of the guide.
pub const VARIABLES: [&str; 5] = [
    ALL_OFF,
    "ENABLE_CONTEXT_PRUNING",
    "ENABLE_RESPONSE_CACHING",
    "ENABLE_PROMPT_OPTIMIZATION",
    "ENABLE_MODEL_SELECTION",
];

/// What the variables forbid.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Each forbidden mechanism with the variable that does.
    forbidden: BTreeMap<Mechanism, String>,
}

/// A variable whose value is neither yes nor no. It counts as "off": whoever set it meant something, and off is safe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {value:?} is neither true nor false; taken for \"off\"")]
pub struct Misread {
    /// The variable.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

impl Environment {
    /// Reads the variables through `get`.
    #[must_use]
    pub fn read(get: impl Fn(&str) -> Option<String>) -> (Self, Vec<Misread>) {
        let mut read = Self::default();
        let mut misread = Vec::new();
        for name in VARIABLES {
            let Some(value) = get(name) else { continue };
            let enabling = Mechanism::ALL.into_iter().find(|m| variable(*m) == name);
            let off = match (truth(&value), enabling) {
                (None, _) if value.trim().is_empty() => false,
                (None, _) => {
                    misread.push(Misread { name, value });
                    true
                }
                (Some(yes), None) => yes,
                (Some(yes), Some(_)) => !yes,
            };
            let reached = Mechanism::ALL.into_iter().filter(|m| enabling.is_none_or(|e| e == *m));
            if off {
                reached.for_each(|m| {
                    read.forbidden.entry(m).or_insert_with(|| name.to_owned());
                });
            }
        }
        (read, misread)
    }

    /// Whether a variable switches a mechanism off.
    #[must_use]
    pub fn forbids(&self, mechanism: Mechanism) -> bool {
        self.forbidden.contains_key(&mechanism)
    }

    /// The variable that does.
    #[must_use]
    pub fn by(&self, mechanism: Mechanism) -> Option<&str> {
        self.forbidden.get(&mechanism).map(String::as_str)
    }
}

/// The variable that allows a mechanism.
const fn variable(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::ContextPruning => VARIABLES[1],
        Mechanism::ResponseCaching => VARIABLES[2],
        Mechanism::PromptOptimization => VARIABLES[3],
        Mechanism::ModelSelection => VARIABLES[4],
    }
}

fn truth(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}
