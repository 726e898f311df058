//! Which rows meet, in either order, and which never do.

use super::*;
use crate::id::{SpanId, TraceId};
use crate::unit::UnixMicros;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

const T0: UnixMicros = UnixMicros(1_700_000_000_000_000);

fn row(n: u8, door: Door, start: i64) -> Call {
    let at = UnixMicros(T0.0 + start);
    let mut c = Call::begun(CallId([n; 16]), at, at, door);
    c.what.leaf = true;
    c.link.response_id = Some("chatcmpl-1".into());
    c
}

fn arrive(index: &mut Witnesses, call: &Call) -> Vec<(CallId, CallId)> {
    let sight = Sight::of(call, 1).unwrap();
    index.arrive(sight, T0).iter().map(|d| (d.row, d.into)).collect()
}

#[test]
fn gateway_and_instrumentation_meet_in_either_order() {
    let (gateway, sdk) = (row(1, Door::Gateway, 0), row(2, Door::OtlpHttp, 5));
    for (first, second) in [(&gateway, &sdk), (&sdk, &gateway)] {
        let mut index = Witnesses::default();
        assert!(arrive(&mut index, first).is_empty());
        assert_eq!(arrive(&mut index, second), [(sdk.id, gateway.id)]);
    }
}

#[test]
fn without_a_trace_provider_and_time_must_fit() {
    let mut gateway = row(1, Door::Gateway, 0);
    gateway.what.provider = Some("openai".into());
    let mut other = row(2, Door::OtlpHttp, 0);
    other.what.provider = Some("anthropic".into());
    let mut index = Witnesses::default();
    arrive(&mut index, &gateway);
    assert!(arrive(&mut index, &other).is_empty());
    assert!(arrive(&mut index, &row(3, Door::OtlpHttp, APART + 1)).is_empty());
    other.id = CallId([4; 16]);
    other.what.provider = Some("openai.chat".into());
    assert_eq!(arrive(&mut index, &other), [(other.id, gateway.id)]);
    gateway.id = CallId([5; 16]);
    gateway.what.provider = Some("my-nickname".into());
    assert_eq!(arrive(&mut index, &gateway).first().map(|d| d.0), Some(CallId([2; 16])));
}

#[test]
fn a_shared_trace_needs_no_nearness() {
    let (mut gateway, mut sdk) = (row(1, Door::Gateway, 0), row(2, Door::OtlpGrpc, 10 * APART));
    gateway.link.trace_id = Some(TraceId([7; 16]));
    sdk.link.trace_id = gateway.link.trace_id;
    let mut index = Witnesses::default();
    arrive(&mut index, &gateway);
    assert_eq!(arrive(&mut index, &sdk), [(sdk.id, gateway.id)]);
}

#[test]
fn a_repeated_response_id_pairs_one_to_one_with_the_nearest() {
    let mut index = Witnesses::default();
    for n in 0..4 {
        arrive(&mut index, &row(n, Door::Gateway, i64::from(n) * 1_000_000));
    }
    for n in 0..4u8 {
        let sdk = row(100 + n, Door::OtlpHttp, i64::from(n) * 1_000_000 + 10);
        assert_eq!(arrive(&mut index, &sdk), [(sdk.id, CallId([n; 16]))]);
    }
    assert!(arrive(&mut index, &row(200, Door::OtlpHttp, 0)).is_empty());
}

#[test]
fn of_a_span_around_another_for_the_same_answer_the_inner_counts() {
    let mut outer = row(1, Door::OtlpHttp, 0);
    outer.link.trace_id = Some(TraceId([7; 16]));
    outer.link.span_id = Some(SpanId([1; 8]));
    let mut inner = row(2, Door::OtlpHttp, 10);
    inner.link.trace_id = outer.link.trace_id;
    inner.link.span_id = Some(SpanId([2; 8]));
    inner.link.parent_span_id = outer.link.span_id;
    for (first, second) in [(&outer, &inner), (&inner, &outer)] {
        let mut index = Witnesses::default();
        arrive(&mut index, first);
        assert_eq!(arrive(&mut index, second), [(outer.id, inner.id)]);
    }
    let mut index = Witnesses::default();
    let gateway = row(3, Door::Gateway, 0);
    arrive(&mut index, &outer);
    arrive(&mut index, &gateway);
    assert_eq!(arrive(&mut index, &inner), [(inner.id, gateway.id)]);
}

#[test]
fn rows_without_an_answer_or_that_are_no_calls_never_meet() {
    let mut c = row(1, Door::OtlpHttp, 0);
    c.what.leaf = false;
    assert_eq!(Sight::of(&c, 1), None);
    c.what.leaf = true;
    c.link.response_id = None;
    assert_eq!(Sight::of(&c, 1), None);
    assert_eq!(Sight::of(&row(1, Door::Import, 0), 1), None);
}

#[test]
fn what_the_gateway_knows_is_kept_and_what_it_lacks_is_lent() {
    let (mut gateway, mut sdk) = (row(1, Door::Gateway, 0), row(2, Door::OtlpHttp, 5));
    gateway.origin.service = Some("mine".into());
    sdk.origin.service = Some("theirs".into());
    sdk.origin.environment = Some("prod".into());
    sdk.link.trace_id = Some(TraceId([7; 16]));
    lend(&sdk, &mut gateway);
    assert_eq!(gateway.origin.service.as_deref(), Some("mine"));
    assert_eq!(gateway.origin.environment.as_deref(), Some("prod"));
    assert_eq!(gateway.link.trace_id, sdk.link.trace_id);
}

/// A span around a span around a span, and the gateway's row, which comes last of the four.
fn chain(same_scope: bool) -> [Call; 4] {
    let [mut outer, mut middle, mut inner] =
        [1u8, 2, 3].map(|n| row(n, Door::OtlpHttp, i64::from(n)));
    for (n, c) in [&mut outer, &mut middle, &mut inner].into_iter().enumerate() {
        c.link.trace_id = Some(TraceId([7; 16]));
        c.link.span_id = Some(SpanId(c.id.0[..8].try_into().unwrap()));
        c.origin.scope =
            Some(if same_scope { "scope".into() } else { format!("scope-{n}").into() });
    }
    middle.link.parent_span_id = outer.link.span_id;
    inner.link.parent_span_id = middle.link.span_id;
    [outer, middle, inner, row(4, Door::Gateway, 0)]
}

proptest! {
    #[test]
    fn a_chain_of_spans_is_one_call_in_any_order(
        order in Just([0usize, 1, 2, 3]).prop_shuffle(), rows in 3usize..=4,
        same_scope in any::<bool>(), gateway_start in -5i64..10,
    ) {
        let mut all = chain(same_scope);
        all[3].time.start = UnixMicros(T0.0 + gateway_start);
        let mut index = Witnesses::default();
        let mut merged = std::collections::HashMap::new();
        let order: Vec<usize> = order.into_iter().filter(|i| *i < rows).collect();
        for i in &order {
            for (row, into) in arrive(&mut index, &all[*i]) {
                prop_assert!(merged.insert(row, into).is_none());
            }
        }
        let left: Vec<CallId> =
            order.iter().map(|i| all[*i].id).filter(|id| !merged.contains_key(id)).collect();
        prop_assert_eq!(left, [all[rows - 1].id]);
    }
}

#[test]
fn of_a_row_merged_by_hand_the_index_knows_and_of_its_return_too() {
    let (gateway, mut sdk) = (row(1, Door::Gateway, 0), row(2, Door::OtlpHttp, 5));
    let mut index = Witnesses::default();
    arrive(&mut index, &sdk);
    sdk.link.merged_into = Some(CallId([9; 16]));
    index.follow(&sdk);
    assert!(arrive(&mut index, &gateway).is_empty());
    assert_eq!(arrive(&mut index, &row(3, Door::OtlpHttp, 6)), [(CallId([3; 16]), gateway.id)]);
    // Alone again, it finds the next free row of the gateway.
    sdk.link.merged_into = None;
    index.follow(&sdk);
    assert_eq!(arrive(&mut index, &row(4, Door::Gateway, 0)), [(sdk.id, CallId([4; 16]))]);
}

#[test]
fn a_row_of_the_gateway_let_go_is_free_again() {
    let (gateway, mut sdk) = (row(1, Door::Gateway, 0), row(2, Door::OtlpHttp, 5));
    let mut index = Witnesses::default();
    arrive(&mut index, &gateway);
    arrive(&mut index, &sdk);
    sdk.link.merged_into = None;
    index.follow(&sdk);
    assert_eq!(arrive(&mut index, &row(3, Door::OtlpHttp, 6)), [(CallId([3; 16]), gateway.id)]);
}

#[test]
fn names_of_providers_part_rows_only_where_both_mean_something() {
    for (gateway, told, one) in [
        (Some("openai"), Some("openai"), true),
        (Some("azure"), Some("az.ai.openai"), true),
        (Some("anthropic"), Some("openai"), false),
        (Some("default"), Some("openai"), true),
        (None, Some("openai"), true),
        (Some("openai"), None, true),
    ] {
        let mut index = Witnesses::default();
        let (mut a, mut b) = (row(1, Door::Gateway, 0), row(2, Door::OtlpGrpc, 1));
        a.what.provider = gateway.map(Into::into);
        b.what.provider = told.map(Into::into);
        assert!(arrive(&mut index, &a).is_empty());
        assert_eq!(arrive(&mut index, &b).len(), usize::from(one), "{gateway:?} {told:?}");
    }
}

#[test]
fn rows_wait_no_longer_than_a_delivery_is_recognised() {
    let mut index = Witnesses::default();
    arrive(&mut index, &row(1, Door::Gateway, 0));
    let late = Sight::of(&row(2, Door::OtlpHttp, 5), 1).unwrap();
    assert!(index.arrive(late, UnixMicros(T0.0 + UnixMicros::DAY + 1)).is_empty());
    assert_eq!(index.ids().into_iter().collect::<Vec<_>>(), [CallId([2; 16])]);
}

/// Rows of one response id in an order of arrival: gateway rows, and rows of instrumentations.
fn arrivals() -> impl Strategy<Value = Vec<(Option<u8>, i64)>> {
    let row = (prop::option::weighted(0.6, 0..3u8), 0..APART);
    prop::collection::vec(row, 0..24)
}

/// What counts in what after all arrived.
fn paired(rows: &[Call]) -> HashMap<CallId, CallId> {
    let mut index = Witnesses::default();
    let mut merged = HashMap::new();
    for row in rows {
        for (row, into) in arrive(&mut index, row) {
            assert!(merged.insert(row, into).is_none(), "a decision is final");
        }
    }
    merged
}

proptest! {
    #[test]
    fn how_many_rows_pair_never_depends_on_the_order(
        (given, other) in arrivals().prop_flat_map(|a| (Just(a.clone()), Just(a).prop_shuffle()))
    ) {
        let rows_of = |list: &[(Option<u8>, i64)]| -> Vec<Call> {
            let row_of = |(n, (scope, start)): (usize, &(Option<u8>, i64))| {
                let door = if scope.is_some() { Door::OtlpHttp } else { Door::Gateway };
                let mut call = row(u8::try_from(n).unwrap(), door, *start);
                call.origin.scope = scope.map(|s| Text::from(format!("lib{s}")));
                call
            };
            list.iter().enumerate().map(row_of).collect()
        };
        let gateways = given.iter().filter(|(scope, _)| scope.is_none()).count();
        for list in [&given, &other] {
            let rows = rows_of(list);
            let merged = paired(&rows);
            let mut taken = HashSet::new();
            for (from, into) in &merged {
                let find = |id: &CallId| rows.iter().find(|r| r.id == *id).unwrap();
                prop_assert_eq!(find(into).origin.door, Door::Gateway);
                prop_assert!(taken.insert((*into, find(from).origin.scope.clone())));
            }
            for scope in 0..3u8 {
                let name = Text::from(format!("lib{scope}"));
                let of = |r: &&Call| r.origin.scope.as_ref() == Some(&name);
                let all = rows.iter().filter(of).count();
                let met = rows.iter().filter(of).filter(|r| merged.contains_key(&r.id)).count();
                prop_assert_eq!(met, all.min(gateways), "as many as there are rows of the gateway");
            }
        }
    }

    #[test]
    fn where_there_are_as_many_rows_of_both_none_stays_alone(
        order in Just((0..16u8).collect::<Vec<_>>()).prop_shuffle()
    ) {
        let rows: Vec<Call> = order
            .iter()
            .map(|n| {
                let door = if n % 2 == 0 { Door::Gateway } else { Door::OtlpHttp };
                row(*n, door, i64::from(*n) * 1_000)
            })
            .collect();
        prop_assert_eq!(paired(&rows).len(), 8);
    }
}
