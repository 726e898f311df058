//! How much a call costs that rules look at, and how long reading a tick takes: 10,000 thresholds on
//! one selection, ten models, a million calls. `cargo run --release --example recent_rate`.

use flowgauge::judge::recent::{Long, Recent, RecentOptions};
use flowgauge::logic::alert::facts::{Facts, Selection, Timing};
use flowgauge::logic::call::{Call, Door, Text};
use flowgauge::logic::id::CallId;
use flowgauge::logic::rollup::Dim;
use flowgauge::logic::unit::{Micros, UnixMicros};
use flowgauge::logic::window::Window;
use flowgauge::record::Heard;
use flowgauge::serve::clock::Clock;
use std::io::Write;

/// Monday, 2025-01-06 09:00 UTC.
const T0: i64 = 1_736_154_000_000_000;
const CALLS: u64 = 1_000_000;
/// Half an hour of them.
const APART_US: u64 = 1_800;
const THRESHOLDS: u64 = 10_000;
/// Calls told of together, as a group commit does.
const GROUP: usize = 512;

fn call(n: u64) -> Call {
    let start = UnixMicros(T0 + (n * APART_US).cast_signed());
    let bytes = n.to_be_bytes();
    let mut random = [0; 10];
    random[2..].copy_from_slice(&bytes);
    let mut call = Call::begun(CallId::new(start, random), start, start, Door::Gateway);
    call.what.leaf = true;
    call.what.model_requested = Some(Text::from(format!("model-{}", n % 10)));
    // Spread over ten seconds by a multiplicative hash (Knuth, vol. 3, 6.4).
    call.time.latency = Some(Micros(n.wrapping_mul(2_654_435_761) % 10_000_000));
    call
}

fn main() -> std::io::Result<()> {
    let clock = Clock::real();
    let recent = Recent::new(RecentOptions {
        tick: Micros::from_millis(10_000),
        eval_delay: Micros::from_millis(30_000),
        zone: chrono_tz::Tz::UTC,
        keep: Micros::from_millis(60 * 60_000),
    });
    let of = Selection { by: vec![Dim::Model], ..Selection::default() };
    let thresholds: Vec<u64> = (1..=THRESHOLDS).map(|n| n * 1_000).collect();
    recent.watch(&[(of.clone(), Timing::Latency, thresholds)], &[]);
    recent.refill(std::iter::empty());
    let calls: Vec<Call> = (0..CALLS).map(call).collect();
    let begun = clock.monotonic();
    for group in calls.chunks(GROUP) {
        recent.ended(group);
    }
    let took = clock.monotonic().saturating_sub(begun);
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} ns a call", took.0 * 1_000 / CALLS)?;
    let long = Long::none();
    let tick = UnixMicros(T0 + (CALLS * APART_US).cast_signed());
    for minutes in [1, 5, 30] {
        let at = recent.at(tick, &long);
        let window = Window::last(minutes * UnixMicros::MINUTE, tick);
        let begun = clock.monotonic();
        let groups = at.calls(&of, window).map_err(std::io::Error::other)?;
        let took = clock.monotonic().saturating_sub(begun);
        writeln!(out, "{} µs for {} label sets over {minutes} m", took.0, groups.len())?;
    }
    Ok(())
}
