//! Drift of a judge: the same answers scored twice.

use super::*;
use crate::regression::generator::Generator;

/// Chance in −1..1, about as wide as a third of that either way.
fn noise(generator: &mut Generator) -> f64 {
    (0..3).map(|_| generator.below(2_001) as f64 / 1_000.0 - 1.0).sum::<f64>() / 3.0
}

const NAMES: [&str; 40] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s",
    "t", "u", "v", "w", "x", "y", "z", "aa", "ab", "ac", "ad", "ae", "af", "ag", "ah", "ai", "aj",
    "ak", "al", "am", "an",
];

/// Forty cases of three answers; a judge errs by so many points each time, by case and by answer alike, and now differs by
/// what `moved` says.
fn scored(seed: f64, error: f64, moved: impl Fn(f64) -> f64) -> Vec<Twice<'static>> {
    let mut generator = Generator::of(&[seed]);
    let mut pairs = Vec::new();
    for case in NAMES {
        let (of_then, of_now) = (noise(&mut generator), noise(&mut generator));
        for _ in 0..3 {
            let label = generator.below(101) as f64;
            let then = label + error * (of_then + noise(&mut generator));
            let now = moved(label) + error * (of_now + noise(&mut generator));
            let (then, now) = (then.clamp(0.0, 100.0), now.clamp(0.0, 100.0));
            pairs.push(Twice { case, then, now, label: Some(label) });
        }
    }
    pairs
}

#[test]
fn a_judge_that_only_errs_anew_has_not_drifted_in_95_of_100_audits() {
    const RUNS: u32 = 60;
    let alarms = (0..RUNS)
        .filter(|seed| {
            let pairs = scored(f64::from(*seed) + 1.0, 30.0, |label| label);
            let drift = Drift::of(&pairs);
            let moved = [drift.mean, drift.rank, drift.kappa];
            moved.into_iter().flatten().any(|m| m.low > 0.0 || m.high < 0.0)
        })
        .count();
    // Nominal plus two standard errors.
    let runs = f64::from(RUNS);
    assert!(alarms as f64 <= runs * (0.05 + 2.0 * (0.05 * 0.95 / runs).sqrt()), "{alarms}");
}

#[test]
fn a_judge_that_became_lenient_or_careless_is_found() {
    let lenient = Drift::of(&scored(1.0, 10.0, |label| label * 0.9 + 16.0));
    assert!(lenient.findings.iter().any(|f| f.contains("answers score +")), "{lenient:?}");
    let careless = Drift::of(&scored(2.0, 10.0, |label| (label * 37.0) % 101.0));
    for name in ["rank correlation", "kappa"] {
        assert!(careless.findings.iter().any(|f| f.starts_with(name)), "{name}: {careless:?}");
    }
}

#[test]
fn the_same_scores_are_no_drift_and_agree_with_themselves() {
    let pairs: Vec<Twice<'_>> =
        scored(3.0, 10.0, |l| l).into_iter().map(|p| Twice { now: p.then, ..p }).collect();
    let drift = Drift::of(&pairs);
    assert!(drift.findings.is_empty() && drift.unchanged == 120, "{drift:?}");
    assert!(drift.same_order.unwrap().value > 0.999 && drift.same_class.unwrap().value > 0.999);
    let mean = drift.mean.unwrap();
    assert!(mean.low.abs() < 1e-9 && mean.high.abs() < 1e-9);
}

#[test]
fn few_answers_or_cases_and_a_missing_label_are_not_guessed_over() {
    let pairs = scored(4.0, 10.0, |label| label + 30.0);
    let few = Drift::of(&pairs[..18]);
    assert!(!few.is_enough() && few.mean.is_none() && few.findings.is_empty());
    let one_case: Vec<Twice<'_>> = pairs.iter().map(|p| Twice { case: "a", ..*p }).collect();
    assert!(!Drift::of(&one_case).is_enough());
    let without: Vec<Twice<'_>> = pairs.iter().map(|p| Twice { label: None, ..*p }).collect();
    let without = Drift::of(&without);
    assert!(without.mean.is_some() && without.rank.is_none() && without.kappa.is_none());
    assert_eq!(without.findings.len(), 1);
    assert!(Drift::of(&[]).findings.is_empty());
}

#[test]
fn the_same_scores_give_the_same_bytes() {
    let json = || serde_json::to_string(&Drift::of(&scored(5.0, 20.0, |l| l))).unwrap();
    assert_eq!(json(), json());
}
