//! The ledger of jobs, with flowgauge ending at every point.

use chrono_tz::Tz;
use flowgauge_logic::job::{Outcome, Run, RunKey, RunState, StepPlan, Turn, next_step, plan};
use flowgauge_logic::schedule::{Every, Period, Timetable};
use flowgauge_logic::unit::UnixMicros;
use flowgauge_store::{Asked, JobStore, StoreError};
use std::collections::BTreeMap;
use std::path::Path;

const SCHEDULE: &str = "nightly";
const PLANS: [StepPlan; 3] = [
    StepPlan { name: "check", about: "", needs: &[] },
    StepPlan { name: "archive", about: "", needs: &["check"] },
    StepPlan { name: "prune", about: "", needs: &["archive"] },
];
const DAY: i64 = UnixMicros::DAY;

fn at(day: i64) -> UnixMicros {
    UnixMicros((20_000 + day) * DAY + DAY / 2)
}

fn key(period: &str) -> RunKey {
    RunKey::new("maintain-weekly", period.parse().unwrap(), &["email".into()])
}

fn open(dir: &Path) -> JobStore {
    JobStore::open(dir).unwrap()
}

/// flowgauge as far as jobs are concerned; it ends before its `left`th act on the disk.
struct Process<'a> {
    store: JobStore,
    left: usize,
    /// How often each step of each period was really done.
    done: &'a mut BTreeMap<String, usize>,
}

/// It ended.
#[derive(Debug)]
struct Killed;

impl Process<'_> {
    fn act<T>(
        &mut self,
        act: impl FnOnce(&JobStore) -> Result<T, StoreError>,
    ) -> Result<T, Killed> {
        self.left = self.left.checked_sub(1).ok_or(Killed)?;
        Ok(act(&self.store).unwrap())
    }

    fn plan(&mut self, now: UnixMicros) -> Result<(), Killed> {
        let table = Timetable::read("08:00", Tz::UTC).unwrap();
        let mark = self.store.mark(SCHEDULE).unwrap().unwrap_or(at(0));
        let planned = plan(&table, Every::Day, (mark, now), 2);
        let named = |p: Period| RunKey::new("maintain-weekly", p, &["email".into()]);
        let late = planned.skipped.into_iter();
        let mut runs: Vec<Run> =
            late.map(|(p, due)| Run::skipped(named(p), due, now, "too late")).collect();
        runs.extend(planned.run.into_iter().map(|(p, due)| Run::pending(named(p), due, None)));
        self.act(|s| s.plan(SCHEDULE, now, &runs)).map(drop)
    }

    fn run_all(&mut self, now: UnixMicros) -> Result<(), Killed> {
        let turn = self.store.take_turn().unwrap().unwrap();
        for mut run in self.store.unfinished().unwrap() {
            if !run.begin(&PLANS, now) {
                self.act(|s| s.put(&turn, &run))?;
                continue;
            }
            self.act(|s| s.put(&turn, &run))?;
            loop {
                match next_step(&PLANS, &run.steps) {
                    Turn::Do(name) => {
                        run.step_begins(name, now);
                        self.act(|s| s.put(&turn, &run))?;
                        *self.done.entry(format!("{} {name}", run.key.period)).or_default() += 1;
                        run.step_ends(name, Outcome::done("well"), now);
                    }
                    Turn::Block(name, why) => run.step_ends(name, Outcome::failed(why), now),
                    Turn::End => break,
                }
                self.act(|s| s.put(&turn, &run))?;
            }
            run.end(now);
            self.act(|s| s.put(&turn, &run))?;
        }
        Ok(())
    }

    fn live(&mut self) -> Result<(), Killed> {
        self.plan(at(1))?;
        self.run_all(at(1))?;
        // Away for a week.
        self.plan(at(8))?;
        self.run_all(at(8))
    }
}

#[test]
fn wherever_flowgauge_ends_every_period_is_done_once_and_at_most_one_step_is_repeated() {
    for kill in 0..48 {
        let dir = tempfile::tempdir().unwrap();
        let mut done = BTreeMap::new();
        let first = Process { store: open(dir.path()), left: kill, done: &mut done }.live();
        let second = Process { store: open(dir.path()), left: usize::MAX, done: &mut done }.live();
        assert!(second.is_ok());
        let repeated = done.values().filter(|n| **n > 1).count();
        assert!(repeated <= 1 && done.values().all(|n| *n <= 2), "{kill}: {done:?}");
        let runs = open(dir.path()).history(None, 100).unwrap();
        let with = |state| runs.iter().filter(|r| r.state == state).count();
        assert_eq!(with(RunState::Done), 3, "{kill}");
        assert_eq!(with(RunState::Skipped), 5, "{kill}: {runs:?}");
        assert_eq!(done.len(), 9, "{kill}");
        assert!(first.is_ok() || kill < 47, "{kill}");
    }
}

#[test]
fn a_run_of_one_job_period_and_recipients_is_there_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let run = Run::pending(key("2026-11"), at(0), Some("ana".into()));
    let Asked::Planned(first) = store.ask(&run, false).unwrap() else { panic!("it is new") };
    for again in [false, true] {
        let Asked::There(there) = store.ask(&run, again).unwrap() else { panic!("it waits") };
        assert_eq!(there.id, first.id, "one that waits is not planned again");
    }
    assert_eq!(store.plan(SCHEDULE, at(1), std::slice::from_ref(&run)).unwrap(), 0);
    let turn = store.take_turn().unwrap().unwrap();
    let mut over = first.clone();
    assert!(over.begin(&[], at(1)));
    over.end(at(1));
    store.put(&turn, &over).unwrap();
    let Asked::There(there) = store.ask(&run, false).unwrap() else { panic!("it is done") };
    assert_eq!(there.state, RunState::Done);
    let Asked::Planned(second) = store.ask(&run, true).unwrap() else { panic!("asked again") };
    assert_eq!((second.key.again, second.id > first.id), (1, true));
    let others = RunKey::new("maintain-weekly", run.key.period, &["slack".into()]);
    let other = Run::pending(others, at(0), None);
    assert!(matches!(store.ask(&other, false).unwrap(), Asked::Planned(_)));
}

#[test]
fn one_at_a_time_runs_jobs_and_a_turn_ends_with_its_holder() {
    let dir = tempfile::tempdir().unwrap();
    let (server, command) = (open(dir.path()), open(dir.path()));
    let turn = server.take_turn().unwrap();
    assert!(turn.is_some());
    assert!(command.take_turn().unwrap().is_none());
    drop(turn);
    assert!(command.take_turn().unwrap().is_some());
}

#[test]
fn a_mark_never_goes_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.plan(SCHEDULE, at(5), &[]).unwrap();
    store.plan(SCHEDULE, at(3), &[]).unwrap();
    assert_eq!(open(dir.path()).mark(SCHEDULE).unwrap(), Some(at(5)));
    assert_eq!(store.mark("another").unwrap(), None);
}

#[test]
fn readers_see_the_ledger_and_nothing_where_there_is_none() {
    let dir = tempfile::tempdir().unwrap();
    assert!(JobStore::open_reader(dir.path()).unwrap().is_none());
    let run = Run::pending(key("2026-11"), at(0), None);
    open(dir.path()).ask(&run, false).unwrap();
    let reader = JobStore::open_reader(dir.path()).unwrap().unwrap();
    assert_eq!(reader.history(Some("maintain-weekly"), 9).unwrap().len(), 1);
    assert_eq!(reader.history(Some("another"), 9).unwrap().len(), 0);
    let other = Run::pending(key("2026-12"), at(0), None);
    assert!(reader.ask(&other, false).is_err(), "it was opened to read");
}
