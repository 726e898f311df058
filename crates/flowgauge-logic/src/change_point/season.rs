//! Seasons: does a history repeat by day or week, and what is left without that.
//!
//! Owns the search for a period and the removal of phase medians. A period is believed where the power of its first
//! three harmonics stands out from that of the frequencies beside them: a step and autocorrelated noise have power at both
//! alike, so neither passes for a season. Refuses periods that the history does not hold twice.

use super::scores::normal_scores;
use super::slope::median_of;
use statrs::distribution::{ContinuousCDF, FisherSnedecor};

/// Periods looked for: seven days, 24 hours, the 168 hours of a week. Later ones win, since they contain the earlier.
const PERIODS: [usize; 3] = [7, 24, 168];
/// Harmonics that carry a day's or week's shape; seven points have no fourth.
const HARMONICS: usize = 3;
/// Frequencies compared on each side of a harmonic.
const BESIDE: usize = 2;
/// Frequencies worked on at a time, so that one does not wait for the other.
const LANES: usize = 8;
/// A season found by chance costs a few degrees of freedom, one missed costs a false alarm: hence a lenient level.
const LEVEL: f64 = 0.01;

/// The period to work with: the one given where the history holds it twice, else one that is found, else 1.
pub(crate) fn period(values: &[f64], given: Option<usize>) -> usize {
    period_by(values, given, || {
        normal_scores(&values.iter().copied().filter(|v| v.is_finite()).collect::<Vec<f64>>())
    })
}

/// The same with the normal scores of the finite values, made only where they are needed.
pub(crate) fn period_by(
    values: &[f64],
    given: Option<usize>,
    scores: impl FnOnce() -> Vec<f64>,
) -> usize {
    let shortest = PERIODS.first().copied().unwrap_or(usize::MAX);
    match given {
        Some(p) if p <= 1 => 1,
        Some(p) if values.len() >= 2 * p => p,
        _ if values.len() < 2 * shortest => 1,
        _ => find(values, scores()),
    }
}

fn find(values: &[f64], scores: Vec<f64>) -> usize {
    // Missing points take the middle rank here: they add nothing to any frequency.
    let mut scores = scores.into_iter();
    let filled: Vec<f64> = values
        .iter()
        .map(|v| if v.is_finite() { scores.next().unwrap_or(0.0) } else { 0.0 })
        .collect();
    PERIODS.into_iter().rfind(|p| stands_out(&filled, *p)).unwrap_or(1)
}

/// Whether the harmonics of `period` have more power than their neighbours, over the last whole cycles.
fn stands_out(scores: &[f64], period: usize) -> bool {
    let cycles = scores.len() / period;
    if cycles < 2 {
        return false;
    }
    let n = cycles * period;
    let recent = &scores[scores.len() - n..];
    let harmonics: Vec<usize> = (1..=HARMONICS).map(|h| h * cycles).collect();
    let mut beside: Vec<usize> = harmonics
        .iter()
        .flat_map(|h| h.saturating_sub(BESIDE)..=h + BESIDE)
        .filter(|f| *f > 0 && *f < n.div_ceil(2) && f % cycles != 0)
        .collect();
    beside.sort_unstable();
    beside.dedup();
    let mean = |set: &[usize]| {
        set.chunks(LANES).map(|f| power(recent, f)).sum::<f64>() / set.len().max(1) as f64
    };
    let (signal, floor) = (mean(&harmonics), mean(&beside));
    let degrees = (2.0 * harmonics.len() as f64, 2.0 * beside.len() as f64);
    let Ok(null) = FisherSnedecor::new(degrees.0, degrees.1) else { return false };
    if floor <= 0.0 {
        return signal > 0.0;
    }
    null.sf(signal / floor) < LEVEL
}

/// Sum of the squared moduli of the Fourier coefficients at up to [`LANES`] frequencies, in cycles a series (Goertzel 1958).
fn power(values: &[f64], frequencies: &[usize]) -> f64 {
    let (mut turn, mut last, mut before) = ([0.0_f64; LANES], [0.0_f64; LANES], [0.0_f64; LANES]);
    for (t, f) in turn.iter_mut().zip(frequencies) {
        *t = 2.0 * (std::f64::consts::TAU * *f as f64 / values.len() as f64).cos();
    }
    for v in values {
        for ((last, before), turn) in last.iter_mut().zip(&mut before).zip(&turn) {
            let next = v + turn * *last - *before;
            *before = *last;
            *last = next;
        }
    }
    (0..frequencies.len())
        .map(|l| last[l] * last[l] + before[l] * before[l] - turn[l] * last[l] * before[l])
        .sum()
}

/// The values without the median of their phase; medians are of values less `levels`, so that a step does not blur them.
pub(crate) fn remove(values: &[f64], phases: &[usize], levels: &[f64], period: usize) -> Vec<f64> {
    if period <= 1 {
        return values.to_vec();
    }
    let mut groups = vec![Vec::new(); period];
    for ((v, phase), level) in values.iter().zip(phases).zip(levels) {
        groups[*phase].push(v - level);
    }
    let medians: Vec<f64> = groups.iter_mut().map(|g| median_of(g)).collect();
    // Keep the level: what people read is the history's own scale.
    let middle = median_of(&mut medians.clone());
    values.iter().zip(phases).map(|(v, phase)| v - medians[*phase] + middle).collect()
}
