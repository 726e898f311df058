//! Rank normal scores: what the change-point statistic is computed on.
//!
//! Owns the step from values to scores (van der Waerden: `Φ⁻¹(rank / (n + 1))`), which makes the statistic
//! distribution-free under independence and bounds the pull of any outlier. Refuses values that are not finite:
//! callers drop or replace those, since a rank for them would be invented.

/// Where the quantile function changes from its central to its outer approximation: so far from one half.
const CENTRAL: f64 = 0.425;
const CENTRAL_SQUARE: f64 = 0.180_625;

/// The quantile function of the standard normal distribution, by the rational approximations of Wichura (1988, algorithm
/// AS 241, PPND16), exact to about 16 digits. They are here since scores of long histories spend most of their time in it.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    let off = p - 0.5;
    if off.abs() <= CENTRAL {
        return central(off);
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

/// The quantile at one half and so much.
fn central(off: f64) -> f64 {
    let r = CENTRAL_SQUARE - off * off;
    off * polynomial(&CENTRE, r) / polynomial(&CENTRE_BELOW, r)
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

/// Values with their places, from the smallest to the largest.
pub(crate) type Ranked = Vec<(f64, u32)>;

/// From so many values on, sorting by digits is faster than by comparing: its tables have to be filled whatever the length.
const MANY: usize = 1_000;
/// Bits of a digit, digits of a value, and how many digits there are.
const DIGIT: u32 = 11;
const DIGITS: usize = 6;
const BASE: usize = 1 << DIGIT;

/// The values ranked; equal ones in the order they came in.
pub(crate) fn ranked(values: &[f64]) -> Ranked {
    let mut pairs: Ranked = values.iter().copied().zip(0..).collect();
    if pairs.len() < MANY {
        pairs.sort_unstable_by(less);
        return pairs;
    }
    // Least digit first (Knuth, volume 3, 5.2.5): each pass keeps the order of the one before.
    let mut counts = vec![[0_u32; BASE]; DIGITS];
    for (value, _) in &pairs {
        let key = key(*value);
        for (place, counts) in (0_u32..).zip(&mut counts) {
            counts[digit(key, place)] += 1;
        }
    }
    let mut other = pairs.clone();
    for (place, counts) in (0_u32..).zip(&mut counts) {
        let mut before = 0;
        for count in counts.iter_mut() {
            before += std::mem::replace(count, before);
        }
        for pair in &pairs {
            let next = &mut counts[digit(key(pair.0), place)];
            other[*next as usize] = *pair;
            *next += 1;
        }
        std::mem::swap(&mut pairs, &mut other);
    }
    pairs
}

/// Bits that rise as `total_cmp` says.
fn key(value: f64) -> u64 {
    let bits = value.to_bits();
    if value.is_sign_negative() { !bits } else { bits | 1 << 63 }
}

fn digit(key: u64, place: u32) -> usize {
    usize::try_from(key >> (place * DIGIT)).unwrap_or(usize::MAX) % BASE
}

/// How ranked values follow each other.
pub(crate) fn less(a: &(f64, u32), b: &(f64, u32)) -> std::cmp::Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}

/// Normal scores of the ranks; equal values share the middle of their ranks.
pub(crate) fn normal_scores(values: &[f64]) -> Vec<f64> {
    scores_of(&ranked(values), 0)
}

/// The scores of ranked values whose places begin with `first`.
pub(crate) fn scores_of(ranked: &[(f64, u32)], first: u32) -> Vec<f64> {
    let n = ranked.len();
    let size = n as f64 + 1.0;
    let half = lower_half(n);
    let alone = |r: usize| match r.cmp(&(n - 1 - r)) {
        std::cmp::Ordering::Less => half[r],
        std::cmp::Ordering::Equal => 0.0,
        std::cmp::Ordering::Greater => -half[n - 1 - r],
    };
    let mut scores = vec![0.0; n];
    let place = |i: u32| (i - first) as usize;
    let mut start = 0;
    while start < n {
        let (value, at) = ranked[start];
        let mut end = start + 1;
        while end < n && ranked[end].0.total_cmp(&value).is_eq() {
            end += 1;
        }
        if end == start + 1 {
            scores[place(at)] = alone(start);
        } else {
            // The middle of ranks start + 1 ..= end.
            let share = (start + 1 + end) as f64 / 2.0 / size;
            let score =
                if share > 0.5 { -normal_quantile(1.0 - share) } else { normal_quantile(share) };
            for (_, i) in &ranked[start..end] {
                scores[place(*i)] = score;
            }
        }
        start = end;
    }
    scores
}

/// Scores of the lower half of `n` ranks, which count from one. The upper half is mirrored, so that a mirrored series has
/// exactly mirrored scores.
fn lower_half(n: usize) -> Vec<f64> {
    let size = n as f64 + 1.0;
    let share = |r: usize| (r as f64 + 1.0) / size;
    let mut half: Vec<f64> = (0..n / 2).map(share).collect();
    // Without a branch the central part is worked on several at a time.
    let outer = half.partition_point(|p| 0.5 - p > CENTRAL);
    let (tail, rest) = half.split_at_mut(outer);
    tail.iter_mut().for_each(|p| *p = normal_quantile(*p));
    rest.iter_mut().for_each(|p| *p = central(*p - 0.5));
    half
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::function::erf::erfc_inv;

    #[test]
    fn sorting_by_digits_ranks_as_comparing_does() {
        let values: Vec<f64> = (0..3_000_i32)
            .map(|i| f64::from(i * 7919 % 1_013 - 500) * 10_f64.powi(i % 7 - 3))
            .chain([0.0, -0.0, f64::MAX, f64::MIN_POSITIVE, -f64::MAX])
            .collect();
        let mut expected: Ranked = values.iter().copied().zip(0..).collect();
        expected.sort_by(less);
        let bits = |r: &Ranked| r.iter().map(|(v, i)| (v.to_bits(), *i)).collect::<Vec<_>>();
        assert_eq!(bits(&ranked(&values)), bits(&expected));
    }

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
