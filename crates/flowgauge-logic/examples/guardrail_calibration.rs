//! How often the guardrail undoes an optimisation that harms nothing, and after how many calls one that does.
//!
//! `cargo run --release -p flowgauge-logic --example guardrail_calibration -- 400` (runs of each kind)

use flowgauge_logic::control::evidence::{Evidence, Sample};
use flowgauge_logic::control::guardrail::{Decision, Guardrail, Seen, Settings};
use flowgauge_logic::control::rollout::{Arm, Mechanism};
use flowgauge_logic::unit::UnixMicros;
use std::error::Error;
use std::io::Write;

#[path = "regression_bench/noise.rs"]
#[expect(dead_code, reason = "no series are drawn here")]
mod noise;

use noise::Noise;

/// Calls in a minute, and so between two looks.
const PER_LOOK: u64 = 50;

/// What an optimisation does to those it touches.
#[derive(Clone, Copy)]
struct Harm {
    name: &'static str,
    holdout: f64,
    points: f64,
    slower: f64,
    fails: f64,
    calls: u64,
}

const KINDS: [Harm; 7] = [
    Harm {
        name: "none, 5 % held out",
        holdout: 0.05,
        points: 0.0,
        slower: 0.0,
        fails: 0.0,
        calls: 20_000,
    },
    Harm {
        name: "none, 1 % held out",
        holdout: 0.01,
        points: 0.0,
        slower: 0.0,
        fails: 0.0,
        calls: 20_000,
    },
    Harm {
        name: "15 points, 5 % held out",
        holdout: 0.05,
        points: 15.0,
        slower: 0.0,
        fails: 0.0,
        calls: 20_000,
    },
    Harm {
        name: "15 points, 1 % held out",
        holdout: 0.01,
        points: 15.0,
        slower: 0.0,
        fails: 0.0,
        calls: 20_000,
    },
    Harm {
        name: "6 points, 5 % held out",
        holdout: 0.05,
        points: 6.0,
        slower: 0.0,
        fails: 0.0,
        calls: 40_000,
    },
    Harm {
        name: "latency + 50 %, 5 % held out",
        holdout: 0.05,
        points: 0.0,
        slower: 0.5,
        fails: 0.0,
        calls: 40_000,
    },
    Harm {
        name: "errors + 10 points, 5 % held out",
        holdout: 0.05,
        points: 0.0,
        slower: 0.0,
        fails: 0.1,
        calls: 40_000,
    },
];

/// The call at which the guardrail acts: quality 85 ± 12 cut at 100, log-normal latency, 1 % failed.
fn acts_at(harm: Harm, seed: u64, settings: &Settings) -> Option<u64> {
    let (mut noise, mut evidence, mut guard) =
        (Noise::new(seed), Evidence::default(), Guardrail::default());
    for call in 1..=harm.calls {
        let arm = if noise.uniform() < harm.holdout { Arm::HoldOut } else { Arm::Treated };
        let touched = f64::from(u8::from(arm == Arm::Treated));
        let failed = noise.uniform() < 0.01 + touched * harm.fails;
        evidence.observe(
            arm,
            &Sample {
                tokens: Some(400.0),
                cost: None,
                latency: Some(
                    900_000.0 * (0.5 * noise.normal()).exp() * (1.0 + touched * harm.slower),
                ),
                quality: Some(
                    (85.0 - touched * harm.points + 12.0 * noise.normal()).clamp(0.0, 100.0),
                ),
                failed: Some(f64::from(u8::from(failed))),
            },
        );
        if call % PER_LOOK == 0 {
            let report = evidence.report(settings.alpha);
            let seen = Seen { report: Some(&report), ..Seen::default() };
            let now = UnixMicros::from_minute(i64::try_from(call / PER_LOOK).unwrap_or(0));
            if let Decision::RollBack(_) =
                guard.look(Mechanism::ContextPruning, &seen, settings, now)
            {
                return Some(call);
            }
        }
    }
    None
}

fn main() -> Result<(), Box<dyn Error>> {
    let runs: u64 = std::env::args().nth(1).map_or(Ok(400), |a| a.parse())?;
    let settings = Settings { acts: true, ..Settings::default() };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:<36} {:>9} {:>8} {:>8} {:>8}", "harm", "undone", "median", "95 %", "last")?;
    for harm in KINDS {
        let mut calls: Vec<u64> =
            (0..runs).filter_map(|seed| acts_at(harm, seed, &settings)).collect();
        calls.sort_unstable();
        let at =
            |part: usize| calls.get((calls.len() * part / 100).min(calls.len().saturating_sub(1)));
        let shown = |n: Option<&u64>| n.map_or_else(|| "–".to_owned(), ToString::to_string);
        writeln!(
            out,
            "{:<36} {:>5}/{runs} {:>8} {:>8} {:>8}",
            harm.name,
            calls.len(),
            shown(at(50)),
            shown(at(95)),
            shown(calls.last()),
        )?;
    }
    Ok(())
}
