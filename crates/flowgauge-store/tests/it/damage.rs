//! Bytes that change on disk: the answer is right, partial and said to be, or an error; never wrong.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::sample::*;
use flowgauge_logic::call::Call;
use flowgauge_logic::rollup::{Dim, Filter};
use flowgauge_logic::unit::UnixMicros;
use flowgauge_logic::window::Window;
use flowgauge_store::{
    Batch, CallQuery, Group, Missing, Reader, RollupQuery, Step, Store, StoreError, fsck, rebuild,
};
use std::path::{Path, PathBuf};

/// Pages of `hot.db` as it is made, mostly empty: it has 330 KB then, its log 510 KB, and to flip each byte takes hours.
const SHIPPED: u32 = 16_384;
/// The smallest pages there are: the same rows fill what they have, and every byte can be flipped in some minutes.
const FULL: u32 = 512;

/// Every how many bytes one is flipped: primes, apart from the sizes of pages and cells. `FLOWGAUGE_FLIP_EVERY=1` flips
/// each byte of a segment and of databases of full pages.
const STRIDES: [(&str, u32, usize); 5] = [
    ("segment", SHIPPED, 53),
    ("hot.db", SHIPPED, 809),
    ("hot.db", FULL, 41),
    ("hot.db-wal", SHIPPED, 1_201),
    ("hot.db-wal", FULL, 61),
];

fn stride(of: &str, page: u32) -> usize {
    let asked = std::env::var("FLOWGAUGE_FLIP_EVERY").ok().and_then(|n| n.parse().ok());
    let asked = asked.filter(|_| page == FULL || of == "segment");
    let usual = || STRIDES.iter().find(|(name, size, _)| (*name, *size) == (of, page));
    asked.unwrap_or_else(|| usual().unwrap().2)
}

type Answer = (Vec<Call>, Vec<Group>);

fn ask(reader: &Reader) -> Result<Answer, StoreError> {
    let query = CallQuery { with_spans: true, ..CallQuery::newest(always(), usize::MAX) };
    let calls = reader.calls(&query)?;
    let window = Window { from: T0, to: minutes(1_000_000) };
    let (filter, step) = (Filter::default(), Step::Minutes(1));
    let query = RollupQuery { window, filter, group_by: vec![Dim::Model, Dim::Intent], step };
    Ok((calls, reader.rollups(&query)?))
}

/// What a flip led to.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Right,
    Said,
    Refused,
    Wrong,
}

fn verdict(dir: &Path, truth: &Answer) -> Verdict {
    let Ok(reader) = Reader::open(dir) else { return Verdict::Refused };
    let Ok(answer) = ask(&reader) else { return Verdict::Refused };
    if answer == *truth {
        return Verdict::Right;
    }
    match reader.damaged(always()) {
        Ok(missing) if missing.is_empty() => Verdict::Wrong,
        Ok(_) | Err(_) => Verdict::Said,
    }
}

/// One segment, one batch of later rows that is not sealed.
fn small() -> (tempfile::TempDir, Answer) {
    paged(SHIPPED)
}

/// The same in pages of another size: a database keeps those it was made with.
fn paged(page: u32) -> (tempfile::TempDir, Answer) {
    let dir = tempfile::tempdir().unwrap();
    let made = rusqlite::Connection::open(dir.path().join("hot.db")).unwrap();
    made.pragma_update(None, "page_size", page).unwrap();
    made.execute_batch("VACUUM").unwrap();
    drop(made);
    let mut store = open(dir.path());
    put(&mut store, calls(0..12));
    store.seal_now(T0).unwrap();
    put(&mut store, calls(12..20));
    put(&mut store, calls(20..24));
    let truth = ask(&store.reader()).unwrap();
    (crash_of(store, dir.path()), truth)
}

fn crash_of(store: Store, dir: &Path) -> tempfile::TempDir {
    let copy = crash(dir);
    drop(store);
    copy
}

fn segment_of(dir: &Path) -> PathBuf {
    std::fs::read_dir(dir.join("segments")).unwrap().next().unwrap().unwrap().path()
}

fn flip_all(dir: &Path, file: &Path, (name, page): (&str, u32), truth: &Answer) {
    let whole = std::fs::read(file).unwrap();
    let mut wrong = Vec::new();
    let mut seen = [0u32; 4];
    for at in (0..whole.len()).step_by(stride(name, page)) {
        let mask = if at % 2 == 0 { 1 << (at % 8) } else { 0xff };
        let mut bytes = whole.clone();
        bytes[at] ^= mask;
        std::fs::write(file, &bytes).unwrap();
        let verdict = verdict(dir, truth);
        let place = [Verdict::Right, Verdict::Said, Verdict::Refused, Verdict::Wrong];
        seen[place.iter().position(|v| *v == verdict).unwrap()] += 1;
        if verdict == Verdict::Wrong {
            wrong.push((at, mask));
        }
    }
    std::fs::write(file, &whole).unwrap();
    let [right, said, refused, _] = seen;
    let so = format!(
        "{name}, pages of {page}: right {right}, said {said}, refused {refused}, wrong {wrong:?}"
    );
    eprintln!("{so}, of {} bytes", whole.len());
    assert!(wrong.is_empty() && right + said + refused > 300, "{so}");
}

#[test]
fn no_flipped_byte_of_a_segment_is_ever_a_wrong_answer() {
    let (dir, truth) = small();
    let file = segment_of(dir.path());
    flip_all(dir.path(), &file, ("segment", SHIPPED), &truth);
}

#[test]
fn no_flipped_byte_of_hot_db_is_ever_a_wrong_answer() {
    for page in [FULL, SHIPPED] {
        let (dir, truth) = paged(page);
        // Everything into the main file.
        drop(open(dir.path()));
        assert!(!dir.path().join("hot.db-wal").exists());
        flip_all(dir.path(), &dir.path().join("hot.db"), ("hot.db", page), &truth);
    }
}

#[test]
fn no_flipped_byte_of_the_log_is_ever_a_wrong_answer() {
    for page in [FULL, SHIPPED] {
        let (dir, _) = paged(page);
        // The log of commits that no checkpoint has moved yet.
        let mut store = open(dir.path());
        put(&mut store, calls(24..30));
        put(&mut store, calls(30..36));
        let truth = ask(&store.reader()).unwrap();
        let copy = crash_of(store, dir.path());
        let log = copy.path().join("hot.db-wal");
        assert!(std::fs::metadata(&log).unwrap().len() > 32);
        flip_all(copy.path(), &log, ("hot.db-wal", page), &truth);
    }
}

fn flip(file: &Path, at: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[at] ^= 0x40;
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn a_whole_store_is_healthy_and_a_damaged_segment_is_named_with_rows_and_times() {
    let (dir, _) = small();
    let found = fsck::check(dir.path()).unwrap();
    assert!(found.is_healthy(), "{found:?}");
    assert_eq!((found.segment_rows, found.batch_rows), (12, 12));
    assert!(found.rollups > 0);
    flip(&segment_of(dir.path()), 200);
    let found = fsck::check(dir.path()).unwrap();
    let [Missing { what, rows, from, to }] = found.damage.as_slice() else { panic!("{found:?}") };
    assert!(what.starts_with("segment "), "{what}");
    assert_eq!((*rows, *from, *to), (Some(12), T0, at(11_000_000)));
}

#[test]
fn a_file_damaged_while_it_is_read_is_missed_from_then_on_and_until_it_is_whole_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    put(&mut store, calls(0..12));
    store.seal_now(T0).unwrap();
    let reader = store.reader();
    let truth = ask(&reader).unwrap();
    let file = segment_of(dir.path());
    let files = |reader: &Reader| {
        let pulled = reader.pull_calls(always(), &[]).unwrap();
        (pulled.files.len(), pulled.missing.len())
    };
    assert_eq!(files(&reader), (1, 0));
    flip(&file, 200);
    assert_eq!(files(&reader), (0, 1));
    assert_eq!(reader.damaged(always()).unwrap().len(), 1);
    flip(&file, 200);
    assert_eq!(files(&reader), (1, 0));
    assert_eq!(reader.damaged(always()).unwrap(), []);
    assert_eq!(ask(&reader).unwrap(), truth);
}

#[test]
fn a_rollup_that_moved_to_another_time_is_missed_at_its_own() {
    let (dir, truth) = small();
    drop(open(dir.path()));
    let db = rusqlite::Connection::open(dir.path().join("hot.db")).unwrap();
    let far = "UPDATE rollups SET bucket = bucket + 10000000
               WHERE level = 0 AND series = (SELECT max(series) FROM rollups)";
    assert_eq!(db.execute(far, []).unwrap(), 1);
    drop(db);
    assert_eq!(verdict(dir.path(), &truth), Verdict::Said);
    assert_eq!(fsck::check(dir.path()).unwrap().damage.len(), 1);
    let store = open(dir.path());
    assert_ne!(ask(&store.reader()).unwrap(), truth);
    assert_eq!(store.reader().damaged(always()).unwrap().len(), 1);
}

#[test]
fn a_rebuild_sets_damage_aside_and_answers_say_so_for_ever() {
    let (dir, truth) = small();
    flip(&segment_of(dir.path()), 200);
    let done = rebuild(dir.path(), 100, T0).unwrap();
    assert_eq!((done.segments, done.lost.len()), (0, 1));
    assert_eq!(std::fs::read_dir(dir.path().join("quarantine")).unwrap().count(), 1);
    let found = fsck::check(dir.path()).unwrap();
    assert!(found.is_healthy(), "{found:?}");
    assert_eq!(found.recorded, done.lost);
    let store = open(dir.path());
    let reader = store.reader();
    assert_eq!(reader.damaged(always()).unwrap(), done.lost);
    let later = Window { from: minutes(10), to: minutes(20) };
    assert_eq!(reader.damaged(later).unwrap(), []);
    let (rows, rollups) = ask(&reader).unwrap();
    assert_eq!((rows.len(), &rollups), (12, &truth.1), "rollups know of the lost rows still");
    assert_eq!(reader.status().unwrap().missing, done.lost);
}

#[test]
fn a_lost_database_is_made_again_from_the_segments() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    for part in 0..4u64 {
        put(&mut store, calls(part * 30..(part + 1) * 30));
        store.seal_now(T0).unwrap();
    }
    // Two of them merged, so that one file stands for several.
    let reader = store.reader();
    let later = UnixMicros(T0.0 + 2 * UnixMicros::DAY);
    let plan = reader.compaction(later).unwrap().unwrap();
    store.install_compacted(&reader.compact(&plan).unwrap().unwrap()).unwrap();
    put(&mut store, calls(120..150));
    store.seal_now(T0).unwrap();
    let truth = ask(&reader).unwrap();
    let copy = crash_of(store, dir.path());
    for name in ["hot.db", "hot.db-wal"] {
        drop(std::fs::remove_file(copy.path().join(name)));
    }
    let found = fsck::check(copy.path()).unwrap();
    assert_eq!((found.damage.len(), found.unlisted.len()), (1, 2));
    let done = rebuild(copy.path(), 100, T0).unwrap();
    assert_eq!((done.segments, done.relisted.len(), done.lost.len()), (2, 2, 1));
    let mut store = open(copy.path());
    let (rows, rollups) = ask(&store.reader()).unwrap();
    assert_eq!(rows, truth.0);
    let sums = |groups: &[Group]| -> u64 { groups.iter().map(|g| g.rollup.requests()).sum() };
    assert_eq!((sums(&rollups), rollups.len()), (sums(&truth.1), truth.1.len()));
    assert_eq!(put(&mut store, calls(0..10)), (0, 10), "rows are known again");
    assert_eq!(put(&mut store, calls(200..210)), (10, 0));
}

#[test]
fn a_line_of_the_manifest_that_is_wrong_is_refused_and_mended() {
    let (dir, truth) = small();
    drop(open(dir.path()));
    let db = rusqlite::Connection::open(dir.path().join("hot.db")).unwrap();
    db.execute("UPDATE segments SET min_time = min_time + 9999999999999", []).unwrap();
    drop(db);
    let reader = Reader::open(dir.path()).unwrap();
    assert!(matches!(ask(&reader), Err(StoreError::Damaged { .. })));
    // The server takes rows all the same, and does not hide the damage by sealing them.
    let mut store = open(dir.path());
    store.commit(Batch { calls: calls(24..30), ..Batch::default() }, T0).unwrap();
    store.seal_now(T0).unwrap();
    assert!(ask(&store.reader()).is_err());
    drop(store);
    let done = rebuild(dir.path(), 100, T0).unwrap();
    assert_eq!((done.segments, done.mended.len(), done.lost.len()), (2, 1, 0));
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(ask(&reader).unwrap().0[6..], truth.0);
}
