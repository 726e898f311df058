//! Alerts that others post are told like our own, and their end is told after a restart too.

use super::bench::{Bench, P95, T0, config};
use flowgauge::judge::desk::PostedAlert;
use flowgauge::logic::alert::notice::Kind;
use flowgauge::logic::alert::rule::Severity;
use flowgauge::logic::unit::UnixMicros;
use std::collections::BTreeMap;

fn alert(name: &str, starts: UnixMicros, ends: Option<UnixMicros>) -> PostedAlert {
    let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    };
    PostedAlert {
        labels: pairs(&[("alertname", name), ("severity", "critical"), ("host", "a")]),
        annotations: pairs(&[("summary", "the disk of a is full")]),
        starts,
        ends,
        generator: String::new(),
    }
}

#[test]
fn a_posted_alert_is_told_once_and_its_end_after_a_crash() {
    let mut config = config();
    config.alerts.posted_to = vec!["slack".into()];
    let mut bench = Bench::at(P95, T0, config);
    let starts = bench.now();
    bench.desk.post(vec![alert("DiskFull", starts, None)]).unwrap();
    bench.tick();
    bench.desk.post(vec![alert("DiskFull", starts, None)]).unwrap();
    bench.tick();
    let message = &bench.notice("DiskFull", Kind::Fired, "slack").message;
    assert_eq!(
        (message.text.as_str(), message.severity),
        ("the disk of a is full", Severity::Critical)
    );
    bench.crash(10);
    bench.tick();
    assert_eq!(bench.steps("DiskFull").len(), 1, "a restart tells nothing twice");
    let now = bench.now();
    bench.desk.post(vec![alert("DiskFull", starts, Some(now))]).unwrap();
    bench.crash(10);
    bench.tick();
    let kinds: Vec<Kind> = bench.steps("DiskFull").into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [Kind::Fired, Kind::Resolved], "its end came before the crash");
}

#[test]
fn a_critical_posted_alert_is_told_between_ticks_and_stays_told_at_the_next() {
    let mut config = config();
    config.alerts.posted_to = vec!["slack".into()];
    let mut bench = Bench::at(P95, T0, config);
    bench.tick();
    let proof = bench.engine.proof();
    bench.pass(3);
    let starts = bench.now();
    bench.desk.post(vec![alert("DiskFull", starts, None)]).unwrap();
    bench.hear();
    assert_eq!(bench.notice("DiskFull", Kind::Fired, "slack").message.severity, Severity::Critical);
    assert_eq!(proof.borrow().committed, proof.borrow().ticked, "the heartbeat goes on");
    (0..3).for_each(|_| bench.tick());
    assert_eq!(bench.steps("DiskFull").len(), 1, "the next ticks tell nothing twice");
    bench.crash(10);
    bench.tick();
    assert_eq!(bench.steps("DiskFull").len(), 1, "nor does a restart");
}

#[test]
fn an_alert_that_is_not_posted_again_ends_after_five_minutes() {
    let mut config = config();
    config.alerts.posted_to = vec!["slack".into()];
    let mut bench = Bench::at(P95, T0, config);
    let starts = bench.now();
    // One under the name of a rule here is shown and not told.
    let both = vec![alert("DiskFull", starts, None), alert("p95", starts, None)];
    bench.desk.post(both).unwrap();
    (0..40).for_each(|_| bench.tick());
    let kinds: Vec<Kind> = bench.steps("DiskFull").into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [Kind::Fired, Kind::Resolved]);
    assert_eq!(bench.steps("p95"), []);
}
