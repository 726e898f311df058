//! The recorder towards its callers.

use super::*;
use crate::logic::call::Cost;
use crate::logic::call::Door;
use crate::logic::id::CallId;
use crate::logic::unit::NanoUsd;
use crate::logic::unit::{Micros, UnixMicros};
use crate::store::CallQuery;
use crate::store::Change;

const T0: UnixMicros = UnixMicros(1_700_000_000_000_000);
/// A condition that is not met by then never will be.
const PATIENCE: Micros = Micros(20_000_000);

fn call(n: u8) -> Call {
    let mut c = Call::begun(CallId::new(T0, [n; 10]), T0, T0, Door::Gateway);
    c.what.leaf = true;
    c
}

fn always() -> Window {
    Window { from: UnixMicros(0), to: UnixMicros(i64::MAX / 2) }
}

fn start(dir: &Path) -> Recorder {
    Recorder::start(dir, Options::default(), Clock::frozen(T0).0).unwrap()
}

fn wait_for(what: &str, mut met: impl FnMut() -> bool) {
    let clock = Clock::real();
    let begun = clock.monotonic();
    while !met() {
        assert!(clock.monotonic().saturating_sub(begun) < PATIENCE, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

fn rows(recorder: &Recorder) -> usize {
    let query = CallQuery::newest(always(), usize::MAX);
    recorder.reader().unwrap().calls(&query).unwrap().len()
}

#[tokio::test]
async fn submitted_rows_are_there_when_the_answer_comes_and_each_sender_has_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = start(dir.path());
    recorder.submit(vec![call(1)], Vec::new()).await.unwrap();
    assert_eq!(rows(&recorder), 1);
    let (a, b) = tokio::join!(
        recorder.submit(vec![call(1), call(2)], Vec::new()),
        recorder.submit(vec![call(3), call(4), call(5)], Vec::new()),
    );
    assert_eq!(a, Ok(Ack { stored: 1, duplicates: 1 }));
    assert_eq!(b, Ok(Ack { stored: 3, duplicates: 0 }));
    assert_eq!(rows(&recorder), 5);
    let s = recorder.stats();
    assert_eq!((s.received, s.stored, s.duplicates, s.queued, s.lost), (6, 5, 1, 0, 0));
}

#[tokio::test]
async fn shutdown_stores_what_waits_and_later_calls_are_counted_as_lost() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = start(dir.path());
    let mut live = recorder.live();
    for n in 0..100 {
        recorder.started(call(n));
        recorder.finished(call(n));
    }
    let after = recorder.clone();
    recorder.shutdown().await;
    assert_eq!(live.try_recv().unwrap().id, call(0).id);
    assert_eq!(after.stats().stored, 100);
    after.finished(call(200));
    let s = after.stats();
    assert_eq!((s.received, s.lost, s.queued), (101, 1, 0));
    assert_eq!(after.gaps(always()).unwrap().iter().map(|g| g.lost).sum::<u64>(), 1);
    assert!(after.submit(vec![call(201)], Vec::new()).await.is_err());
    drop(after);
    let again = start(dir.path());
    assert_eq!((again.stats().interrupted, rows(&again)), (0, 100));
}

#[tokio::test]
async fn a_call_without_an_end_is_interrupted_after_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = start(dir.path());
    recorder.started(call(1));
    recorder.shutdown().await;
    let again = start(dir.path());
    assert_eq!((again.stats().interrupted, rows(&again)), (1, 1));
}

#[tokio::test]
async fn without_a_store_calls_are_held_and_stored_once_it_opens() {
    let dir = tempfile::tempdir().unwrap();
    let obstacle = dir.path().join("data");
    std::fs::write(&obstacle, b"a file where the directory belongs").unwrap();
    let recorder = start(&obstacle);
    assert!(recorder.reader().is_none() && recorder.stats().degraded.is_some());
    recorder.finished(call(1));
    let refused = recorder.submit(vec![call(2)], Vec::new()).await.unwrap_err();
    assert!(refused.retry_after_s >= 1 && refused.reason.contains("store"));
    std::fs::remove_file(&obstacle).unwrap();
    wait_for("the store to open", || recorder.stats().stored == 1);
    assert_eq!(rows(&recorder), 1);
    let s = recorder.stats();
    assert_eq!((s.received, s.refused, s.lost, s.queued), (2, 1, 0, 0));
    assert_eq!(s.degraded, None);
}

#[tokio::test]
async fn a_directory_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = start(dir.path());
    let second = Recorder::start(dir.path(), Options::default(), Clock::real());
    assert!(matches!(second, Err(StoreError::Locked { .. })));
    first.shutdown().await;
    start(dir.path()).shutdown().await;
}

#[tokio::test]
async fn stored_rows_are_changed_and_the_change_is_on_record() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = start(dir.path());
    recorder.submit(vec![call(1)], Vec::new()).await.unwrap();
    let cost = Cost { nanos: Some(NanoUsd(77)), ..Cost::default() };
    let change = Change::Repriced { cost: cost.clone(), attempts: Vec::new() };
    let by = "a test".into();
    let done = recorder.amend(vec![Amendment { call: call(1).id, change, by }]).await.unwrap();
    assert_eq!(done, Amended { changed: 1, unchanged: 0, unknown: 0 });
    let reader = recorder.reader().unwrap();
    assert_eq!(reader.call(call(1).id).unwrap().unwrap().cost, cost);
    assert_eq!(reader.amendments(call(1).id).unwrap().len(), 1);
}

#[test]
fn the_ring_drops_the_oldest() {
    let mut ring = ring::Ring::with_room(3);
    assert!(ring.push((0..3).map(call)).is_empty());
    let fallen: Vec<_> = ring.push([call(3), call(4)]).iter().map(|c| c.id).collect();
    assert_eq!(fallen, [call(0).id, call(1).id]);
    assert_eq!(ring.drain().len(), 3);
    assert!(ring.is_empty());
}

#[test]
fn losses_close_together_are_one_gap_and_writing_it_forgets_none_since() {
    let shared = Shared::default();
    shared.lost(T0, 2, "full");
    shared.lost(UnixMicros(T0.0 + 5_000_000), 3, "full");
    shared.lost(UnixMicros(T0.0 + 60_000_000), 1, "full");
    let first = shared.first_gap().unwrap();
    assert_eq!((first.lost, first.to.0 - first.from.0), (5, 5_000_000));
    shared.gap_written(&Gap { lost: 4, ..first });
    let left: u64 = shared.gaps_within(always()).iter().map(|g| g.lost).sum();
    assert_eq!((left, shared.stats().lost), (2, 6));
}

#[test]
fn room_is_taken_and_given_back_and_an_empty_queue_takes_any_batch() {
    let shared = Shared::default();
    assert!(shared.admit(500, 100));
    assert!(!shared.admit(1, 100));
    shared.release(500);
    assert!(shared.admit(60, 100) && shared.admit(40, 100) && !shared.admit(1, 100));
}

/// Writes down what it hears.
#[derive(Debug, Default)]
struct Ear(Mutex<Vec<(&'static str, CallId)>>);

impl Heard for Ear {
    fn started(&self, call: &Call) {
        self.0.lock().push(("started", call.id));
    }
    fn first_token(&self, call: CallId, _at: UnixMicros) {
        self.0.lock().push(("first token", call));
    }
    fn left(&self, call: CallId) {
        self.0.lock().push(("left", call));
    }
    fn ended(&self, calls: &[Call]) {
        self.0.lock().extend(calls.iter().map(|c| ("ended", c.id)));
    }
    fn merged(&self, merges: &[Merge]) {
        self.0.lock().extend(merges.iter().map(|m| ("merged", m.row)));
    }
    fn lost(&self, call: CallId) {
        self.0.lock().push(("lost", call));
    }
}

#[tokio::test]
async fn listeners_hear_of_each_row_once_and_of_rows_known_already_never() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = start(dir.path());
    let ear = Arc::new(Ear::default());
    recorder.listen(Arc::clone(&ear) as Arc<dyn Heard>);
    recorder.started(call(1));
    recorder.first_token(call(1).id, T0);
    recorder.left(call(1).id);
    recorder.finished(call(1));
    recorder.submit(vec![call(2), call(2), call(3)], Vec::new()).await.unwrap();
    recorder.submit(vec![call(3), call(4)], Vec::new()).await.unwrap();
    recorder.shutdown().await;
    let id = |n| call(n).id;
    assert_eq!(
        *ear.0.lock(),
        [
            ("started", id(1)),
            ("first token", id(1)),
            ("left", id(1)),
            ("ended", id(1)),
            ("ended", id(2)),
            ("ended", id(3)),
            ("ended", id(4)),
        ]
    );
}

#[tokio::test]
async fn listeners_hear_of_the_gateways_calls_while_the_store_takes_none() {
    let dir = tempfile::tempdir().unwrap();
    let no_directory = dir.path().join("file");
    std::fs::write(&no_directory, b"").unwrap();
    let recorder = start(&no_directory.join("data"));
    let ear = Arc::new(Ear::default());
    recorder.listen(Arc::clone(&ear) as Arc<dyn Heard>);
    recorder.started(call(1));
    recorder.finished(call(1));
    assert!(recorder.submit(vec![call(2)], Vec::new()).await.is_err());
    recorder.shutdown().await;
    assert_eq!(*ear.0.lock(), [("started", call(1).id), ("ended", call(1).id)]);
}
