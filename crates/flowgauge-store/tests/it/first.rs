//! When a series was seen first, wherever its rows are and whatever was taken back.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::sample::*;
use flowgauge_logic::call::Call;
use flowgauge_logic::rollup::Dim;
use flowgauge_logic::unit::UnixMicros;
use flowgauge_store::*;

fn version(n: u64, minute: i64, version: &str) -> Call {
    let mut c = sent(n);
    let start = minutes(minute);
    c.id = flowgauge_logic::id::CallId::new(start, [u8::try_from(n).unwrap(); 10]);
    c.time.start = start;
    c.what.leaf = true;
    c.what.model_used = Some("small".into());
    c.what.intent = None;
    c.origin.version = Some(version.into());
    c
}

fn first(store: &Store) -> Vec<(String, UnixMicros)> {
    let found = store.reader().first_seen(|key| !key.get(Dim::Version).is_empty()).unwrap();
    let mut found: Vec<_> =
        found.into_iter().map(|(key, at)| (key.get(Dim::Version).to_string(), at)).collect();
    found.sort();
    found
}

#[test]
fn each_version_is_first_seen_in_the_hour_of_its_first_call_sealed_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, vec![version(1, 61, "1"), version(2, 200, "1"), version(3, 130, "2"), call(1)]);
    let wanted = vec![("1".to_owned(), minutes(60)), ("2".to_owned(), minutes(120))];
    assert_eq!(first(&store), wanted);
    store.seal_now(T0).unwrap();
    assert_eq!(first(&store), wanted);
    put(&mut store, vec![version(4, 5, "2")]);
    assert_eq!(first(&store).get(1).unwrap().1, minutes(0));
    drop(store);
    assert_eq!(first(&open(dir.path())).get(1).unwrap().1, minutes(0));
}

#[test]
fn an_hour_whose_only_call_turned_out_to_be_another_is_not_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let (early, late) = (version(1, 1, "1"), version(2, 90, "1"));
    let change = Change::Merged { into: Some(late.id) };
    let merged = Amendment { call: early.id, change, by: "test".into() };
    put(&mut store, vec![early, late]);
    store.seal_now(T0).unwrap();
    assert_eq!(first(&store).first().unwrap().1, minutes(0));
    store.amend(vec![merged], T0).unwrap();
    assert_eq!(first(&store).first().unwrap().1, minutes(60), "taken away in memory");
    store.seal_now(T0).unwrap();
    assert_eq!(first(&store).first().unwrap().1, minutes(60), "taken away on disk");
}
