//! The kill switch while other parts are in trouble: the next request is untouched all the same.

use super::super::durability::SmallDisk;
use super::super::gateway::stage::{CHAT, CHAT_STREAM, Stage, post, send, until, whole};
use super::{PATH, change, field, on};
use flowgauge::config::Timeouts;
use flowgauge::control::Wanted;
use flowgauge::logic::control::rollout::{Environment, Mechanism, Mode};
use flowgauge::logic::control::state::Settings;
use flowgauge_testkit::upstream::Script;
use flowgauge_testkit::wedge::Wedged;

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
    until(|| {
        let again = super::switch::reopen(stage.data_dir(), Environment::default());
        again.desk.history().len() == 202 && !again.desk.live().load().is_active()
    })
    .await;
}

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
    until(|| {
        let again = super::switch::reopen(disk.path(), Environment::default());
        again.desk.history().len() == 202 && !again.desk.live().load().is_active()
    })
    .await;
}
