//! Which ticks are evaluated, whatever the clock does.

use super::bench::*;
use arc_swap::ArcSwap;
use flowgauge::control::Control;
use flowgauge::judge::engine::due_ticks;
use flowgauge::logic::alert::notice::Kind;
use flowgauge::logic::call::Door;
use flowgauge::logic::control::rollout::Environment;
use flowgauge::logic::price::PriceBook;
use flowgauge::logic::unit::{Micros, UnixMicros};
use flowgauge::serve::clock::Clock;
use proptest::prelude::*;
use std::sync::Arc;

const WIDTH: Micros = Micros::from_millis(10_000);

fn at(second: i64) -> UnixMicros {
    UnixMicros(T0 + second * SECOND)
}

#[test]
fn after_a_step_back_of_the_wall_clock_ticks_wait_until_time_has_caught_up() {
    let last = Some(at(100));
    assert_eq!(due_ticks(last, at(40), WIDTH), []);
    assert_eq!(due_ticks(last, at(109), WIDTH), []);
    assert_eq!(due_ticks(last, at(110), WIDTH), [at(110)]);
    assert_eq!(due_ticks(None, at(47), WIDTH), [at(40)], "the first start has no past");
}

/// A rule that is looked at every five minutes.
const SELDOM: &str = "interval: 5m\nalerts:\n- alert: p95\n  condition: p95_latency > 2500ms for 1m\n  \
    severity: critical\n  channels: [slack]\n  message: slow\n";

#[test]
fn a_closer_watch_looks_at_rules_that_are_looked_at_seldom_until_it_ends_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, _) = Clock::frozen(at(0));
    let prices = Arc::new(ArcSwap::from_pointee(PriceBook::embedded()));
    let control = Control::open(dir.path(), Environment::default(), prices, clock).unwrap();
    let fired = |until: Option<i64>| {
        if let Some(until) = until {
            control.pace.quicken(WIDTH, at(until));
        }
        let mut bench = Bench::new(SELDOM).watched(&control);
        bench.run(600, taking(800));
        bench.run(120, taking(2_612));
        bench.steps("p95").len()
    };
    assert_eq!([None, Some(600), Some(10_000)].map(fired), [0, 0, 1]);
}

proptest! {
    #[test]
    fn no_tick_is_left_out_or_evaluated_twice_but_those_older_than_a_day(
        last in 0i64..200_000, later in 0i64..200_000,
    ) {
        let due = due_ticks(Some(at(last)), at(last + later), WIDTH);
        let oldest = (last + later - 86_400).div_euclid(TICK) * TICK;
        let first = ((last.div_euclid(TICK) + 1) * TICK).max(oldest);
        let wanted: Vec<_> =
            (first..=last + later).step_by(10).filter(|s| s % TICK == 0).map(at).collect();
        prop_assert_eq!(due, wanted);
    }
}

#[test]
fn after_a_stall_every_tick_is_evaluated_in_order_and_the_alert_fired_when_it_was_due() {
    let mut bench = Bench::new(P95);
    bench.run(600, taking(800));
    bench.run(260, taking(2_612));
    // Calls go on, the engine does not.
    for second in 0..100 {
        let end = bench.now().0 + second * SECOND;
        let calls: Vec<_> =
            (0..10).map(|n| bench.call(end + n * 100_000, 2_612, Door::Gateway)).collect();
        bench.heard(&calls);
    }
    bench.pass(100);
    bench.advance();
    assert_eq!(bench.steps("p95"), [(Kind::Fired, 960)]);
    let episode = &bench.episodes()[0];
    assert_eq!((episode.fired, episode.first_true, episode.late), (at(910), at(610), false));
    assert_eq!(bench.desk.seen().missed_ticks, 9);
}
