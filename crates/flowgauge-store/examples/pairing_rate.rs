//! How long commits take whose rows meet rows that were just sealed, beside commits that meet none.
//!
//! `cargo run --release --example pairing_rate -p flowgauge-store [commits] [rows of a commit]`

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads clocks and prints"
)]

use flowgauge_logic::call::{Call, Door};
use flowgauge_logic::id::CallId;
use flowgauge_logic::unit::{Micros, UnixMicros};
use flowgauge_store::{Batch, Options, Store};
use std::time::Instant;

const T0: i64 = 1_700_000_000_000_000;
/// Rows of the segment: two full row groups.
const SEALED: u64 = 32_768;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let commits: u64 = arguments.next().map_or(Ok(1_000), |a| a.parse())?;
    let rows: u64 = arguments.next().map_or(Ok(1), |a| a.parse())?;
    let dir = tempfile::tempdir_in(std::env::current_dir()?)?;
    let mut store = Store::open(dir.path(), Options::default(), UnixMicros(T0))?.store;
    let mut put = |calls| store.commit(Batch { calls, ..Batch::default() }, UnixMicros(T0));
    put((0..SEALED).map(|n| call(n, Door::Gateway)).collect())?;
    store.seal_now(UnixMicros(T0))?;
    for (name, from) in [("alone", SEALED), ("paired", 0)] {
        let begun = Instant::now();
        for n in 0..commits {
            let calls =
                (0..rows).map(|i| call(from + (n * rows + i) * 31 % SEALED, Door::OtlpHttp));
            let batch = Batch { calls: calls.collect(), ..Batch::default() };
            store.commit(batch, UnixMicros(T0))?;
        }
        let took = begun.elapsed().as_micros();
        println!("{name:8} {} µs a commit of {rows} rows", took / u128::from(commits));
    }
    Ok(())
}

fn call(n: u64, door: Door) -> Call {
    let start = UnixMicros(T0 + i64::try_from(n).unwrap_or(0) * 100);
    let mut random = [door.code(); 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    let mut c = Call::begun(CallId::new(start, random), start, start, door);
    c.link.response_id = Some(format!("chatcmpl-{n:016x}").into());
    c.what.leaf = true;
    c.what.operation = "chat".into();
    c.what.provider = Some("openai".into());
    c.what.model_used = Some("gpt-4o".into());
    c.time.latency = Some(Micros(200_000 + n % 90_000));
    c
}
