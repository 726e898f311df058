//! Thresholds follow what was seen, and stop at what is in force and at the target.

use super::*;
use crate::alert::plan::tests::rule;
use crate::alert::rule::Severity;
use proptest::prelude::*;

fn of(condition: &str) -> (Rule, Plain) {
    let rule = rule("r", condition, Severity::Warning);
    let plain = plain(&rule).unwrap();
    (rule, plain)
}

/// Two weeks of hours between two values.
fn hours(low: f64, high: f64) -> Vec<f64> {
    (0..336u32).map(|n| low + (high - low) * f64::from(n * 7919 % 336) / 335.0).collect()
}

const MS: f64 = 1_000.0;

#[test]
fn a_threshold_far_above_what_is_seen_is_tightened_to_two_digits() {
    let (rule, plain) = of("p95_latency > 4000ms for 10m");
    let seen = hours(900.0 * MS, 2_000.0 * MS);
    let proposed = propose(&rule, &plain, &seen, Some(1_500.0 * MS)).unwrap();
    assert_eq!(proposed.text, "p95_latency > 2200ms for 10m");
    assert_eq!((proposed.held_by, proposed.beyond_current, proposed.beyond_proposed), (None, 0, 0));
}

#[test]
fn it_is_never_stricter_than_the_target() {
    let (rule, plain) = of("p95_latency > 4000ms for 10m");
    let proposed =
        propose(&rule, &plain, &hours(200.0 * MS, 400.0 * MS), Some(1_500.0 * MS)).unwrap();
    assert_eq!(proposed.text, "p95_latency > 1500ms for 10m");
    assert_eq!(proposed.held_by, Some(HeldBy::Target));
}

#[test]
fn it_is_never_looser_than_what_is_in_force_however_often_that_fires() {
    let (rule, plain) = of("p95_latency > 2000ms for 10m");
    let often = hours(1_000.0 * MS, 9_000.0 * MS);
    assert_eq!(propose(&rule, &plain, &often, Some(1_500.0 * MS)), Err(NotProposed::Fits));
    // Stricter than the target, it may be loosened up to the target.
    let (rule, plain) = of("p95_latency > 1000ms for 10m");
    let proposed = propose(&rule, &plain, &often, Some(1_500.0 * MS)).unwrap();
    assert_eq!(proposed.text, "p95_latency > 1500ms for 10m");
    assert!(proposed.beyond_proposed < proposed.beyond_current, "{proposed:?}");
}

#[test]
fn rules_that_wait_for_less_are_tightened_upwards() {
    let (rule, plain) = of("quality_score < 60% for 10m");
    let proposed = propose(&rule, &plain, &hours(0.84, 0.9), Some(0.8)).unwrap();
    assert_eq!(proposed.text, "quality_score < 76% for 10m");
    let held = propose(&rule, &plain, &hours(0.97, 0.99), Some(0.8)).unwrap();
    assert_eq!(
        (held.text.as_str(), held.held_by),
        ("quality_score < 80% for 10m", Some(HeldBy::Target))
    );
}

#[test]
fn a_week_is_needed_and_small_changes_are_left_alone() {
    let (rule, plain) = of("p95_latency > 2200ms for 10m");
    let seen = hours(900.0 * MS, 2_000.0 * MS);
    assert_eq!(propose(&rule, &plain, &seen[..167], None), Err(NotProposed::TooFew));
    assert_eq!(propose(&rule, &plain, &seen, None), Err(NotProposed::Fits));
}

#[test]
fn rules_without_a_plain_number_over_all_calls_have_none() {
    for condition in [
        "daily_tokens > 110% of baseline for 1h",
        "p95_latency{model=\"gpt-4\"} > 2s",
        "p95_latency by (model) > 2s",
        "error_rate > 5% and throughput > 10rpm",
        "no data for 10m from throughput",
    ] {
        assert!(plain(&rule("r", condition, Severity::Warning)).is_none(), "{condition}");
    }
}

proptest! {
    #[test]
    fn whatever_was_seen_a_threshold_stays_between_target_and_what_is_in_force(
        low in 1.0f64..5_000.0, spread in 0.0f64..5_000.0,
        current in 1u32..10_000, target in 1.0f64..10_000.0
    ) {
        let (rule, plain) = of(&format!("p95_latency > {current}ms for 10m"));
        let seen = hours(low * MS, (low + spread) * MS);
        if let Ok(proposed) = propose(&rule, &plain, &seen, Some(target * MS)) {
            let (is, was) = (proposed.threshold.base() / MS, f64::from(current));
            // Two digits may round past a bound by half of the last one.
            prop_assert!(is >= 0.95 * target, "{is} below the target {target}");
            prop_assert!(is <= 1.05 * was.max(target), "{is} above {was} and {target}");
        }
    }
}
