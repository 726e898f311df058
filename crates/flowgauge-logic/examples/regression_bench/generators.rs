//! The noises of the regression benchmark, each without change or with one step.
//!
//! Owns how a series is made; a step is measured in standard deviations of the noise itself, seasons not counted.

use crate::noise::Noise;

pub(crate) const NAMES: [&str; 10] = [
    "iid normal",
    "lognormal(.3)",
    "t(3)",
    "AR .3",
    "AR .6",
    "daily cycle",
    "weekly cycle",
    "mix shift",
    "variable n",
    "outliers",
];
/// Requests a window, where it is the same for all.
const WINDOW: usize = 60;

/// A series of `n` points with a step of `step` standard deviations from `at` on.
pub(crate) fn series(name: &str, n: usize, at: usize, step: f64, noise: &mut Noise) -> Vec<f64> {
    let offset = noise.uniform();
    let (mut values, deviation) = match name {
        "iid normal" => (fill(n, || noise.normal()), 1.0),
        "lognormal(.3)" => {
            let s: f64 = 0.3;
            let deviation = (s * s).exp_m1().sqrt() * (s * s / 2.0).exp();
            (fill(n, || (s * noise.normal()).exp()), deviation)
        }
        "t(3)" => (fill(n, || student(noise)), 3.0_f64.sqrt()),
        "AR .3" => (noise.autoregressive(n, 0.3), 1.0),
        "AR .6" => (noise.autoregressive(n, 0.6), 1.0),
        "daily cycle" => {
            let mut t = -1.0;
            let cycle = || {
                t += 1.0;
                noise.normal() + 2.0 * (std::f64::consts::TAU * (t / 24.0 + offset)).sin()
            };
            (fill(n, cycle), 1.0)
        }
        "weekly cycle" => {
            let mut day = (offset * 7.0).floor() - 1.0;
            let cycle = || {
                day += 1.0;
                noise.normal() - if day % 7.0 >= 5.0 { 2.0 } else { 0.0 }
            };
            (fill(n, cycle), 1.0)
        }
        "mix shift" => (mix_shift(n, noise), mix_deviation()),
        "variable n" => (fill(n, || quantile_of_many(noise)), QUANTILE_DEVIATION),
        _ => {
            let spiky = || {
                let z = noise.normal();
                if noise.uniform() < 0.03 { z + 10.0 } else { z }
            };
            (fill(n, spiky), 1.0)
        }
    };
    for v in values.iter_mut().skip(at) {
        *v += step * deviation;
    }
    values
}

fn fill(n: usize, mut one: impl FnMut() -> f64) -> Vec<f64> {
    (0..n).map(|_| one()).collect()
}

fn student(noise: &mut Noise) -> f64 {
    let z = noise.normal();
    let chi: f64 = (0..3).map(|_| noise.normal().powi(2)).sum();
    z / (chi / 3.0).sqrt()
}

/// Two kinds of prompt; the share of the slow kind goes from 12 % to 31 % half way. The point of a window is the mean of the
/// kinds at the first shares (the "within" part), which is what a detector is given.
fn mix_shift(n: usize, noise: &mut Noise) -> Vec<f64> {
    (0..n)
        .map(|t| {
            let share = if t < n / 2 { 0.12 } else { 0.31 };
            let (mut sums, mut counts) = ([0.0, 0.0], [0.0, 0.0]);
            for _ in 0..WINDOW {
                let slow = noise.uniform() < share;
                let kind = usize::from(slow);
                sums[kind] += if slow { 3.0 } else { 1.0 } + 0.3 * noise.normal();
                counts[kind] += 1.0;
            }
            let mean =
                |k: usize, usual: f64| if counts[k] > 0.0 { sums[k] / counts[k] } else { usual };
            0.88 * mean(0, 1.0) + 0.12 * mean(1, 3.0)
        })
        .collect()
}

/// Of the mean above at the first shares.
fn mix_deviation() -> f64 {
    0.3 / (WINDOW as f64).sqrt()
}

/// Standard deviation of `quantile_of_many`, simulated over 10⁵ windows.
const QUANTILE_DEVIATION: f64 = 0.085;

/// The share of requests above a fixed limit (the 95th percentile) is noisy where requests are few; here the window's own
/// p95 of 20 to 1000 lognormal requests is the point, biased low where they are few.
fn quantile_of_many(noise: &mut Noise) -> f64 {
    let n = (20.0 * 50.0_f64.powf(noise.uniform())).floor();
    let mut requests: Vec<f64> = Vec::new();
    while (requests.len() as f64) < n {
        requests.push((0.3 * noise.normal()).exp());
    }
    requests.sort_by(f64::total_cmp);
    let rank = (requests.len() * 95).div_ceil(100);
    requests.get(rank.saturating_sub(1)).copied().unwrap_or(1.0)
}
