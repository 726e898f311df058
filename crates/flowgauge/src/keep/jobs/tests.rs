//! The driver with a frozen clock, over restarts.

use super::*;
use crate::keep::report::{Kind, Render, Rendered, Report, Reports};
use crate::logic::alert::letter::{File, Letter};
use crate::logic::call::Text;
use crate::logic::job::{Outcome, Run, RunKey, RunState, StepPlan, StepState};
use crate::logic::schedule::Timetable;
use crate::logic::unit::{Micros, UnixMicros};
use crate::serve::clock::Hand;
use crate::store::{AlertStore, Asked, OutboxRow};
use parking_lot::Mutex;
use std::path::Path;
use tokio_util::sync::CancellationToken;

const HOUR: Micros = Micros::from_millis(3_600_000);
const EMAIL: Text = Text::const_new("email");
const PLANS: &[StepPlan] = &[
    StepPlan { name: "look", about: "look", needs: &[] },
    StepPlan { name: "tidy", about: "tidy up", needs: &["look"] },
];

/// A job that notes what it did.
#[derive(Debug, Default)]
struct Noted {
    did: Mutex<Vec<String>>,
    /// A step that fails, panics, or never ends.
    odd: Mutex<Option<(&'static str, Odd)>>,
}

#[derive(Debug, Clone, Copy)]
enum Odd {
    Fails,
    Panics,
    Hangs,
}

impl Job for Noted {
    fn name(&self) -> JobName {
        JobName::MaintainWeekly
    }

    fn steps(&self) -> &'static [StepPlan] {
        PLANS
    }

    fn step(self: Arc<Self>, name: &'static str, of: Arc<Occasion>) -> Stepping {
        Box::pin(async move {
            self.did.lock().push(format!("{} {name}", of.key.period));
            let odd = self.odd.lock().filter(|(step, _)| *step == name);
            match odd.map(|(_, odd)| odd) {
                None => Outcome::done("well"),
                Some(Odd::Fails) => Outcome::failed("the disk is full"),
                Some(Odd::Panics) => panic!("a bug"),
                Some(Odd::Hangs) => std::future::pending().await,
            }
        })
    }
}

fn at(text: &str) -> UnixMicros {
    UnixMicros(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros())
}

fn desk(dir: &Path, clock: &Clock) -> Arc<Desk> {
    let store = Arc::new(AlertStore::open(dir).unwrap());
    Desk::new(store, clock.clone(), [7; 32], Arc::default()).unwrap()
}

fn jobs(dir: &Path, job: Arc<dyn Job>, when: &str, zone: Tz, clock: &Clock) -> Arc<Jobs> {
    let scheduled = Scheduled {
        name: "chores".to_owned(),
        when: Timetable::read(when, zone).unwrap(),
        job: job.name(),
        channels: vec![EMAIL],
        catch_up: 2,
        place: None,
    };
    let store = Arc::new(JobStore::open(dir).unwrap());
    let desk = desk(dir, clock);
    Jobs::new(vec![job], vec![scheduled], store, desk, (clock.clone(), zone))
}

fn history(dir: &Path) -> Vec<Run> {
    JobStore::open(dir).unwrap().history(None, 1_000).unwrap()
}

fn outbox(dir: &Path) -> Vec<OutboxRow> {
    AlertStore::open(dir).unwrap().waiting().unwrap()
}

async fn look(jobs: &Arc<Jobs>) {
    jobs.look(&CancellationToken::new()).await.unwrap();
}

#[tokio::test]
async fn over_clock_changes_restarts_and_absences_every_week_is_done_once_and_told_once() {
    let zone = Tz::Europe__Berlin;
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand): (Clock, Hand) = Clock::frozen(at("2026-03-01T00:00:00Z"));
    let job = Arc::new(Noted::default());
    // Sundays in the hour that the clock skips.
    let open = || jobs(dir.path(), Arc::clone(&job) as Arc<dyn Job>, "30 2 * * 0", zone, &clock);
    let mut driver = open();
    for step in 0..1_500 {
        look(&driver).await;
        hand.advance(if step == 700 { Micros(HOUR.0 * 24 * 13) } else { Micros(HOUR.0 * 3) });
        if step % 97 == 0 {
            driver = open();
        }
    }
    let runs = history(dir.path());
    let mut periods: Vec<_> = runs.iter().map(|r| r.key.period).collect();
    periods.sort();
    assert!(periods.windows(2).all(|w| w[0].next() == Some(w[1])), "no gap, none twice");
    assert!(periods.len() >= 27, "{}", periods.len());
    assert!(runs.iter().all(|r| r.state == RunState::Done), "an absence of 13 days is caught up");
    assert_eq!(job.did.lock().len(), 2 * runs.len());
    assert_eq!(outbox(dir.path()).len(), runs.len());
}

#[tokio::test]
async fn a_step_that_was_cut_off_is_done_again_and_those_before_it_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::frozen(at("2026-03-01T00:00:00Z"));
    let job = Arc::new(Noted::default());
    let open = || jobs(dir.path(), Arc::clone(&job) as Arc<dyn Job>, "08:00", Tz::UTC, &clock);
    look(&open()).await;
    hand.advance(Micros(HOUR.0 * 24));
    *job.odd.lock() = Some(("tidy", Odd::Hangs));
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (driver, stop) = (open(), stop.clone());
        async move { driver.look(&stop).await }
    });
    while job.did.lock().len() < 2 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    running.await.unwrap().unwrap();
    let cut = history(dir.path());
    assert_eq!(cut[0].state, RunState::Running);
    *job.odd.lock() = None;
    look(&open()).await;
    let runs = history(dir.path());
    assert_eq!((runs.len(), runs[0].state, runs[0].attempts), (1, RunState::Done, 2));
    let week = "2026-02-22_2026-02-28";
    let did = [format!("{week} look"), format!("{week} tidy"), format!("{week} tidy")];
    assert_eq!(*job.did.lock(), did);
    assert_eq!(outbox(dir.path()).len(), 1);
}

#[tokio::test]
async fn a_panic_fails_the_step_and_the_run_is_tried_again_later() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::frozen(at("2026-03-01T00:00:00Z"));
    let job = Arc::new(Noted::default());
    let driver = jobs(dir.path(), Arc::clone(&job) as Arc<dyn Job>, "08:00", Tz::UTC, &clock);
    look(&driver).await;
    hand.advance(Micros(HOUR.0 * 24));
    *job.odd.lock() = Some(("look", Odd::Panics));
    look(&driver).await;
    let run = history(dir.path()).remove(0);
    assert_eq!(run.state, RunState::Pending, "{}", run.note);
    assert_eq!(run.steps[0].state, StepState::Failed);
    assert_eq!(run.steps[1].state, StepState::Blocked);
    look(&driver).await;
    assert_eq!(history(dir.path())[0].attempts, 1, "not before its pause is over");
    *job.odd.lock() = Some(("look", Odd::Fails));
    for _ in 0..2 {
        hand.advance(HOUR);
        look(&driver).await;
    }
    let run = history(dir.path()).remove(0);
    assert_eq!((run.state, run.attempts), (RunState::Failed, 3));
    let told = outbox(dir.path());
    assert_eq!(told.len(), 1, "it is told once, when it is given up");
    assert!(told[0].notice.message.text.contains("look (failed): the disk is full"));
}

#[tokio::test]
async fn a_run_that_is_given_up_is_not_over_before_it_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let now = at("2026-03-01T12:00:00Z");
    let (clock, _hand) = Clock::frozen(now);
    let job = Arc::new(Noted::default());
    drop(desk(dir.path(), &clock));
    let ledger = JobStore::open(dir.path()).unwrap();
    let week = "2026-02-22_2026-02-28".parse().unwrap();
    let run = Run::pending(RunKey::new("maintain-weekly", week, &[EMAIL]), now, None);
    ledger.plan("chores", now, &[run]).unwrap();
    // flowgauge ended three times inside it.
    let mut run = ledger.unfinished().unwrap().remove(0);
    (0..3).for_each(|_| assert!(run.begin(PLANS, now)));
    let turn = ledger.take_turn().unwrap().unwrap();
    ledger.put(&turn, &run).unwrap();
    drop(turn);
    // Nothing can be put into the outbox, as if it ended there once more.
    let read = Arc::new(AlertStore::open_reader(dir.path()).unwrap().unwrap());
    let mute = Desk::new(read, clock.clone(), [7; 32], Arc::default()).unwrap();
    let chores: Arc<dyn Job> = Arc::clone(&job) as Arc<dyn Job>;
    let at = (clock.clone(), Tz::UTC);
    let driver = Jobs::new(vec![Arc::clone(&chores)], Vec::new(), Arc::new(ledger), mute, at);
    assert!(driver.look(&CancellationToken::new()).await.is_err());
    assert_eq!(history(dir.path())[0].state, RunState::Running);
    look(&jobs(dir.path(), chores, "08:00", Tz::UTC, &clock)).await;
    let run = history(dir.path()).remove(0);
    assert_eq!(run.state, RunState::Failed);
    assert!(run.note.contains("ended inside it 3 times"), "{}", run.note);
    let told = outbox(dir.path());
    assert_eq!((told.len(), job.did.lock().len()), (1, 0));
    assert!(told[0].notice.message.text.contains("failed"), "{}", told[0].notice.message.text);
}

#[tokio::test]
async fn nothing_runs_while_another_process_has_the_turn() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, _hand) = Clock::frozen(at("2026-03-01T00:00:00Z"));
    let job = Arc::new(Noted::default());
    let driver = jobs(dir.path(), Arc::clone(&job) as Arc<dyn Job>, "08:00", Tz::UTC, &clock);
    let asked = driver.ask(wanted(&[])).await.unwrap();
    assert!(matches!(asked, Asked::Planned(_)));
    let other = JobStore::open(dir.path()).unwrap();
    let turn = other.take_turn().unwrap();
    look(&driver).await;
    assert_eq!(job.did.lock().len(), 0);
    drop(turn);
    look(&driver).await;
    assert_eq!(history(dir.path())[0].state, RunState::Done);
    let again = driver.ask(wanted(&[])).await.unwrap();
    assert!(matches!(again, Asked::There(run) if run.state == RunState::Done));
}

fn wanted(channels: &[Text]) -> Wanted {
    let (job, by) = ("maintain-weekly".to_owned(), "ana".to_owned());
    Wanted { job, period: None, channels: channels.to_vec(), by, again: false }
}

/// A job that notes what it is about, and takes an hour.
#[derive(Debug)]
struct Slow {
    name: JobName,
    did: Arc<Mutex<Vec<String>>>,
    hand: Hand,
}

impl Job for Slow {
    fn name(&self) -> JobName {
        self.name
    }

    fn steps(&self) -> &'static [StepPlan] {
        &PLANS[..1]
    }

    fn step(self: Arc<Self>, _name: &'static str, of: Arc<Occasion>) -> Stepping {
        self.did.lock().push(of.key.period.to_string());
        self.hand.advance(HOUR);
        Box::pin(async { Outcome::done("well") })
    }
}

#[tokio::test]
async fn a_long_catch_up_does_not_hold_other_jobs_up() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::frozen(at("2026-03-01T00:00:00Z"));
    let did = Arc::new(Mutex::new(Vec::new()));
    let slow = |name| -> Arc<dyn Job> {
        Arc::new(Slow { name, did: Arc::clone(&did), hand: hand.clone() })
    };
    let scheduled = |job: JobName, when: &str| Scheduled {
        name: job.word().to_owned(),
        when: Timetable::read(when, Tz::UTC).unwrap(),
        job,
        channels: Vec::new(),
        catch_up: 31,
        place: None,
    };
    let names = [JobName::ReportDaily, JobName::ReportWeekly];
    let tables = vec![
        scheduled(names[0], "00:30"),
        // Due while the days are caught up.
        scheduled(names[1], "weekly_schedule on monday at 03:00"),
    ];
    let store = Arc::new(JobStore::open(dir.path()).unwrap());
    let jobs = names.map(slow).to_vec();
    let desk = desk(dir.path(), &clock);
    let driver = Jobs::new(jobs, tables, store, desk, (clock.clone(), Tz::UTC));
    look(&driver).await;
    // Monday, before three, after eight days.
    hand.advance(Micros(HOUR.0 * 24 * 8 + HOUR.0 / 4 * 3));
    look(&driver).await;
    let did = did.lock().clone();
    let place = did.iter().position(|period| period == "2026-03-02_2026-03-08");
    assert!(place.is_some_and(|at| at < 5), "{did:?}");
    assert_eq!(did.len(), 9 + 2, "{did:?}");
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, _hand) = Clock::frozen(at("2026-03-01T00:00:00Z"));
    let job: Arc<dyn Job> = Arc::new(Noted::default());
    let driver = jobs(dir.path(), job, "08:00", Tz::UTC, &clock);
    let refused = async |wanted: Wanted| driver.ask(wanted).await.unwrap_err().to_string();
    let of = |job: &str, period: Option<&str>| {
        let period = period.map(|p| p.parse().unwrap());
        Wanted { job: job.to_owned(), period, ..wanted(&[]) }
    };
    assert!(refused(of("maintain-weakly", None)).await.contains("did you mean maintain-weekly?"));
    assert!(refused(of("report-daily", None)).await.contains("makes no reports"));
    let month = refused(of("maintain-weekly", Some("2026-01"))).await;
    assert!(month.contains("is about one week, and 2026-01 is a month"), "{month}");
    let ahead = refused(of("maintain-weekly", Some("2026-03-01_2026-03-07"))).await;
    assert!(ahead.contains("is not over yet"), "{ahead}");
    assert!(refused(wanted(&["pager".into()])).await.contains("pager"));
    let foreseen = driver.foresee(wanted(&[])).await.unwrap();
    assert_eq!(foreseen.steps, [("look", "look".to_owned()), ("tidy", "tidy up".to_owned())]);
    assert_eq!(history(dir.path()).len(), 0, "nothing was planned");
}

/// A renderer whose reports say what they are about.
#[derive(Debug)]
struct Says;

impl Render for Says {
    fn render(&self, kind: Kind, of: &Occasion) -> Result<Rendered, String> {
        let subject = format!("{} {}", kind.word(), of.key.period);
        let file = File {
            name: format!("{}-{}.csv", kind.word(), of.key.period),
            content_type: "text/csv; charset=utf-8".to_owned(),
            bytes: subject.clone().into_bytes(),
        };
        let letter = Letter { subject, files: vec![file.clone()], ..Letter::default() };
        Ok(Rendered { files: vec![file], letter })
    }
}

#[tokio::test]
async fn a_report_is_kept_as_files_and_handed_over_once_under_one_key() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::frozen(at("2026-03-01T00:00:00Z"));
    let reports = Reports { render: Arc::new(Says), folder: dir.path().join("reports") };
    let open = || {
        let desk = desk(dir.path(), &clock);
        let report = Report::new(JobName::ReportDaily, reports.clone(), desk).unwrap();
        jobs(dir.path(), Arc::new(report), "08:00", Tz::UTC, &clock)
    };
    look(&open()).await;
    hand.advance(Micros(HOUR.0 * 24));
    look(&open()).await;
    let file = dir.path().join("reports/daily/2026-02-28/daily-2026-02-28.csv");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "daily 2026-02-28");
    let rows = outbox(dir.path());
    assert_eq!(rows.len(), 1);
    let notice = &rows[0].notice;
    assert_eq!(notice.message.text, "daily 2026-02-28");
    let store = AlertStore::open(dir.path()).unwrap();
    let letter = store.letter(notice.episode).unwrap().unwrap();
    assert_eq!(letter.files.len(), 1);
    // flowgauge ended after the rows were planned and before that was noted.
    let mut run = history(dir.path()).remove(0);
    run.state = RunState::Running;
    run.steps[1].state = StepState::Running;
    let ledger = JobStore::open(dir.path()).unwrap();
    let turn = ledger.take_turn().unwrap().unwrap();
    ledger.put(&turn, &run).unwrap();
    drop(turn);
    look(&open()).await;
    let again = outbox(dir.path());
    assert_eq!((again.len(), &again[0].notice), (1, notice));
    assert_eq!(history(dir.path())[0].state, RunState::Done);
}
