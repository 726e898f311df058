//! What the comparison promises. How often it errs, and how soon it finds harm: `guardrail::tests`.

use super::*;
use crate::control::rollout::Mechanism;
use crate::unit::UnixMicros;

fn sample(tokens: f64, quality: f64) -> Sample {
    Sample { tokens: Some(tokens), quality: Some(quality), failed: Some(0.0), ..Sample::default() }
}

fn filled(untouched: u64, touched: u64, saved: f64) -> Evidence {
    let mut evidence = Evidence::default();
    for i in 0..untouched.max(touched) {
        let wave = f64::from(u32::try_from(i * 7 % 11).unwrap());
        if i < untouched {
            evidence.observe(Arm::HoldOut, &sample(100.0 + wave, 80.0 + wave));
        }
        if i < touched {
            evidence.observe(Arm::Treated, &sample((100.0 + wave) * (1.0 - saved), 80.0 + wave));
        }
    }
    evidence
}

#[test]
fn the_share_saved_has_an_interval_that_holds_it_and_narrows() {
    let wide = filled(60, 1_000, 0.25).report(0.05).tokens_saved.unwrap();
    let narrow = filled(2_000, 40_000, 0.25).report(0.05).tokens_saved.unwrap();
    for span in [wide, narrow] {
        assert!(
            span.low < 0.25 && span.high > 0.25 && (span.estimate - 0.25).abs() < 0.02,
            "{span:?}"
        );
    }
    assert!(narrow.high - narrow.low < (wide.high - wide.low) / 2.0);
}

#[test]
fn the_share_of_quality_kept_has_an_interval_that_holds_it_and_ends_within_a_bound() {
    let of = |lost: f64, n: u64| {
        let mut evidence = Evidence::default();
        for i in 0..20 * n {
            let wave = f64::from(u32::try_from(i * 7 % 41).unwrap()) - 20.0;
            if i < n {
                evidence.observe(Arm::HoldOut, &sample(1.0, 70.0 + wave));
            }
            evidence.observe(Arm::Treated, &sample(1.0, (70.0 + wave) * (1.0 - lost)));
        }
        evidence.report(0.05).quality_share
    };
    let (few, many, worse) = (of(0.0, 60).unwrap(), of(0.0, 500).unwrap(), of(0.1, 500).unwrap());
    assert!(few.low < -0.05 && few.high > 0.05, "{few:?}");
    assert!(many.low > -0.05 && many.high < 0.05 && many.low < 0.0, "{many:?}");
    assert!(worse.low < -0.1 && worse.high > -0.1 && worse.high < -0.05, "{worse:?}");
    assert!((worse.estimate + 0.1).abs() < 0.01, "{worse:?}");
    assert_eq!(of(0.0, 29), None);
}

#[test]
fn a_small_arm_gives_no_verdict_and_an_equal_one_in_time_a_good_one() {
    let early = filled(29, 1_000, 0.2).report(0.05);
    assert_eq!(early.tokens_saved, None);
    assert_eq!(early.findings[0].verdict, Verdict::Inconclusive);
    let late = filled(2_000, 20_000, 0.2).report(0.05);
    assert_eq!(
        (late.findings[0].metric, late.findings[0].verdict),
        (Metric::Quality, Verdict::Fine)
    );
    assert_eq!(late.harm(), None);
}

#[test]
fn a_failed_call_has_nothing_else_to_compare() {
    let failed = Sample::of_call(Some(5), Some(NanoUsd(5)), Some(Micros(5)), Some(50.0), true);
    assert_eq!(failed, Sample { failed: Some(1.0), ..Sample::default() });
    let odd = Sample::of_call(None, None, None, Some(101.0), false);
    assert_eq!(odd.quality, None);
}

#[test]
fn evidence_written_down_and_read_back_goes_on_alike() {
    let evidence = filled(100, 900, 0.1);
    let text = serde_json::to_string(&evidence).unwrap();
    let again: Evidence = serde_json::from_str(&text).unwrap();
    assert_eq!(again.report(0.05), evidence.report(0.05));
}

#[test]
fn calls_of_one_conversation_count_as_one() {
    let (mut clusters, mut evidence) = (Clusters::default(), Evidence::default());
    let at = |minute: i64| UnixMicros(minute * UnixMicros::MINUTE);
    for minute in 0..10 {
        let quality = if minute % 2 == 0 { 70.0 } else { 90.0 };
        clusters.observe(1, Arm::HoldOut, &sample(10.0, quality), at(minute), &mut evidence);
    }
    clusters.observe(2, Arm::Treated, &sample(10.0, 50.0), at(18), &mut evidence);
    assert_eq!(clusters.len(), 2);
    let so_far = clusters.so_far(&evidence).report(0.05).findings[0];
    assert_eq!((so_far.untouched, so_far.touched), (1, 1));
    clusters.settle(at(19), &mut evidence);
    assert_eq!(clusters.len(), 1);
    let finding = evidence.report(0.05).findings[0];
    assert_eq!((finding.untouched, finding.touched), (1, 0));
    // Another arm is another conversation.
    clusters.observe(2, Arm::Waiting, &sample(10.0, 50.0), at(20), &mut evidence);
    assert_eq!(evidence.report(0.05).findings[0].touched, 1);
}

#[test]
fn the_counterfactual_is_a_ratio_of_sums() {
    let mut sums = Counterfactual::default();
    sums.observe(1_000, &[(Mechanism::ContextPruning, 200), (Mechanism::PromptOptimization, 100)]);
    sums.observe(100, &[(Mechanism::ResponseCaching, 100)]);
    sums.observe(100, &[(Mechanism::ContextPruning, 500)]);
    assert_eq!(sums.reduction(), Some(1.0 - 700.0 / 1_200.0));
    assert_eq!(sums.by(Mechanism::ContextPruning), Some(300.0 / 1_200.0));
    assert_eq!(Counterfactual::default().reduction(), None);
}

/// Two groups, 10 % and 30 % saved; the second has three quarters of the traffic: 1 − (1·90 + 3·140)/(1·100 + 3·200).
#[test]
fn against_a_baseline_the_mix_of_now_counts_on_both_sides() {
    let group = |requests, current, baseline| Group { requests, current, baseline };
    let groups = [group(10, 90.0, 100.0), group(30, 140.0, 200.0), group(5, f64::NAN, 1.0)];
    let saved = baseline_reduction(&groups).unwrap();
    assert!((saved - (1.0 - 510.0 / 700.0)).abs() < 1e-12, "{saved}");
    assert_eq!(baseline_reduction(&[]), None);
}

/// A score that comes after its call adds quality and no call: the share of failures stays what it was.
#[test]
fn a_late_score_is_no_call_of_its_own() {
    let (mut clusters, mut evidence) = (Clusters::default(), Evidence::default());
    let failed = Sample { failed: Some(1.0), ..Sample::default() };
    clusters.observe(1, Arm::Treated, &failed, UnixMicros(0), &mut evidence);
    clusters.observe(1, Arm::Treated, &Sample::of_score(50.0), UnixMicros(1), &mut evidence);
    clusters.settle(UnixMicros(UnixMicros::HOUR), &mut evidence);
    assert_eq!(evidence.counts(), (0, 1));
    // Its conversation is over: the score counts, the call does not count again.
    clusters.observe(1, Arm::Treated, &Sample::of_score(60.0), UnixMicros(0), &mut evidence);
    clusters.settle(UnixMicros(2 * UnixMicros::HOUR), &mut evidence);
    assert_eq!(evidence.counts(), (0, 1));
    assert_eq!(evidence.report(0.05).findings[0].touched, 2);
    evidence.forget_quality();
    assert_eq!(evidence.report(0.05).findings[0].touched, 0);
}

#[test]
fn the_upper_end_of_quality_is_above_its_mean_and_comes_down_to_it() {
    let few = filled(0, 100, 0.0).quality_at_most(0.05).unwrap();
    let many = filled(0, 100_000, 0.0).quality_at_most(0.05).unwrap();
    assert!(few > many && many > 85.0 && many < 85.1, "{few} {many}");
    assert_eq!(filled(0, 29, 0.0).quality_at_most(0.05), None);
}
