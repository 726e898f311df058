//! The kill switch: in force for the next request, without disk, and for good.

use super::super::gateway::stage::{CHAT, Stage, until};
use super::{PATH, change, field, on};
use arc_swap::ArcSwap;
use flowgauge::control::{Control, Wanted};
use flowgauge::logic::control::rollout::{Environment, Mechanism, Mode};
use flowgauge::logic::price::PriceBook;
use flowgauge::serve::clock::Clock;
use flowgauge::store::ControlStore;
use flowgauge_testkit::upstream::Script;
use std::path::Path;
use std::sync::Arc;

pub(super) fn reopen(dir: &Path, environment: Environment) -> Arc<Control> {
    let prices = Arc::new(ArcSwap::from_pointee(PriceBook::embedded()));
    Control::open(dir, environment, prices, Clock::real()).unwrap()
}

/// Scenario 19.
#[tokio::test]
async fn the_request_after_the_switch_is_untouched_a_thousand_times() {
    let stage = Stage::new().await;
    on(&stage, Mechanism::ResponseCaching).await;
    stage.post(PATH, &Script::default(), CHAT).await;
    until(|| stage.control.memory.contents().entries == 1).await;
    for _ in 0..100 {
        let got = stage.post(PATH, &Script::default(), CHAT).await;
        assert_eq!(field(&got, "x-flowgauge-cache"), Some("hit"));
        let off = change(&stage, |s| s.kill.all = true).await;
        let got = stage.post(PATH, &Script::default(), CHAT).await;
        assert_eq!(field(&got, "x-flowgauge-cache"), Some("bypass"));
        let back = change(&stage, |s| s.kill.all = false).await;
        assert_eq!(back.generation, off.generation + 1);
    }
}

/// Reliability C11.
#[tokio::test]
async fn what_was_switched_off_stays_off_after_a_restart() {
    let stage = Stage::new().await;
    on(&stage, Mechanism::ContextPruning).await;
    let made = change(&stage, |s| s.kill.all = true).await;
    assert!(made.stored);
    let again = reopen(stage.data_dir(), Environment::default());
    let live = again.desk.live().get();
    assert!(!live.is_active());
    assert_eq!(live.generation, 2);
    let settings = live.settings.as_ref().unwrap();
    assert_eq!(settings.rollouts.context_pruning.mode, Mode::On, "a person may lift it");
    assert_eq!(again.desk.history().len(), 2);
}

/// Reliability C10.
#[tokio::test]
async fn a_log_that_cannot_be_read_switches_everything_off_and_says_why() {
    let stage = Stage::new().await;
    on(&stage, Mechanism::ContextPruning).await;
    let mut missing = stage.control.desk.history().remove(0).change;
    missing.id = 7;
    ControlStore::open(stage.data_dir()).unwrap().append(&[missing]).unwrap();
    let again = reopen(stage.data_dir(), Environment::default());
    assert!(!again.desk.live().load().is_active());
    assert!(
        again.desk.broken().unwrap().contains("change 2 of the control log is missing"),
        "{:?}",
        again.desk.broken()
    );
    let refused = again.desk.change(&Wanted::by("ann", "x"), |s| s.kill.all = true).await;
    assert!(refused.unwrap_err().to_string().contains("everything is off"));
}

/// Reliability C11.
#[tokio::test]
async fn the_environment_wins_over_what_was_switched_on() {
    let stage = Stage::new().await;
    on(&stage, Mechanism::ContextPruning).await;
    let off = |name: &str| (name == "DISABLE_ALL_OPTIMIZATIONS").then(|| "true".to_owned());
    let again = reopen(stage.data_dir(), Environment::read(off).0);
    assert!(!again.desk.live().load().is_active());
}

#[tokio::test]
async fn a_change_with_an_end_ends_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::frozen(flowgauge::logic::unit::UnixMicros(1_000));
    let prices = Arc::new(ArcSwap::from_pointee(PriceBook::embedded()));
    let control = Control::open(dir.path(), Environment::default(), prices, clock.clone()).unwrap();
    let hour = flowgauge::logic::unit::Micros::from_millis(3_600_000);
    let wanted = Wanted { expires: Some(clock.now().after(hour)), ..Wanted::by("ann", "an hour") };
    control.desk.change(&wanted, |s| s.prune.context_tokens = 900).await.unwrap();
    let tokens = || control.desk.live().load().settings.as_ref().unwrap().prune.context_tokens;
    assert_eq!(tokens(), 900);
    hand.advance(hour);
    control.desk.refresh();
    assert_eq!(tokens(), 1_500);
    assert_eq!(control.desk.live().load().generation, 2);
}
