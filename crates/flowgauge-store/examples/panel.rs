//! How fast a panel of 24 hours is answered over ten million calls in 40 series.
//!
//! `cargo run --release --example panel -p flowgauge-store [calls [directory to fill only [days]]]`

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads clocks and prints"
)]

use flowgauge_logic::call::{Call, Door, InputTokens, OutputTokens, UsageSource};
use flowgauge_logic::id::CallId;
use flowgauge_logic::quantile;
use flowgauge_logic::rollup::{Dim, Filter};
use flowgauge_logic::unit::{Micros, NanoUsd, UnixMicros};
use flowgauge_logic::window::Window;
use flowgauge_store::{Batch, Options, Reader, RollupQuery, Step, Store};
use std::time::Instant;

const BATCH: u64 = 16_384;
/// Half past an hour, so that the window has edges.
const T0: i64 = 1_700_001_000_000_000;
/// Begin of a month, 2023-12-01 UTC, for those who fill one: `31` days of it.
const MONTH: i64 = 1_701_388_800_000_000;
const ASKED: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let calls: u64 = std::env::args().nth(1).map_or(Ok(10_000_000), |a| a.parse())?;
    let kept = std::env::args().nth(2).map(std::path::PathBuf::from);
    let dir = tempfile::tempdir_in(std::env::current_dir()?)?;
    let path = kept.as_deref().unwrap_or(dir.path());
    let days: i64 = std::env::args().nth(3).map_or(Ok(1), |a| a.parse())?;
    let t0 = if days > 1 { MONTH } else { T0 };
    let mut store = Store::open(path, Options::default(), UnixMicros(t0))?.store;
    let step = days * UnixMicros::DAY / i64::try_from(calls)?.max(1);
    let begun = Instant::now();
    let mut n = 0;
    while n < calls {
        let batch = (n..(n + BATCH).min(calls)).map(|n| call(n, step, t0)).collect();
        n += BATCH;
        let now = UnixMicros(t0 + i64::try_from(n)? * step);
        store.commit(Batch { calls: batch, ..Batch::default() }, now)?;
    }
    // Filling outruns sealing, which a day of traffic does not: measured is the state it settles in.
    let tail = UnixMicros(t0 + days * UnixMicros::DAY);
    store.seal_now(tail)?;
    println!("filled {calls} calls in {:.0} s", begun.elapsed().as_secs_f64());
    println!("{:?}", store.reader().status()?);
    if kept.is_some() {
        return Ok(());
    }
    let window = Window { from: UnixMicros(T0), to: UnixMicros(T0 + UnixMicros::DAY) };
    let ask = |filter: &[&str], group_by: &[Dim], step| RollupQuery {
        window,
        filter: Filter::parse(filter).unwrap_or_default(),
        group_by: group_by.to_vec(),
        step,
    };
    let reader = store.reader();
    for (name, query) in [
        ("24 h, all", ask(&[], &[], Step::Whole)),
        ("24 h, one model of two", ask(&["model=gpt-4o"], &[], Step::Whole)),
        ("24 h by 40 series", ask(&[], &[Dim::Model, Dim::Intent], Step::Whole)),
        ("24 h in hours", ask(&[], &[], Step::Minutes(60))),
        ("24 h in 5 minutes", ask(&[], &[], Step::Minutes(5))),
    ] {
        time(name, &reader, &query)?;
    }
    Ok(())
}

fn time(
    name: &str,
    reader: &Reader,
    query: &RollupQuery,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut took = Vec::with_capacity(ASKED);
    let mut answer = 0.0;
    for _ in 0..ASKED {
        let begun = Instant::now();
        let groups = reader.rollups(query)?;
        for group in &groups {
            for q in [0.5, 0.95, 0.99] {
                answer = group.rollup.latency.histogram.quantile(q).unwrap_or(answer);
            }
        }
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let mut at = |q| quantile::exact(&mut took, q).unwrap_or(f64::NAN);
    let (p50, p95, p99) = (at(0.5), at(0.95), at(0.99));
    println!(
        "{name:24} p50 {p50:.2} ms  p95 {p95:.2} ms  p99 {p99:.2} ms  (last p99 {answer:.0} µs)"
    );
    Ok(())
}

fn call(n: u64, step: i64, t0: i64) -> Call {
    let start = UnixMicros(t0 + i64::try_from(n).unwrap_or(0) * step);
    let spread = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7;
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    let mut c = Call::begun(CallId::new(start, random), start, start, Door::Gateway);
    c.what.leaf = true;
    c.what.operation = "chat".into();
    c.what.model_used = Some(["gpt-4o-mini", "gpt-4o"][usize::from(n.is_multiple_of(2))].into());
    c.what.intent = Some(format!("intent-{}", n / 2 % 20).into());
    c.what.stream = Some(true);
    c.time.latency = Some(Micros(200_000 + spread % 3_000_000));
    c.time.ttft = Some(Micros(50_000 + spread % 700_000));
    c.time.upstream = Some(Micros(199_500 + spread % 3_000_000));
    c.usage.source = UsageSource::Provider;
    c.usage.input = Some(InputTokens { text: spread % 4_000, ..InputTokens::default() });
    c.usage.output = Some(OutputTokens { visible: spread % 900, ..OutputTokens::default() });
    c.cost.nanos = Some(NanoUsd(i64::try_from(spread % 9_000_000).unwrap_or(0)));
    c
}
