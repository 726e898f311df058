//! Scales, formulas against the guide's own figures, and what counts as the same score.

use super::*;

fn near(told: Option<f64>, want: f64, within: f64) {
    let told = told.expect("a value");
    assert!((told - want).abs() <= within, "{told} against {want}");
}

fn rated(rating: u8, time: i64) -> Score {
    let mut score = Score::new(
        CallId([1; 16]),
        ScoreKind::Feedback,
        UnixMicros(time),
        Reference { call: Some(CallId([9; 16])), ..Reference::default() },
    );
    score.rating = Some(rating);
    score
}

#[test]
fn every_scale_ends_at_nought_and_a_hundred_and_nothing_lies_outside() {
    let stars = Scale::new(1.0, 5.0).unwrap();
    for (value, quality) in [(1.0, 0.0), (3.0, 50.0), (5.0, 100.0)] {
        near(stars.quality(value), quality, 1e-9);
    }
    assert_eq!(stars.quality(0.9), None);
    assert_eq!(stars.quality(f64::NAN), None);
    let distance = Scale::new(2.0, 0.0).unwrap();
    near(distance.quality(0.5), 75.0, 1e-9);
    assert_eq!(Scale::new(1.0, 1.0), None);
    assert_eq!(Scale::new(0.0, f64::INFINITY), None);
}

#[test]
fn a_value_outside_the_scale_is_kept_raw_with_a_reason() {
    let mut score = rated(3, 0);
    score.read_on(Scale::default(), Some(4.5));
    assert_eq!((score.raw, score.quality, score.no_quality), (Some(4.5), None, NoQuality::Scale));
    score.read_on(Scale::default(), None);
    assert_eq!(score.no_quality, NoQuality::NoValue);
}

/// The guide: 85.3 tokens at 85.2 % before, 62.0 at 82.8 % after; $0.0087 and $0.0064.
#[test]
fn tokens_and_cost_per_quality_unit_agree_with_the_guide() {
    let sums = |tokens, nanos, quality| ScoreSums {
        tokens,
        quality_of_tokens: 10.0 * quality,
        with_tokens: 10,
        cost: NanoUsd(nanos),
        quality_of_cost: 10.0 * quality,
        with_cost: 10,
        ..ScoreSums::default()
    };
    let before = sums(853, 87_000_000, 85.2);
    near(before.tokens_per_unit(), 100.1, 0.05);
    near(before.cost_per_unit(), 0.010_21, 0.000_005);
    let after = sums(620, 64_000_000, 82.8);
    near(after.tokens_per_unit(), 74.9, 0.05);
    near(after.cost_per_unit(), 0.007_73, 0.000_005);
}

#[test]
fn overall_quality_weighs_intents_by_their_requests() {
    let sums = |evaluations, mean| ScoreSums {
        evaluations,
        quality: 1.0 * mean * f64::from(u32::try_from(evaluations).unwrap()),
        ..ScoreSums::default()
    };
    // Nine in ten requests explain, but both intents were scored equally often.
    near(overall(&[(900, sums(50, 80.0)), (100, sums(50, 40.0))]), 76.0, 1e-9);
    near(overall(&[(900, sums(50, 80.0)), (100, ScoreSums::default())]), 80.0, 1e-9);
    near(overall(&[(0, sums(1, 80.0)), (0, sums(3, 40.0))]), 50.0, 1e-9);
    assert_eq!(overall(&[(5, ScoreSums::default())]), None);
}

#[test]
fn satisfaction_is_a_mean_and_a_share() {
    let sums = ScoreSums { ratings: [1, 0, 1, 3, 5], ..ScoreSums::default() };
    near(sums.mean_rating(), 4.1, 1e-9);
    near(sums.satisfied(), 0.8, 1e-9);
    assert_eq!(ScoreSums::default().mean_rating(), None);
}

#[test]
fn a_resend_says_the_same_and_a_second_thought_does_not() {
    let first = rated(2, 10);
    let mut again = first.clone();
    again.received = UnixMicros(99);
    again.id = CallId([2; 16]);
    assert!(again.says_what(&first));
    let later = rated(5, 20);
    assert!(!later.says_what(&first) && later.follows(&first) && !first.follows(&later));
    assert_eq!(later.judge(), first.judge());
}

#[test]
fn the_variance_of_overall_quality_is_that_of_the_weighed_mean() {
    // numpy: x = [70, 80, 90]; y = [50, 60]; 0.75² · var(x, ddof=1)/3 + 0.25² · var(y, ddof=1)/2 = 20.3125
    let of = |values: &[f64]| ScoreSums {
        evaluations: values.len() as u64,
        quality: values.iter().sum(),
        squares: values.iter().map(|v| v * v).sum(),
        ..ScoreSums::default()
    };
    let intents = [(300, of(&[70.0, 80.0, 90.0])), (100, of(&[50.0, 60.0]))];
    let got = overall_variance(&intents).unwrap();
    assert!((got - 20.3125).abs() < 1e-9, "{got}");
    assert_eq!(overall_variance(&[(300, of(&[70.0, 80.0])), (1, of(&[50.0]))]), None);
    assert_eq!(overall_variance(&[]), None);
}

/// Scores of equal weight are added up as before there were weights; a weight of 3 counts as three
/// scores for the mean, and less than three for how sure it is.
#[test]
fn weights_move_the_mean_and_not_what_has_none() {
    let sums = |scores: &[(f64, f64)]| {
        let mut all = ScoreSums::default();
        for (quality, weight) in scores {
            all.merge(&ScoreSums {
                evaluations: 1,
                quality: weight * quality,
                squares: weight * quality * quality,
                surplus: weight - 1.0,
                surplus_squares: weight * weight - 1.0,
                ..ScoreSums::default()
            });
        }
        all
    };
    let plain = sums(&[(80.0, 1.0), (60.0, 1.0), (70.0, 1.0)]);
    near(plain.mean_quality(), 70.0, 1e-9);
    near(plain.variance(), 100.0, 1e-9);
    near(Some(plain.effective()), 3.0, 1e-9);
    assert_eq!(plain.as_equals(), (3, 210.0, 14_900.0));
    let weighed = sums(&[(80.0, 3.0), (60.0, 1.0)]);
    near(weighed.mean_quality(), 75.0, 1e-9);
    near(Some(weighed.effective()), 1.6, 1e-9);
    // Σ w (q − 75)² / Σ w · n / (n − 1) = (75 + 225) / 4 · 2 = 150.
    near(weighed.variance(), 150.0, 1e-9);
    // As sure as 1.6 plain scores: 150 / 1.6 is the variance of two with 187.5 / 2.
    let (n, sum, squares) = weighed.as_equals();
    assert_eq!(n, 2);
    near(Some(sum), 150.0, 1e-9);
    near(Some(squares - sum * sum / 2.0), 187.5, 1e-9);
    assert_eq!(sums(&[]).mean_quality(), None);
}
