//! Tests of what a comparison says, whatever it is given.

use super::*;
use crate::unit::UnixMicros;
use proptest::prelude::*;
use serde_json::Value;

const KEYS: [&str; 23] = [
    "calibrated",
    "uncalibrated",
    "p_value",
    "significant",
    "direction",
    "magnitude",
    "verdict",
    "regression",
    "improvement",
    "reason",
    "method",
    "confidence",
    "effect",
    "ci_low",
    "ci_high",
    "delta_min",
    "min_effect",
    "mde",
    "n_baseline",
    "n_current",
    "n_eff",
    "q_value",
    "adjustment",
];

/// 40 values around a level, spread by a few percent, without dependence.
fn listed(level: f64) -> Points {
    Points::of(
        (0..40u32).map(|i| level * (1.0 + 0.05 * (f64::from(i * 37 % 41) / 41.0 - 0.5))).collect(),
    )
}

/// The same as days.
fn around(level: f64) -> Points {
    let times = (0..40).map(|day| UnixMicros(day * UnixMicros::DAY)).collect();
    Points { times: Some(times), ..listed(level) }
}

fn compared(metric: Metric, base: &Points, current: &Points) -> Comparison {
    compare(metric, base, current, &Settings::default())
}

#[test]
fn more_latency_regresses_and_less_never_does() {
    let worse = compared(Metric::Latency, &around(100.0), &around(130.0));
    assert_eq!((worse.verdict, worse.direction), (Verdict::Regressed, Some(Direction::Increase)));
    assert!(worse.alerts() && worse.magnitude.is_some_and(|m| (m - 0.3).abs() < 1e-9), "{worse:?}");
    let better = compared(Metric::Latency, &around(130.0), &around(100.0));
    assert_eq!((better.verdict, better.improvement), (Verdict::Fine, true));
    assert!(better.significant && !better.regression && !better.alerts(), "{better:?}");
}

#[test]
fn less_quality_regresses_and_more_never_does() {
    let worse = compared(Metric::Quality, &around(90.0), &around(80.0));
    assert_eq!((worse.verdict, worse.direction), (Verdict::Regressed, Some(Direction::Decrease)));
    assert!(worse.alerts() && worse.effect.is_some_and(|e| e > 0.1), "{worse:?}");
    assert!(worse.delta_min.is_some_and(|d| (d - 2.0 / 90.0).abs() < 1e-3), "{worse:?}");
    let better = compared(Metric::Quality, &around(80.0), &around(90.0));
    assert!(better.improvement && better.significant && !better.alerts(), "{better:?}");
}

#[test]
fn a_regression_smaller_than_the_minimum_raises_no_alert() {
    let found = compared(Metric::Latency, &around(100.0), &around(108.0));
    assert_eq!(found.verdict, Verdict::Regressed, "{found:?}");
    assert!(!found.alerts());
}

#[test]
fn a_tie_is_an_increase_of_quality_and_a_decrease_of_everything_else() {
    let tie = |metric| compared(metric, &around(90.0), &around(90.0)).direction;
    assert_eq!(tie(Metric::Quality), Some(Direction::Increase));
    assert_eq!(tie(Metric::Tokens), Some(Direction::Decrease));
}

#[test]
fn too_little_to_compare_has_a_reason_and_no_verdict() {
    let cases = [
        (Points::default(), around(1.0), "the baseline has 0 points"),
        (around(1.0), Points::of(vec![1.0]), "the current period has 1 point;"),
        (Points::of(vec![5.0; 9]), Points::of(vec![6.0; 9]), "neither side varies"),
        (Points::of(vec![-1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0]), around(1.0), "not above 0"),
    ];
    for (base, current, reason) in cases {
        let found = compared(Metric::Latency, &base, &current);
        assert_eq!(found.verdict, Verdict::InsufficientData, "{found:?}");
        assert!(found.reason.as_ref().is_some_and(|r| r.contains(reason)), "{found:?}");
        assert!(!found.significant && !found.regression && found.p_value.is_none());
    }
    let one_sided = compared(Metric::Latency, &Points::of(vec![5.0; 20]), &around(6.0));
    assert_eq!(one_sided.verdict, Verdict::Regressed, "{one_sided:?}");
}

#[test]
fn points_of_too_few_requests_are_dropped_and_named() {
    let mut base = around(100.0);
    base.counts = Some((0..40).map(|i| if i < 35 { 10 } else { 500 }).collect());
    let found = compared(Metric::Latency, &base, &around(100.0));
    let reason = found.reason.unwrap_or_default();
    assert_eq!(found.n_baseline, 5);
    assert!(reason.contains("35 more rest on too few requests"), "{reason}");
}

#[test]
fn without_the_clock_part_of_a_week_is_no_small_change_and_says_so() {
    let small = compared(Metric::Latency, &listed(100.0), &listed(103.0));
    assert!(!small.significant && small.caveat.is_some_and(|c| c.contains("give timestamps")));
    let large = compared(Metric::Latency, &listed(100.0), &listed(130.0));
    assert!(large.alerts() && large.calibrated == Some(true), "{large:?}");
    assert_eq!(compared(Metric::Latency, &around(100.0), &around(103.0)).caveat, None);
}

#[test]
fn a_level_that_was_not_measured_is_said_to_be_none() {
    let unsure = |settings: &Settings, points: &Points| {
        let found = compare(Metric::Cost, points, &around(3.0), settings);
        assert_eq!(found.calibrated, Some(false), "{found:?}");
        found.uncalibrated.unwrap_or_default()
    };
    let welch = Settings { method: Method::Welch, ..Settings::default() };
    assert!(unsure(&welch, &around(3.0)).contains("do not depend"));
    let sure = Settings { confidence: 0.999, ..Settings::default() };
    assert!(unsure(&sure, &around(3.0)).contains("measured at 0.95"));
    let few = Settings { min_points: 3, ..Settings::default() };
    assert!(unsure(&few, &Points::of(vec![3.0, 3.1, 3.2, 3.0])).contains("4 points on a side"));
    let walk = (0..400).map(|i| 3.0 + (f64::from(i) / 60.0).sin()).collect();
    assert!(unsure(&Settings::default(), &Points::of(walk)).contains("depend on each other"));
    let nothing = compared(Metric::Cost, &Points::default(), &around(3.0));
    assert_eq!((nothing.calibrated, nothing.uncalibrated), (None, None));
}

#[test]
fn times_are_read_as_a_list_or_as_a_beginning_and_a_step() {
    let read = |text: &str| Input::parse(text).unwrap().points(Metric::Cost).times;
    let hours = [0, 1, 2].map(|h| UnixMicros(h * UnixMicros::HOUR)).to_vec();
    let list = r#"{"cost": [1, 2, 3], "timestamps": ["1970-01-01T00:00:00Z", 3600, 7200.0]}"#;
    assert_eq!(read(list), Some(hours.clone()));
    let step = r#"{"cost": [1, 2, 3], "start": "1970-01-01T01:00:00+01:00", "step": "1h"}"#;
    assert_eq!(read(step), Some(hours));
    assert_eq!(read(r#"{"cost": [1], "start": "a note"}"#), None);
    let refused = |text: &str| Input::parse(text).unwrap_err().to_string();
    let back = r#"{"cost": [1, 2], "timestamps": [60, 60]}"#;
    assert!(refused(back).starts_with("timestamps[1] is 60; write a time"), "{}", refused(back));
    assert!(refused(r#"{"cost": [1], "timestamps": [1, 2]}"#).contains("2 entries and cost has 1"));
    let odd = r#"{"cost": [1], "start": 0, "step": "hour"}"#;
    assert!(
        refused(odd).starts_with("step is \"hour\"; write the time between"),
        "{}",
        refused(odd)
    );
}

#[test]
fn several_metrics_are_adjusted_together() {
    let series = [
        (Metric::Latency, around(100.0), around(101.5)),
        (Metric::Tokens, around(100.0), around(100.0)),
        (Metric::Quality, around(90.0), around(90.0)),
    ];
    let found = compare_all(&series, &Settings::default());
    let (p, q) = (found[0].1.p_value.unwrap(), found[0].1.q_value.unwrap());
    assert!((q - 3.0 * p).abs() < 1e-12, "{p} {q}");
}

#[test]
fn equal_input_gives_equal_bytes() {
    let once =
        || serde_json::to_string(&compared(Metric::Cost, &around(3.0), &around(3.1))).unwrap();
    assert_eq!(once(), once());
}

#[test]
fn a_file_is_refused_with_place_value_and_way_out() {
    let refused = |text: &str| Input::parse(text).unwrap_err().to_string();
    assert_eq!(
        refused(r#"{"latency_p95": [1, "2"]}"#),
        r#"latency_p95[1] is "2"; write a finite number"#
    );
    assert!(refused(r#"{"latency_p95": [1, NaN]}"#).starts_with("line 1, column"));
    assert!(refused(r#"{"latency_p95": [1e999]}"#).contains("number out of range"));
    assert!(refused(r#"{"latency_p95": 3}"#).starts_with("latency_p95 is a number"));
    assert!(refused("[]").starts_with("the file holds a list"));
    assert!(refused(r#"{"latency": []}"#).starts_with("no series found"));
    assert!(refused(r#"{"latency_p95": [1], "counts": [1, 2]}"#).contains("counts has 2 entries"));
    let read = Input::parse(r#"{"note": {}, "token_count": [1], "counts": {"token_count": [7]}}"#);
    assert_eq!(read.unwrap().points(Metric::Tokens).counts, Some(vec![7]));
}

/// Every number finite, every key there, booleans booleans.
fn sound(report: &Value) -> Result<(), TestCaseError> {
    for metric in ["latency_regression", "token_regression", "quality_regression"] {
        for key in KEYS {
            prop_assert!(report[metric].get(key).is_some(), "{metric}.{key} is missing");
        }
        prop_assert!(report[metric]["significant"].is_boolean());
        prop_assert!(report[metric]["regression"].is_boolean());
        let undecided = report[metric]["verdict"] == "insufficient_data";
        prop_assert_eq!(undecided, report[metric]["reason"].is_string());
        if undecided {
            prop_assert_eq!(&report[metric]["significant"], &Value::Bool(false));
            prop_assert_eq!(&report[metric]["regression"], &Value::Bool(false));
        } else {
            prop_assert!(report[metric]["p_value"].is_number(), "{report}");
        }
    }
    Ok(())
}

fn numbers() -> impl Strategy<Value = Vec<f64>> {
    let wild = prop_oneof![
        4 => 0.0..1e4f64,
        1 => Just(0.0),
        1 => Just(5.0),
        1 => prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
    ];
    prop_oneof![
        prop::collection::vec(wild, 0..40),
        prop::collection::vec(prop::num::f64::ANY.prop_filter("finite", |v| v.is_finite()), 0..30),
        (0.0..1e3f64, 0..200usize).prop_map(|(v, n)| vec![v; n]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_numbers_give_valid_json_with_every_key(
        base in prop::array::uniform3(numbers()), current in prop::array::uniform3(numbers()), method in 0..3usize,
    ) {
        let file = |series: &[Vec<f64>; 3]| {
            let text = serde_json::json!({
                "latency_p95": series[0], "token_count": series[1], "quality_score": series[2]
            });
            Input::parse(&text.to_string()).unwrap()
        };
        let method = [Method::MovingBlockBootstrap, Method::Student, Method::Welch][method];
        let settings = Settings { method, ..Settings::default() };
        let text = serde_json::to_string(&file(&base).compare(&file(&current), &settings)).unwrap();
        sound(&serde_json::from_str(&text).unwrap())?;
        // Serde writes what is not finite as null; the values themselves must not be.
        for (_, found) in file(&base).compare(&file(&current), &settings).0 {
            for number in [found.p_value, found.magnitude, found.effect, found.ci_low, found.ci_high,
                found.delta_min, found.mde, found.n_eff, found.q_value].into_iter().flatten() {
                prop_assert!(number.is_finite(), "{found:?}");
            }
        }
    }

    #[test]
    fn order_of_magnitude_changes_nothing(scale in 1e-6..1e6f64) {
        let scaled = |points: Points| Points::of(points.values.iter().map(|v| v * scale).collect());
        let plain = compared(Metric::Cost, &listed(100.0), &listed(103.0));
        let found = compared(Metric::Cost, &scaled(listed(100.0)), &scaled(listed(103.0)));
        prop_assert_eq!(plain.verdict, found.verdict);
        let (a, b) = (plain.ci_low.unwrap(), found.ci_low.unwrap());
        prop_assert!((a - b).abs() < 0.01, "{a} {b}");
    }
}
