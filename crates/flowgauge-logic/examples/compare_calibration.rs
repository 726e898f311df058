//! Prints how often the comparison finds a change where there is none, and finds one where there is, for every kind of
//! noise and size. Arguments: runs per cell (2000), first seed (1), method (block, welch,
//! student), `grid` for the level alone at many sizes, one noise.
//!
//! `cargo run -p flowgauge-logic --example compare_calibration -- 2000`

use flowgauge_logic::regression::{Method, Metric, Points, Settings, Verdict, compare};
use std::error::Error;
use std::io::Write;

#[path = "compare_calibration/noise.rs"]
mod noise;

use noise::{NOISES, Random, SIZES, noise, quantiles};

struct Cell {
    false_alarms: f64,
    regressed: f64,
    insufficient: f64,
}

fn cell(
    kind: &str,
    size: (usize, usize),
    step: f64,
    runs: u32,
    seed: u64,
    settings: &Settings,
) -> Cell {
    /// Standard deviation of usual hourly p95 noise, relative to the mean.
    const SPREAD: f64 = 0.2;
    let mut random = Random::new(seed);
    let mut counted = [0u32; 3];
    for _ in 0..runs {
        let (base, current) = noise(kind, size.0, size.1, &mut random);
        let base = Points::of(base.iter().map(|v| 100.0 * (1.0 + SPREAD * v)).collect());
        let current =
            Points::of(current.iter().map(|v| 100.0 * (1.0 + step + SPREAD * v)).collect());
        let found = compare(Metric::Latency, &base, &current, settings);
        counted[0] += u32::from(found.p_value.is_some_and(|p| p < settings.alpha()));
        counted[1] += u32::from(found.verdict == Verdict::Regressed);
        counted[2] += u32::from(found.verdict == Verdict::InsufficientData);
    }
    let share = |n: u32| f64::from(n) / f64::from(runs);
    Cell {
        false_alarms: share(counted[0]),
        regressed: share(counted[1]),
        insufficient: share(counted[2]),
    }
}

/// An outcome of writing.
type Written = Result<(), Box<dyn Error>>;

/// Sizes between those of the tables.
const MANY: [usize; 7] = [7, 12, 20, 30, 48, 80, 130];

/// For each kind of noise and pair of sizes the p that one in twenty unchanged pairs falls below: the level is kept where it is
/// at least .05.
fn grid(
    runs: u32,
    seed: u64,
    only: Option<&str>,
    settings: &Settings,
    out: &mut impl Write,
) -> Written {
    for kind in only.map_or(NOISES.to_vec(), |one| vec![one]) {
        writeln!(out, "{kind}: rows base, columns current {MANY:?}")?;
        for n in MANY {
            write!(out, "{n:>5}")?;
            for m in MANY {
                let mut random = Random::new(seed);
                let mut found: Vec<f64> = Vec::new();
                for _ in 0..runs {
                    let (base, current) = noise(kind, n, m, &mut random);
                    let side = |v: &[f64]| Points::of(v.iter().map(|v| 100.0 + 20.0 * v).collect());
                    let found_one =
                        compare(Metric::Latency, &side(&base), &side(&current), settings);
                    let decided = found_one.verdict != Verdict::InsufficientData;
                    found.push(found_one.p_value.filter(|_| decided).unwrap_or(1.0));
                }
                found.sort_by(f64::total_cmp);
                let below = found.partition_point(|p| *p < settings.alpha());
                let at = found.get(found.len() / 20).copied().unwrap_or(1.0);
                write!(out, " {:4.1}/{at:.3}", below as f64 / found.len().max(1) as f64 * 100.0)?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

fn main() -> Written {
    let mut arguments = std::env::args().skip(1);
    let runs: u32 = arguments.next().map_or(Ok(2000), |a| a.parse())?;
    let seed: u64 = arguments.next().map_or(Ok(1), |a| a.parse())?;
    let method = match arguments.next().as_deref() {
        Some("welch") => Method::Welch,
        Some("student") => Method::Student,
        _ => Method::default(),
    };
    let settings = Settings { method, ..Settings::default() };
    let mut out = std::io::stdout().lock();
    if arguments.next().as_deref() == Some("grid") {
        return grid(runs, seed, arguments.next().as_deref(), &settings, &mut out);
    }
    for step in [0.0, 0.2, 0.4] {
        writeln!(out, "step {:.0} %: p < 0.05 % / regressed % / insufficient %", step * 100.0)?;
        for kind in NOISES {
            write!(out, "{kind:>10}")?;
            for size in SIZES {
                let c = cell(kind, size, step, runs, seed, &settings);
                let percent = [c.false_alarms, c.regressed, c.insufficient].map(|s| s * 100.0);
                write!(
                    out,
                    "  {}v{}: {:4.1} /{:4.1} /{:3.0}",
                    size.0, size.1, percent[0], percent[1], percent[2]
                )?;
            }
            writeln!(out)?;
        }
    }
    unlike_windows(runs / 10, seed, &settings, &mut out)?;
    durations(&settings, &mut out)
}

/// Windows of few requests beside windows of many.
fn unlike_windows(runs: u32, seed: u64, settings: &Settings, out: &mut impl Write) -> Written {
    let settings = Settings { min_samples: Some(20), ..settings.clone() };
    writeln!(out, "requests per window: p < 0.05 % / regressed %")?;
    for (before, after) in [
        ((20.0, 1000.0), (20.0, 1000.0)),
        ((1000.0, 1001.0), (20.0, 21.0)),
        ((20.0, 21.0), (1000.0, 1001.0)),
        ((1000.0, 1001.0), (50.0, 51.0)),
        ((100.0, 200.0), (400.0, 1000.0)),
    ] {
        let mut random = Random::new(seed);
        let (mut significant, mut regressed) = (0u32, 0u32);
        for _ in 0..runs {
            let mut side = |requests| {
                let (values, counts) = quantiles(48, requests, &mut random);
                Points { counts: Some(counts), ..Points::of(values) }
            };
            let found = compare(Metric::Latency, &side(before), &side(after), &settings);
            significant += u32::from(found.significant);
            regressed += u32::from(found.regression);
        }
        let percent = |n: u32| f64::from(n) / f64::from(runs.max(1)) * 100.0;
        writeln!(
            out,
            "{before:?} v {after:?}: {:.1} / {:.1}",
            percent(significant),
            percent(regressed)
        )?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "measuring how long it takes is the purpose")]
fn durations(settings: &Settings, out: &mut impl Write) -> Written {
    let mut random = Random::new(1);
    for n in [168, 10_000] {
        let mut side = || Points::of(random.ar(0.3, n).iter().map(|v| 100.0 + 20.0 * v).collect());
        let (base, current) = (side(), side());
        let begun = std::time::Instant::now();
        let found = compare(Metric::Latency, &base, &current, settings);
        writeln!(out, "{n} v {n}: {:?}, {:?}", begun.elapsed(), found.verdict)?;
    }
    Ok(())
}
