//! One call seen by two witnesses is one call, whatever the order, the batches and the crashes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::sample::*;
use flowgauge_logic::call::{Call, Cost, Door, Text};
use flowgauge_logic::id::{SpanId, TraceId};
use flowgauge_logic::rollup::{Dim, Distinct, Filter, Rollup};
use flowgauge_logic::unit::{NanoUsd, UnixMicros};
use flowgauge_logic::window::Window;
use flowgauge_store::{
    Amended, Amendment, CallQuery, Change, Group, RollupQuery, Step, Store, Why,
};
use proptest::prelude::*;

fn gateway(n: u64) -> Call {
    let mut c = call(n);
    c.what.leaf = true;
    c.what.provider = Some("default".into());
    c.link.response_id = Some(format!("chatcmpl-{n}").into());
    c
}

/// The instrumentation's row of the same call: later, other times, tokens and cost.
fn sdk(n: u64) -> Call {
    let mut c = call(2_000_000 + n);
    c.time.start = UnixMicros(gateway(n).time.start.0 + 700);
    c.origin.door = Door::OtlpHttp;
    c.origin.service = Some("reader".into());
    c.origin.environment = Some("prod".into());
    c.what.leaf = true;
    c.what.provider = Some("openai".into());
    c.link.trace_id = Some(TraceId([9; 16]));
    c.link.span_id = Some(SpanId((n + 1).to_be_bytes()));
    c.link.response_id = Some(format!("chatcmpl-{n}").into());
    c
}

fn totals(store: &Store, by: &[Dim]) -> Vec<Group> {
    let query = RollupQuery {
        window: Window { from: minutes(-60), to: minutes(60 * 24) },
        filter: Filter::default(),
        group_by: by.to_vec(),
        step: Step::Whole,
    };
    let mut groups = store.reader().rollups(&query).unwrap();
    // Users seen are never taken back, so they depend on which row came first: see decision 0007.
    groups.iter_mut().for_each(|g| g.rollup.users = Default::default());
    groups
}

fn whole(store: &Store) -> Rollup {
    totals(store, &[]).pop().map(|g| g.rollup).unwrap_or_default()
}

fn listed(store: &Store) -> Vec<Call> {
    store.reader().calls(&CallQuery::newest(always(), usize::MAX)).unwrap()
}

type Witness = fn(u64) -> Call;

#[test]
fn gateway_alone_instrumentation_alone_and_both_are_one_call() {
    let orders: [&[Witness]; 4] = [&[gateway], &[sdk], &[gateway, sdk], &[sdk, gateway]];
    for order in orders {
        for seal in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let mut store = open(dir.path());
            for witness in order {
                assert_eq!(put(&mut store, vec![witness(3)]), (1, 0));
                assert_eq!(put(&mut store, vec![witness(3)]), (0, 1));
                if seal {
                    store.seal_now(T0).unwrap();
                }
            }
            for store in [open(crash(dir.path()).path()), store] {
                assert_eq!((whole(&store).requests(), listed(&store).len()), (1, 1));
                if order.len() == 2 {
                    let row = store.reader().call(gateway(3).id).unwrap().unwrap();
                    assert_eq!(listed(&store), std::slice::from_ref(&row));
                    assert_eq!(row.usage, gateway(3).usage);
                    assert_eq!(row.cost, gateway(3).cost);
                    assert_eq!(row.origin.service.as_deref(), Some("reader"));
                    assert_eq!(row.link.trace_id, sdk(3).link.trace_id);
                    let other = store.reader().call(sdk(3).id).unwrap().unwrap();
                    assert_eq!((other.what.leaf, other.link.merged_into), (false, Some(row.id)));
                    assert_eq!(totals(&store, &[Dim::Service]).len(), 1);
                }
            }
        }
    }
}

#[test]
fn an_agent_span_that_repeats_the_usage_of_its_calls_adds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let mut agent = sdk(50);
    agent.what.leaf = false;
    agent.what.operation = "invoke_agent".into();
    put(&mut store, vec![agent, sdk(1), sdk(2)]);
    put(&mut store, vec![gateway(2), gateway(1)]);
    let r = whole(&store);
    let tokens = |n| gateway(n).usage.input_total().unwrap().0;
    assert_eq!((r.requests(), r.input.sum), (2, tokens(1) + tokens(2)));
}

fn any_step() -> impl Strategy<Value = Vec<(u8, usize)>> {
    prop::collection::vec((0u8..8, 1usize..8), 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_order_batches_duplicates_seals_and_crashes_give_the_same_totals(
        order in Just((0..24usize).collect::<Vec<_>>()).prop_shuffle(),
        again in prop::collection::vec(0..24usize, 0..8),
        steps in any_step(), constant in any::<bool>(),
    ) {
        let name = |mut c: Call| {
            if constant {
                c.link.response_id = Some("chatcmpl-mock".into());
            }
            c
        };
        // Ten calls seen twice, two by the gateway only, two by the instrumentation only where ids
        // tell them apart.
        let mut all: Vec<Call> = (0..12).map(|n| name(gateway(n))).collect();
        all.extend((0..10).map(|n| name(sdk(n))));
        all.extend([sdk(30), sdk(31)]);
        // Where an id repeats, which witness lends its user to which call depends on the order.
        let known = |mut r: Rollup| {
            if constant {
                r.users = Distinct::default();
            }
            r
        };
        let whole = |store: &Store| known(whole(store));
        let by_model = |store: &Store| -> Vec<(Vec<Text>, Rollup)> {
            totals(store, &[Dim::Model]).into_iter().map(|g| (g.key, known(g.rollup))).collect()
        };
        let once = tempfile::tempdir().unwrap();
        let mut want = open(once.path());
        put(&mut want, all.clone());
        let (want_all, want_by) = (whole(&want), by_model(&want));
        prop_assert_eq!(want_all.requests(), 14);

        let mut dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        let mut sent: Vec<Call> = order.iter().chain(&again).map(|i| all[*i].clone()).collect();
        let mut steps = steps.into_iter().cycle();
        while !sent.is_empty() {
            let (action, n) = steps.next().unwrap();
            match action {
                0 => store.seal_now(T0).unwrap(),
                1 => store.reopen(T0).unwrap(),
                2 => {
                    let copy = crash(dir.path());
                    drop(store);
                    dir = copy;
                    store = open(dir.path());
                }
                _ => {}
            }
            let batch: Vec<Call> = sent.drain(..n.min(sent.len())).collect();
            put(&mut store, batch);
        }
        prop_assert_eq!(&whole(&store), &want_all);
        prop_assert_eq!(&by_model(&store), &want_by);
        prop_assert_eq!(listed(&store).len(), 14);
        store.seal_now(T0).unwrap();
        prop_assert_eq!(&whole(&store), &want_all);
        let copy = crash(dir.path());
        let again = open(copy.path());
        prop_assert_eq!(&whole(&again), &want_all);
        prop_assert_eq!(listed(&again).len(), 14);
    }
}

fn repriced(n: u64, nanos: i64) -> Amendment {
    let cost = Cost { nanos: Some(NanoUsd(nanos)), ..Cost::default() };
    Amendment {
        call: gateway(n).id,
        change: Change::Repriced { cost, attempts: Vec::new() },
        by: "a test".into(),
    }
}

#[test]
fn a_repriced_row_keeps_its_old_cost_on_record_and_totals_follow() {
    for seal_first in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        put(&mut store, (1..20).map(gateway).collect());
        if seal_first {
            store.seal_now(T0).unwrap();
        }
        let before = whole(&store).cost_nanos;
        let old = gateway(7).cost.nanos.unwrap().0;
        let done = store.amend(vec![repriced(7, 1_000), repriced(900, 1)], T0).unwrap();
        assert_eq!(done, Amended { changed: 1, unchanged: 0, unknown: 1 });
        let done = store.amend(vec![repriced(7, 1_000)], T0).unwrap();
        assert_eq!(done, Amended { changed: 0, unchanged: 1, unknown: 0 });
        let copy = crash(dir.path());
        let mut again = open(copy.path());
        for store in [&mut store, &mut again] {
            for _ in 0..2 {
                assert_eq!(whole(store).cost_nanos, before - old + 1_000);
                let row = store.reader().call(gateway(7).id).unwrap().unwrap();
                assert_eq!(row.cost.nanos, Some(NanoUsd(1_000)));
                assert!(listed(store).contains(&row));
                let history = store.reader().amendments(row.id).unwrap();
                assert_eq!(history.len(), 1);
                assert_eq!((history[0].why, history[0].by.as_str()), (Why::Repriced, "a test"));
                assert_eq!(history[0].before.as_ref(), Some(&gateway(7).cost));
                store.seal_now(T0).unwrap();
            }
        }
    }
}

#[test]
fn rows_are_found_by_answer_and_by_trace_sealed_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, (0..50).map(gateway).collect());
    store.seal_now(T0).unwrap();
    put(&mut store, vec![sdk(4)]);
    let ids = |calls: Vec<Call>| calls.into_iter().map(|c| c.id).collect::<Vec<_>>();
    for _ in 0..2 {
        let reader = store.reader();
        let both = [gateway(4).id, sdk(4).id];
        assert_eq!(ids(reader.find_by_response("chatcmpl-4", None).unwrap()), both);
        assert_eq!(ids(reader.find_by_response("chatcmpl-4", Some(T0)).unwrap()), both);
        assert_eq!(ids(reader.find_by_trace(TraceId([9; 16])).unwrap()), both);
        assert!(reader.find_by_response("chatcmpl-4", Some(minutes(9_999))).unwrap().is_empty());
        assert!(reader.find_by_response("chatcmpl-none", None).unwrap().is_empty());
        store.seal_now(T0).unwrap();
    }
}
