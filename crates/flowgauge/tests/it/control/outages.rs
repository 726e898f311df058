//! The kill switch while other parts are in trouble: the next request is untouched all the same.

use super::super::durability::SmallDisk;
use super::super::gateway::stage::{CHAT, CHAT_STREAM, Stage, post, send, until, whole};
use super::{PATH, change, field, on};
use flowgauge::config::Timeouts;
use flowgauge::control::Wanted;
use flowgauge::logic::control::rollout::{Environment, Mechanism, Mode};
use flowgauge::logic::control::state::{Settings, State};
use flowgauge::serve::clock::Clock;
use flowgauge::store::ControlStore;
use flowgauge_testkit::upstream::Script;
use flowgauge_testkit::wedge::Wedged;
use std::path::Path;

async fn toggled(stage: &Stage, times: u32) {
    for _ in 0..times {
        change(stage, |s| s.kill.all = true).await;
        let got = stage.post(PATH, &Script::default(), CHAT).await;
        assert_eq!((got.status.as_u16(), field(&got, "x-flowgauge-cache")), (200, Some("bypass")));
        change(stage, |s| s.kill.all = false).await;
        let got = stage.post(PATH, &Script::default(), CHAT).await;
        assert_eq!(field(&got, "x-flowgauge-cache"), Some("hit"));
    }
}

/// Reliability C10, scenario 19.
#[tokio::test]
async fn with_the_store_wedged_the_switch_holds_streams_end_and_nothing_of_it_is_lost() {
    let stage = Stage::with(Timeouts::default(), |_| {}).await;
    on(&stage, Mechanism::ResponseCaching).await;
    stage.post(PATH, &Script::default(), CHAT).await;
    until(|| stage.control.memory.contents().entries == 1).await;
    let wedged = Wedged::of(stage.data_dir(), &["state.db", "hot.db"]).unwrap();
    let slow = Script { chunk_delay_ms: 60, words: Some(20), ..Script::default() };
    let mut streams = tokio::task::JoinSet::new();
    for n in 0..200 {
        let request = post(PATH, &slow, &CHAT_STREAM.replace("hello", &format!("hello {n}")));
        let addr = stage.addr;
        streams.spawn(async move { whole(send(addr, request).await).await });
    }
    until(|| stage.upstream.requests().len() == 201).await;
    toggled(&stage, 100).await;
    let made = change(&stage, |s| s.kill.all = true).await;
    assert!(!made.stored, "and it says so");
    assert_eq!(made.generation, 202);
    for stream in streams.join_all().await {
        assert!(!stream.broken && stream.text().ends_with("data: [DONE]\n\n"));
    }
    wedged.release().unwrap();
    until(|| stored(stage.data_dir()) == (202, true)).await;
}

/// Reliability C10.
#[tokio::test]
async fn with_the_disk_full_the_switch_holds_and_is_stored_once_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let control = super::switch::reopen(disk.path(), Environment::default());
    let make = async |edit: fn(&mut Settings)| {
        control.desk.change(&Wanted::by("ann", "a test"), edit).await.unwrap()
    };
    make(|s| s.rollouts.context_pruning.mode = Mode::On).await;
    disk.fill();
    // The log of the database may still have a page of room.
    for _ in 0..100 {
        make(|s| s.kill.all = true).await;
        assert!(!control.desk.live().load().is_active());
        make(|s| s.kill.all = false).await;
        assert!(control.desk.live().load().is_active());
    }
    let made = make(|s| s.kill.all = true).await;
    assert!(!made.stored);
    std::fs::remove_file(disk.path().join("filler")).unwrap();
    until(|| stored(disk.path()) == (202, true)).await;
}

/// Changes on disk, and whether the kill switch holds all by them.
fn stored(dir: &Path) -> (usize, bool) {
    let log = ControlStore::open(dir).unwrap().log().unwrap();
    let state = State::at(&log, Clock::real().now()).unwrap();
    (log.len(), state.settings.kill.all)
}

/// Reliability C11.
#[tokio::test]
async fn a_kill_that_never_reached_the_log_holds_after_a_restart_until_a_person_lifts_it() {
    let Some(disk) = SmallDisk::mount() else { return };
    let open = || super::switch::reopen(disk.path(), Environment::default());
    let control = open();
    let on = |s: &mut Settings| s.rollouts.context_pruning.mode = Mode::On;
    let who = Wanted::by("ann", "a test");
    assert!(control.desk.change(&who, on).await.unwrap().stored);
    disk.fill();
    // The log of the database may still have a page of room.
    let mut made = control.desk.change(&who, |s| s.kill.all = true).await.unwrap();
    while made.stored {
        control.desk.change(&who, |s| s.kill.all = false).await.unwrap();
        made = control.desk.change(&who, |s| s.kill.all = true).await.unwrap();
    }
    assert!(control.desk.is_latched());
    control.desk.close();
    drop(control);
    // A start needs a page of room for the database itself.
    std::fs::remove_file(disk.path().join("filler")).unwrap();
    let (changes, holds) = stored(disk.path());
    assert!(changes >= 1 && !holds, "the log does not know of it");
    let again = open();
    assert!(!again.desk.live().load().is_active(), "the latch does");
    assert_eq!(again.desk.history().last().unwrap().change.author, "flowgauge");
    until(|| stored(disk.path()) == (changes + 1, true)).await;
    let lifted = again.desk.change(&who, |s| s.kill.all = false).await.unwrap();
    assert!(lifted.stored && again.desk.live().load().is_active());
    again.desk.close();
    drop(again);
    assert!(open().desk.live().load().is_active(), "what a person lifted stays lifted");
}
