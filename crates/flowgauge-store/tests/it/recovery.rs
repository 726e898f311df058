//! What a crash or damage leaves is found, named and survived.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::sample::*;
use flowgauge_logic::call::{Call, Status};
use flowgauge_store::{Batch, CallQuery, Store};
use std::path::Path;

fn count(store: &Store) -> usize {
    let query = CallQuery { with_spans: true, ..CallQuery::newest(always(), usize::MAX) };
    store.reader().calls(&query).unwrap().len()
}

fn started(n: u64) -> Batch {
    Batch { started: vec![call(n)], ..Batch::default() }
}

#[test]
fn a_copy_taken_after_any_commit_or_seal_opens_with_every_row_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    for round in 0..12u64 {
        put(&mut store, calls(round * 40..(round + 1) * 40));
        if round % 3 == 2 {
            store.seal_now(T0).unwrap();
        }
        let copy = crash(dir.path());
        assert_eq!(count(&open(copy.path())), usize::try_from((round + 1) * 40).unwrap());
    }
}

#[test]
fn a_segment_that_was_never_listed_is_swept_and_its_rows_stay() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, calls(0..40));
    let before = crash(dir.path());
    store.seal_now(T0).unwrap();
    // As if the process died between the rename and the transaction.
    for entry in std::fs::read_dir(dir.path().join("segments")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), before.path().join("segments").join(entry.file_name()))
            .unwrap();
    }
    std::fs::write(before.path().join("segments/half.parquet.tmp"), b"half").unwrap();
    let store = open(before.path());
    assert_eq!(count(&store), 40);
    assert_eq!(std::fs::read_dir(before.path().join("segments")).unwrap().count(), 0);
    assert!(store.reader().status().unwrap().damage.is_empty());
}

#[test]
fn a_call_in_flight_is_unseen_until_it_ends_and_interrupted_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.commit(started(1), T0).unwrap();
    store.commit(started(2), T0).unwrap();
    store.commit(started(3), T0).unwrap();
    put(&mut store, vec![call(2)]);
    assert_eq!(count(&store), 1);
    // Carried forward by sealing.
    store.seal_now(T0).unwrap();
    assert_eq!(put(&mut store, vec![call(3)]), (1, 0));
    assert_eq!(count(&store), 2);
    let copy = crash(dir.path());
    let opened = Store::open(copy.path(), Default::default(), T0).unwrap();
    assert_eq!(opened.interrupted, 1);
    let row = opened.store.reader().call(call(1).id).unwrap().unwrap();
    assert_eq!(row.outcome.status, Status::Interrupted);
    assert_eq!(count(&opened.store), 3);
    drop(opened);
    let again = Store::open(copy.path(), Default::default(), T0).unwrap();
    assert_eq!((again.interrupted, count(&again.store)), (0, 3));
}

#[test]
fn a_call_that_begins_and_ends_in_one_commit_is_one_row() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let both = Batch { calls: vec![call(1)], started: vec![call(1), call(2)], events: Vec::new() };
    store.commit(both, T0).unwrap();
    drop(store);
    let opened = Store::open(dir.path(), Default::default(), T0).unwrap();
    assert_eq!((opened.interrupted, count(&opened.store)), (1, 2));
}

#[test]
fn reopening_keeps_calls_in_flight_and_recognises_what_was_committed() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.commit(started(1), T0).unwrap();
    put(&mut store, calls(2..30));
    let reader = store.reader();
    store.reopen(T0).unwrap();
    assert_eq!(put(&mut store, calls(2..31)), (1, 28));
    assert_eq!(put(&mut store, vec![call(1)]), (1, 0));
    let row = reader.call(call(1).id).unwrap().unwrap();
    assert_eq!(row.outcome.status, call(1).outcome.status);
}

fn edit(dir: &Path, sql: &str) {
    let db = rusqlite::Connection::open(dir.join("hot.db")).unwrap();
    db.execute_batch(sql).unwrap();
}

#[test]
fn a_damaged_batch_is_set_aside_and_named_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, calls(0..10));
    put(&mut store, calls(10..30));
    put(&mut store, calls(30..60));
    drop(store);
    edit(dir.path(), "UPDATE batches SET blob = CAST(blob || x'00' AS BLOB) WHERE seq=2");
    for _ in 0..2 {
        let store = open(dir.path());
        assert_eq!(count(&store), 40);
        let damage = store.reader().status().unwrap().damage;
        assert!(damage.len() == 1 && damage[0].contains("batch 2 (20 rows)"), "{damage:?}");
    }
}

#[test]
fn a_damaged_segment_is_left_out_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, calls(0..500));
    store.seal_now(T0).unwrap();
    put(&mut store, calls(500..510));
    drop(store);
    let path =
        std::fs::read_dir(dir.path().join("segments")).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let store = open(dir.path());
        assert_eq!(count(&store), 10, "flip at {at}");
        assert_eq!(store.reader().status().unwrap().damage.len(), 1);
    }
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(count(&open(dir.path())), 510);
}

#[test]
fn a_damaged_rollup_is_an_error_and_not_a_wrong_figure() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, calls(0..500));
    store.seal_now(T0).unwrap();
    drop(store);
    edit(
        dir.path(),
        "UPDATE rollups SET blob = CAST(x'01' || substr(blob, 2, 8) || x'05' || substr(blob, 11) AS BLOB)",
    );
    let query = flowgauge_store::RollupQuery {
        window: flowgauge_logic::window::Window { from: T0, to: minutes(60) },
        filter: Default::default(),
        group_by: Vec::new(),
        step: flowgauge_store::Step::Whole,
    };
    let answer = open(dir.path()).reader().rollups(&query);
    assert!(matches!(answer, Err(flowgauge_store::StoreError::Damaged { .. })), "{answer:?}");
}

#[test]
fn a_wal_cut_at_any_length_keeps_a_prefix_of_whole_batches() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    for round in 0..4u64 {
        put(&mut store, calls(round * 10..(round + 1) * 10));
    }
    let copy = crash(dir.path());
    drop(store);
    let wal = std::fs::read(copy.path().join("hot.db-wal")).unwrap();
    let mut last = 0;
    for length in (0..=wal.len()).step_by(1_499) {
        let torn = crash(copy.path());
        std::fs::write(torn.path().join("hot.db-wal"), &wal[..length]).unwrap();
        let rows = count(&open(torn.path()));
        assert!(rows.is_multiple_of(10) && rows >= last, "{rows} rows of {length} bytes");
        last = rows;
    }
    assert!(last >= 30);
}

#[test]
fn a_newer_store_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    edit(dir.path(), "PRAGMA user_version = 99");
    let refused = Store::open(dir.path(), Default::default(), T0);
    assert!(matches!(refused, Err(flowgauge_store::StoreError::Newer(_, 99, 3))));
}

#[test]
fn an_old_batch_is_sealed_by_a_later_commit_without_being_asked() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, calls(0..10));
    let later = minutes(61);
    let deadline: Vec<Call> = calls(100..101);
    store.commit(Batch { calls: deadline, ..Batch::default() }, later).unwrap();
    // The segment is written on another thread; each look lists it once it is there.
    while store.reader().status().unwrap().segments == 0 {
        store.seal_if_due(later).unwrap();
        std::thread::yield_now();
    }
    assert_eq!(count(&store), 11);
}
