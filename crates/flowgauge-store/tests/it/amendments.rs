//! Rows that change after they were stored: rows, rollups and history follow, wherever the row is.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::sample::*;
use flowgauge_logic::call::{Attempt, Call, Cost, Text};
use flowgauge_logic::id::CallId;
use flowgauge_logic::rollup::{Dim, Filter, Rollup, SeriesKey};
use flowgauge_logic::unit::NanoUsd;
use flowgauge_logic::window::Window;
use flowgauge_store::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn priced(call: CallId, nanos: i64) -> Amendment {
    let cost = Cost { nanos: Some(NanoUsd(nanos)), ..Cost::default() };
    let change = Change::Repriced { cost, attempts: Vec::new() };
    Amendment { call, change, by: "prices recompute".into() }
}

fn merged(call: CallId, into: Option<CallId>) -> Amendment {
    Amendment { call, change: Change::Merged { into }, by: "test".into() }
}

fn by(step: Step, dims: &[Dim]) -> RollupQuery {
    RollupQuery {
        window: Window { from: minutes(-600), to: minutes(600) },
        filter: Filter::default(),
        group_by: dims.to_vec(),
        step,
    }
}

/// Users aside, which are never taken back: see decision 0007.
fn without_users(mut rollup: Rollup) -> Rollup {
    rollup.users = Default::default();
    rollup
}

fn total(store: &Store) -> Rollup {
    let groups = store.reader().rollups(&by(Step::Whole, &[])).unwrap();
    groups.into_iter().next().map(|g| without_users(g.rollup)).unwrap_or_default()
}

fn recomputed(calls: &[Call], dims: &[Dim]) -> BTreeMap<Vec<Text>, Rollup> {
    let mut groups: BTreeMap<Vec<Text>, Rollup> = BTreeMap::new();
    for call in calls.iter().filter(|c| c.what.leaf) {
        let key = SeriesKey::of(call);
        let name = dims.iter().map(|d| Text::from(key.get(*d))).collect();
        groups.entry(name).or_default().record(call);
    }
    groups.into_iter().map(|(name, rollup)| (name, without_users(rollup))).collect()
}

fn rows(store: &Store) -> Vec<Call> {
    let query = CallQuery { with_spans: true, ..CallQuery::newest(always(), usize::MAX) };
    store.reader().calls(&query).unwrap()
}

#[test]
fn a_new_price_changes_row_and_rollup_and_keeps_the_old_cost() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let mut row = call(1);
    row.attempts = vec![Attempt::default(), Attempt::default()];
    put(&mut store, vec![row.clone()]);
    let cost = |n| Cost { nanos: Some(NanoUsd(n)), ..Cost::default() };
    let change = Change::Repriced { cost: cost(30), attempts: vec![cost(10), cost(20)] };
    let ask = Amendment { call: row.id, change, by: "prices recompute".into() };
    let done = store.amend(vec![ask.clone(), priced(call(9).id, 1)], minutes(5)).unwrap();
    assert_eq!(done, Amended { changed: 1, unchanged: 0, unknown: 1 });
    let done = store.amend(vec![ask], minutes(6)).unwrap();
    assert_eq!(done, Amended { changed: 0, unchanged: 1, unknown: 0 });
    let now = store.reader().call(row.id).unwrap().unwrap();
    assert_eq!(now.cost, cost(30));
    assert_eq!(
        now.attempts.iter().map(|a| a.cost.nanos).collect::<Vec<_>>(),
        [Some(NanoUsd(10)), Some(NanoUsd(20))]
    );
    assert_eq!((total(&store).cost_nanos, total(&store).requests()), (30, 1));
    let history = store.reader().amendments(row.id).unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!((history[0].why, history[0].at), (Why::Repriced, minutes(5)));
    assert_eq!(history[0].before, Some(row.cost));
    assert_eq!(history[0].by, "prices recompute");
}

#[test]
fn changes_of_two_askers_do_not_undo_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, vec![call(1), call(2)]);
    store.amend(vec![merged(call(1).id, Some(call(2).id))], T0).unwrap();
    store.amend(vec![priced(call(1).id, 77)], T0).unwrap();
    assert_eq!(total(&store).requests(), 1);
    store.amend(vec![merged(call(1).id, None)], T0).unwrap();
    assert_eq!((total(&store).requests(), total(&store).cost_nanos), (2, 77 + 2));
    let why: Vec<Why> =
        store.reader().amendments(call(1).id).unwrap().iter().map(|l| l.why).collect();
    assert_eq!(why, [Why::Merged, Why::Repriced, Why::Merged]);
}

#[test]
fn a_span_that_is_no_model_call_never_comes_to_count() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, vec![call(0), call(1)]);
    let asked = [Some(call(1).id), None].map(|into| merged(call(0).id, into));
    let done = store.amend(asked.to_vec(), T0).unwrap();
    assert_eq!((done.changed, total(&store).requests()), (0, 1));
}

#[test]
fn a_sealed_row_is_changed_in_answers_and_sums_and_stays_so_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, calls(0..400));
    store.seal_now(T0).unwrap();
    let want = call(123);
    store.amend(vec![priced(want.id, 5_000_000), merged(call(124).id, Some(want.id))], T0).unwrap();
    let (now, sums) = (rows(&store), total(&store));
    assert_eq!(now.len(), 400);
    assert_eq!(sums, recomputed(&now, &[])[&Vec::new()]);
    drop(store);
    let mut store = open(dir.path());
    assert_eq!((rows(&store), total(&store)), (now.clone(), sums.clone()));
    store.seal_now(T0).unwrap();
    assert_eq!((rows(&store), total(&store)), (now.clone(), sums.clone()));
    drop(store);
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.call(want.id).unwrap().unwrap().cost.nanos, Some(NanoUsd(5_000_000)));
    let groups = reader.rollups(&by(Step::Whole, &[])).unwrap();
    assert_eq!(without_users(groups[0].rollup.clone()), sums);
}

#[test]
fn a_minute_whose_only_call_was_merged_away_is_not_shown() {
    for seal in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        put(&mut store, vec![call(1), call(301)]);
        if seal {
            store.seal_now(T0).unwrap();
        }
        store.amend(vec![merged(call(301).id, Some(call(1).id))], T0).unwrap();
        let minutes = by(Step::Minutes(1), &[]);
        assert_eq!(store.reader().rollups(&minutes).unwrap().len(), 1);
        store.seal_now(T0).unwrap();
        assert_eq!(store.reader().rollups(&minutes).unwrap().len(), 1);
    }
}

#[test]
fn a_store_of_the_format_before_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, vec![call(1)]);
    drop(store);
    let db = rusqlite::Connection::open(dir.path().join("hot.db")).unwrap();
    db.execute_batch("DROP TABLE amended; DROP TABLE amendments; PRAGMA user_version = 1").unwrap();
    drop(db);
    assert_eq!(Reader::open(dir.path()).unwrap().call(call(1).id).unwrap(), Some(call(1)));
    let mut store = open(dir.path());
    store.amend(vec![priced(call(1).id, 9)], T0).unwrap();
    assert_eq!(total(&store).cost_nanos, 9);
}

#[test]
fn two_changes_of_one_row_asked_together_are_both_on_record() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, vec![call(1), call(2)]);
    let asked = vec![priced(call(1).id, 77), merged(call(1).id, Some(call(2).id))];
    let done = store.amend(asked, T0).unwrap();
    assert_eq!(done, Amended { changed: 1, unchanged: 0, unknown: 0 });
    let history = store.reader().amendments(call(1).id).unwrap();
    assert_eq!(history.iter().map(|h| h.why).collect::<Vec<_>>(), [Why::Repriced, Why::Merged]);
    assert_eq!(history[0].before, Some(call(1).cost));
    assert_eq!((history[0].by.as_str(), history[1].by.as_str()), ("prices recompute", "test"));
}

#[test]
fn history_outlives_sealing() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, vec![call(1), call(2)]);
    store.amend(vec![merged(call(1).id, Some(call(2).id)), priced(call(1).id, 7)], T0).unwrap();
    let before = store.reader().amendments(call(1).id).unwrap();
    assert_eq!(before.len(), 2);
    store.seal_now(T0).unwrap();
    assert_eq!(store.reader().amendments(call(1).id).unwrap(), before);
}

#[test]
fn a_damaged_form_is_named_and_the_row_shown_as_it_was_stored() {
    for seal in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        put(&mut store, calls(0..40));
        if seal {
            store.seal_now(T0).unwrap();
        }
        store.amend(vec![priced(call(7).id, 5), priced(call(8).id, 5)], T0).unwrap();
        let db = rusqlite::Connection::open(dir.path().join("hot.db")).unwrap();
        let damage = "UPDATE amended SET form = x'00' WHERE call = ?1";
        assert_eq!(db.execute(damage, [call(7).id.0]).unwrap(), 1);
        drop(db);
        let cost = |n: i64| Some(NanoUsd(n));
        let one = |n| store.reader().call(call(n).id).unwrap().unwrap();
        assert_eq!((one(7), one(8).cost.nanos), (call(7), cost(5)));
        assert_eq!(rows(&store).len(), 40);
        let status = store.reader().status().unwrap();
        assert!(status.damage.iter().any(|d| d.contains(&call(7).id.to_string())), "{status:?}");
        // What is not known is not corrected either.
        let sums = total(&store);
        let done = store.amend(vec![priced(call(7).id, 9)], T0).unwrap();
        assert_eq!((done.unknown, total(&store)), (1, sums.clone()));
        store.seal_now(T0).unwrap();
        assert_eq!((rows(&store).len(), total(&store)), (40, sums));
    }
}

#[test]
fn amended_rows_are_found_among_few_and_among_many() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, calls(0..1_500));
    store.seal_now(T0).unwrap();
    store.amend((0..1_500).step_by(3).map(|n| priced(call(n).id, 9)).collect(), T0).unwrap();
    let now = rows(&store);
    assert_eq!(now.iter().filter(|c| c.cost.nanos == Some(NanoUsd(9))).count(), 500);
    let few = CallQuery { with_spans: true, ..CallQuery::newest(always(), 10) };
    assert_eq!(store.reader().calls(&few).unwrap(), now[..10]);
    assert_eq!(total(&store), recomputed(&now, &[])[&Vec::new()]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_mix_of_amendments_commits_seals_and_crashes_gives_the_recomputed_rollups(
        steps in prop::collection::vec((0u8..8, 0u64..200, 1i64..1_000), 4..40),
    ) {
        let mut dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        put(&mut store, calls(0..100));
        let mut next = 100;
        for (action, n, nanos) in steps {
            let id = call(n % next).id;
            match action {
                0 => store.seal_now(T0).unwrap(),
                1 => {
                    let copy = crash(dir.path());
                    drop(store);
                    dir = copy;
                    store = open(dir.path());
                }
                2 => {
                    put(&mut store, calls(next..next + 20));
                    next += 20;
                }
                3 | 4 => drop(store.amend(vec![priced(id, nanos)], T0).unwrap()),
                5 => drop(store.amend(vec![merged(id, None)], T0).unwrap()),
                _ => drop(store.amend(vec![merged(id, Some(call(0).id)), priced(id, nanos)], T0).unwrap()),
            }
        }
        let rows = rows(&store);
        prop_assert_eq!(rows.len() as u64, next);
        for dims in [&[][..], &[Dim::Model, Dim::Intent][..]] {
            let groups = store.reader().rollups(&by(Step::Whole, dims)).unwrap();
            let groups: BTreeMap<_, _> = groups.into_iter().map(|g| (g.key, without_users(g.rollup))).collect();
            prop_assert_eq!(groups, recomputed(&rows, dims));
        }
    }
}
