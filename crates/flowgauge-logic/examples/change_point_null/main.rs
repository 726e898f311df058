//! Writes the null table of the change-point statistic, as Rust source on standard output:
//! `cargo run --release -p flowgauge-logic --example change_point_null > crates/flowgauge-logic/src/change_point/null_table.rs`
//!
//! Owns the simulation: Gaussian AR(1) series without change, their scores, their best split. Same bytes each time.
//! An argument divides the number of series, for a quick look.

use flowgauge_logic::change_point::statistic;
use std::io::Write as _;

#[path = "../noise.rs"]
mod noise;
use noise::Noise;

const LENGTHS: &[usize] =
    &[6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 70, 100, 150, 200, 300, 500, 1000, 3000, 10_000];
const PHIS: &[f64] = &[0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9];
const TAILS: &[f64] =
    &[0.5, 0.3, 0.2, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002];
/// Points simulated for each cell; the tail of 0.0002 then rests on 8 series or more.
const POINTS: usize = 40_000_000;
const SERIES: std::ops::RangeInclusive<usize> = 20_000..=400_000;

fn cell(n: usize, phi: f64, series: usize, seed: u64) -> (f64, Vec<f64>) {
    let mut noise = Noise::new(seed);
    let mut ratios = Vec::with_capacity(series);
    let mut phis = Vec::with_capacity(series);
    for _ in 0..series {
        let values = noise.autoregressive(n, phi);
        if let Some(split) = statistic(&values, 1, 3) {
            ratios.push(split.ratio);
            phis.push(split.phi);
        }
    }
    ratios.sort_by(f64::total_cmp);
    phis.sort_by(f64::total_cmp);
    let quantiles = TAILS
        .iter()
        .map(|tail| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0..n")]
            let at = ((1.0 - tail) * ratios.len() as f64) as usize;
            ratios.get(at).or(ratios.last()).copied().unwrap_or(0.0)
        })
        .collect();
    (phis.get(phis.len() / 2).copied().unwrap_or(0.0), quantiles)
}

fn list(values: &[f64], digits: usize) -> String {
    values.iter().map(|v| format!("{v:.digits$}")).collect::<Vec<_>>().join(", ")
}

fn main() -> std::io::Result<()> {
    let divide: usize = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(1);
    let mut medians = String::new();
    let mut table = String::new();
    for (i, n) in LENGTHS.iter().enumerate() {
        let series = (POINTS / n).clamp(*SERIES.start(), *SERIES.end()) / divide;
        let mut row = Vec::new();
        table.push_str("    [\n");
        for (j, phi) in PHIS.iter().enumerate() {
            let (median, quantiles) = cell(*n, *phi, series, (i * 100 + j) as u64);
            row.push(median);
            table.push_str(&format!("        [{}],\n", list(&quantiles, 2)));
        }
        // Estimates are cut off at zero; medians must rise for the table to be read backwards.
        for j in 1..row.len() {
            row[j] = row[j].max(row[j - 1] + 0.0001);
        }
        table.push_str("    ],\n");
        medians.push_str(&format!("    [{}],\n", list(&row, 4)));
        eprintln!("length {n}: {series} series");
    }
    let lengths: Vec<f64> = LENGTHS.iter().map(|n| *n as f64).collect();
    let (l, p, t) = (LENGTHS.len(), PHIS.len(), TAILS.len());
    write!(
        std::io::stdout(),
        "//! The null of the split statistic, simulated. Written by a program, not by hand:\n\
         //! `cargo run --release -p flowgauge-logic --example change_point_null`.\n\
         //!\n\
         //! Owns numbers only; `null` reads them.\n\n\
         /// Points in a series.\npub(super) const LENGTHS: &[f64] = &[{}];\n\
         /// Autocorrelation of the noise.\npub(super) const PHIS: &[f64] = &[{}];\n\
         /// Share of series without change whose statistic is larger.\n\
         pub(super) const TAILS: &[f64] = &[{}];\n\
         /// Per length and φ: the median of the estimate of φ after the fitted step.\n\
         #[rustfmt::skip]\npub(super) const MEDIAN_PHI: [[f64; {p}]; {l}] = [\n{medians}];\n\
         /// Per length, φ and tail: the statistic.\n\
         #[rustfmt::skip]\npub(super) const QUANTILES: [[[f64; {t}]; {p}]; {l}] = [\n{table}];\n",
        list(&lengths, 1),
        list(PHIS, 1),
        TAILS.iter().map(|t| format!("{t}")).collect::<Vec<_>>().join(", "),
    )
}
