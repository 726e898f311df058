//! Data that ages: merged, archived, dropped, attached again; nothing is counted twice or lost.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::sample::*;
use flowgauge_logic::call::{Call, Cost};
use flowgauge_logic::rollup::Filter;
use flowgauge_logic::unit::{NanoUsd, UnixMicros};
use flowgauge_logic::window::Window;
use flowgauge_store::age::Manifest;
use flowgauge_store::{
    Amendment, Batch, CallQuery, Change, Options, Reader, RollupQuery, Step, Store,
};
use std::path::Path;

const DAY: i64 = UnixMicros::DAY;

/// The `n`th call of a store that sees one every so many microseconds.
fn spread(n: u64, every: i64) -> Call {
    let mut c = call(n);
    let start = UnixMicros(T0.0 + i64::try_from(n).unwrap() * every);
    c.time.start = start;
    c.time.received = start;
    let mut id = [0; 10];
    id[2..].copy_from_slice(&n.to_be_bytes());
    c.id = flowgauge_logic::id::CallId::new(start, id);
    c
}

fn sealed(store: &mut Store, calls: Vec<Call>, now: UnixMicros) {
    store.commit(Batch { calls, ..Batch::default() }, now).unwrap();
    store.seal_now(now).unwrap();
}

fn raw(reader: &Reader, window: Window) -> Vec<Call> {
    let query = CallQuery { with_spans: true, ..CallQuery::newest(window, usize::MAX) };
    reader.calls(&query).unwrap()
}

fn totals(reader: &Reader, step: Step) -> Vec<(UnixMicros, u64, i64)> {
    let window = Window { from: T0, to: UnixMicros(T0.0 + 800 * DAY) };
    let query = RollupQuery { window, filter: Filter::default(), group_by: Vec::new(), step };
    let groups = reader.rollups(&query).unwrap();
    groups.into_iter().map(|g| (g.from, g.rollup.requests(), g.rollup.cost_nanos)).collect()
}

fn files(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("segments")).unwrap().count()
}

fn archive(store: &mut Store, to: &Path, before: UnixMicros, now: UnixMicros) -> u64 {
    let reader = store.reader();
    for plan in reader.rewrites(before).unwrap() {
        let new = reader.compact(&plan).unwrap().unwrap();
        assert!(store.install_compacted(&new).unwrap());
    }
    let done = reader.archive(to, before).unwrap();
    assert_eq!(done.failed, Vec::<String>::new());
    store.note_archived(&done, now).unwrap();
    done.rows
}

fn keep(store: &mut Store, to: &Path, now: UnixMicros) {
    let ago = |days: i64| UnixMicros(now.0 - days * DAY);
    store.compact_now(now, 100).unwrap();
    archive(store, to, ago(30), now);
    let plan = store.reader().prune_plan(ago(30), true).unwrap();
    assert!(plan.refused.is_empty(), "{:?}", plan.refused);
    store.drop_segments(&plan).unwrap();
    let mut rollups = store.reader().rollups_plan(ago(90), ago(760)).unwrap();
    assert_eq!(rollups.refused, None);
    while store.drop_rollups(&mut rollups).unwrap().more {}
}

#[test]
fn a_year_of_ageing_loses_no_day_counts_none_twice_and_stays_bounded() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut store = open(dir.path());
    // 24 calls a day, in two segments.
    let every = DAY / 24;
    let (mut all, mut bytes_at_100) = (Vec::new(), 0);
    for half in 0..730u64 {
        let now = UnixMicros(T0.0 + (i64::try_from(half).unwrap() + 1) * DAY / 2);
        let calls: Vec<Call> = (half * 12..(half + 1) * 12).map(|n| spread(n, every)).collect();
        all.extend(calls.iter().cloned());
        sealed(&mut store, calls, now);
        if half % 2 == 1 {
            keep(&mut store, to.path(), now);
            // At most one file a day and two of today: see `age::compact`.
            assert!(files(dir.path()) <= 34, "{} files", files(dir.path()));
        }
        if half == 200 {
            bytes_at_100 = store.reader().status().unwrap().segment_bytes;
        }
    }
    let reader = store.reader();
    let status = reader.status().unwrap();
    assert!(status.segment_bytes < bytes_at_100 * 11 / 10, "raw rows do not pile up");
    assert_eq!(status.damage, Vec::<String>::new());
    let leaves: Vec<&Call> = all.iter().filter(|c| c.what.leaf).collect();
    let cost = |of: &[&Call]| of.iter().filter_map(|c| c.cost.nanos).map(|n| n.0).sum::<i64>();
    let days = totals(&reader, Step::Minutes(1_440));
    assert_eq!(days.iter().map(|(_, n, _)| *n).sum::<u64>(), leaves.len() as u64);
    assert_eq!(days.iter().map(|(_, _, c)| *c).sum::<i64>(), cost(&leaves));
    for (from, n, _) in &days {
        let to = from.0 + DAY;
        let of_day = leaves.iter().filter(|c| (from.0..to).contains(&c.time.start.0)).count();
        assert_eq!(*n, of_day as u64, "{}", from.to_rfc3339());
    }
    let hot = std::fs::metadata(dir.path().join("hot.db")).unwrap().len();
    assert!(hot < 64 << 20, "{hot} bytes of hot.db");

    // Thirty days are here; the year is, once the archive is attached.
    let here = raw(&reader, always());
    assert!((30 * 24..=32 * 24).contains(&here.len()), "{}", here.len());
    let manifest = Manifest::read(to.path()).unwrap();
    assert_eq!(manifest.verify(to.path()), Vec::<String>::new());
    let attached = store.attach(to.path()).unwrap();
    assert_eq!(attached.segments, manifest.segments.len() as u64);
    store.attach(to.path()).unwrap();
    let mut back = raw(&store.reader(), always());
    back.reverse();
    assert_eq!(back, all, "every row, once, as it was");
    assert_eq!(totals(&store.reader(), Step::Minutes(1_440)), days, "nothing is counted twice");
    drop(store);
    let mut store = open(dir.path());
    assert_eq!(raw(&store.reader(), always()).len(), all.len(), "attached over a restart");
    assert_eq!(store.detach(to.path()).unwrap().segments, attached.segments);
    assert_eq!(raw(&store.reader(), always()).len(), here.len());
}

#[test]
fn what_is_neither_archived_nor_rolled_up_is_refused() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut store = open(dir.path());
    sealed(&mut store, calls(0..100), T0);
    sealed(&mut store, calls(10_000..10_100), T0);
    let later = minutes(10_000);
    let plan = store.reader().prune_plan(later, true).unwrap();
    assert_eq!((plan.segments.len(), plan.refused.len()), (0, 2));
    assert!(plan.refused[0].why.contains("not archived"), "{}", plan.refused[0].why);

    // An hour of the first segment loses its rollup.
    drop(store);
    let db = rusqlite::Connection::open(dir.path().join("hot.db")).unwrap();
    let hour = T0.0 / 3_600_000_000;
    db.execute("DELETE FROM rollups WHERE level=1 AND series<16 AND bucket=?1", [hour]).unwrap();
    drop(db);
    let mut store = open(dir.path());
    let plan = store.reader().prune_plan(later, false).unwrap();
    assert_eq!((plan.segments.len(), plan.refused.len()), (1, 1));
    assert!(plan.refused[0].why.contains("is missing"), "{}", plan.refused[0].why);
    assert_eq!(store.drop_segments(&plan).unwrap().rows, 100);
    assert_eq!(raw(&store.reader(), always()).len(), 100);
    assert_eq!(archive(&mut store, to.path(), later, later), 100);
    let plan = store.reader().prune_plan(later, false).unwrap();
    assert_eq!((plan.segments.len(), plan.refused.len()), (1, 0), "it is archived now");
    store.drop_segments(&plan).unwrap();
    assert_eq!(files(dir.path()), 0);
    // New segments do not take the place of old ones.
    sealed(&mut store, calls(20_000..20_010), T0);
    assert_eq!(raw(&store.reader(), always()).len(), 10);
    drop(store);
    let mut store = open(dir.path());
    sealed(&mut store, calls(30_000..30_010), T0);
    store.attach(to.path()).unwrap();
    assert_eq!(raw(&store.reader(), always()).len(), 120);
}

#[test]
fn minutes_go_only_where_hours_cover_them_and_a_lost_hour_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    sealed(&mut store, calls(0..20_000), T0);
    let days = totals(&store.reader(), Step::Whole);
    drop(store);
    let db = rusqlite::Connection::open(dir.path().join("hot.db")).unwrap();
    let hour = T0.0 / 3_600_000_000 + 1;
    db.execute("DELETE FROM rollups WHERE level=1 AND bucket=?1", [hour]).unwrap();
    drop(db);
    let mut store = open(dir.path());
    let mut plan = store.reader().rollups_plan(minutes(200), UnixMicros(0)).unwrap();
    assert_eq!(plan.minutes_before, Some(minutes(180)));
    let done = store.drop_rollups(&mut plan).unwrap();
    assert!(done.minutes > 180 * 4, "{done:?}");
    let reader = store.reader();
    assert_eq!(totals(&reader, Step::Whole), days);
    assert_eq!(reader.status().unwrap().minutes_from, Some(minutes(180)));
    // A window that cuts an hour is widened, as the group says; behind the mark it is not.
    let asked = |from, to| {
        let window = Window { from: minutes(from), to: minutes(to) };
        let query = RollupQuery {
            window,
            filter: Filter::default(),
            group_by: Vec::new(),
            step: Step::Whole,
        };
        reader.rollups(&query).unwrap().into_iter().map(|g| (g.from, g.rollup.requests())).next()
    };
    let leaves = |from: u64, to: u64| (from * 60..to * 60).filter(|n| n % 11 != 0).count() as u64;
    assert_eq!(asked(70, 80), Some((minutes(60), leaves(60, 120))));
    assert_eq!(asked(190, 200), Some((minutes(190), leaves(190, 200))));
    assert_eq!(asked(150, 190), Some((minutes(120), leaves(120, 190))));
}

#[test]
fn small_segments_of_a_day_become_one_and_every_row_is_found_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let now = UnixMicros(T0.0 + 3 * DAY);
    for part in 0..6u64 {
        sealed(&mut store, calls(part * 50..(part + 1) * 50), now);
    }
    let change = Change::Repriced {
        cost: Cost { nanos: Some(NanoUsd(77)), ..Cost::default() },
        attempts: Vec::new(),
    };
    let amendment = Amendment { call: call(120).id, change, by: "test".into() };
    store.amend(vec![amendment], now).unwrap();
    let before = raw(&store.reader(), always());
    let sums = totals(&store.reader(), Step::Minutes(60));
    let reader = store.reader();
    let plan = reader.compaction(now).unwrap().unwrap();
    let new = reader.compact(&plan).unwrap().unwrap();
    // A crash here leaves the parts, and sweeps the rest.
    let copy = crash(dir.path());
    assert_eq!(files(copy.path()), 7);
    let again = open(copy.path());
    assert_eq!((raw(&again.reader(), always()), files(copy.path())), (before.clone(), 6));
    assert_eq!(again.reader().status().unwrap().damage, Vec::<String>::new());

    let pin = reader.pin_window(always()).unwrap();
    assert!(store.install_compacted(&new).unwrap());
    assert_eq!(files(dir.path()), 7, "files that are held stay");
    assert!(pin.segments().iter().all(|s| s.path.is_file()));
    assert_eq!(raw(&reader, always()), before);
    // A crash here finds them dropped.
    let copy = crash(dir.path());
    let again = open(copy.path());
    assert_eq!((raw(&again.reader(), always()), files(copy.path())), (before.clone(), 1));
    drop(pin);
    store.seal_if_due(now).unwrap();
    assert_eq!(files(dir.path()), 1);
    assert_eq!(raw(&reader, always()), before);
    assert_eq!(totals(&reader, Step::Minutes(60)), sums);
    assert_eq!(reader.call(call(120).id).unwrap().unwrap().cost.nanos, Some(NanoUsd(77)));
    assert!(reader.compaction(now).unwrap().is_none());
    // Rows are known still.
    assert_eq!(put(&mut store, calls(40..60)), (0, 20));
}

#[test]
fn an_archive_holds_amended_rows_in_their_newest_form() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut store = open(dir.path());
    sealed(&mut store, calls(0..50), T0);
    let change = Change::Repriced {
        cost: Cost { nanos: Some(NanoUsd(77)), ..Cost::default() },
        attempts: Vec::new(),
    };
    store.amend(vec![Amendment { call: call(7).id, change, by: "test".into() }], T0).unwrap();
    store.seal_now(T0).unwrap();
    let before = raw(&store.reader(), always());
    let later = minutes(1_000);
    archive(&mut store, to.path(), later, later);
    let plan = store.reader().prune_plan(later, true).unwrap();
    store.drop_segments(&plan).unwrap();
    // Read by another directory, which knows nothing of the amendment.
    let other = tempfile::tempdir().unwrap();
    let mut store = Store::open(other.path(), Options::default(), T0).unwrap().store;
    store.attach(to.path()).unwrap();
    assert_eq!(raw(&store.reader(), always()), before);
}

#[test]
fn an_archive_that_was_damaged_is_named_and_never_a_wrong_answer() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut store = open(dir.path());
    sealed(&mut store, calls(0..50), T0);
    let later = minutes(1_000);
    archive(&mut store, to.path(), later, later);
    let manifest = Manifest::read(to.path()).unwrap();
    let file = Manifest::file_of(to.path(), &manifest.segments[0]);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(manifest.verify(to.path()).len(), 1);
    let plan = store.reader().prune_plan(later, true).unwrap();
    store.drop_segments(&plan).unwrap();
    store.attach(to.path()).unwrap();
    assert!(raw(&store.reader(), always()).is_empty());
    let missing = store.reader().damaged(always()).unwrap();
    assert_eq!((missing.len(), missing[0].rows), (1, Some(50)));
}

#[test]
fn exports_have_every_row_once_in_every_format() {
    use flowgauge_store::export::ExportFormat;
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    sealed(&mut store, calls(0..300), T0);
    let mut odd = call(300);
    odd.what.intent = Some("a \"b\", c\nd".into());
    put(&mut store, vec![odd]);
    let reader = store.reader();
    let all = CallQuery { with_spans: true, ..CallQuery::newest(always(), 0) };
    let written = |query: &CallQuery, format| {
        let mut out = Vec::new();
        let rows = reader.export(query, format, &mut out).unwrap();
        (rows, out)
    };
    let (rows, jsonl) = written(&all, ExportFormat::Jsonl);
    assert_eq!(rows, 301);
    let jsonl = String::from_utf8(jsonl).unwrap();
    let rows: Vec<serde_json::Value> =
        jsonl.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(rows[0]["intent"], "a \"b\", c\nd");
    let ids: std::collections::HashSet<&str> =
        rows.iter().map(|r| r["call_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 301);
    let cost = |r: &serde_json::Value| r["cost_nanos"].as_i64();
    assert_eq!(
        rows.iter().filter_map(cost).sum::<i64>(),
        (0..=300).filter(|n| n % 5 != 0).sum::<i64>()
    );

    let (_, csv) = written(&all, ExportFormat::Csv);
    let csv = String::from_utf8(csv).unwrap();
    assert!(csv.contains("\"a \"\"b\"\", c\nd\""), "quoted as RFC 4180 says");
    assert_eq!(csv.matches("\r\n").count(), 302);

    let window = Window { from: T0, to: at(100_000_000) };
    let (rows, parquet) = written(&CallQuery::newest(window, 0), ExportFormat::Parquet);
    assert_eq!(rows, (0..100u64).filter(|n| n % 11 != 0).count() as u64);
    assert_eq!((&parquet[..4], &parquet[parquet.len() - 4..]), (&b"PAR1"[..], &b"PAR1"[..]));
}

#[test]
fn the_guide_names_every_column_and_its_type() {
    let guide = include_str!("../../../../docs/guide/files.md");
    let table = guide.split("| Column | Type |").nth(1).unwrap().split("\n\n").next().unwrap();
    let told: Vec<(String, String)> = table
        .lines()
        .filter_map(|l| l.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "))
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect();
    let real = flowgauge_store::export::columns();
    let real: Vec<(String, String)> =
        real.into_iter().map(|(n, t)| (n.to_owned(), t.to_owned())).collect();
    assert_eq!(told, real);
}
