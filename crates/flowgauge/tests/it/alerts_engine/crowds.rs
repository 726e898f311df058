//! A rule with more label sets than are told apart says so, once, and says when it no longer has.

use super::bench::{Bench, SECOND, T0, TICK};
use flowgauge::logic::alert::notice::Kind;
use flowgauge::logic::call::{Door, Text};

const RULE: &str = "alert: errors\ncondition: error_rate by (model) > 5%\nseverity: critical\n\
    channels: [slack]\nmessage: m\n";

/// A tick with calls of so many models.
fn models(bench: &mut Bench, models: u32) {
    let end = bench.now().0 + TICK * SECOND / 2;
    let mut calls = Vec::new();
    for n in 0..models {
        let mut call = bench.call(end, 10, Door::Gateway);
        call.what.model_requested = Some(Text::from(format!("model-{n:03}")));
        calls.push(call);
    }
    bench.heard(&calls);
    bench.tick();
}

#[test]
fn too_many_label_sets_are_complained_of_until_there_are_fewer() {
    let mut bench = Bench::at(RULE, T0, super::bench::config());
    models(&mut bench, 100);
    assert_eq!(bench.episodes().len(), 0, "a hundred are told apart");
    models(&mut bench, 120);
    let told = bench.episodes();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].rule, "flowgauge_cardinality");
    assert_eq!(told[0].labels, [(Text::from("rule"), Text::from("errors"))]);
    assert_eq!(bench.desk.seen().rules[0].instances.len(), 100, "those that were there stay");
    models(&mut bench, 120);
    bench.crash(TICK);
    models(&mut bench, 120);
    assert_eq!(bench.episodes().len(), 1, "once, a restart or not");
    // Half an hour later the last call that was left out is forgotten.
    for _ in 0..190 {
        models(&mut bench, 100);
    }
    assert!(bench.episodes()[0].ended.is_some());
    let steps = bench.steps("flowgauge_cardinality");
    let kinds: Vec<Kind> = steps.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [Kind::Fired, Kind::Resolved]);
}
