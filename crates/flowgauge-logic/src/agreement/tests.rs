//! Figures against scipy 1.17.1, statsmodels 0.15.0, scikit-learn 1.9.1 and krippendorff 0.9.0:
//! `stats.pearsonr(X, Y)` with `.confidence_interval()`; `stats.spearmanr(XT, YT)` and, with
//! `se = sqrt((1 + r*r/2) / (n - 3))`, `tanh(atanh(r) ± 1.959963984540054 * se)`;
//! `inter_rater.cohens_kappa(table, wt=None | 'linear' | 'quadratic')`, whose values
//! `metrics.cohen_kappa_score(A, B, weights=…)` repeats;
//! `krippendorff.alpha(reliability_data=[X, Y], level_of_measurement='interval')`;
//! `stats.ttest_rel(Y, X)` with `.confidence_interval()`.

use super::*;
use proptest::prelude::*;

const X: [f64; 16] = [
    88.0, 92.0, 35.0, 60.0, 75.0, 10.0, 55.0, 97.0, 42.0, 70.0, 64.0, 20.0, 81.0, 50.0, 90.0, 33.0,
];
const Y: [f64; 16] =
    [80.0, 95.0, 40.0, 55.0, 85.0, 5.0, 60.0, 90.0, 50.0, 62.0, 70.0, 30.0, 75.0, 45.0, 99.0, 20.0];
const XT: [f64; 10] = [1.0, 2.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0, 6.0, 7.0];
const YT: [f64; 10] = [2.0, 1.0, 3.0, 3.0, 5.0, 4.0, 6.0, 5.0, 7.0, 6.0];
const A: [u8; 20] = [0, 0, 1, 1, 2, 2, 3, 3, 3, 2, 1, 0, 2, 3, 1, 0, 3, 2, 1, 3];
const B: [u8; 20] = [0, 1, 1, 1, 2, 3, 3, 3, 2, 2, 0, 0, 2, 3, 2, 0, 3, 1, 1, 3];

fn near(told: Coefficient, [value, low, high]: [f64; 3]) {
    for (told, want) in [(told.value, value), (told.low, low), (told.high, high)] {
        assert!((told - want).abs() < 1e-9, "{told} against {want}");
    }
}

#[test]
fn correlations_are_those_of_scipy() {
    near(
        pearson(&X, &Y).unwrap(),
        [0.959_558_220_291_234, 0.884_638_270_877_817_9, 0.986_179_336_780_750_6],
    );
    near(
        spearman(&XT, &YT).unwrap(),
        [0.897_532_840_968_665_5, 0.524_110_697_868_473, 0.981_494_778_404_141_6],
    );
}

#[test]
fn a_difference_of_pairs_and_its_interval_are_those_of_scipy() {
    let told = difference(&X, &Y).unwrap();
    let want = [-0.0625, -4.183_005_771_403_983, 4.058_005_771_403_983];
    for (told, want) in [told.value, told.low, told.high].into_iter().zip(want) {
        assert!((told - want).abs() < 1e-9, "{told} against {want}");
    }
    assert_eq!(told.n, 16);
    assert_eq!(difference(&X[..1], &Y[..1]), None, "one pair has no spread");
    assert_eq!(difference(&X, &[f64::NAN; 16]), None);
}

#[test]
fn kappas_are_those_of_statsmodels() {
    for (weighting, want) in [
        (
            Weighting::Same,
            [0.597_315_436_241_610_7, 0.328_831_245_627_250_87, 0.865_799_626_855_970_5],
        ),
        (
            Weighting::Linear,
            [0.757_085_020_242_914_9, 0.582_271_624_825_428_2, 0.931_898_415_660_401_7],
        ),
        (
            Weighting::Quadratic,
            [0.877_800_407_331_975_6, 0.779_877_945_268_137_6, 0.975_722_869_395_813_8],
        ),
    ] {
        near(kappa(&A, &B, 4, weighting).unwrap(), want);
    }
}

#[test]
fn alpha_is_that_of_krippendorff() {
    assert!((alpha(&X, &Y).unwrap() - 0.960_567_235_083_49).abs() < 1e-9);
}

#[test]
fn a_judge_who_always_says_the_same_agrees_with_nobody_measurably() {
    assert_eq!(spearman(&[5.0; 16], &Y), None);
    assert_eq!(pearson(&X, &[f64::NAN; 16]), None);
    assert_eq!(pearson(&X[..3], &Y[..3]), None, "three pairs have no interval");
    assert_eq!(kappa(&[1; 5], &[1; 5], 4, Weighting::Linear), None);
    assert_eq!(kappa(&[4], &[1], 4, Weighting::Linear), None);
    assert_eq!(alpha(&[5.0; 4], &[5.0; 4]), None);
}

#[test]
fn labels_dealt_out_anew_agree_with_nothing() {
    let control = shuffled(&X, &Y, 400, 1).unwrap();
    assert!(control.mean.abs() < 0.05, "{control:?}");
    assert!(control.bound < spearman(&X, &Y).unwrap().low, "{control:?}");
    assert_eq!(Some(control), shuffled(&X, &Y, 400, 1));
}

proptest! {
    #[test]
    fn coefficients_lie_between_their_ends_whatever_the_pairs(
        pairs in proptest::collection::vec((-1e6..1e6f64, -1e6..1e6f64), 0..40),
    ) {
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        for c in [pearson(&x, &y), spearman(&x, &y)].into_iter().flatten() {
            prop_assert!(-1.0 <= c.low && c.low <= c.value && c.value <= c.high && c.high <= 1.0);
        }
        prop_assert_eq!(spearman(&x, &y).map(|c| c.value), spearman(&y, &x).map(|c| c.value));
    }

    #[test]
    fn a_judge_agrees_perfectly_with_itself(a in proptest::collection::vec(0..4u8, 1..40)) {
        if let Some(k) = kappa(&a, &a, 4, Weighting::Quadratic) {
            prop_assert!((k.value - 1.0).abs() < 1e-9);
        }
    }
}
