//! Writes the null table of the change-point statistic, as Rust source on standard output:
//! `cargo run --release -p flowgauge-logic --example change_point_null > crates/flowgauge-logic/src/change_point/null_table.rs`
//!
//! Owns the simulation: Gaussian AR(1) series without change, their scores, their best split. Same bytes each time.
//! The quantiles at a known φ are only the beginning: the table is read with an *estimate* of φ, which goes astray by
//! chance, so each row is shifted until reading the table with the estimate gives the tail it promises.
//! An argument divides the number of series, for a quick look.

use flowgauge_logic::change_point::statistic;
use std::io::Write as _;

#[path = "../regression_bench/noise.rs"]
mod noise;
use noise::Noise;

const LENGTHS: &[usize] =
    &[6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 70, 100, 150, 200, 300, 500, 1000, 3000, 10_000];
const PHIS: &[f64] = &[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const TAILS: &[f64] = &[0.5, 0.3, 0.2, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001];
/// Points simulated for each cell.
const POINTS: usize = 10_000_000;
/// At least 8 series then lie beyond the last tail.
const SERIES: std::ops::RangeInclusive<usize> = 8_000..=200_000;
/// Rounds of shifting; more change the last digit only.
const ROUNDS: usize = 12;

/// What was simulated for one length and φ: ratio and estimated φ of each series.
type Cell = Vec<(f64, f64)>;

fn simulate(n: usize, phi: f64, series: usize, seed: u64) -> Cell {
    let mut noise = Noise::new(seed);
    let mut cell: Cell = (0..series)
        .filter_map(|_| statistic(&noise.autoregressive(n, phi), 1, 3))
        .map(|split| (split.ratio, split.phi))
        .collect();
    cell.sort_by(|a, b| a.0.total_cmp(&b.0));
    cell
}

fn at_tail(sorted: &[f64], tail: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0..n")]
    let at = ((1.0 - tail) * sorted.len() as f64) as usize;
    sorted.get(at).or(sorted.last()).copied().unwrap_or(0.0)
}

/// The quantile a reader takes from the rows, knowing an estimate of φ only.
fn read(medians: &[f64], rows: &[Vec<f64>], phi: f64, tail: usize) -> f64 {
    let above = medians.partition_point(|m| *m <= phi).clamp(1, medians.len() - 1);
    let share = (phi - medians[above - 1]) / (medians[above] - medians[above - 1]);
    let (a, b) = (rows[above - 1][tail], rows[above][tail]);
    a + (b - a) * share.clamp(0.0, 1.0)
}

/// The rows of one length: medians of the estimate, and quantiles such that the tails hold for readers.
fn rows(n: usize, seed: u64, series: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    let cells: Vec<Cell> = PHIS
        .iter()
        .enumerate()
        .map(|(j, phi)| simulate(n, *phi, series, seed + j as u64))
        .collect();
    let mut medians: Vec<f64> = cells
        .iter()
        .map(|cell| {
            let mut phis: Vec<f64> = cell.iter().map(|c| c.1).collect();
            phis.sort_by(f64::total_cmp);
            phis.get(phis.len() / 2).copied().unwrap_or(0.0)
        })
        .collect();
    // Estimates are cut off at zero; medians must rise for the table to be read backwards.
    for j in 1..medians.len() {
        medians[j] = medians[j].max(medians[j - 1] + 0.0001);
    }
    let mut rows: Vec<Vec<f64>> = cells
        .iter()
        .map(|cell| {
            let ratios: Vec<f64> = cell.iter().map(|c| c.0).collect();
            TAILS.iter().map(|tail| at_tail(&ratios, *tail)).collect()
        })
        .collect();
    for _ in 0..ROUNDS {
        for tail in 0..TAILS.len() {
            let shifts: Vec<f64> = cells
                .iter()
                .map(|cell| {
                    let mut excess: Vec<f64> =
                        cell.iter().map(|c| c.0 - read(&medians, &rows, c.1, tail)).collect();
                    excess.sort_by(f64::total_cmp);
                    at_tail(&excess, TAILS[tail])
                })
                .collect();
            for (row, shift) in rows.iter_mut().zip(shifts) {
                row[tail] += 0.5 * shift;
            }
            // Neighbouring rows must not play against each other.
            for j in 1..rows.len() {
                rows[j][tail] = rows[j][tail].max(rows[j - 1][tail]);
            }
        }
    }
    for row in &mut rows {
        for tail in 1..row.len() {
            row[tail] = row[tail].max(row[tail - 1] + 0.01);
        }
    }
    (medians, rows)
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
        let (row, quantiles) = rows(*n, i as u64 * 100, series);
        table.push_str("    [\n");
        for quantiles in &quantiles {
            table.push_str(&format!("        [{}],\n", list(quantiles, 2)));
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
         /// Share of series without change whose statistic is larger, where φ is estimated.\n\
         pub(super) const TAILS: &[f64] = &[{}];\n\
         /// Per length and φ: the median of the estimate of φ after the fitted step.\n\
         #[rustfmt::skip]\npub(super) const MEDIAN_PHI: [[f64; {p}]; {l}] = [\n{medians}];\n\
         /// Per length, φ and tail: the statistic.\n\
         #[rustfmt::skip]\npub(super) static QUANTILES: [[[f64; {t}]; {p}]; {l}] = [\n{table}];\n",
        list(&lengths, 1),
        list(PHIS, 1),
        TAILS.iter().map(|t| format!("{t}")).collect::<Vec<_>>().join(", "),
    )
}
