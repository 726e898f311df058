//! One call seen by the gateway and told by instrumentations counts once, whichever comes first.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::sample::*;
use flowgauge_logic::call::*;
use flowgauge_logic::id::{CallId, SpanId, TraceId};
use flowgauge_logic::rollup::{Filter, Rollup};
use flowgauge_logic::unit::{Micros, NanoUsd, UnixMicros};
use flowgauge_logic::window::Window;
use flowgauge_store::*;
use proptest::prelude::*;

/// 14,426 tokens in and 771 out at $5 and $30 a million.
const COST: i64 = 95_260_000;

fn row(n: u64, door: Door, start: i64) -> Call {
    let mut random = [0; 10];
    random[1] = door.code();
    random[2..].copy_from_slice(&n.to_be_bytes());
    let start = at(start);
    let mut c = Call::begun(CallId::new(start, random), start, start, door);
    c.what.leaf = true;
    c.what.operation = "chat".into();
    c.what.model_used = Some("large".into());
    c.link.response_id = Some(format!("resp-{n}").into());
    c.time.latency = Some(Micros(1_000 + n));
    c.usage.source = UsageSource::Provider;
    c.usage.input = Some(InputTokens { text: 14_426, ..InputTokens::default() });
    c.usage.output = Some(OutputTokens { visible: 771, ..OutputTokens::default() });
    c.cost.nanos = Some(NanoUsd(COST));
    c
}

/// As the gateway sees the `n`th call, 1 ms after its caller began it.
fn seen(n: u64) -> Call {
    let mut c = row(n, Door::Gateway, i64::try_from(n).unwrap() * 2_000_000 + 1_000);
    c.what.provider = Some("default".into());
    c
}

/// As an instrumentation tells of it, with its context.
fn told(n: u64, scope: &str) -> Call {
    let mut c = row(n, Door::OtlpHttp, i64::try_from(n).unwrap() * 2_000_000);
    c.id.0[15] = scope.len().to_le_bytes()[0];
    c.what.provider = Some("openai".into());
    c.origin.dialect = Dialect::SemconvG2;
    c.origin.scope = Some(scope.into());
    c.origin.service = Some("shop".into());
    c.link.trace_id = Some(TraceId([9; 16]));
    let mut span = n.to_be_bytes();
    span[0] = scope.len().to_le_bytes()[0];
    c.link.span_id = Some(SpanId(span));
    c.link.conversation_id = Some("talk".into());
    c.who.labels = vec![("team".into(), "blue".into())];
    // An instrumentation's own times and counts may be off; the gateway's stand.
    c.time.latency = Some(Micros(9_000_000));
    c
}

fn total(store: &Store) -> Rollup {
    let window = Window { from: minutes(-3_000), to: minutes(3_000) };
    let query =
        RollupQuery { window, filter: Filter::default(), group_by: Vec::new(), step: Step::Whole };
    let groups = store.reader().rollups(&query).unwrap();
    let mut total = groups.into_iter().next().map(|g| g.rollup).unwrap_or_default();
    // Users seen are never taken back: see decision 0007.
    total.users = Default::default();
    total
}

fn count_and_cost(store: &Store) -> (u64, i64) {
    let sum = total(store);
    (sum.requests(), sum.cost_nanos)
}

fn read(store: &Store, id: CallId) -> Call {
    store.reader().call(id).unwrap().unwrap()
}

fn after(commits: &[Vec<Call>]) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    for calls in commits {
        put(&mut store, calls.clone());
    }
    (dir, store)
}

#[test]
fn a_call_costs_the_same_seen_told_and_both_in_either_order() {
    let mut agent = told(1, "agent");
    agent.what.leaf = false;
    agent.cost = Cost::default();
    let (gateway, sdk) = (seen(1), told(1, "sdk"));
    for commits in [
        vec![vec![gateway.clone()]],
        vec![vec![agent.clone(), sdk.clone()]],
        vec![vec![gateway.clone(), sdk.clone(), agent.clone()]],
        vec![vec![sdk.clone(), agent.clone(), gateway.clone()]],
        vec![vec![gateway.clone()], vec![agent.clone(), sdk.clone()]],
        vec![vec![agent.clone(), sdk.clone()], vec![gateway.clone()]],
    ] {
        let (_dir, store) = after(&commits);
        assert_eq!(count_and_cost(&store), (1, COST));
        if commits.iter().flatten().count() < 3 {
            continue;
        }
        let counts = read(&store, gateway.id);
        assert!(counts.what.leaf && counts.time.latency == gateway.time.latency);
        assert_eq!(counts.origin.service.as_deref(), Some("shop"));
        assert_eq!(counts.link.trace_id, sdk.link.trace_id);
        assert_eq!((counts.link.span_id, &counts.who.labels), (sdk.link.span_id, &sdk.who.labels));
        let other = read(&store, sdk.id);
        assert_eq!((other.what.leaf, other.link.merged_into), (false, Some(gateway.id)));
    }
}

#[test]
fn history_says_what_pairing_changed_in_rows_stored_before() {
    let (_dir, store) = after(&[vec![told(1, "sdk")], vec![seen(1)]]);
    let lines = store.reader().amendments(told(1, "sdk").id).unwrap();
    assert_eq!(
        (lines.len(), lines[0].why, lines[0].by.as_str()),
        (1, Why::Merged, "one call, two witnesses")
    );
    assert!(store.reader().amendments(seen(1).id).unwrap().is_empty());
    let (_dir, store) = after(&[vec![seen(1)], vec![told(1, "sdk")]]);
    assert_eq!(store.reader().amendments(seen(1).id).unwrap()[0].why, Why::Context);
}

#[test]
fn a_constant_response_id_does_not_make_many_calls_one() {
    let alike = |mut c: Call| {
        c.link.response_id = Some("chatcmpl-mock".into());
        c
    };
    let gateway: Vec<Call> = (0..5).map(seen).map(alike).collect();
    let sdk: Vec<Call> = (0..5).map(|n| alike(told(n, "sdk"))).collect();
    for commits in [
        vec![gateway.clone()],
        vec![sdk.clone()],
        vec![gateway.clone(), sdk.clone()],
        vec![sdk.clone(), gateway.clone()],
    ] {
        let (_dir, store) = after(&commits);
        assert_eq!(count_and_cost(&store), (5, 5 * COST));
    }
    let (_dir, store) = after(&[gateway.clone(), sdk.clone()]);
    for (sdk, gateway) in sdk.iter().zip(&gateway) {
        assert_eq!(read(&store, sdk.id).link.merged_into, Some(gateway.id));
    }
}

#[test]
fn a_wrapper_and_the_library_it_wraps_are_one_call_with_and_without_the_gateway() {
    let child = told(1, "library");
    let mut parent = told(1, "outer");
    let mut child =
        Call { link: Link { parent_span_id: parent.link.span_id, ..child.link.clone() }, ..child };
    parent.time.start = UnixMicros(child.time.start.0 - 500);
    for same_scope in [false, true] {
        if same_scope {
            child.origin.scope.clone_from(&parent.origin.scope);
        }
        let three = [parent.clone(), child.clone(), seen(1)];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let commits: Vec<_> = order.iter().map(|i| vec![three[*i].clone()]).collect();
            let (_dir, store) = after(&commits);
            assert_eq!(count_and_cost(&store), (1, COST), "{order:?}");
            let into = [&parent, &child].map(|c| read(&store, c.id).link.merged_into);
            assert!(into[1] == Some(seen(1).id), "{order:?}");
            assert!([Some(child.id), Some(seen(1).id)].contains(&into[0]), "{order:?}");
        }
        let (_dir, store) = after(&[vec![child.clone()], vec![parent.clone()]]);
        assert_eq!(count_and_cost(&store), (1, COST));
        assert_eq!(read(&store, parent.id).link.merged_into, Some(child.id));
    }
}

#[test]
fn what_does_not_fit_stays_two_calls() {
    let mut other = seen(1);
    other.what.provider = Some("anthropic".into());
    let mut late = told(1, "sdk");
    late.time.start = at(16 * UnixMicros::MINUTE);
    let nameless = |mut c: Call| {
        c.link.response_id = None;
        c
    };
    let mut imported = told(1, "sdk");
    imported.origin.door = Door::Import;
    for pair in [
        [other, told(1, "sdk")],
        [seen(1), late.clone()],
        [nameless(seen(1)), nameless(told(1, "sdk"))],
        [seen(1), imported],
        [told(1, "sdk"), told(1, "other-sdk")],
        [seen(1), told(2, "sdk")],
    ] {
        let (_dir, store) = after(&[pair[..1].to_vec(), pair[1..].to_vec()]);
        assert_eq!(count_and_cost(&store).0, 2, "{:?}", pair[1].origin);
    }
    // A common trace joins them although they are far apart.
    let mut traced = seen(1);
    traced.link.trace_id = late.link.trace_id;
    let (_dir, store) = after(&[vec![traced], vec![late]]);
    assert_eq!(count_and_cost(&store).0, 1);
}

#[test]
fn rows_are_recognised_after_sealing_and_a_restart() {
    for gateway_first in [true, false] {
        for restart in [true, false] {
            let (dir, mut store) = after(&[(0..40)
                .map(|n| if gateway_first { seen(n) } else { told(n, "sdk") })
                .collect()]);
            store.seal_now(T0).unwrap();
            if restart {
                drop(store);
                store = open(dir.path());
            }
            let rest: Vec<Call> =
                (0..40).map(|n| if gateway_first { told(n, "sdk") } else { seen(n) }).collect();
            put(&mut store, rest);
            assert_eq!(count_and_cost(&store), (40, 40 * COST));
            assert_eq!(read(&store, seen(7).id).origin.service.as_deref(), Some("shop"));
            assert_eq!(read(&store, told(7, "sdk").id).link.merged_into, Some(seen(7).id));
            store.seal_now(T0).unwrap();
            drop(store);
            assert_eq!(count_and_cost(&open(dir.path())), (40, 40 * COST));
        }
    }
}

#[test]
fn of_rows_merged_and_let_go_by_hand_pairing_knows_with_and_without_a_restart() {
    let amend = |into| Amendment {
        call: told(1, "sdk").id,
        change: Change::Merged { into },
        by: "test".into(),
    };
    for restart in [false, true] {
        for seal in [false, true] {
            let again = |store: Store, dir: &tempfile::TempDir| {
                if !restart {
                    return store;
                }
                drop(store);
                open(dir.path())
            };
            // Merged by hand, the row is not taken by the gateway's.
            let (dir, mut store) = after(&[vec![told(1, "sdk"), seen(2)]]);
            if seal {
                store.seal_now(T0).unwrap();
            }
            store.amend(vec![amend(Some(seen(2).id))], T0).unwrap();
            let mut store = again(store, &dir);
            put(&mut store, vec![seen(1)]);
            assert_eq!(read(&store, told(1, "sdk").id).link.merged_into, Some(seen(2).id));
            // Let go, it leaves the gateway's row free for another that fits it better.
            let (dir, mut store) = after(&[vec![seen(1)], vec![told(1, "sdk")]]);
            if seal {
                store.seal_now(T0).unwrap();
            }
            store.amend(vec![amend(None)], T0).unwrap();
            let mut store = again(store, &dir);
            let mut other = told(1, "sdk");
            (other.id.0[14], other.link.span_id) = (77, Some(SpanId([77; 8])));
            put(&mut store, vec![other.clone()]);
            assert_eq!(read(&store, other.id).link.merged_into, Some(seen(1).id));
            assert_eq!(count_and_cost(&store), (2, 2 * COST));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_split_order_and_duplication_gives_the_same_totals(
        order in Just((0usize..90).collect::<Vec<_>>()).prop_shuffle(),
        again in prop::collection::vec(0usize..90, 0..30),
        cuts in prop::collection::vec((1usize..25, 0u8..6), 1..12),
    ) {
        // 30 calls seen, told by two instrumentations, some of them by one only or not seen.
        let all: Vec<Call> = (0..30u64)
            .flat_map(|n| {
                let mut first = told(n, "sdk");
                first.time.latency = seen(n).time.latency;
                let mut second = told(n, "another-sdk");
                second.link.parent_span_id = first.link.span_id;
                second.time.latency = seen(n).time.latency;
                let rows = [first, second, seen(n)];
                let skip = usize::try_from(n % 4).unwrap();
                rows.into_iter().enumerate().map(move |(i, c)| if i + 1 == skip { told(n, "sdk") } else { c })
            })
            .collect();
        let (_dir, once) = after(std::slice::from_ref(&all));
        let want = total(&once);
        prop_assert_eq!(want.requests(), 30);
        let mut dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        let mut rest: Vec<Call> =
            order.iter().chain(&again).map(|i| all[*i].clone()).collect();
        for (n, action) in cuts.into_iter().chain([(usize::MAX, 5)]) {
            let batch = rest.drain(..n.min(rest.len())).collect();
            put(&mut store, batch);
            match action {
                0 => store.seal_now(T0).unwrap(),
                1 => {
                    drop(store);
                    store = open(dir.path());
                }
                2 => {
                    let copy = crash(dir.path());
                    drop(store);
                    dir = copy;
                    store = open(dir.path());
                }
                3 => store.reopen(T0).unwrap(),
                _ => {}
            }
        }
        prop_assert_eq!(total(&store), want.clone());
        store.seal_now(T0).unwrap();
        drop(store);
        prop_assert_eq!(total(&open(dir.path())), want);
    }
}
