//! Rank normal scores: what the change-point statistic is computed on.
//!
//! Owns the step from values to scores (van der Waerden: `Φ⁻¹(rank / (n + 1))`), which makes the statistic
//! distribution-free under independence and bounds the pull of any outlier. Refuses values that are not finite:
//! callers drop or replace those, since a rank for them would be invented.

/// The quantile function of the standard normal distribution, by the rational approximations of Wichura (1988, algorithm
/// AS 241, PPND16), exact to about 16 digits. They are here since scores of long histories spend most of their time in it.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    let off = p - 0.5;
    if off.abs() <= 0.425 {
        let r = 0.180_625 - off * off;
        return off * polynomial(&CENTRE, r) / polynomial(&CENTRE_BELOW, r);
    }
    let tail = if off < 0.0 { p } else { 1.0 - p };
    let r = (-tail.ln()).sqrt();
    let z = if r <= 5.0 {
        polynomial(&TAIL, r - 1.6) / polynomial(&TAIL_BELOW, r - 1.6)
    } else {
        polynomial(&FAR, r - 5.0) / polynomial(&FAR_BELOW, r - 5.0)
    };
    if off < 0.0 { -z } else { z }
}

/// Coefficients as published, the constant first.
const CENTRE: [f64; 8] = [
    3.387_132_872_796_366_5,
    133.141_667_891_784_38,
    1_971.590_950_306_551_3,
    13_731.693_765_509_46,
    45_921.953_931_549_87,
    67_265.770_927_008_7,
    33_430.575_583_588_13,
    2_509.080_928_730_122_7,
];
const CENTRE_BELOW: [f64; 8] = [
    1.0,
    42.313_330_701_600_91,
    687.187_007_492_057_9,
    5_394.196_021_424_751,
    21_213.794_301_586_597,
    39_307.895_800_092_71,
    28_729.085_735_721_943,
    5_226.495_278_852_854,
];
const TAIL: [f64; 8] = [
    1.423_437_110_749_683_5,
    4.630_337_846_156_546,
    5.769_497_221_460_691,
    3.647_848_324_763_204_5,
    1.270_458_252_452_368_4,
    0.241_780_725_177_450_6,
    0.022_723_844_989_269_184,
    7.745_450_142_783_414e-4,
];
const TAIL_BELOW: [f64; 8] = [
    1.0,
    2.053_191_626_637_759,
    1.676_384_830_183_803_8,
    0.689_767_334_985_1,
    0.148_103_976_427_480_08,
    0.015_198_666_563_616_457,
    5.475_938_084_995_345e-4,
    1.050_750_071_644_416_9e-9,
];
const FAR: [f64; 8] = [
    6.657_904_643_501_103,
    5.463_784_911_164_114,
    1.784_826_539_917_291_3,
    0.296_560_571_828_504_87,
    0.026_532_189_526_576_124,
    0.001_242_660_947_388_078_4,
    2.711_555_568_743_487_6e-5,
    2.010_334_399_292_288_1e-7,
];
const FAR_BELOW: [f64; 8] = [
    1.0,
    0.599_832_206_555_888,
    0.136_929_880_922_735_8,
    0.014_875_361_290_850_615,
    7.868_691_311_456_133e-4,
    1.846_318_317_510_054_7e-5,
    1.421_511_758_316_446e-7,
    2.044_263_103_389_939_8e-15,
];

fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// The order of the values: indices from the smallest to the largest.
pub(crate) fn order(values: &[f64]) -> Vec<usize> {
    let mut pairs: Vec<(f64, usize)> = values.iter().copied().zip(0..).collect();
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    pairs.into_iter().map(|p| p.1).collect()
}

/// Normal scores of the ranks; equal values share the middle of their ranks.
pub(crate) fn normal_scores(values: &[f64]) -> Vec<f64> {
    scores_in(values, &order(values))
}

/// The same where the order is known already.
pub(crate) fn scores_in(values: &[f64], order: &[usize]) -> Vec<f64> {
    let n = values.len();
    let size = n as f64 + 1.0;
    // Scores of the lower half of the ranks, which count from one. The upper half is mirrored, so that a mirrored series
    // has exactly mirrored scores.
    let half: Vec<f64> = (0..n / 2).map(|r| normal_quantile((r as f64 + 1.0) / size)).collect();
    let alone = |r: usize| match r.cmp(&(n - 1 - r)) {
        std::cmp::Ordering::Less => half[r],
        std::cmp::Ordering::Equal => 0.0,
        std::cmp::Ordering::Greater => -half[n - 1 - r],
    };
    let mut scores = vec![0.0; n];
    let mut start = 0;
    while start < n {
        let value = values[order[start]];
        let mut end = start + 1;
        while end < n && values[order[end]].total_cmp(&value).is_eq() {
            end += 1;
        }
        if end == start + 1 {
            scores[order[start]] = alone(start);
        } else {
            // The middle of ranks start + 1 ..= end.
            let share = (start + 1 + end) as f64 / 2.0 / size;
            let score =
                if share > 0.5 { -normal_quantile(1.0 - share) } else { normal_quantile(share) };
            for &i in &order[start..end] {
                scores[i] = score;
            }
        }
        start = end;
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::function::erf::erfc_inv;

    #[test]
    fn quantiles_are_those_of_the_inverse_error_function() {
        for k in 1..20_000 {
            let p = f64::from(k) / 20_000.0;
            let known = -std::f64::consts::SQRT_2 * erfc_inv(2.0 * p);
            assert!((normal_quantile(p) - known).abs() < 1e-13 * known.abs().max(1.0), "{p}");
        }
        for tail in [1e-6, 1e-12, 1e-30] {
            let known = -std::f64::consts::SQRT_2 * erfc_inv(2.0 * tail);
            assert!((normal_quantile(tail) / known - 1.0).abs() < 1e-12, "{tail}");
        }
    }
}
