//! What people do, and what is held back: silences, acknowledgements, inhibition, storms.

use super::bench::*;
use flowgauge::judge::desk::NewSilence;
use flowgauge::logic::alert::notice::Kind;
use flowgauge::logic::alert::queue::{self, Lane, Lanes, Row};
use flowgauge::logic::alert::silence::SilenceMatcher;
use flowgauge::logic::call::{Door, Text};
use flowgauge::logic::unit::UnixMicros;

fn silence(bench: &Bench, rule: &str, seconds: i64) -> String {
    let wanted = NewSilence {
        id: None,
        matchers: vec![SilenceMatcher {
            name: "alertname".to_owned(),
            value: rule.to_owned(),
            is_regex: false,
            is_equal: true,
        }],
        starts: bench.now(),
        ends: UnixMicros(bench.now().0 + seconds * SECOND),
        created_by: "ann".to_owned(),
        comment: "deploy".to_owned(),
    };
    bench.desk.silence(wanted).unwrap().id
}

#[test]
fn a_silenced_alert_that_outlives_its_silence_is_told_then() {
    let mut bench = Bench::new(P95);
    bench.run(600, taking(800));
    let id = silence(&bench, "p95", 600);
    bench.run(400, taking(2_612));
    assert_eq!((bench.state("p95"), bench.told.len()), ("firing", 0));
    let seen = bench.desk.seen();
    assert_eq!(seen.rules[0].instances[0].silenced_by, [id]);
    // Silences outlast a restart.
    bench.crash(TICK);
    bench.run(180, taking(2_612));
    assert_eq!((bench.told.len(), bench.second()), (0, 1_190));
    bench.run(10, taking(2_612));
    assert_eq!(bench.steps("p95"), [(Kind::Fired, 1_200)]);
    // An end is told where the beginning was, silenced or not.
    silence(&bench, "p95", 3_600);
    bench.run(300, taking(800));
    assert_eq!(bench.steps("p95").len(), 2);
}

#[test]
fn an_alert_that_is_over_before_its_silence_is_never_told() {
    let mut bench = Bench::new(P95);
    bench.run(600, taking(800));
    silence(&bench, "p95", 7_200);
    bench.run(400, taking(2_612));
    bench.run(900, taking(800));
    assert_eq!((bench.told.len(), bench.episodes().len()), (0, 1));
    assert!(bench.episodes()[0].ended.is_some());
}

#[test]
fn a_silence_that_is_ended_tells_at_the_next_tick() {
    let mut bench = Bench::new(P95);
    bench.run(600, taking(800));
    let id = silence(&bench, "p95", 7_200);
    bench.run(400, taking(2_612));
    bench.desk.expire(&id).unwrap();
    bench.run(10, taking(2_612));
    assert_eq!(bench.steps("p95"), [(Kind::Fired, 1_010)]);
}

#[test]
fn repeats_come_every_hour_until_somebody_acknowledges_even_across_a_restart() {
    let text = P95.replace("[slack]", "[slack, pagerduty]");
    let mut bench = Bench::new(&text);
    bench.run(600, taking(800));
    bench.run(3_920, taking(2_612));
    assert_eq!(bench.steps("p95"), [(Kind::Fired, 910), (Kind::Repeat, 4_510)]);
    let id = bench.episodes()[0].id;
    let acked = bench.desk.acknowledge(id, "ann", Some("on it")).unwrap().unwrap();
    assert_eq!(acked.acked.unwrap().by, "ann");
    // It is killed before the engine heard of it.
    bench.crash(TICK);
    bench.run(7_300, taking(2_612));
    let kinds: Vec<_> = bench.steps("p95").into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [Kind::Fired, Kind::Repeat, Kind::Acknowledged]);
    let to = bench.told.iter().filter(|t| t.notice.message.kind == Kind::Acknowledged);
    let to: Vec<_> = to.map(|t| t.notice.channel.as_str()).collect();
    assert_eq!(to, ["pagerduty"], "who keeps incidents of their own");
    bench.run(300, taking(800));
    assert_eq!(bench.steps("p95").len(), 4);
    let ack = bench.episodes()[0].acked.clone().unwrap();
    assert_eq!((ack.by.as_str(), ack.note.as_deref()), ("ann", Some("on it")));
}

#[test]
fn the_stricter_threshold_inhibits_the_weaker_which_is_told_when_it_outlives_it() {
    let (strict, weak) = ("p95_latency_critical", "p95_latency_warning");
    let mut bench = Bench::new(GUIDE);
    bench.run(600, taking(800));
    bench.run(620, taking(2_612));
    assert_eq!((bench.state(strict), bench.state(weak)), ("firing", "firing"));
    assert_eq!((bench.steps(strict), bench.steps(weak)), (vec![(Kind::Fired, 910)], vec![]));
    let seen = bench.desk.seen();
    let of = seen.rules.iter().find(|r| r.rule.name == weak).unwrap();
    assert_eq!(of.instances[0].inhibited_by, [strict]);
    // 2200 ms: over for the one, not for the other.
    bench.run(300, taking(2_200));
    assert_eq!(bench.steps(strict)[1..], [(Kind::Resolved, 1_340)]);
    assert_eq!(bench.steps(weak), [(Kind::Fired, 1_340)]);
    // Where both end, nothing is told of what never was.
    let mut bench = Bench::new(GUIDE);
    bench.run(600, taking(800));
    bench.run(620, taking(2_612));
    bench.run(900, taking(800));
    assert_eq!((bench.steps(strict).len(), bench.steps(weak).len()), (2, 0));
}

#[test]
fn forty_models_that_fail_at_once_are_one_message() {
    let text = "alert: errors\ncondition: error_rate by (model) > 5% for 1m\nmin_samples: 5\n\
                severity: critical\nchannels: [slack]\nmessage: \"{{labels.model}} {{value}}%\"\n";
    let mut bench = Bench::new(text);
    while bench.second() < 130 {
        let mut calls = Vec::new();
        for n in 0..400_u32 {
            let end = bench.now().0 + i64::from(n) * 25_000;
            let mut call = bench.call(end, 800, Door::Gateway);
            call.what.model_requested = Some(Text::from(format!("model-{:02}", n % 40)));
            if bench.second() >= 50 {
                failed(&mut call);
            }
            calls.push(call);
        }
        bench.heard(&calls);
        bench.tick();
    }
    assert_eq!((bench.told.len(), bench.steps("errors").len()), (40, 40));
    assert!(bench.told.iter().all(|t| t.at == 120), "all at one tick");
    let waiting = bench.store.waiting().unwrap();
    let rows: Vec<Row<'_>> = waiting
        .iter()
        .map(|row| Row {
            seq: row.seq,
            notice: &row.notice,
            attempts: row.attempts,
            next: row.next,
            sending: false,
            unsure: false,
        })
        .collect();
    let mut lanes = Lanes::from([(Text::const_new("slack"), Lane::of("slack", None))]);
    let next = queue::next(&rows, &mut lanes, bench.now());
    assert_eq!(next.batches.len(), 1);
    let batch = &next.batches[0];
    assert_eq!((batch.rows.len(), batch.notice.message.kind), (40, Kind::Digest));
    assert_eq!(batch.notice.message.items.len(), 40);
}
