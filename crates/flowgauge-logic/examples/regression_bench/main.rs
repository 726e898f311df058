//! The series of the regression benchmark and our answers to them, one JSON line a series:
//! `cargo run --release -p flowgauge-logic --example regression_bench -- FOLDER [SERIES] [SEED]`.
//!
//! Owns what the detectors are asked; `bench/regression/peers.py` reads the same numbers, asks other programs and writes
//! the table. Also answers for files of real numbers (`-- real FILE`, one JSON list a line) and prints how long 10,000
//! points take (`-- time`).

use flowgauge_logic::change_point::{ChangePoint, Settings, change_points, update};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead as _, Write as _};
use std::path::Path;

mod generators;
#[path = "../noise.rs"]
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
    json!({"kind": "series", "step": step, "at": at, "values": values, "ours": places(&found), "ms": ms})
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

fn time() -> std::io::Result<()> {
    let mut noise = Noise::new(1);
    let mut out = std::io::stdout().lock();
    for (name, changes) in [("no change", 0), ("one change", 1), ("twenty changes", 20)] {
        let mut values = noise.autoregressive(10_000, 0.3);
        for c in 1..=changes {
            let from = 10_000 * c / (changes + 1);
            for v in values.iter_mut().skip(from) {
                *v += if c % 2 == 0 { -2.0 } else { 2.0 };
            }
        }
        let mut best = f64::INFINITY;
        let mut found = 0;
        for _ in 0..20 {
            let (points, ms) = timed(&values, &Settings::default());
            (best, found) = (best.min(ms), points.len());
        }
        writeln!(out, "10,000 points, {name}: {best:.2} ms, {found} found")?;
    }
    Ok(())
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
