//! Whose turn is next among runs that wait: a long catch-up of one job does not hold the others up.

use super::run::{Run, RunState};
use crate::call::Text;
use crate::unit::UnixMicros;
use std::collections::{BTreeMap, BTreeSet};

/// Turns that were given while something waits.
#[derive(Debug, Clone, Default)]
pub struct Turns {
    /// When each lane had its last: a job by its timetable, and the same job where people ask for it.
    last: BTreeMap<(Text, bool), usize>,
    /// Runs that had theirs.
    taken: BTreeSet<i64>,
}

impl Turns {
    /// The run that is next, of all that wait, the longest due first. One that was cut off goes before all others; then
    /// come the jobs in turn, and of a job the run that is due longest. Nobody has two turns.
    #[must_use]
    pub fn next(&mut self, waiting: Vec<Run>, now: UnixMicros) -> Option<Run> {
        let open = |run: &Run| run.not_before <= now && !self.taken.contains(&run.id);
        let open = waiting.into_iter().filter(open);
        let rank = |run: &Run| (run.state != RunState::Running, self.last.get(&lane(run)).copied());
        let next = open.min_by_key(rank)?;
        self.last.insert(lane(&next), self.taken.len());
        self.taken.insert(next.id);
        Some(next)
    }
}

fn lane(run: &Run) -> (Text, bool) {
    (run.key.job.clone(), run.by.is_some())
}

#[cfg(test)]
mod tests {
    use super::super::run::RunKey;
    use super::*;

    const NOW: UnixMicros = UnixMicros(9);

    fn run(id: i64, job: &str, by: Option<&str>) -> Run {
        let key = RunKey::new(job, "2026-11-16".parse().unwrap(), &[]);
        Run { id, ..Run::pending(key, UnixMicros(id), by.map(Text::from)) }
    }

    fn order(waiting: &[Run]) -> Vec<i64> {
        let mut turns = Turns::default();
        std::iter::from_fn(|| turns.next(waiting.to_vec(), NOW)).map(|run| run.id).collect()
    }

    #[test]
    fn jobs_take_turns_and_each_keeps_its_own_order() {
        let waiting = [
            run(1, "daily", None),
            run(2, "daily", None),
            run(3, "daily", None),
            run(4, "weekly", None),
            run(5, "daily", Some("ana")),
            run(6, "weekly", None),
        ];
        assert_eq!(order(&waiting), [1, 4, 5, 2, 6, 3]);
    }

    #[test]
    fn what_was_cut_off_goes_first_and_what_pauses_waits() {
        let mut cut = run(3, "daily", None);
        cut.state = RunState::Running;
        let mut pauses = run(2, "weekly", None);
        pauses.not_before = UnixMicros(NOW.0 + 1);
        assert_eq!(order(&[run(1, "daily", None), pauses, cut]), [3, 1]);
    }
}
