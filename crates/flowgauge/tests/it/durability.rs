//! Kills and full disks: what was acknowledged is there, once; what was lost is counted.

use flowgauge::logic::call::{Call, Door};
use flowgauge::logic::id::{CallId, SpanId, TraceId};
use flowgauge::logic::unit::{Micros, UnixMicros};
use flowgauge::logic::window::Window;
use flowgauge::record::Recorder;
use flowgauge::serve::clock::Clock;
use flowgauge::store::{CallQuery, Options, Reader, Store};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Set in the process that is killed: where it stores.
const CHILD_DIR: &str = "FLOWGAUGE_TEST_CHILD_DIR";
/// Set there too: the next batch of each sender.
const CHILD_FROM: &str = "FLOWGAUGE_TEST_CHILD_FROM";
const SENDERS: usize = 4;
const ROWS: u64 = 20;
const KILLS: u64 = 50;
/// A condition that is not met by then never will be.
const PATIENCE: Micros = Micros(30_000_000);

fn sent(sender: usize, n: u64) -> Call {
    let now = Clock::real().now();
    let mut random = [u8::try_from(sender).unwrap(); 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    let mut c = Call::begun(CallId::new(now, random), now, now, Door::OtlpHttp);
    c.link.trace_id = Some(TraceId([u8::try_from(sender).unwrap() + 1; 16]));
    c.link.span_id = Some(SpanId(n.to_be_bytes()));
    c.what.leaf = true;
    c
}

fn everything() -> CallQuery {
    let window = Window { from: UnixMicros(0), to: UnixMicros(i64::MAX / 2) };
    CallQuery::newest(window, usize::MAX)
}

/// The process that is killed; does nothing where it was not started as such.
#[test]
fn child_that_commits_until_it_is_killed() {
    let Ok(dir) = std::env::var(CHILD_DIR) else { return };
    let from = std::env::var(CHILD_FROM).unwrap();
    let from: Vec<u64> = from.split(',').map(|n| n.parse().unwrap()).collect();
    // Seals often, so that kills hit every step of it.
    let options = Options { seal_bytes: 20_000, ..Options::default() };
    let recorder = Recorder::start(Path::new(&dir), options, Clock::real()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let mut tasks = Vec::new();
    for (sender, first) in from.into_iter().enumerate() {
        let recorder = recorder.clone();
        tasks.push(runtime.spawn(async move {
            for batch in first.. {
                let calls = (batch * ROWS..(batch + 1) * ROWS).map(|n| sent(sender, n)).collect();
                let ack = recorder.submit(calls, Vec::new()).await.unwrap();
                assert_eq!(ack.stored + ack.duplicates, ROWS);
                let mut out = std::io::stdout().lock();
                writeln!(out, "\nack {sender} {batch}").unwrap();
                out.flush().unwrap();
            }
        }));
    }
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
}

fn start_child(dir: &Path, next: &[u64]) -> Child {
    let from: Vec<String> = next.iter().map(u64::to_string).collect();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "durability::child_that_commits_until_it_is_killed", "--nocapture"])
        .env(CHILD_DIR, dir)
        .env(CHILD_FROM, from.join(","))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_by_fifty_kills() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::real();
    let mut next = [0u64; SENDERS];
    for round in 0..KILLS {
        let mut child = start_child(dir.path(), &next);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // A different moment each time: after so many acknowledgements, others being on their way.
        let acks = 1 + round * 37 % 61;
        for _ in 0..acks {
            note_ack(&mut lines, &mut next);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What was printed before the kill counts as acknowledged too.
        while note_ack(&mut lines, &mut next) {}
        let begun = clock.monotonic();
        let opened = Store::open(dir.path(), Options::default(), clock.now()).unwrap();
        let took = clock.monotonic().saturating_sub(begun);
        assert!(took < Micros::from_millis(2_000), "opening took {took:?} after kill {round}");
        if round % 10 == 9 {
            let reader = opened.store.reader();
            check(&reader, &next);
        }
    }
}

/// Reads lines until an acknowledgement; false at the end.
fn note_ack(lines: &mut impl Iterator<Item = std::io::Result<String>>, next: &mut [u64]) -> bool {
    for line in lines {
        let line = line.unwrap();
        let mut words = line.split(' ');
        if words.next() != Some("ack") {
            continue;
        }
        let mut number = || words.next().and_then(|w| w.parse::<u64>().ok());
        if let (Some(sender), Some(batch)) = (number(), number()) {
            next[usize::try_from(sender).unwrap()] = batch + 1;
            return true;
        }
    }
    false
}

fn check(reader: &Reader, next: &[u64]) {
    let rows = reader.calls(&everything()).unwrap();
    let mut seen = HashSet::new();
    for row in &rows {
        assert!(seen.insert((row.link.trace_id, row.link.span_id)), "{row:?} is there twice");
    }
    for (sender, batches) in next.iter().enumerate() {
        for n in 0..batches * ROWS {
            let wanted = sent(sender, n).link;
            assert!(seen.contains(&(wanted.trace_id, wanted.span_id)), "row {sender}/{n} is lost");
        }
    }
    assert!(reader.status().unwrap().damage.is_empty());
}

/// A small file system of its own; unmounted at the end.
pub(crate) struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Nothing, and why, where this process may not mount.
    pub(crate) fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=48m", "tmpfs"])
            .arg(dir.path())
            .output();
        match done {
            Ok(o) if o.status.success() => Some(Self(dir)),
            Ok(o) => {
                eprintln!("skipped: mount says {}", String::from_utf8_lossy(&o.stderr));
                None
            }
            Err(e) => {
                eprintln!("skipped: no mount command: {e}");
                None
            }
        }
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.0.path()
    }

    pub(crate) fn fill(&self) {
        let mut file = std::fs::File::create(self.0.path().join("filler")).unwrap();
        // Down to the last byte, in ever smaller pieces.
        let mut piece = vec![0u8; 1 << 20];
        while !piece.is_empty() {
            if file.write_all(&piece).is_err() {
                piece.truncate(piece.len() / 2);
            }
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.0.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let lazily = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(lazily.is_ok_and(|s| s.success()));
    }
}

fn wait_for(what: &str, mut met: impl FnMut() -> bool) {
    let clock = Clock::real();
    let begun = clock.monotonic();
    while !met() {
        assert!(clock.monotonic().saturating_sub(begun) < PATIENCE, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

fn own(n: u64) -> Call {
    let mut c = sent(9, n);
    c.origin.door = Door::Gateway;
    c.link = flowgauge::logic::call::Link::default();
    c
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_holds_calls_back_refuses_ingest_and_counts_every_loss() {
    let Some(disk) = SmallDisk::mount() else { return };
    let dir = disk.0.path().join("data");
    let recorder = Recorder::start(&dir, Options::default(), Clock::real()).unwrap();
    recorder.submit(vec![sent(0, 0)], Vec::new()).await.unwrap();
    disk.fill();
    recorder.finished(own(0));
    // Pages of the log may still have room; more calls find its end.
    let mut n = 1;
    wait_for("the disk to be full", || {
        recorder.finished(own(n));
        n += 1;
        recorder.stats().degraded.is_some()
    });
    let refused = recorder.submit(vec![sent(0, 1)], Vec::new()).await.unwrap_err();
    assert!(refused.retry_after_s >= 1);
    // More than any ring or queue holds.
    for _ in 0..250_000 {
        recorder.finished(own(n));
        n += 1;
    }
    wait_for("losses", || recorder.stats().lost > 0);
    disk.free();
    wait_for("the store to catch up", || {
        let s = recorder.stats();
        s.degraded.is_none() && s.queued == 0
    });
    let stats = recorder.stats();
    assert_eq!(stats.received, n + 2);
    assert_eq!(stats.received, stats.stored + stats.duplicates + stats.lost + stats.refused);
    assert_eq!((stats.refused, stats.duplicates), (1, 0));
    recorder.submit(vec![sent(0, 1)], Vec::new()).await.unwrap();
    let reader = recorder.reader().unwrap();
    let window = everything().window;
    wait_for("the gap to be written", || {
        let lost: u64 = reader.gaps(window).unwrap().iter().map(|g| g.lost).sum();
        lost == stats.lost
    });
    assert_eq!(reader.calls(&everything()).unwrap().len() as u64, stats.stored + 1);
    recorder.shutdown().await;
}
