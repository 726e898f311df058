//! What the store promises.

use super::*;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000;

fn key(n: u8) -> Key {
    Key([n; 32])
}

fn store(eviction: Eviction, max_entries: usize) -> Store<u32> {
    Store::new(Limits { max_entries, eviction, ..Limits::default() })
}

/// Looks up, and puts where nothing was found.
fn ask(store: &mut Store<u32>, n: u8, at: i64) -> bool {
    let now = UnixMicros(at * SECOND);
    match store.get(&key(n), now) {
        Found::Hit { .. } => true,
        Found::Miss(ticket) => {
            let tags = Tags { tokens: 10, cost: Some(NanoUsd(5)), ..Tags::default() };
            store.put(ticket, key(n), u32::from(n), tags, 100, now);
            false
        }
    }
}

fn held(store: &Store<u32>) -> Vec<u8> {
    (0..=255).filter(|n| store.holds(&key(*n), UnixMicros(0))).collect()
}

#[test]
fn each_eviction_lets_its_own_entry_go() {
    let left = |eviction| {
        let mut store = store(eviction, 3);
        // 1 is used often but long ago, 2 not at all, 3 once and last.
        for (n, at) in [
            (1, 0),
            (2, 1),
            (3, 2),
            (1, 3),
            (1, 4),
            (2, 5),
            (3, 6),
            (3, 6),
            (2, 6),
            (2, 7),
            (3, 8),
            (4, 9),
        ] {
            ask(&mut store, n, at);
        }
        held(&store)
    };
    assert_eq!(left(Eviction::Lru), [2, 3, 4]);
    assert_eq!(left(Eviction::Fifo), [2, 3, 4]);
    // 1 has two uses, 2 and 3 have three.
    assert_eq!(left(Eviction::Lfu), [2, 3, 4]);
    let left = |eviction| {
        let mut store = store(eviction, 2);
        for (n, at) in [(1, 0), (2, 1), (1, 2), (1, 3), (2, 4), (3, 5)] {
            ask(&mut store, n, at);
        }
        held(&store)
    };
    assert_eq!(left(Eviction::Lru), [2, 3]);
    assert_eq!(left(Eviction::Lfu), [1, 3]);
    assert_eq!(left(Eviction::Fifo), [2, 3]);
}

#[test]
fn an_answer_ends_after_fifteen_minutes_and_its_whole_life_counts() {
    let mut store = store(Eviction::Lru, 10);
    assert!(!ask(&mut store, 1, 0));
    assert!(ask(&mut store, 1, 899));
    assert!(!ask(&mut store, 1, 900));
    let counts = *store.counts();
    assert_eq!((counts.hits, counts.misses, counts.expired, counts.reused), (1, 2, 1, 1));
    assert_eq!(counts.ttl_effectiveness(), Some(Ratio(1.0)));
    assert_eq!((counts.saved_tokens, counts.saved_cost), (10, NanoUsd(5)));
    assert_eq!(counts.age_at_hits, 899_000_000);
}

#[test]
fn an_entry_that_made_room_lived_a_part_of_its_life() {
    let mut store = store(Eviction::Lru, 1);
    ask(&mut store, 1, 0);
    ask(&mut store, 2, 90);
    assert_eq!(store.counts().evicted, 1);
    assert_eq!(store.counts().ttl_effectiveness(), Some(Ratio(0.1)));
    store.purge(&Purge::default(), UnixMicros(100 * SECOND));
    assert_eq!(store.counts().ttl_effectiveness(), Some(Ratio(0.1)));
}

#[test]
fn a_late_writer_cannot_put_back_what_was_cleared() {
    let mut store = store(Eviction::Lru, 10);
    let now = UnixMicros(0);
    let Found::Miss(ticket) = store.get(&key(1), now) else { panic!("found in an empty store") };
    ask(&mut store, 2, 0);
    assert_eq!(store.purge(&Purge::default(), now), (1, 100 + OVERHEAD));
    assert_eq!(store.put(ticket, key(1), 1, Tags::default(), 1, now), Put::Purged);
    assert!(store.is_empty() && store.bytes() == 0);
    assert_eq!(store.counts().cleared, 1);
}

#[test]
fn purging_takes_what_fits_and_leaves_the_rest() {
    let mut store = store(Eviction::Lru, 10);
    let tags = |tenant: &str, model: &str| Tags {
        tenant: Some(tenant.into()),
        model: Some(model.into()),
        ..Tags::default()
    };
    for (n, tags) in [(1, tags("a", "m")), (2, tags("a", "n")), (3, tags("b", "m"))] {
        let Found::Miss(ticket) = store.get(&key(n), UnixMicros(0)) else { panic!("found") };
        store.put(ticket, key(n), 0, tags, 1, UnixMicros(i64::from(n)));
    }
    let purge = Purge { tenant: Some("a".into()), model: Some("m".into()), ..Purge::default() };
    assert_eq!(store.purge(&purge, UnixMicros(10)).0, 1);
    assert_eq!(held(&store), [2, 3]);
    let old = Purge { older_than: Some(Micros(8)), ..Purge::default() };
    assert_eq!(store.purge(&old, UnixMicros(10)).0, 1);
    assert_eq!(held(&store), [3]);
    assert!(store.forget(&key(3), UnixMicros(10)));
}

#[test]
fn an_answer_too_large_for_its_part_is_not_kept() {
    let mut store: Store<u32> = Store::new(Limits { max_bytes: 16_000, ..Limits::default() });
    let now = UnixMicros(0);
    let Found::Miss(ticket) = store.get(&key(1), now) else { panic!("found") };
    assert_eq!(store.put(ticket, key(1), 1, Tags::default(), 1_000, now), Put::TooLarge);
    assert_eq!(store.put(ticket, key(1), 1, Tags::default(), 700, now), Put::Kept);
}

#[test]
fn only_whole_answers_that_ended_by_themselves_are_kept() {
    let whole =
        Observed { complete: true, finish_reason: Some("stop".into()), ..Observed::default() };
    assert!(is_keepable(Protocol::Chat, 200, &whole));
    for (status, other) in [
        (200, Observed { complete: false, ..whole.clone() }),
        (200, Observed { error: Some(crate::wire::SeenError::default()), ..whole.clone() }),
        (200, Observed { finish_reason: Some("length".into()), ..whole.clone() }),
        (200, Observed { finish_reason: Some("content_filter".into()), ..whole.clone() }),
        (200, Observed { finish_reason: Some("tool_calls".into()), ..whole.clone() }),
        (200, Observed { finish_reason: Some("stop,length".into()), ..whole.clone() }),
        (200, Observed { finish_reason: None, ..whole.clone() }),
        (200, Observed { cached: true, ..whole.clone() }),
        (500, whole.clone()),
    ] {
        assert!(!is_keepable(Protocol::Chat, status, &other), "{other:?}");
    }
    assert!(is_keepable(Protocol::Embeddings, 200, &Observed { finish_reason: None, ..whole }));
}

proptest! {
    #[test]
    fn the_bounds_hold_and_every_entry_is_accounted_for(
        steps in proptest::collection::vec((0u8..12, 0i64..400, 0u8..12), 1..200),
        eviction in prop_oneof![Just(Eviction::Lru), Just(Eviction::Lfu), Just(Eviction::Fifo)],
    ) {
        let limits = Limits { max_bytes: 16 * 400, max_entries: 5, eviction, ..Limits::default() };
        let mut store: Store<u32> = Store::new(limits);
        let mut at = 0;
        for (n, wait, other) in steps {
            at += wait;
            let now = UnixMicros(at * SECOND);
            match other {
                0 => { store.purge(&Purge::default(), now); }
                1 => { store.forget(&key(n), now); }
                2 => { store.sweep(now); }
                _ => { ask(&mut store, n, at); }
            }
            prop_assert!(store.len() <= 5 && store.bytes() <= limits.max_bytes);
            prop_assert_eq!(store.bytes(), store.len() as u64 * (100 + OVERHEAD));
            prop_assert_eq!(store.order.len(), store.len());
            prop_assert_eq!(store.ends.len(), store.len());
            let c = store.counts();
            prop_assert_eq!(c.kept, store.len() as u64 + c.expired + c.evicted + c.invalidated + c.cleared);
            prop_assert!(c.lived <= c.could_live);
        }
    }
}
