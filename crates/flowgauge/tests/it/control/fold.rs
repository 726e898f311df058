//! A long log of changes: folded while changes come, killed at any moment of it, and its history is all there.

use super::switch::reopen;
use flowgauge::control::Wanted;
use flowgauge::logic::control::rollout::Environment;
use flowgauge::logic::control::state::{Assignment, Change, Journal, State};
use flowgauge::serve::clock::Clock;
use flowgauge::store::ControlStore;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

const CHILD_DIR: &str = "FLOWGAUGE_TEST_FOLD_DIR";
/// Changes from which a log is folded, as in `control::keeper`.
const MOST: usize = 2_000;
const ROUNDS: usize = 12;

/// Changes as people would have made them, so many that the next few let the log be folded.
fn fill(dir: &Path) {
    let store = ControlStore::open(dir).unwrap();
    let (_, changes) = store.recent().unwrap();
    let last = store.log().unwrap().last().map_or(0, |c| c.id);
    let at = Clock::real().now();
    let number = |n: u64| serde_json::json!(2 + n % 7);
    let one = |id: u64| Change {
        id,
        at,
        author: "ann".into(),
        reason: "a test".to_owned(),
        diff: vec![Assignment {
            path: "/prune/top_k".to_owned(),
            before: number(id - 1),
            after: number(id),
        }],
        undoes: None,
        expires: None,
    };
    let wanted = (MOST - 4).saturating_sub(changes.len()) as u64;
    let new: Vec<Change> = (last + 1..=last + wanted).map(one).collect();
    store.append(&new).unwrap();
}

/// The state that follows from what is folded, and from every line.
fn states(dir: &Path) -> (State, State, Vec<Change>) {
    let store = ControlStore::open(dir).unwrap();
    let now = Clock::real().now();
    let (base, changes) = store.recent().unwrap();
    let all = store.log().unwrap();
    let short = State::at(Journal::over(&base, &changes), now).unwrap();
    (short, State::at(&all, now).unwrap(), all)
}

/// Run by the test below alone, in a process of its own.
#[tokio::test]
async fn child_that_changes_until_it_is_killed() {
    let Ok(dir) = std::env::var(CHILD_DIR) else { return };
    let control = reopen(Path::new(&dir), Environment::default());
    loop {
        let wanted = Wanted::by("bob", "a test");
        let made = control.desk.change(&wanted, |s| s.kill.all = !s.kill.all).await.unwrap();
        if made.stored {
            let mut out = std::io::stdout().lock();
            writeln!(out, "\nack {} {}", made.change.id, made.generation).unwrap();
            out.flush().unwrap();
        }
    }
}

#[test]
fn a_kill_at_any_moment_of_folding_loses_no_change_and_no_history() {
    let dir = tempfile::tempdir().unwrap();
    let mut folds = std::collections::BTreeSet::new();
    for round in 0..ROUNDS {
        fill(dir.path());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "control::fold::child_that_changes_until_it_is_killed",
                "--nocapture",
            ])
            .env(CHILD_DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let acks = lines.filter_map(|line| {
            let line = line.unwrap();
            let mut words =
                line.strip_prefix("ack ")?.split(' ').map(|w| w.parse::<u64>().unwrap());
            Some((words.next()?, words.next()?))
        });
        // The fold comes with the fourth change or so: before, at and after it.
        let mut acks = acks;
        let mut last = acks.nth(round % 8).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // What was printed before the kill counts as acknowledged too.
        last = acks.last().unwrap_or(last);
        let (short, whole, all) = states(dir.path());
        assert_eq!(short, whole, "round {round}");
        assert!(
            whole.generation >= last.1 && all.len() as u64 >= last.0,
            "round {round}: {last:?}"
        );
        assert!((1..).zip(&all).all(|(id, c)| c.id == id), "every line is there");
        folds.insert(ControlStore::open(dir.path()).unwrap().recent().unwrap().0.upto);
    }
    assert!(folds.len() > 2, "it was folded again and again: {folds:?}");
}

#[tokio::test]
async fn a_folded_log_shows_its_last_thousand_changes_and_gives_the_settings_of_any() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        fill(dir.path());
        let control = reopen(dir.path(), Environment::default());
        for n in 0..8 {
            let wanted = Wanted::by("bob", "a test");
            control.desk.change(&wanted, |s| s.prune.top_k = 20 + n).await.unwrap();
        }
        control.desk.close();
    }
    let control = reopen(dir.path(), Environment::default());
    let history = control.desk.history();
    assert!((1_000..MOST).contains(&history.len()), "{}", history.len());
    let all = ControlStore::open(dir.path()).unwrap().log().unwrap();
    assert_eq!(history.last().unwrap().change, *all.last().unwrap());
    let long_ago = control.desk.settings_after(40).unwrap().unwrap();
    assert_eq!(long_ago.prune.top_k, 2 + 40 % 7);
    let now = control.desk.settings_after(all.len() as u64).unwrap().unwrap();
    assert_eq!(now.prune.top_k, 27);
    assert!(control.desk.settings_after(all.len() as u64 + 1).unwrap().is_none());
}
