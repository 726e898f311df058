//! Rollups equal a recomputation from rows, wherever the rows are.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::sample::*;
use flowgauge_logic::call::{Call, Cost, Source, Text};
use flowgauge_logic::rollup::{Dim, Dist, Filter, Rollup, SeriesKey, Spreads};
use flowgauge_logic::unit::{NanoUsd, UnixMicros};
use flowgauge_logic::window::Window;
use flowgauge_store::pull::{RollupPull, dist_of};
use flowgauge_store::{Amendment, Change, Group, Options, Reader, RollupQuery, Step, Store};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The answer, the slow way.
fn recomputed(calls: &[Call], query: &RollupQuery) -> Vec<Group> {
    let window = query.window.whole_minutes();
    let mut groups: BTreeMap<(UnixMicros, Vec<Text>), Rollup> = BTreeMap::new();
    for call in calls {
        let key = SeriesKey::of(call);
        if !call.what.leaf || !window.contains(call.time.start) || !query.filter.accepts(&key) {
            continue;
        }
        let from = match query.step {
            Step::Whole => window.from,
            Step::Minutes(m) => {
                let m = i64::from(m);
                UnixMicros::from_minute(call.time.start.minute().div_euclid(m) * m)
            }
        };
        let name = query.group_by.iter().map(|d| Text::from(key.get(*d))).collect();
        groups.entry((from, name)).or_default().record(call);
    }
    groups.into_iter().map(|((from, key), rollup)| Group { from, key, rollup }).collect()
}

fn query(from: i64, to: i64, filter: &[&str], by: &[Dim], step: Step) -> RollupQuery {
    RollupQuery {
        window: Window { from: minutes(from), to: minutes(to) },
        filter: Filter::parse(filter).unwrap(),
        group_by: by.to_vec(),
        step,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_mix_of_commits_seals_and_restarts_gives_the_recomputed_rollups(
        steps in prop::collection::vec((0u8..6, 1u64..400), 1..12),
        from in -90i64..90, length in 1i64..400, step in prop::sample::select(vec![0u32, 1, 7, 60, 120]),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        let mut all: Vec<Call> = Vec::new();
        for (action, n) in steps {
            match action {
                0 => store.seal_now(T0).unwrap(),
                1 => {
                    drop(store);
                    store = open(dir.path());
                }
                _ => {
                    let first = all.len() as u64;
                    // Several seconds apart, so that hours are covered.
                    let mut more = calls(first..first + n);
                    for c in &mut more {
                        c.time.start = UnixMicros(T0.0 + (c.time.start.0 - T0.0) * 9);
                    }
                    put(&mut store, more.clone());
                    all.extend(more);
                }
            }
        }
        let step = if step == 0 { Step::Whole } else { Step::Minutes(step) };
        let questions = [
            query(from, from + length, &[], &[], step),
            query(from, from + length, &["model=large"], &[Dim::Intent], step),
            query(from, from + length, &[], &[Dim::Model, Dim::Intent], step),
            query(from, from + length, &["source=observed"], &[Dim::Source], step),
        ];
        for q in &questions {
            let whole = recomputed(&all, q);
            for spreads in [Spreads::NONE, Spreads::LATENCY | Spreads::OUTPUT, Spreads::USERS] {
                let cut = |g: &Group| Group { rollup: g.rollup.cut_to(spreads), ..g.clone() };
                let cut: Vec<Group> = whole.iter().map(cut).collect();
                prop_assert_eq!(store.reader().rollups_of(q, spreads).unwrap(), cut);
            }
            prop_assert_eq!(store.reader().rollups(q).unwrap(), whole);
        }
        let dead = crash(dir.path());
        let reader = flowgauge_store::Reader::open(dead.path()).unwrap();
        prop_assert_eq!(reader.rollups(&questions[1]).unwrap(), recomputed(&all, &questions[1]));
    }
}

#[test]
fn too_many_series_fold_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { max_series: 3, ..Options::default() };
    let mut store = Store::open(dir.path(), options, T0).unwrap().store;
    let many: Vec<Call> = (0..50)
        .map(|n| {
            let mut c = call(n);
            c.what.leaf = true;
            c.what.endpoint = Some(format!("route-{n}").into());
            c
        })
        .collect();
    put(&mut store, many);
    let groups = store.reader().rollups(&query(0, 60, &[], &[Dim::Endpoint], Step::Whole)).unwrap();
    let requests: u64 = groups.iter().map(|g| g.rollup.requests()).sum();
    assert_eq!(requests, 50);
    assert!(groups.iter().any(|g| g.key == ["(other)"]));
    assert!(groups.len() <= 4);
}

#[test]
fn readers_never_see_a_row_twice_or_not_at_all_while_sealing() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, calls(0..5_000));
    let want = calls(0..5_000).iter().filter(|c| c.what.leaf).count() as u64;
    let reader = store.reader();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut looks = 0u32;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let groups = reader.rollups(&query(0, 600, &[], &[], Step::Whole)).unwrap();
                assert_eq!(groups.iter().map(|g| g.rollup.requests()).sum::<u64>(), want);
                looks += 1;
            }
            looks
        });
        for n in 0..10 {
            // A span that is no model call, so that there is something to seal.
            let mut more = call(1_100_000 + n * 11);
            more.what.leaf = false;
            put(&mut store, vec![more]);
            store.seal_now(T0).unwrap();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(watch.join().unwrap() > 0);
    });
}

/// Sums by bucket and source: requests, cost, and the merged latencies.
type Sums = BTreeMap<(UnixMicros, Text), (u64, i64, Dist)>;

fn pulled(reader: &Reader, hours: bool, totals: bool) -> (usize, Sums) {
    let (mut rows, mut out) = (0, Sums::new());
    let asked = RollupPull { window: always(), hours, totals, dists: 1 };
    let take = &mut |rollup: flowgauge_store::pull::PulledRollup<'_>| {
        rows += 1;
        let at = (rollup.from, Text::from(rollup.key.get(Dim::Source)));
        let (requests, cost, latency) = out.entry(at).or_default();
        *requests += rollup.sums.requests();
        *cost += rollup.sums.cost_nanos;
        latency.merge(&dist_of(&rollup.dists[0].bytes()).unwrap());
    };
    reader.pull_rollups(asked, take).unwrap();
    (rows, out)
}

#[test]
fn totals_are_the_sums_of_their_series_on_disk_in_memory_and_amended() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let mut some = calls(0..6_000);
    some.iter_mut().step_by(3).for_each(|c| c.origin.source = Source::Probe);
    put(&mut store, some[..4_000].to_vec());
    let reader = store.reader();
    let compare = |step: &str| {
        for hours in [true, false] {
            let ((few, totals), (many, series)) =
                (pulled(&reader, hours, true), pulled(&reader, hours, false));
            assert_eq!(totals, series, "{step}, hours {hours}");
            assert!(few == totals.len() && few < many, "{step}: {few} of {many}");
        }
    };
    compare("in memory");
    store.seal_now(T0).unwrap();
    compare("on disk");
    put(&mut store, some[4_000..].to_vec());
    compare("both");
    let cost = Cost { nanos: Some(NanoUsd(7_000_000)), ..Cost::default() };
    let change = Change::Repriced { cost, attempts: Vec::new() };
    let dear = Amendment { call: some[5].id, change, by: "test".into() };
    store.amend(vec![dear], T0).unwrap();
    compare("amended");
    store.seal_now(T0).unwrap();
    compare("amended on disk");
}
