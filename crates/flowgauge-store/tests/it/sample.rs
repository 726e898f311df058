//! Calls that differ in what the store looks at.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use flowgauge_logic::call::*;
use flowgauge_logic::id::{CallId, SpanId, TraceId};
use flowgauge_logic::unit::{Micros, NanoUsd, UnixMicros};
use flowgauge_logic::window::Window;
use flowgauge_store::{Batch, Options, Store};
use std::path::Path;

/// A whole hour, so that edges are easy to name.
pub(crate) const T0: UnixMicros = UnixMicros(1_700_000_000_000_000 / 3_600_000_000 * 3_600_000_000);

pub(crate) fn at(us: i64) -> UnixMicros {
    UnixMicros(T0.0 + us)
}

pub(crate) fn minutes(m: i64) -> UnixMicros {
    at(m * UnixMicros::MINUTE)
}

/// The `n`th call: one a second, four series, some failures, some spans that are no model call.
pub(crate) fn call(n: u64) -> Call {
    let start = at(i64::try_from(n).unwrap() * 1_000_000);
    let mut id = [0; 10];
    id[2..].copy_from_slice(&n.to_be_bytes());
    let mut c = Call::begun(CallId::new(start, id), start, start, Door::Gateway);
    c.what.leaf = !n.is_multiple_of(11);
    c.what.operation = "chat".into();
    c.what.model_used = Some(["small", "large"][usize::try_from(n % 2).unwrap()].into());
    c.what.intent = Some(["ask", "translate"][usize::try_from(n / 2 % 2).unwrap()].into());
    c.who.user_key = (!n.is_multiple_of(3)).then(|| Text::from(format!("user-{}", n % 13)));
    c.time.latency = Some(Micros(1_000 + n * 37 % 90_000));
    c.usage.source = UsageSource::Provider;
    c.usage.input = Some(InputTokens { text: n % 500, ..InputTokens::default() });
    c.cost.nanos = (!n.is_multiple_of(5)).then(|| NanoUsd(i64::try_from(n).unwrap()));
    if n.is_multiple_of(7) {
        c.outcome.status = Status::Error;
        c.outcome.class = ErrorClass::Upstream5xx;
    }
    c
}

pub(crate) fn calls(range: std::ops::Range<u64>) -> Vec<Call> {
    range.map(call).collect()
}

/// As an OTLP client sends it.
pub(crate) fn sent(n: u64) -> Call {
    let mut c = call(n);
    c.origin.door = Door::OtlpHttp;
    c.link.trace_id = Some(TraceId([7; 16]));
    c.link.span_id = Some(SpanId(n.to_be_bytes()));
    c
}

pub(crate) fn open(dir: &Path) -> Store {
    Store::open(dir, Options::default(), T0).unwrap().store
}

pub(crate) fn put(store: &mut Store, calls: Vec<Call>) -> (u64, u64) {
    let done = store.commit(Batch { calls, ..Batch::default() }, T0).unwrap();
    (done.stored, done.duplicates)
}

pub(crate) fn always() -> Window {
    Window { from: UnixMicros(0), to: UnixMicros(i64::MAX / 2) }
}

/// A copy of a directory as a crash at this moment would leave it.
pub(crate) fn crash(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_into(dir, copy.path());
    copy
}

fn copy_into(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_into(&entry.path(), &target);
        } else if entry.file_name() != "hot.db-shm" {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
