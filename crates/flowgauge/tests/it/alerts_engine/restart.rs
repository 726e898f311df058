//! Spikes, restarts, late rows, outages and upstreams that hang.

use super::bench::*;
use flowgauge::logic::alert::episode::EndReason;
use flowgauge::logic::alert::instance::InstanceKey;
use flowgauge::logic::alert::notice::Kind;
use flowgauge::logic::call::{Call, Door};
use flowgauge::record::Heard;
use flowgauge::store::AlertChanges;

/// Slow from 600 on; the first true tick is 610, so it is due to fire at 910.
fn slow_until(second: i64) -> Bench {
    let mut bench = Bench::new(P95);
    bench.run(600, taking(800));
    bench.run(second - 600, taking(2_612));
    bench
}

#[test]
fn a_spike_of_a_minute_tells_nobody() {
    let mut bench = slow_until(660);
    assert_eq!(bench.state("p95"), "pending");
    bench.run(1_200, taking(800));
    assert_eq!((bench.state("p95"), bench.told.len()), ("inactive", 0));
    assert_eq!(bench.episodes(), []);
}

#[test]
fn five_minutes_are_told_once_and_so_is_their_end() {
    let mut bench = slow_until(920);
    bench.run(1_200, taking(800));
    let told: Vec<_> = bench.told.iter().map(|t| (t.notice.message.kind, t.at)).collect();
    assert_eq!(told, [(Kind::Fired, 910), (Kind::Resolved, 1_040)]);
}

#[test]
fn a_restart_of_up_to_three_ticks_does_not_move_the_second_it_fires_at() {
    for ticks in [1, 3] {
        let mut bench = slow_until(760);
        bench.crash(ticks * TICK);
        bench.advance();
        assert_eq!(bench.state("p95"), "pending", "{ticks} ticks");
        bench.run(900 - bench.second(), taking(2_612));
        assert_eq!(bench.told.len(), 0, "{ticks} ticks");
        bench.run(600, taking(2_612));
        assert_eq!(bench.steps("p95"), [(Kind::Fired, 910)], "{ticks} ticks");
    }
}

#[test]
fn only_what_a_restart_made_late_is_told_as_late() {
    let fired_after = |absence: fn(&mut Bench)| {
        let mut bench = slow_until(900);
        absence(&mut bench);
        bench.advance();
        assert_eq!(bench.told.len(), 1);
        bench.told[0].notice.message.late
    };
    // It was due in between, at 910.
    assert!(!fired_after(|bench| bench.pass(2 * TICK)), "a busy machine missed a tick");
    assert!(fired_after(|bench| bench.crash(2 * TICK)));
}

#[test]
fn a_restart_that_takes_longer_pauses_the_clock_and_neither_fires_nor_resolves() {
    for ticks in [4, 100] {
        let mut bench = slow_until(760);
        bench.crash(ticks * TICK);
        bench.advance();
        assert_eq!(bench.state("p95"), "pending", "{ticks} ticks");
        // 150 s were credited up to 760; the tick of the return is worth nothing.
        let due = bench.second() + 150;
        bench.run(due - TICK - bench.second(), taking(2_612));
        assert_eq!(bench.told.len(), 0, "{ticks} ticks");
        bench.run(300, taking(2_612));
        assert_eq!(bench.steps("p95"), [(Kind::Fired, due)], "{ticks} ticks");
    }
}

#[test]
fn calls_between_the_last_tick_and_the_end_of_the_process_credit_no_more_than_their_own_tick() {
    let mut bench = slow_until(760);
    let last: Vec<Call> = (0..40)
        .map(|n| bench.call(T0 + 760 * SECOND + n * 100_000 + 50_000, 2_612, Door::Gateway))
        .collect();
    bench.heard(&last);
    bench.pass(4);
    bench.crash(96);
    bench.advance();
    assert_eq!((bench.state("p95"), bench.second()), ("pending", 860));
    // 150 s up to 760 and the ten up to 770, of which something is known.
    bench.run(130, taking(2_612));
    assert_eq!(bench.told.len(), 0);
    bench.run(10, taking(2_612));
    assert_eq!(bench.steps("p95"), [(Kind::Fired, 1_000)]);
}

#[test]
fn a_start_brings_back_from_the_store_what_its_windows_need() {
    let mut bench = Bench::stored(P95);
    bench.run(600, taking(800));
    bench.run(160, taking(2_612));
    for _ in 0..3 {
        bench.crash(TICK);
        bench.advance();
        assert_eq!(bench.state("p95"), "pending", "at {}", bench.second());
        bench.run(TICK, taking(2_612));
    }
    bench.run(900 - bench.second(), taking(2_612));
    assert_eq!(bench.told.len(), 0);
    bench.run(20, taking(2_612));
    bench.crash(TICK);
    bench.run(600, taking(800));
    let kinds: Vec<_> = bench.steps("p95").into_iter().map(|(kind, _)| kind).collect();
    assert_eq!((kinds, bench.steps("p95")[0].1), (vec![Kind::Fired, Kind::Resolved], 910));
}

#[test]
fn an_open_alert_whose_instance_was_lost_is_neither_told_again_nor_forgotten() {
    let mut bench = slow_until(920);
    let key = InstanceKey { rule: "p95".into(), labels: Vec::new() };
    let lost = AlertChanges { instances: vec![(key, None)], ..AlertChanges::default() };
    bench.store.commit(&lost).unwrap();
    bench.crash(TICK);
    bench.advance();
    assert_eq!((bench.state("p95"), bench.told.len()), ("firing", 1));
    bench.run(600, taking(2_612));
    bench.run(600, taking(800));
    assert_eq!((bench.episodes().len(), bench.steps("p95").len()), (1, 2));
    assert_eq!(bench.ends("p95"), [Some(EndReason::Recovered)]);
}

#[test]
fn a_restart_while_firing_tells_nothing_again_and_the_end_once() {
    for ticks in [1, 3, 4, 100] {
        let mut bench = slow_until(920);
        bench.crash(ticks * TICK);
        bench.advance();
        assert_eq!(bench.state("p95"), "firing", "{ticks} ticks");
        bench.run(300, taking(2_612));
        bench.run(900, taking(800));
        let kinds: Vec<_> = bench.steps("p95").into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [Kind::Fired, Kind::Resolved], "{ticks} ticks");
        assert_eq!(bench.ends("p95"), [Some(EndReason::Recovered)]);
    }
}

#[test]
fn rows_sent_twenty_seconds_late_are_judged_at_their_own_ticks() {
    let mut bench = Bench::new(P95);
    let mut late = Vec::new();
    // Each second ten calls end, of which others tell twenty seconds later.
    for second in 0..1_000 {
        let latency = if second < 600 { 800 } else { 2_612 };
        for n in 0..10 {
            let end = T0 + second * SECOND + n * 100_000 + 50_000;
            late.push(bench.call(end, latency, Door::OtlpHttp));
        }
    }
    let mut late = late.into_iter().peekable();
    let mut at_910 = 0;
    while bench.second() < 1_000 {
        let until = bench.now().0 + TICK * SECOND - 20 * SECOND;
        let due =
            |call: &Call| call.time.start.0 + call.time.latency.unwrap().0.cast_signed() <= until;
        let mut now = Vec::new();
        while let Some(call) = late.next_if(|call| due(call)) {
            now.push(call);
        }
        bench.heard(&now);
        bench.tick();
        at_910 += usize::from(bench.second() <= 930 && !bench.told.is_empty());
    }
    assert_eq!(at_910, 0);
    // The evaluation delay of 30 s, and nothing else, is added.
    assert_eq!(bench.steps("p95"), [(Kind::Fired, 940)]);
}

#[test]
fn what_others_sent_of_a_long_absence_is_judged_tick_by_tick() {
    let mut bench = slow_until(760);
    bench.crash(1_000);
    let late: Vec<Call> = (0..10_000)
        .map(|n| bench.call(T0 + 760 * SECOND + n * 100_000 + 50_000, 2_612, Door::OtlpHttp))
        .collect();
    bench.heard(&late);
    bench.advance();
    // 150 s up to 760. From 800 on, after the evaluation delay, there is something again; that tick
    // itself is worth nothing.
    assert_eq!(bench.steps("p95"), [(Kind::Fired, 1_760)]);
    let episode = &bench.episodes()[0];
    assert_eq!((episode.fired.0 - T0) / SECOND, 950);
    assert!(episode.late);
    assert!(bench.notice("p95", Kind::Fired, "slack").message.late);
}

#[test]
fn half_an_hour_without_data_while_firing_resolves_nothing_and_is_said_once() {
    let mut bench = slow_until(920);
    let mut quiet = 0;
    while bench.steps("flowgauge_no_data").is_empty() {
        bench.run(TICK, QUIET);
        quiet += TICK;
        assert!(quiet < 3_600, "nobody complains");
    }
    // The window grows to five minutes: up to 1210 it holds the hundred calls it takes. 30 minutes
    // after the first tick that is not known it is said.
    assert_eq!(bench.steps("flowgauge_no_data"), [(Kind::Fired, 1_220 + 1_800)]);
    let message = &bench.notice("flowgauge_no_data", Kind::Fired, "slack").message;
    assert!(message.text.starts_with("p95 is firing and has had no data"), "{}", message.text);
    bench.run(600, QUIET);
    bench.crash(TICK);
    bench.run(600, QUIET);
    assert_eq!((bench.steps("flowgauge_no_data").len(), bench.state("p95")), (1, "firing"));
    assert!(bench.steps("p95").iter().all(|(kind, _)| *kind != Kind::Resolved));
    // Data comes back, and it is good.
    bench.run(600, taking(800));
    let last = |rule: &str| bench.steps(rule).last().map(|(kind, _)| *kind);
    assert_eq!(last("flowgauge_no_data"), Some(Kind::Resolved));
    assert_eq!(last("p95"), Some(Kind::Resolved));
    assert_eq!(bench.ends("flowgauge_no_data"), [Some(EndReason::Recovered)]);
}

#[test]
fn an_upstream_that_hangs_is_told_within_for_and_a_tick() {
    let mut bench = Bench::new(P95);
    bench.run(600, taking(800));
    // From now on calls begin and never end.
    while bench.second() < 1_000 && bench.told.is_empty() {
        for n in 0..100 {
            let start = bench.now().0 + n * 100_000;
            let mut call = bench.call(start, 0, Door::Gateway);
            call.time.latency = None;
            bench.recent.started(&call);
        }
        bench.tick();
    }
    assert_eq!(bench.steps("p95"), [(Kind::Fired, 910)]);
}
