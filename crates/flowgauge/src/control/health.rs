//! Which models answer: those that failed several times in a row and not long ago do not.

use crate::logic::call::Text;
use crate::logic::unit::{Micros, UnixMicros};
use parking_lot::Mutex;
use std::collections::HashMap;

/// Failures in a row after which a model counts as failing: one or two are any provider's.
const FAILURES: u32 = 5;
/// After so long without a failure it is asked again.
const FORGET: Micros = Micros::from_millis(30_000);
/// Models remembered; made-up names begin it anew.
const MAX_MODELS: usize = 1_024;

/// Which models answer.
#[derive(Debug, Default)]
pub struct Health(Mutex<HashMap<Text, (u32, UnixMicros)>>);

impl Health {
    /// A call to a model ended.
    pub fn ended(&self, model: &Text, failed: bool, now: UnixMicros) {
        let mut models = self.0.lock();
        if !failed {
            models.remove(model);
            return;
        }
        if models.len() >= MAX_MODELS && !models.contains_key(model) {
            models.clear();
        }
        let entry = models.entry(model.clone()).or_insert((0, now));
        *entry = (entry.0.saturating_add(1), now);
    }

    /// Whether a model answers; nothing where nothing is held against it.
    #[must_use]
    pub fn is_healthy(&self, model: &str, now: UnixMicros) -> Option<bool> {
        let (failures, last) = *self.0.lock().get(model)?;
        Some(answers(failures, last, now))
    }

    /// Models that are not asked now, by name.
    #[must_use]
    pub fn resting(&self, now: UnixMicros) -> Vec<Text> {
        let models = self.0.lock();
        let resting = models.iter().filter(|(_, (failures, last))| !answers(*failures, *last, now));
        let mut names: Vec<Text> = resting.map(|(model, _)| model.clone()).collect();
        names.sort();
        names
    }
}

fn answers(failures: u32, last: UnixMicros, now: UnixMicros) -> bool {
    failures < FAILURES || now.since(last) >= FORGET
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_fails_five_times_in_a_row_rests_for_half_a_minute() {
        let (health, model) = (Health::default(), Text::from("m"));
        for second in 0..5 {
            assert_ne!(health.is_healthy("m", UnixMicros(second)), Some(false));
            health.ended(&model, true, UnixMicros(second));
        }
        assert_eq!(health.is_healthy("m", UnixMicros(5)), Some(false));
        assert_eq!(health.resting(UnixMicros(5)), vec![model.clone()]);
        assert_eq!(health.resting(UnixMicros(30_000_004)), [] as [Text; 0]);
        assert_eq!(health.is_healthy("m", UnixMicros(30_000_004)), Some(true));
        health.ended(&model, false, UnixMicros(30_000_005));
        assert_eq!(health.is_healthy("m", UnixMicros(30_000_006)), None);
    }
}
