//! Prints how often the comparison finds a change where there is none, and finds one where there is, for every kind of
//! noise and size. Arguments: runs per cell (2000), first seed (1), method (block, welch, student).
//!
//! `cargo run -p flowgauge-logic --example compare_calibration -- 2000`

use flowgauge_logic::regression::{Method, Metric, Points, Settings, Verdict, compare};
use std::error::Error;
use std::io::Write as _;

/// Kinds of noise, all with mean 0 and variance about 1.
const NOISES: [&str; 9] =
    ["iid", "lognormal", "t3", "ar.3", "ar.6", "day", "weekend", "week sine", "sd 2x"];
const SIZES: [(usize, usize); 5] = [(7, 7), (30, 7), (168, 24), (168, 168), (168, 8)];

struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut z = self.0;
        z = (z ^ (z >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        z ^= z >> 33;
        ((z >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// t with 3 degrees of freedom, variance 1.
    fn t3(&mut self) -> f64 {
        let chi: f64 = (0..3).map(|_| self.normal().powi(2)).sum();
        self.normal() / (chi / 3.0).sqrt() / 3.0_f64.sqrt()
    }

    fn ar(&mut self, phi: f64, n: usize) -> Vec<f64> {
        let mut at = self.normal();
        let scale = (1.0 - phi * phi).sqrt();
        (0..n)
            .map(|_| {
                at = phi * at + scale * self.normal();
                at
            })
            .collect()
    }
}

/// Baseline and current, one directly after the other, except autocorrelated ones, between which time has passed.
fn noise(kind: &str, n: usize, m: usize, random: &mut Random) -> (Vec<f64>, Vec<f64>) {
    let phase = random.unit();
    let mut whole: Vec<f64> = match kind {
        "ar.3" => [random.ar(0.3, n), random.ar(0.3, m)].concat(),
        "ar.6" => [random.ar(0.6, n), random.ar(0.6, m)].concat(),
        _ => {
            (0..n + m).map(|at| point(kind, at as f64 + (phase * 168.0).floor(), random)).collect()
        }
    };
    let current = whole.split_off(n);
    let doubled = if kind == "sd 2x" { 2.0 } else { 1.0 };
    (whole, current.into_iter().map(|v| v * doubled).collect())
}

fn point(kind: &str, hour: f64, random: &mut Random) -> f64 {
    match kind {
        // Mean e^{1/8}, variance e^{1/4}(e^{1/4} − 1).
        "lognormal" => ((0.5 * random.normal()).exp() - 0.125_f64.exp()) / 0.604,
        "t3" => random.t3(),
        "day" => random.normal() + 1.5 * (std::f64::consts::TAU * hour / 24.0).sin(),
        "weekend" => random.normal() + if hour % 168.0 >= 120.0 { 2.0 } else { 0.0 },
        "week sine" => random.normal() + 1.5 * (std::f64::consts::TAU * hour / 168.0).sin(),
        _ => random.normal(),
    }
}

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
    let mut random = Random(seed);
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

fn main() -> Result<(), Box<dyn Error>> {
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
    for step in [0.0, 0.1, 0.2] {
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
    Ok(())
}
