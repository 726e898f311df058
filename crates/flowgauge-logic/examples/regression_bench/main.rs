//! The series of the regression benchmark and our answers to them, one JSON line a series:
//! `cargo run --release -p flowgauge-logic --example regression_bench -- FOLDER [SERIES] [SEED]`.
//!
//! Owns what the detectors are asked; `bench/regression/peers.py` reads the same numbers, asks other programs and writes
//! the table. Also answers for files of real numbers (`-- real FILE`, one JSON list a line) and prints how long 10,000
//! points take (`-- time`).

use flowgauge_logic::change_point::{ChangePoint, Settings, change_points, statistic, update};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead as _, Write as _};
use std::path::Path;

mod generators;

mod noise;
use generators::{NAMES, series};
use noise::Noise;

/// Points in a series, as in the calibration anchors.
const POINTS: usize = 100;
/// Points a stream begins with.
const HISTORY: usize = 60;
const STEPS: [f64; 4] = [0.0, 1.0, 1.5, 2.0];

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn timed(values: &[f64], settings: &Settings) -> (Vec<ChangePoint>, f64) {
    let begin = std::time::Instant::now();
    let found = change_points(values, settings);
    (found, begin.elapsed().as_secs_f64() * 1e3)
}

fn places(found: &[ChangePoint]) -> Vec<usize> {
    found.iter().map(|c| c.at).collect()
}

fn one(name: &str, step: f64, noise: &mut Noise) -> Value {
    // At least a fifth on each side.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "20..80")]
    let at = (POINTS as f64 * (0.2 + 0.6 * noise.uniform())) as usize;
    let values = series(name, POINTS, at, step, noise);
    let (found, ms) = timed(&values, &Settings::default());
    let best = statistic(&values, 1, Settings::default().min_segment).map(|s| (s.at, s.ratio));
    json!({"kind": "series", "step": step, "at": at, "values": values, "ours": places(&found), "ms": ms, "best": best})
}

/// A history that grows by one point at a time: when the first new point was published, if ever.
fn stream(name: &str, step: f64, noise: &mut Noise) -> Value {
    let values = series(name, POINTS, HISTORY, step, noise);
    let settings = Settings::default();
    let mut published = change_points(&values[..HISTORY], &settings);
    let before = published.len();
    let mut told = None;
    for n in HISTORY + 1..=POINTS {
        published = update(&published, &values[..n], &settings);
        if told.is_none() && published.len() > before {
            told = Some(n);
        }
    }
    json!({"kind": "stream", "step": step, "at": HISTORY, "values": values, "told": told, "before": before})
}

fn write(folder: &Path, count: usize, seed: u64) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(folder)?;
    for (i, name) in NAMES.iter().enumerate() {
        let mut noise = Noise::new(seed + i as u64);
        let mut lines = String::new();
        for step in STEPS {
            for _ in 0..if step > 0.0 { count.div_ceil(2) } else { count } {
                writeln!(lines, "{}", one(name, step, &mut noise))?;
            }
        }
        for step in [0.0, 2.0] {
            for _ in 0..count.div_ceil(2) {
                writeln!(lines, "{}", stream(name, step, &mut noise))?;
            }
        }
        std::fs::write(folder.join(format!("{name}.jsonl")), lines)?;
    }
    Ok(())
}

fn real(file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::BufReader::new(std::fs::File::open(file)?).lines() {
        let values: Vec<f64> = serde_json::from_str(&line?)?;
        let (found, ms) = timed(&values, &Settings::default());
        writeln!(out, "{}", json!({"ours": places(&found), "ms": ms}))?;
    }
    Ok(())
}

/// Ten series for each number of changes: the median and the longest of their times.
fn time() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for (name, cycle, phi) in [("AR .3", 0.0, 0.3), ("AR .6", 0.0, 0.6), ("day cycle", 2.0, 0.0)] {
        for changes in [0, 1, 5, 20] {
            let mut rows: Vec<(f64, usize)> =
                (0..10).map(|s| processed(s, cycle, phi, changes)).collect();
            rows.sort_by(|a, b| a.0.total_cmp(&b.0));
            let found: Vec<usize> = rows.iter().map(|r| r.1).collect();
            let (middle, most) = (rows[rows.len() / 2].0, rows[rows.len() - 1].0);
            writeln!(
                out,
                "10,000 points, {name}, {changes} changes: {middle:.2} ms, at most {most:.2}; found {found:?}"
            )?;
        }
    }
    Ok(())
}

/// Processor time one series takes, and how many changes were found.
fn processed(seed: u64, cycle: f64, phi: f64, changes: usize) -> (f64, usize) {
    const RUNS: u32 = 20;
    const LENGTH: usize = 10_000;
    let mut values = Noise::new(seed).autoregressive(LENGTH, phi);
    for (t, v) in values.iter_mut().enumerate() {
        *v += cycle * (std::f64::consts::TAU * t as f64 / 24.0).sin();
        // Up and down again, two deviations.
        let stretch = t * (changes + 1) / LENGTH;
        *v += if stretch % 2 == 1 { 2.0 } else { 0.0 };
    }
    let begin = cpu();
    let found = (0..RUNS).map(|_| change_points(&values, &Settings::default()).len()).max();
    ((cpu() - begin) * 1e3 / f64::from(RUNS), found.unwrap_or(0))
}

/// Seconds of processor time of this thread, where the system tells them (Linux); else of the clock. On a busy machine a
/// clock measures the neighbours.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn cpu() -> f64 {
    static BEGUN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = told.split(' ').next().and_then(|n| n.parse::<f64>().ok());
    let clock = || BEGUN.get_or_init(std::time::Instant::now).elapsed().as_secs_f64();
    nanoseconds.map_or_else(clock, |n| n / 1e9)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number =
        |i: usize, usual: u64| arguments.get(i).and_then(|a| a.parse().ok()).unwrap_or(usual);
    match arguments.first().map(String::as_str) {
        Some("time") => Ok(time()?),
        Some("real") => real(Path::new(arguments.get(1).map_or("", String::as_str))),
        Some(folder) => write(Path::new(folder), usize::try_from(number(1, 400))?, number(2, 1)),
        None => Err("give a folder for the series, or `time`, or `real FILE`".into()),
    }
}
