//! Rows come back as they went in, newest first, once.

use crate::sample::*;
use flowgauge_logic::call::{Call, Source, Status};
use flowgauge_logic::rollup::Filter;
use flowgauge_logic::window::Window;
use flowgauge_store::{Batch, CallQuery, Event, Gap, Part, Reader, Store, StoreError};

fn everything() -> CallQuery {
    CallQuery { with_spans: true, ..CallQuery::newest(always(), usize::MAX) }
}

#[test]
fn rows_are_the_same_before_and_after_sealing() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let mut want = calls(0..1_000);
    for chunk in want.chunks(100) {
        put(&mut store, chunk.to_vec());
    }
    want.reverse();
    let reader = store.reader();
    assert_eq!(reader.calls(&everything()).unwrap(), want);
    store.seal_now(minutes(60)).unwrap();
    assert_eq!(reader.calls(&everything()).unwrap(), want);
    let status = reader.status().unwrap();
    assert_eq!((status.segments, status.segment_rows, status.unsealed_rows), (1, 1_000, 0));
    for n in [0, 511, 999] {
        assert_eq!(reader.call(call(n).id).unwrap(), Some(call(n)));
    }
    assert_eq!(reader.call(call(5_000).id).unwrap(), None);
}

#[test]
fn pages_cover_batches_and_segments_without_repeating() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, calls(0..300));
    store.seal_now(T0).unwrap();
    // Overlapping in time with what is sealed.
    put(&mut store, calls(300..500));
    let mut query = CallQuery { with_spans: true, ..CallQuery::newest(always(), 70) };
    let mut seen = Vec::new();
    loop {
        let page = store.reader().calls(&query).unwrap();
        let Some(last) = page.last() else { break };
        query.after = Some((last.time.start, last.id));
        seen.extend(page);
    }
    let mut want = calls(0..500);
    want.reverse();
    assert_eq!(seen, want);
}

#[test]
fn filters_and_windows_select_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, calls(0..100));
    store.seal_now(T0).unwrap();
    put(&mut store, calls(100..200));
    let query = CallQuery {
        filter: Filter::parse(["model=large"]).unwrap(),
        status: Some(Status::Error),
        ..CallQuery::newest(Window { from: at(50_000_000), to: at(150_000_000) }, 1_000)
    };
    let mut want = calls(50..150);
    want.retain(|c| query.wants(c));
    want.reverse();
    assert!(!want.is_empty());
    assert_eq!(store.reader().calls(&query).unwrap(), want);
}

#[test]
fn a_resent_delivery_changes_nothing_even_after_restart_and_sealing() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    assert_eq!(put(&mut store, vec![sent(1), sent(1), sent(2)]), (2, 1));
    drop(store);
    let mut store = open(dir.path());
    assert_eq!(put(&mut store, vec![sent(1)]), (0, 1));
    store.seal_now(T0).unwrap();
    assert_eq!(put(&mut store, vec![sent(2)]), (0, 1));
    drop(store);
    let mut store = open(dir.path());
    assert_eq!(put(&mut store, vec![sent(2), sent(3)]), (1, 1));
}

#[test]
fn an_import_is_known_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let imported = |n| {
        let mut c = call(n);
        c.origin.source = Source::Import;
        c
    };
    let mut store = open(dir.path());
    assert_eq!(put(&mut store, vec![imported(1), imported(2)]), (2, 0));
    store.seal_now(T0).unwrap();
    drop(store);
    let years_later = minutes(3 * 365 * 24 * 60);
    let mut store = Store::open(dir.path(), Default::default(), years_later).unwrap().store;
    let batch = Batch { calls: vec![imported(1), imported(3)], ..Batch::default() };
    let done = store.commit(batch, years_later).unwrap();
    assert_eq!((done.stored, done.duplicates), (1, 1));
}

#[test]
fn events_and_gaps_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let event = Event {
        id: call(1).id,
        time: at(5),
        name: "gen_ai.evaluation.result".into(),
        trace_id: None,
        span_id: None,
        severity: 9,
        service: Some("app".into()),
        attributes: "{\"score\":1}".into(),
    };
    let batch = || Batch { events: vec![event.clone()], ..Batch::default() };
    assert_eq!(store.commit(batch(), T0).unwrap().stored, 1);
    assert_eq!(store.commit(batch(), T0).unwrap().duplicates, 1);
    let gap = Gap { from: at(0), to: at(10), lost: 3, reason: "disk".into() };
    store.record_gap(&gap).unwrap();
    assert_eq!(store.reader().events(always(), 10).unwrap(), vec![event]);
    assert_eq!(store.reader().gaps(always()).unwrap(), vec![gap]);
    assert!(store.reader().gaps(Window { from: at(11), to: at(20) }).unwrap().is_empty());
}

#[test]
fn a_second_process_is_refused_and_a_reader_of_a_free_directory_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Reader::open(dir.path()), Err(StoreError::Absent(_))));
    let mut store = open(dir.path());
    put(&mut store, calls(0..50));
    let second = Store::open(dir.path(), Default::default(), T0);
    let pid = std::process::id().to_string();
    assert!(matches!(second, Err(StoreError::Locked { pid: p, .. }) if p == pid));
    assert!(matches!(Reader::open(dir.path()), Err(StoreError::Locked { .. })));
    let copy = crash(dir.path());
    let listing = |d: &std::path::Path| {
        let mut names: Vec<_> = std::fs::read_dir(d)
            .unwrap()
            .map(|e| e.unwrap())
            .map(|e| {
                (
                    e.file_name(),
                    e.metadata().unwrap().len(),
                    e.metadata().unwrap().modified().unwrap(),
                )
            })
            .collect();
        names.sort();
        names
    };
    let before = listing(copy.path());
    let reader = Reader::open(copy.path()).unwrap();
    assert_eq!(reader.calls(&everything()).unwrap().len(), 50);
    assert_eq!(listing(copy.path()), before);
}

#[test]
fn a_part_of_a_row_has_what_it_names_and_selects_the_same_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, calls(0..40_000));
    store.seal_now(minutes(60_000)).unwrap();
    let reader = store.reader();
    let whole = CallQuery {
        filter: Filter::parse(["model=large", "intent=ask"]).unwrap(),
        ..CallQuery::newest(Window { from: at(1_000_000), to: at(35_000_000_000) }, 3_000)
    };
    let want = reader.calls(&whole).unwrap();
    assert_eq!(want.len(), 3_000);
    for part in [Part::Figures, Part::Tokens, Part::CacheAge] {
        let got = reader.calls(&CallQuery { part, ..whole.clone() }).unwrap();
        let places =
            |calls: &[Call]| calls.iter().map(|c| (c.time.start, c.id)).collect::<Vec<_>>();
        assert_eq!(places(&got), places(&want), "{part:?}");
        if part == Part::Figures {
            let figures =
                |c: &Call| (c.time.latency, c.usage.input, c.cost.nanos, c.outcome.status);
            assert_eq!(
                got.iter().map(figures).collect::<Vec<_>>(),
                want.iter().map(figures).collect::<Vec<_>>()
            );
        }
        if part == Part::Tokens {
            assert!(got.iter().zip(&want).all(|(g, w)| (
                &g.who.user_key,
                &g.usage.input,
                g.cost.nanos
            ) == (
                &w.who.user_key,
                &w.usage.input,
                w.cost.nanos
            )));
        }
    }
    for nothing in ["intent=zzz", "intent=a", "model=none", "tenant=", "intent="] {
        let filter = Filter::parse([nothing]).unwrap();
        let got =
            reader.calls(&CallQuery { filter: filter.clone(), ..CallQuery::newest(always(), 9) });
        assert_eq!(got.unwrap().len(), if nothing == "tenant=" { 9 } else { 0 }, "{nothing}");
    }
    let status = Some(Status::Cancelled);
    let got = reader.calls(&CallQuery { status, ..CallQuery::newest(always(), 9) }).unwrap();
    assert_eq!(got.len(), 0);
    // 16384 rows a group: a window over three of them, of which one is looked through.
    let bounded = CallQuery { groups: 1, ..CallQuery::newest(always(), usize::MAX) };
    let got = reader.calls(&bounded).unwrap();
    assert!(got.len() < 16_384 && got.first().unwrap().id == call(39_999).id, "{}", got.len());
    assert_eq!(reader.rows_about(always()).unwrap(), 40_000);
    let half = Window { from: at(0), to: at(20_000_000_000) };
    assert!(reader.rows_about(half).unwrap().abs_diff(20_000) < 10);
}
