//! What a tick of alerting costs: 10,000 rules over ten models, 10,000 without labels, 10,000 each over
//! calls of its own, a tick at which a hundred alerts fire, and the way from a breach to a receiver.
//! `cargo xtask bench alerts`.
//!
//! Rules are read from text, calls come through `Recent` as the recorder's writer tells of them, and
//! what an evaluation changes is committed to a `state.db` on disk. CPU is that of the evaluating
//! thread, from the kernel; nothing but the receiver and the clock is made up.

mod alert_tick {
    pub(crate) mod bench;
    pub(crate) mod breach;
    pub(crate) mod rules;
}

use alert_tick::bench::Bench;
use alert_tick::{breach, rules};
use anyhow::Result;
use std::io::Write;

/// Ticks before the first that is measured: `for` is over, windows are full.
const WARM: usize = 40;
const MEASURED: usize = 30;
/// Cycles of a hundred alerts that fire and resolve.
const STORMS: usize = 20;

/// Its name on the command line, what it is, its rules as text.
type Kind = (&'static str, &'static str, fn() -> String);

fn main() -> Result<()> {
    let only: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|o| o == name);
    let mut out = std::io::stdout().lock();
    let kinds: [Kind; 3] = [
        ("labels", "10,000 rules by model, 10 models", rules::by_model),
        ("simple", "10,000 rules without labels", rules::simple),
        ("selectors", "10,000 rules, each over one of 100 models and intents", rules::selecting),
    ];
    for (name, what, text) in kinds {
        if wanted(name) {
            let mut bench = Bench::new(&text())?;
            (0..WARM).for_each(|_| bench.tick());
            let told = bench.tell(MEASURED);
            writeln!(out, "{what}: {told}")?;
        }
    }
    if wanted("storm") {
        writeln!(
            out,
            "100 alerts fire or resolve: {}",
            Bench::new(&rules::storm())?.storms(STORMS)
        )?;
    }
    if wanted("breach") {
        for tick_ms in [100, 1_000] {
            writeln!(out, "breach to receiver, tick {tick_ms} ms: {}", breach::measure(tick_ms)?)?;
        }
    }
    Ok(())
}
