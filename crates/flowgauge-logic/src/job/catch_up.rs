//! Which periods a timetable asks for since somebody looked last, and which of them come too late.

use crate::schedule::{Every, Period, Timetable};
use crate::unit::UnixMicros;
use std::collections::BTreeMap;

/// What a timetable asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Planned {
    /// Periods to run, oldest first, each with the moment it was due.
    pub run: Vec<(Period, UnixMicros)>,
    /// Periods that are only noted: more were missed than are caught up.
    pub skipped: Vec<(Period, UnixMicros)>,
}

/// Periods that became due after `last`, up to and including `now`. The latest `catch_up` of them are
/// run, at least one; those before are skipped. A timetable that comes more often than its period
/// names each period once.
#[must_use]
pub fn plan(
    table: &Timetable,
    every: Every,
    (last, now): (UnixMicros, UnixMicros),
    catch_up: usize,
) -> Planned {
    let mut periods: BTreeMap<Period, UnixMicros> = BTreeMap::new();
    for due in table.due_between(last, now, usize::MAX).latest {
        if let Some(period) = Period::complete_before(due, every, table.zone()) {
            periods.entry(period).or_insert(due);
        }
    }
    let mut skipped: Vec<(Period, UnixMicros)> = periods.into_iter().collect();
    let run = skipped.split_off(skipped.len().saturating_sub(catch_up.max(1)));
    Planned { run, skipped }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Tz;

    const DAY: i64 = UnixMicros::DAY;

    fn at(day: i64) -> UnixMicros {
        UnixMicros((20_000 + day) * DAY + DAY / 2)
    }

    fn planned(text: &str, last: i64, now: i64, catch_up: usize) -> (Vec<String>, Vec<String>) {
        let table = Timetable::read(text, Tz::UTC).unwrap();
        let planned = plan(&table, Every::Day, (at(last), at(now)), catch_up);
        let named = |v: Vec<(Period, UnixMicros)>| v.iter().map(|(p, _)| p.to_string()).collect();
        (named(planned.run), named(planned.skipped))
    }

    #[test]
    fn after_an_absence_the_latest_are_run_and_the_others_are_skipped() {
        let (run, skipped) = planned("08:00", 0, 5, 2);
        assert_eq!(run, ["2024-10-07", "2024-10-08"]);
        assert_eq!(skipped, ["2024-10-04", "2024-10-05", "2024-10-06"]);
        let (run, skipped) = planned("08:00", 0, 1, 0);
        assert_eq!((run.len(), skipped.len()), (1, 0), "what is due now always runs");
        assert_eq!(planned("08:00", 0, 0, 3), (vec![], vec![]));
    }

    #[test]
    fn a_timetable_that_comes_more_often_than_its_period_names_each_once() {
        let (run, skipped) = planned("0 * * * *", 0, 2, 9);
        assert_eq!(run, ["2024-10-03", "2024-10-04", "2024-10-05"]);
        assert_eq!(skipped.len(), 0);
    }
}
