//! How many rows a second one writer makes durable: pack, commit, roll up, in batches of 512.
//!
//! `cargo run --release --example commit_rate -p flowgauge-store [rows]`

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads clocks and prints"
)]

use flowgauge_logic::call::{Call, Door, InputTokens, OutputTokens, UsageSource};
use flowgauge_logic::id::{CallId, SpanId, TraceId};
use flowgauge_logic::unit::{Micros, NanoUsd, UnixMicros};
use flowgauge_store::{Batch, Options, Store};
use std::time::Instant;

const BATCH: u64 = 512;
const T0: i64 = 1_700_000_000_000_000;
/// Clock ticks a second in `/proc/self/stat`, on every Linux platform of today.
const TICKS: f64 = 100.0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |a| a.parse())?;
    let dir = tempfile::tempdir_in(std::env::current_dir()?)?;
    let mut store = Store::open(dir.path(), Options::default(), UnixMicros(T0))?.store;
    let (mut busy, mut slowest) = (0.0f64, 0.0f64);
    let cpu_before = cpu_seconds()?;
    let mut making = 0.0;
    let mut n = 0;
    while n < rows {
        let begun = Instant::now();
        let calls: Vec<Call> = (n..n + BATCH).map(call).collect();
        n += BATCH;
        let made = Instant::now();
        making += (made - begun).as_secs_f64();
        let now = UnixMicros(T0 + i64::try_from(n)?);
        store.commit(Batch { calls, ..Batch::default() }, now)?;
        let took = made.elapsed().as_secs_f64();
        busy += took;
        slowest = slowest.max(took);
    }
    let cpu = cpu_seconds()? - cpu_before - making;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let count = n as f64;
    let status = store.reader().status()?;
    println!("rows            {n}");
    println!("rows/s          {:.0}", count / busy);
    println!("µs CPU/row      {:.2} (all threads, sealing included)", cpu * 1e6 / count);
    println!("slowest commit  {:.1} ms", slowest * 1e3);
    println!("segments        {} ({} bytes)", status.segments, status.segment_bytes);
    println!("unsealed rows   {} ({} bytes)", status.unsealed_rows, status.batch_bytes);
    drop(store);
    let begun = Instant::now();
    let opened = Store::open(dir.path(), Options::default(), UnixMicros(T0))?;
    println!("open            {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
    drop(opened);
    Ok(())
}

/// Processor time of this process.
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after = stat.rsplit(')').next().ok_or("no stat")?;
    let field = |i: usize| after.split_whitespace().nth(i).ok_or("short stat");
    let ticks: f64 = field(11)?.parse::<f64>()? + field(12)?.parse::<f64>()?;
    Ok(ticks / TICKS)
}

fn call(n: u64) -> Call {
    let start = UnixMicros(T0 + i64::try_from(n).unwrap_or(0) * 100);
    let spread = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut random = [0; 10];
    random[2..].copy_from_slice(&spread.to_be_bytes());
    let mut c = Call::begun(CallId::new(start, random), start, start, Door::OtlpHttp);
    let mut trace = [1; 16];
    trace[..8].copy_from_slice(&spread.to_le_bytes());
    c.link.trace_id = Some(TraceId(trace));
    c.link.span_id = Some(SpanId(spread.to_be_bytes()));
    c.link.response_id = Some(format!("chatcmpl-{spread:016x}").into());
    c.origin.service = Some("flowreader".into());
    c.what.leaf = true;
    c.what.operation = "chat".into();
    c.what.provider = Some("openai".into());
    c.what.model_requested = Some("gpt-4o-mini".into());
    c.what.model_used = Some(["gpt-4o-mini", "gpt-4o"][usize::from(n.is_multiple_of(3))].into());
    c.what.intent = Some(format!("intent-{}", n % 20).into());
    c.what.stream = Some(true);
    c.who.user_key = Some(format!("u{:08x}", n % 5_000).into());
    c.time.latency = Some(Micros(200_000 + spread % 3_000_000));
    c.time.ttft = Some(Micros(50_000 + spread % 700_000));
    c.time.upstream = Some(Micros(199_500 + spread % 3_000_000));
    c.usage.source = UsageSource::Provider;
    c.usage.input = Some(InputTokens { text: spread % 4_000, ..InputTokens::default() });
    c.usage.output = Some(OutputTokens { visible: spread % 900, ..OutputTokens::default() });
    c.cost.nanos = Some(NanoUsd(i64::try_from(spread % 9_000_000).unwrap_or(0)));
    c.outcome.http_status = Some(200);
    c.outcome.finish_reason = Some("stop".into());
    c
}
