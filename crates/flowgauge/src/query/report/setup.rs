//! What a report says that only the configuration knows: rules, objectives, budgets, timetables.

use crate::config::Explained;
use crate::config::schedules::Scheduled;
use crate::logic::alert::rule::{Rule, Slo};
use crate::logic::budget::Budget;
use crate::logic::fingerprint::fingerprint;
use std::sync::Arc;

/// What is in force.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Alert rules; none where their files cannot be read.
    pub rules: Vec<Rule>,
    /// Objectives.
    pub slos: Vec<Slo>,
    /// Budgets.
    pub budgets: Vec<Budget>,
    /// Timetables.
    pub schedules: Vec<Scheduled>,
    /// Every key with its value, without secrets.
    pub knobs: Arc<[Explained]>,
}

impl Setup {
    /// A name for the configuration in force: the same keys and values have the same, wherever it runs.
    pub(super) fn config(&self) -> Option<String> {
        if self.knobs.is_empty() {
            return None;
        }
        let says = self.knobs.iter().filter(|k| !k.is_place);
        let pairs = says.flat_map(|k| [k.key.as_bytes(), k.value.as_bytes()]);
        Some(format!("{:016x}", fingerprint(&pairs.collect::<Vec<_>>())))
    }
}
