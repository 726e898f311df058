//! What an answer to an emergency promises.

use super::*;
use crate::logic::control::rollout::Environment;
use crate::logic::price::PriceBook;
use crate::store::AlertStore;
use arc_swap::ArcSwap;
use tempfile::TempDir;

const T0: UnixMicros = UnixMicros(1_736_154_000_000_000);

struct Bench {
    dir: TempDir,
    control: Arc<Control>,
    desk: Arc<Desk>,
    incidents: Arc<Incidents>,
}

fn bench(hooks: Hooks) -> Bench {
    telling(hooks, vec!["ops".into()])
}

fn telling(hooks: Hooks, told_to: Vec<Text>) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let (clock, _) = Clock::frozen(T0);
    let prices = Arc::new(ArcSwap::from_pointee(PriceBook::embedded()));
    let none = Environment::default();
    let control = Control::open(dir.path(), none, prices, clock.clone()).unwrap();
    let alerts = Arc::new(AlertStore::open(dir.path()).unwrap());
    let desk = Desk::new(alerts, clock.clone(), [3; 32], Arc::default()).unwrap();
    let (c, d) = (Arc::clone(&control), Arc::clone(&desk));
    let incidents = Incidents::open(dir.path(), c, d, clock, hooks, told_to).unwrap();
    Bench { dir, control, desk, incidents }
}

#[tokio::test]
async fn an_answer_is_told_first_logged_step_by_step_and_one_line_among_the_responses() {
    let bench = bench(Hooks::default());
    let opened = bench.incidents.begin(Grade::High, "ann", "answers\nare slow");
    assert_eq!((opened.id, bench.incidents.latest_open()), (1, Some(1)));
    let safer = bench.incidents.conservative(&opened).await;
    let answered = bench.incidents.finish(opened, vec![safer]).await;
    let names: Vec<&str> = answered.steps.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["notify", "conservative", "intensify"]);
    assert!(answered.logged && answered.steps.iter().all(|s| s.done), "{answered:?}");
    assert_eq!(bench.control.pace.get().unwrap().every, HIGH);
    let told = bench.desk.posted();
    assert_eq!(told[0].alert.labels["severity"], "warning");
    let text = bench.incidents.report(1).unwrap();
    assert!(text.contains("conservative: change 1 in force as generation 1"), "{text}");
    let file = bench.dir.path().join("emergency-responses.log");
    assert_eq!(
        std::fs::read_to_string(file).unwrap(),
        "2025-01-06T09:00:00.000000Z: Emergency response executed for high severity issue; incident 1 by ann: \
         answers are slow; notify done, conservative done, intensify done\n"
    );
    let closed = bench.incidents.close(1, "bob", "well again").unwrap();
    assert_eq!((closed.closed, bench.incidents.latest_open()), (Some(T0), None));
    assert_eq!(bench.desk.posted(), [], "people hear that it is over");
    assert!(matches!(bench.incidents.close(1, "bob", "again"), Err(IncidentError::Over(1, _))));
}

#[tokio::test]
async fn a_rollback_is_told_at_once_and_its_line_belongs_to_the_open_incident() {
    let bench = bench(Hooks::default());
    bench.incidents.start(Grade::Medium, "ann", "dear").await;
    assert_eq!(bench.control.pace.get().unwrap().every, MEDIUM);
    let rollback = Affected { what: "all", by: "bob", reason: "wrong answers", generation: 7 };
    let told = bench.incidents.tell_rollback(&rollback);
    let step = bench.incidents.heard(told).await;
    assert_eq!((step.done, step.detail.as_str()), (true, "queued for ops"));
    assert!(bench.incidents.note(None, "bob", &step).await);
    let posted = bench.desk.posted();
    let summaries: Vec<&str> =
        posted.iter().map(|p| p.alert.annotations["summary"].as_str()).collect();
    assert!(
        summaries.contains(&"bob switched all optimizations off: wrong answers"),
        "{summaries:?}"
    );
    let lines = bench.incidents.one(1).unwrap().lines;
    assert_eq!(lines.last().unwrap().by, "bob");
}

#[tokio::test]
async fn where_no_channel_hears_of_it_the_step_says_so_and_what_to_set() {
    let bench = telling(Hooks::default(), Vec::new());
    let rollback = Affected { what: "all", by: "bob", reason: "x", generation: 1 };
    let told = bench.incidents.tell_rollback(&rollback);
    let step = bench.incidents.heard(told).await;
    assert!(!step.done && step.detail.contains("nobody was told"), "{step:?}");
    assert!(step.detail.contains("alerts.posted_to"), "{step:?}");
}

#[tokio::test]
async fn a_hook_is_refused_where_none_is_configured_and_takes_its_arguments_as_they_stand() {
    let none = bench(Hooks::default()).incidents.hook(Which::Restart, None, "ann").await;
    let why = none.unwrap_err().to_string();
    assert!(why.starts_with("hooks.restart is not configured"), "{why}");
    let words = ["test", "$HOME; x", "=", "$HOME; x"].map(str::to_owned).to_vec();
    let hooks = Hooks { restart: words, ..Hooks::default() };
    let outcome = bench(hooks).incidents.hook(Which::Restart, None, "ann").await.unwrap();
    assert_eq!(outcome, Outcome::Ended(Some(0)));
    let words = ["sleep", "60"].map(str::to_owned).to_vec();
    let hooks = Hooks { scale: words, timeout: Micros(100_000), ..Hooks::default() };
    let outcome = bench(hooks).incidents.hook(Which::Scale, None, "ann").await.unwrap();
    assert!(matches!(outcome, Outcome::TimedOut(_)));
}

/// Whether a process runs.
#[cfg(target_os = "linux")]
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_hook_nobody_waits_for_any_more_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let script = format!("echo $$ > {}; exec sleep 600", file.display());
    let words = vec!["sh".to_owned(), "-c".to_owned(), script];
    let hooks = Hooks { restart: words, timeout: Micros(600_000_000), ..Hooks::default() };
    let incidents = Arc::clone(&bench(hooks).incidents);
    let waits = tokio::spawn(async move { incidents.hook(Which::Restart, None, "ann").await });
    let written = || std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n'));
    while !written() {
        tokio::task::yield_now().await;
    }
    let pid = std::fs::read_to_string(&file).unwrap();
    assert!(runs(pid.trim()));
    waits.abort();
    assert!(waits.await.unwrap_err().is_cancelled());
    while runs(pid.trim()) {
        tokio::task::yield_now().await;
    }
}
