//! What an answer to an emergency promises.

use super::*;
use crate::logic::control::rollout::Environment;
use crate::logic::price::PriceBook;
use crate::store::AlertStore;
use arc_swap::ArcSwap;
use tempfile::TempDir;

const T0: UnixMicros = UnixMicros(1_736_154_000_000_000);

struct Bench {
    _dir: TempDir,
    control: Arc<Control>,
    desk: Arc<Desk>,
    incidents: Arc<Incidents>,
}

fn bench(hooks: Hooks) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let (clock, _) = Clock::frozen(T0);
    let prices = Arc::new(ArcSwap::from_pointee(PriceBook::embedded()));
    let none = Environment::default();
    let control = Control::open(dir.path(), none, prices, clock.clone()).unwrap();
    let alerts = Arc::new(AlertStore::open(dir.path()).unwrap());
    let desk = Desk::new(alerts, clock.clone(), [3; 32], Arc::default()).unwrap();
    let (c, d) = (Arc::clone(&control), Arc::clone(&desk));
    let incidents = Incidents::open(c, d, clock, hooks, vec!["ops".into()]).unwrap();
    Bench { _dir: dir, control, desk, incidents }
}

/// Catalogue T7 as corrected by S43: told first, then everything off, and the log says both.
#[tokio::test]
async fn a_critical_emergency_is_told_and_switches_everything_off() {
    let bench = bench(Hooks::default());
    let answered = bench.incidents.respond(Grade::Critical, "ann", "answers are wrong").await;
    let names: Vec<&str> = answered.steps.iter().map(|s| s.name).collect();
    assert_eq!(names, ["notify", "rollback", "intensify"]);
    assert!(answered.logged && answered.steps.iter().all(|s| s.done), "{answered:?}");
    assert!(bench.control.desk.live().get().settings.as_ref().unwrap().kill.all);
    let told = bench.desk.posted();
    assert_eq!(told[0].alert.labels["severity"], "critical");
    assert_eq!(
        told[0].alert.annotations["summary"],
        "incident 1 (critical, SEV1): answers are wrong"
    );
    let text = bench.incidents.report(1).unwrap();
    assert!(text.contains("rollback: change 1 in force as generation 1"), "{text}");
    assert!(text.contains("change 1 by ann: incident 1: answers are wrong"), "{text}");
    let closed = bench.incidents.close(1, "bob", "rolled back").unwrap();
    assert_eq!(closed.closed, Some(T0));
    assert_eq!(bench.desk.posted(), [], "people hear that it is over");
    assert!(matches!(bench.incidents.close(1, "bob", "again"), Err(IncidentError::Over(1, _))));
}

#[tokio::test]
async fn a_high_one_sets_safer_limits_a_medium_one_switches_nothing_and_both_watch_closer() {
    let bench = bench(Hooks::default());
    let high = bench.incidents.respond(Grade::High, "ann", "slow").await;
    assert!(high.steps.iter().any(|s| s.name == "conservative" && s.done), "{high:?}");
    assert_eq!(bench.control.pace.get().unwrap().every, HIGH);
    let medium = bench.incidents.respond(Grade::Medium, "ann", "dear").await;
    assert_eq!(medium.steps.iter().map(|s| s.name).collect::<Vec<_>>(), ["notify", "intensify"]);
    assert_eq!(bench.control.pace.get().unwrap().every, MEDIUM);
    assert_eq!(bench.control.desk.history().len(), 1);
    let ids: Vec<u64> = bench.incidents.list().unwrap().iter().map(|i| i.id).collect();
    assert_eq!(ids, [2, 1]);
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
