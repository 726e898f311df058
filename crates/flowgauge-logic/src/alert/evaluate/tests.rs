//! Conditions over facts made up for the occasion: verdicts, label sets and evidence.

use self::world::{MS, World, ago, compiled, sample, sample_of, unknown, verdict};
use super::*;
use crate::alert::condition::{MatchOp, Matcher};
use crate::alert::facts::Mechanism;
use crate::alert::language;
use crate::alert::sample::Why;
use crate::call::Text;
use proptest::prelude::*;

mod references;
mod world;

const P95: &str = "p95_latency > 2500ms for 5 minutes";

#[test]
fn a_p95_is_beyond_a_threshold_when_more_than_five_of_a_hundred_are() {
    let world = |slow| World::default().calls(100 - slow, 900).calls(slow, 2600);
    assert_eq!(verdict(P95, world(6)), Verdict::True);
    assert_ne!(verdict(P95, world(5)), Verdict::True);
}

#[test]
fn whole_microseconds_decide_between_more_and_at_least() {
    let world = || World::default().calls(100, 2500);
    assert_ne!(verdict("p95_latency > 2500ms", world()), Verdict::True);
    assert_eq!(verdict("p95_latency >= 2500ms", world()), Verdict::True);
    assert_ne!(verdict("p95_latency < 2500ms", world()), Verdict::True);
    assert_eq!(verdict("p95_latency <= 2500ms", world()), Verdict::True);
    assert_eq!(verdict("p95_latency < 2.5001s", world()), Verdict::True);
}

#[test]
fn a_hung_provider_is_seen_and_said_in_words() {
    let world = World::default().calls(388, 900).flying(24, 60);
    let got = sample(P95, world);
    assert_eq!(got.verdict, Verdict::True);
    assert_eq!((got.evidence.n, got.evidence.exceed), (412, Some(24)));
    let sentence = got.evidence.sentence.unwrap();
    assert_eq!(sentence, "5.8% of 412 requests were slower than 2500ms");
    assert!(!got.evidence.approx);
}

#[test]
fn young_calls_in_flight_are_not_slow() {
    let world = World::default().calls(388, 900).flying(24, 2);
    let got = sample(P95, world);
    assert_eq!((got.verdict, got.evidence.exceed), (Verdict::Clear, Some(0)));
}

#[test]
fn everything_hanging_has_no_value_but_a_verdict() {
    let got = sample(P95, World::default().flying(100, 60));
    assert_eq!((got.verdict, got.evidence.value), (Verdict::True, None));
    assert!(got.evidence.sentence.is_some());
}

#[test]
fn between_the_threshold_and_its_slack_it_is_neither_true_nor_clear() {
    // Alerting 8.3: 2500 ms fires, below 2375 ms clears.
    let world = |ms| World::default().calls(90, 900).calls(10, ms);
    assert_eq!(verdict(P95, world(2501)), Verdict::True);
    assert_eq!(verdict(P95, world(2400)), Verdict::False);
    assert_eq!(verdict(P95, world(2375)), Verdict::False);
    assert_eq!(verdict(P95, world(2374)), Verdict::Clear);
}

#[test]
fn thresholds_to_count_include_those_of_the_clear_condition() {
    let got = compiled(P95).thresholds();
    assert_eq!(got, [(Selection::default(), Timing::Latency, vec![2_374_999, 2_500_000])]);
    let got = compiled("p95_latency > baseline + 20%").thresholds();
    assert_eq!(got[0].2.len(), compare::LADDER.len(), "calls in flight are seen all the same");
}

#[test]
fn thin_traffic_is_unknown_and_a_window_grows_before_that() {
    assert_eq!(verdict(P95, World::default().calls(99, 900)), unknown(Why::Thin));
    assert_eq!(verdict(P95, World::default()), unknown(Why::NoData));
    let mut world = World::default();
    for minute in 0..5 {
        world.add(20, 3000, true, ago(minute * 60 + 30), "m");
    }
    let got = sample(P95, world);
    assert_eq!((got.verdict, got.evidence.window_us), (Verdict::True, 300_000_000));
}

#[test]
fn a_window_grows_no_further_than_the_hold_and_not_at_all_where_written() {
    let old = || {
        let mut world = World::default();
        world.add(100, 3000, true, ago(8 * 60), "m");
        world
    };
    assert_eq!(verdict(P95, old()), unknown(Why::NoData));
    assert_eq!(verdict("p95_latency > 2500ms for 10 minutes", old()), Verdict::True);
    assert_eq!(verdict("p95_latency over 2m > 2500ms for 10 minutes", old()), unknown(Why::NoData));
    assert_eq!(compiled("p95_latency > 2500ms for 10 minutes").reach(), Micros(600_000_000));
}

#[test]
fn an_error_rate_needs_three_errors() {
    let text = "error_rate > 3%";
    assert_ne!(verdict(text, World::default().calls(48, 10).errors(2)), Verdict::True);
    let got = sample(text, World::default().calls(47, 10).errors(3));
    assert_eq!((got.verdict, got.evidence.exceed), (Verdict::True, Some(3)));
    assert_eq!(got.evidence.value, Some(0.06));
}

#[test]
fn with_confidence_one_in_fifteen_is_no_page_and_five_in_forty_are() {
    // Alerting 7.
    let text = "error_rate > 5% with 95% confidence min 10 samples";
    assert_ne!(verdict(text, World::default().calls(14, 10).errors(1)), Verdict::True);
    assert_eq!(verdict(text, World::default().calls(35, 10).errors(5)), Verdict::True);
    let plain = "error_rate > 12% min 10 samples";
    assert_eq!(verdict(plain, World::default().calls(35, 10).errors(5)), Verdict::True);
    let sure = "error_rate > 12% with 95% confidence min 10 samples";
    assert_ne!(verdict(sure, World::default().calls(35, 10).errors(5)), Verdict::True);
}

#[test]
fn for_less_the_upper_bound_must_pass() {
    let text = "availability < 99% with 95% confidence";
    assert_ne!(verdict(text, World::default().calls(98, 10).errors(2)), Verdict::True);
    assert_eq!(verdict(text, World::default().calls(90, 10).errors(10)), Verdict::True);
}

#[test]
fn a_quantile_with_confidence_needs_more_than_the_bare_share() {
    let text = "p95_latency > 2500ms with 95% confidence";
    let world = |slow| World::default().calls(200 - slow, 900).calls(slow, 2600);
    assert_ne!(verdict(text, world(12)), Verdict::True);
    assert_eq!(verdict(text, world(20)), Verdict::True);
}

#[test]
fn a_mean_with_confidence_needs_its_margin() {
    let scores = |values: [f64; 2]| World {
        scores: (0..40).map(|i| (ago(30), values[i % 2])).collect(),
        ..World::default()
    };
    let text = "quality_score < 75% with 95% confidence";
    assert_eq!(verdict(text, scores([0.70, 0.71])), Verdict::True);
    assert_ne!(verdict(text, scores([0.48, 1.0])), Verdict::True);
    assert_eq!(verdict("quality_score < 75%", scores([0.48, 1.0])), Verdict::True);
}

#[test]
fn a_hit_rate_means_nothing_while_caching_is_off_or_was_just_cleared() {
    let text = "cache_hit_rate < 20% for 15 minutes";
    assert_eq!(verdict(text, World::default().lookups(10, 90)), Verdict::True);
    let off = World { off: vec![Mechanism::ResponseCaching], ..World::default().lookups(10, 90) };
    assert_eq!(compiled(text).idle(&off).as_deref(), Some("response caching is off"));
    assert_eq!(verdict(text, off), unknown(Why::Disabled));
    let cleared = |s| World { cleared: Some(ago(s)), ..World::default().lookups(10, 90) };
    assert_eq!(verdict(text, cleared(29 * 60)), unknown(Why::Disabled));
    assert_eq!(verdict(text, cleared(30 * 60)), Verdict::True);
    assert_eq!(verdict(text, World::default().calls(100, 10)), unknown(Why::Disabled));
    assert_eq!(verdict(text, World::default()), unknown(Why::NoData));
}

#[test]
fn a_failure_beats_everything() {
    let broken = World { broken: true, ..World::default() };
    let text = "inflight_requests >= 0 or p95_latency > 2500ms";
    let Verdict::Failed(error) = verdict(text, broken) else { panic!("it must fail") };
    assert_eq!(error, "the disk is gone");
}

#[test]
fn the_figures_are_those_of_the_first_predicate_of_and_and_of_the_true_one_of_or() {
    let world = || World::default().calls(90, 900).errors(10);
    let both = sample("error_rate > 5% and p50_latency > 100ms", world());
    assert_eq!((both.verdict, both.evidence.value), (Verdict::True, Some(0.1)));
    let any = sample("p50_latency > 10s or error_rate > 5%", world());
    assert_eq!((any.verdict, any.evidence.value), (Verdict::True, Some(0.1)));
}

#[test]
fn each_label_set_has_its_own_verdict() {
    let mut world = World::default();
    world.add(100, 3000, true, ago(30), "slow");
    world.add(100, 900, true, ago(30), "fast");
    world.add(5, 900, true, ago(30), "thin");
    let rule = compiled("p95_latency by (model) > 2500ms");
    world.edges = rule.thresholds().remove(0).2;
    let got = rule.evaluate(&world, world::NOW);
    let got: Vec<(String, Verdict)> =
        got.into_iter().map(|(l, s)| (l[0].1.to_string(), s.verdict)).collect();
    assert_eq!(
        got,
        [
            ("fast".to_owned(), Verdict::Clear),
            ("slow".to_owned(), Verdict::True),
            ("thin".to_owned(), unknown(Why::Thin)),
        ]
    );
}

#[test]
fn a_predicate_without_labels_holds_for_all_and_references_match_by_label_set() {
    let mut world = World::default();
    world.add(100, 3000, true, ago(30), "a");
    world.add(100, 1000, true, ago(30), "b");
    let count = |text: &str| {
        let got = compiled(text).evaluate(&world, world::NOW);
        got.into_iter().filter(|(_, s)| s.verdict == Verdict::True).count()
    };
    assert_eq!(count("mean_latency by (model) > 900ms and throughput > 150rpm"), 2);
    assert_eq!(count("mean_latency by (model) > 900ms and throughput > 250rpm"), 0);
    // Split as the operand: each model's mean is equal to its own median, within a bucket.
    assert_eq!(count("mean_latency by (model) > p50_latency + 10%"), 0);
}

#[test]
fn two_inputs_with_one_label_set_are_a_failure() {
    let world = World { twins: true, ..World::default().calls(100, 10) };
    let got = compiled("p95_latency by (model) > 2500ms").evaluate(&world, world::NOW);
    assert!(matches!(&got[..], [(l, Sample { verdict: Verdict::Failed(_), .. })] if l.is_empty()));
}

#[test]
fn a_selector_narrows_what_is_read() {
    let mut world = World::default().calls(100, 900);
    world.add(100, 3000, true, ago(30), "gpt");
    assert_eq!(verdict("p95_latency{model=\"gpt\"} > 2500ms", world), Verdict::True);
    let rule = compiled("p95_latency{model=\"gpt\"} > 2500ms");
    let matcher = Matcher { dim: Dim::Model, op: MatchOp::Equal, value: Text::from("gpt") };
    assert_eq!(rule.selections(), [Selection { selector: vec![matcher], by: vec![] }]);
}

#[test]
fn no_data_is_a_condition_of_its_own() {
    let mut world = World::default();
    world.add(1, 10, true, ago(9 * 60), "m");
    let text = "no data for 10m from throughput";
    assert_eq!(verdict(text, world), Verdict::Clear);
    assert_eq!(verdict(text, World::default()), Verdict::True);
    assert_eq!(verdict("absent(throughput)", World::default()), Verdict::True);
    assert_eq!(compiled(text).reach(), Micros(600_000_000));
}

#[test]
fn a_label_set_that_has_vanished_has_no_data() {
    let mut world = World::default();
    world.add(1, 10, true, ago(15 * 60), "gone");
    world.add(1, 10, true, ago(60), "here");
    let got = compiled("no data for 10m from throughput by (model)").evaluate(&world, world::NOW);
    let verdicts: Vec<Verdict> = got.into_iter().map(|(_, s)| s.verdict).collect();
    assert_eq!(verdicts, [Verdict::True, Verdict::Clear]);
}

#[test]
fn the_regression_detector_decides_regressions() {
    let world = |said| World { regressed: said, ..World::default() };
    let text = "regression(quality_score vs baseline) > 5%";
    assert_eq!(verdict(text, world(Some((true, -0.06)))), Verdict::True);
    assert_eq!(verdict(text, world(Some((true, -0.04)))), Verdict::Clear);
    assert_eq!(verdict(text, world(Some((false, 0.5)))), Verdict::Clear);
    assert_eq!(verdict(text, world(None)), unknown(Why::NotConfigured));
}

#[test]
fn a_schedule_is_no_state() {
    assert!(compiled("daily_schedule").evaluate(&World::default(), world::NOW).is_empty());
    assert_eq!(compiled("daily_schedule").clear(), None);
}

#[test]
fn as_prometheus_evaluates_nothing_grows_and_calls_in_flight_are_not_seen() {
    let mut rule = world::rule(P95, &[]);
    rule.semantics = Semantics::Prometheus;
    let rule = Compiled::new(&rule, &[], Tz::UTC);
    assert_eq!((rule.clear(), rule.thresholds().len()), (None, 0));
    let judge = |world| sample_of(&rule, world).verdict;
    assert_eq!(judge(World::default().calls(3, 3000)), Verdict::True);
    assert_eq!(judge(World::default().calls(3, 900).flying(50, 60)), Verdict::Clear);
}

#[test]
fn an_own_clear_condition_replaces_the_slack() {
    let mut rule = world::rule(P95, &[]);
    let clear = |text: &str| language::read_expr(text, &Default::default()).unwrap();
    rule.clear = Clear::When(clear("p95_latency < 1s"));
    let own = Compiled::new(&rule, &[], Tz::UTC);
    let world = |ms| World::default().calls(90, 900).calls(10, ms);
    assert_eq!(sample_of(&own, world(1200)).verdict, Verdict::False);
    assert_eq!(sample_of(&own, world(999)).verdict, Verdict::Clear);
    rule.clear = Clear::Same;
    let same = Compiled::new(&rule, &[], Tz::UTC);
    assert_eq!(sample_of(&same, world(2500)).verdict, Verdict::Clear);
}

/// Conditions whose truth and end must exclude each other whatever the traffic.
const CONDITIONS: [&str; 8] = [
    P95,
    "p50_latency < 700ms",
    "not p95_latency < 2500ms",
    "error_rate > 5% or p95_latency > 2s",
    "error_rate > 5% and mean_latency > 1500ms",
    "availability < 99.5%",
    "not (error_rate >= 2% and p99_latency > 3s)",
    "cost_per_request > $0.007 or throughput < 10rpm",
];

proptest! {
    #[test]
    fn what_is_clear_is_not_true_and_a_higher_threshold_is_never_easier(
        slow in 0usize..400, fast in 0usize..400, ms in 1u64..5000, bad in 0usize..40,
        which in prop::sample::select(&CONDITIONS[..]),
    ) {
        let world = || World::default().calls(fast, 900).calls(slow, ms).errors(bad);
        let rule = compiled(which);
        let over = rule.clear().cloned().unwrap();
        let mut as_rule = world::rule(which, &[]);
        as_rule.condition = Condition::When { expr: over, hold: Default::default() };
        // As long as the rule's own window may grow.
        if let (Condition::When { hold, .. }, Condition::When { hold: own, .. }) =
            (&mut as_rule.condition, &rule.rule().condition) { *hold = *own; }
        let over = sample_of(&Compiled::new(&as_rule, &[], Tz::UTC), world()).verdict;
        let got = sample_of(&rule, world()).verdict;
        prop_assert!(!(got == Verdict::True && over == Verdict::True), "{which}: both");
        prop_assert_eq!(got == Verdict::Clear, over == Verdict::True, "{}", which);
        let lower = verdict("p95_latency > 2000ms", world());
        let higher = verdict("p95_latency > 2500ms", world());
        prop_assert!(higher != Verdict::True || lower == Verdict::True);
    }

    #[test]
    fn counts_agree_with_sorted_values(values in prop::collection::vec(1u64..5000, 100..300)) {
        let mut world = World::default();
        values.iter().for_each(|ms| world.add(1, *ms, true, ago(30), "m"));
        let mut sorted = values;
        sorted.sort_unstable();
        // The smallest value that at most 5 % exceed.
        let beyond = sorted.iter().filter(|v| **v > 2500).count();
        let got = verdict("p95_latency > 2500ms", world);
        prop_assert_eq!(got == Verdict::True, beyond * 100 > sorted.len() * 5);
    }

    #[test]
    fn the_end_of_an_episode_can_be_printed_and_read(
        which in prop::sample::select(&CONDITIONS[..]), ms in 1u32..100_000,
    ) {
        for text in [which.to_owned(), format!("p95_latency > {ms}ms")] {
            let over = compiled(&text).clear().cloned().unwrap();
            let printed = language::print_expr(&over);
            let read = language::read_expr(&printed, &Default::default());
            prop_assert_eq!(read.ok(), Some(over), "{}", printed);
        }
    }
}

#[test]
fn one_comparison_reads_the_same_counts_again() {
    let world = World { edges: vec![2_374_999, 2500 * MS], ..World::default().calls(100, 900) };
    let rule = compiled(P95);
    assert_eq!(rule.evaluate(&world, world::NOW), rule.evaluate(&world, world::NOW));
}

#[test]
fn a_regression_rule_says_that_no_check_has_run_and_how_to_run_one() {
    let rule = compiled("regression(quality_score) > 5%");
    let before = rule.idle(&World::default()).unwrap();
    assert!(before.contains("no regression check has run yet"), "{before}");
    assert!(before.contains("`flowgauge regression check`"), "{before}");
    let after = World { regressed: Some((false, 0.0)), ..World::default() };
    assert_eq!(rule.idle(&after), None);
}

/// Conditions with and without a common look, split and not.
const ANY: [&str; 10] = [
    "p95_latency > 900ms for 5m",
    "p95_latency by (model) > 900ms for 5m",
    "p50_latency by (model) <= 400ms with 95% confidence",
    "error_rate by (model) > 5% for 5m",
    "error_rate > 10% min 20 samples",
    "cost_per_request by (model) > $0.001",
    "p95_latency by (model) > baseline + 20% with 95% confidence for 1h",
    "mean_latency by (model) > 110% of previous 1m",
    "cache_hit_rate < 20%",
    "p95_latency by (model) > 900ms and error_rate by (model) > 5%",
];

prop_compose! {
    fn worlds()(
        done in prop::collection::vec((0i64..900, 1u64..3_000, prop::bool::ANY, 0usize..3), 0..400),
        flying in prop::collection::vec((1i64..200, 0usize..3), 0..20),
        warm in prop::bool::ANY,
        off in prop::bool::ANY,
        broken in prop::bool::weighted(0.05),
    ) -> World {
        const MODELS: [&str; 3] = ["a", "b", "c"];
        let mut world = World { broken, ..World::default() };
        for (seconds, latency, ok, model) in done {
            world.add(1, latency, ok, ago(seconds), MODELS[model]);
        }
        world.flying = flying.into_iter().map(|(s, model)| (ago(s), MODELS[model])).collect();
        if warm {
            world.baselines.push((crate::alert::metric::Metric::P95Latency, 700_000.0));
        }
        if off {
            world.off.push(Mechanism::ResponseCaching);
        }
        world
    }
}

proptest! {
    #[test]
    fn one_look_for_both_conditions_decides_as_two_do(which in 0..ANY.len(), world in worlds()) {
        let once = compiled(ANY[which]);
        let apart = Compiled { looks_once: false, ..once.clone() };
        let mut world = world;
        world.edges = once.thresholds().into_iter().flat_map(|(_, _, edges)| edges).collect();
        world.edges.sort_unstable();
        world.edges.dedup();
        let at = super::tests::world::NOW;
        let (one, two) = (once.evaluate(&world, at), apart.evaluate(&world, at));
        // Compared as text: a figure that is no number is equal to itself there.
        prop_assert_eq!(format!("{one:?}"), format!("{two:?}"));
        prop_assert!(one.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn a_wrong_guess_finds_a_threshold_all_the_same(
        edges in prop::collection::btree_set(0u64..50, 0..20), wanted in 0u64..50, guess in 0usize..30,
    ) {
        let above = edges.iter().map(|edge| (*edge, 1)).collect();
        let slower = crate::alert::facts::Slower { above, ..Default::default() };
        prop_assert_eq!(slower.place_of(wanted, guess), edges.iter().position(|e| *e == wanted));
    }
}

#[test]
fn a_rule_of_one_comparison_looks_once() {
    assert!(compiled(ANY[0]).looks_once && compiled(ANY[6]).looks_once);
    assert!(!compiled(ANY[9]).looks_once);
}
