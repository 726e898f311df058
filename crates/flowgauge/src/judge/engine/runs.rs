//! Scheduled rules: an event per period, told once, caught up for a while (alerting 10.3).

use super::Engine;
use crate::logic::alert::condition::Condition;
use crate::logic::alert::plan::scheduled;
use crate::logic::alert::schedule::due;
use crate::logic::unit::{Micros, UnixMicros};

/// A run that was missed by more than this is recorded as skipped.
const CATCH_UP_RUN: Micros = Micros::from_millis(6 * 3_600_000);

impl Engine {
    pub(super) fn run_schedules(&mut self, now: UnixMicros) {
        let mut decided = Vec::new();
        for live in self.live.iter().filter(|l| l.rule.enabled) {
            let Condition::Schedule(schedule) = &live.rule.condition else { continue };
            let name = &live.rule.name;
            let Some(after) = self.runs.get(name).copied() else {
                // A rule that is new has no past to catch up with.
                decided.push((name.clone(), now, false));
                continue;
            };
            for at in due(schedule, after, now, self.zone, self.schedule_at) {
                let told = now.since(at) <= CATCH_UP_RUN;
                if told {
                    let notices = scheduled(&live.rule, &self.settings, at, now);
                    self.unstored.outbox.extend(notices);
                }
                decided.push((name.clone(), at, told));
            }
        }
        for (name, at, told) in decided {
            self.runs.insert(name.clone(), at);
            self.unstored.runs.push((name, at, told));
        }
    }
}
