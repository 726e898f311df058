//! Rows for a reader in another process: files it may open itself, and what is not in them as Arrow.
//!
//! Owns the rule that every row is given once, in its current form: rows amended since they were
//! sealed are named, so that the reader passes over their old form. Refuses to filter: the reader does.

mod sum;

use crate::StoreError;
use crate::amend;
use crate::bytes::{Damage, Take};
use crate::columns;
use crate::damage::{self, Missing};
use crate::hot;
use crate::live::{FIRST_SERIES, Live, total_of};
use crate::packed::{self, PackedDist};
use crate::pins::Pin;
use crate::plan::blank;
use crate::read::{Reader, snapshot};
use crate::seal::{HOUR_LEVEL, MINUTE_LEVEL, MINUTES_PER_HOUR};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Schema};
use flowgauge_logic::call::{Call, Source};
use flowgauge_logic::id::CallId;
use flowgauge_logic::rollup::{Dist, Rollup, SeriesKey, Spreads};
use flowgauge_logic::unit::UnixMicros;
use flowgauge_logic::window::Window;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

pub use sum::DistSum;

/// Rows in one Arrow batch: a row group's worth, about 16 MiB.
const ROWS: usize = 16_384;

/// A segment to be read by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledFile {
    /// Its id.
    pub id: i64,
    /// Absolute path.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Whether none of its rows was amended since it was written.
    pub untouched: bool,
}

/// All calls and spans of a window.
#[derive(Debug, Default)]
pub struct PulledCalls {
    /// Segments that hold some; they may hold others too.
    pub files: Vec<PulledFile>,
    /// Rows of those segments that are given in `ipc` in their current form.
    pub replaced: Vec<CallId>,
    /// Rows that are in no segment, or not in their current form: Arrow IPC streams.
    pub ipc: Vec<Vec<u8>>,
    /// What should be here and cannot be read, or was never recorded.
    pub missing: Vec<String>,
    /// Keeps the files there until they are read.
    pub pin: Option<Pin>,
}

/// How many distributions a rollup has.
pub const DISTRIBUTIONS: usize = packed::DISTS;

/// The columns of segments and of `ipc`.
#[must_use]
pub fn call_schema() -> Arc<Schema> {
    columns::schema()
}

/// Which rollups are pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RollupPull {
    /// Those whose bucket touches it.
    pub window: Window,
    /// Of hours; else of minutes.
    pub hours: bool,
    /// One for each source, with all its series in it: what remains where only sums are asked for.
    pub totals: bool,
    /// How many distributions they have at least, the first ones.
    pub dists: usize,
}

/// A rollup as it crosses to another process: what is large stays packed.
#[derive(Debug)]
pub struct PulledRollup<'a> {
    /// Start of its bucket.
    pub from: UnixMicros,
    /// Length of its bucket.
    pub minutes: i64,
    /// Its series; of a total the source alone says something.
    pub key: &'a SeriesKey,
    /// Its counts and sums; its distributions are in `dists` only.
    pub sums: &'a Rollup,
    /// Latency, time to first token, overhead, time per token, input, output.
    pub dists: [PulledDist<'a>; packed::DISTS],
}

/// A distribution of a [`PulledRollup`].
#[derive(Debug, Clone, Copy)]
pub enum PulledDist<'a> {
    /// As it is stored.
    Packed(PackedDist<'a>),
    /// Changed since.
    Known(&'a Dist),
}

impl PulledDist<'_> {
    /// Sum of the values.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        match self {
            Self::Packed(p) => p.sum,
            Self::Known(d) => d.sum,
        }
    }

    /// Number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::Packed(p) => p.count,
            Self::Known(d) => d.histogram.count(),
        }
    }

    /// As [`dist_bytes`] writes it.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Packed(p) => p.bytes.to_vec(),
            Self::Known(d) => dist_bytes(d),
        }
    }
}

fn totals() -> BTreeMap<u32, SeriesKey> {
    Source::ALL.iter().map(|source| (total_of(*source), blank(*source))).collect()
}

fn unpacked(r: &Rollup) -> [PulledDist<'_>; packed::DISTS] {
    [&r.latency, &r.ttft, &r.overhead, &r.tpot, &r.input, &r.output].map(PulledDist::Known)
}

impl Reader {
    /// Calls of a window by start time, those of `ipc` with the wanted columns only; none named, all. Checks each segment against its checksum when it is first met.
    ///
    /// # Errors
    /// The database cannot be read. What is damaged is left out and named in `missing`.
    pub fn pull_calls(&self, window: Window, wanted: &[String]) -> Result<PulledCalls, StoreError> {
        let mut out = PulledCalls::default();
        let mut loose = Loose::default();
        self.shared.with(|db| {
            let tx = snapshot(db)?;
            loose.amended(&tx, window)?;
            for (seq, _, _) in self.batch_spans(&tx, window.from.0, window.to.0)? {
                loose.offer(self.batch(&tx, seq)?, window);
            }
            let rows = hot::readable(&tx)?;
            let rows: Vec<_> = rows.into_iter().filter(|s| s.touches(window)).collect();
            out.pin = Some(self.pin(&rows.iter().map(|s| s.id).collect::<Vec<_>>()));
            for row in rows {
                // One that is damaged is named among what is missing.
                let Some((path, bytes)) = self.checked(&row) else { continue };
                let untouched = !loose.touches(row.min_time, row.max_time);
                out.files.push(PulledFile { id: row.id, path, bytes, untouched });
            }
            let mut lost =
                damage::recorded(&tx).map_err(StoreError::io("reading recorded losses"))?;
            lost.extend(self.shared.live().missing.iter().cloned());
            for what in lost.iter().filter(|m| m.touches(window)).map(told) {
                if !loose.missing.contains(&what) {
                    loose.missing.push(what);
                }
            }
            Ok(())
        })?;
        for gap in self.gaps(window)? {
            let (from, to) = (gap.from.to_rfc3339(), gap.to.to_rfc3339());
            loose
                .missing
                .push(format!("{} calls between {from} and {to}: {}", gap.lost, gap.reason));
        }
        out.ipc = loose.streams(wanted).map_err(StoreError::io("packing rows as Arrow"))?;
        out.replaced = loose.replaced.into_iter().collect();
        out.missing = loose.missing;
        Ok(out)
    }

    /// Calls `take` with each rollup that is asked for, once: those of series, or totals, never both.
    ///
    /// # Errors
    /// The database cannot be read, or a rollup is damaged.
    pub fn pull_rollups(
        &self,
        asked: RollupPull,
        take: &mut dyn FnMut(PulledRollup<'_>),
    ) -> Result<(), StoreError> {
        let RollupPull { window, dists, .. } = asked;
        let level = if asked.hours { HOUR_LEVEL } else { MINUTE_LEVEL };
        let minutes = if asked.hours { MINUTES_PER_HOUR } else { 1 };
        self.shared.with(|db| {
            let live = self.shared.live();
            let tx = snapshot(db)?;
            let fresh = Fresh::of(&live, minutes, window);
            let keys = if asked.totals { totals() } else { live.series.keys().clone() };
            drop(live);
            // Totals of a source are the sums of its series: given too, they would count twice.
            let mut give =
                |at: (i64, u32), sums: &Rollup, dists: [PulledDist<'_>; packed::DISTS]| {
                    let (bucket, series) = at;
                    if let Some(key) = keys.get(&series) {
                        let from = UnixMicros::from_minute(bucket * minutes);
                        take(PulledRollup { from, minutes, key, sums, dists });
                    }
                };
            let mut met = HashSet::new();
            let series =
                if asked.totals { (0, FIRST_SERIES - 1) } else { (FIRST_SERIES, u32::MAX) };
            stored(&tx, (level, minutes), series, window, &mut |at, place, blob| {
                if fresh.knows(at) {
                    met.insert(at);
                    let mut rollup = packed::peek_rollup(place, blob)?.unpack(Spreads::ALL)?;
                    fresh.change(at, &mut rollup);
                    if !rollup.is_empty() {
                        give(at, &rollup, unpacked(&rollup));
                    }
                    return Ok(());
                }
                let peeked = packed::peek_first(place, blob, dists)?;
                if !peeked.sums.is_empty() {
                    give(at, &peeked.sums, peeked.dists.map(PulledDist::Packed));
                }
                Ok(())
            })?;
            for at in fresh.added.keys().filter(|at| !met.contains(at)) {
                let mut rollup = Rollup::default();
                fresh.change(*at, &mut rollup);
                if !rollup.is_empty() {
                    give(*at, &rollup, unpacked(&rollup));
                }
            }
            Ok(())
        })
    }

    /// Directories outside the data directory whose segments answer too: attached archives.
    ///
    /// # Errors
    /// The manifest cannot be read.
    pub fn attached_directories(&self) -> Result<Vec<PathBuf>, StoreError> {
        let rows = self.shared.with(hot::readable)?;
        let mut out: Vec<PathBuf> = rows
            .iter()
            .map(|row| PathBuf::from(&row.file))
            .filter(|file| file.is_absolute())
            .filter_map(|file| file.parent().map(std::path::Path::to_owned))
            .collect();
        out.sort();
        out.dedup();
        Ok(out)
    }

    /// Every series that calls had.
    ///
    /// # Errors
    /// None today; kept so that reading them from disk later changes nobody.
    pub fn series(&self) -> Result<Vec<SeriesKey>, StoreError> {
        Ok(self.shared.live().series.keys().values().cloned().collect())
    }

    fn checked(&self, row: &hot::SegmentRow) -> Option<(PathBuf, u64)> {
        self.shared.is_whole(row).then_some(())?;
        Some((self.shared.path_of(row), row.bytes))
    }
}

/// A distribution as bytes: its sum, then pairs of bucket and count, as variable-length numbers.
#[must_use]
pub fn dist_bytes(dist: &Dist) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    packed::put_dist(&mut out, dist);
    out
}

/// A distribution from [`dist_bytes`]; nothing where they are not such.
#[must_use]
pub fn dist_of(bytes: &[u8]) -> Option<Dist> {
    let mut from = Take::new(bytes);
    let dist = packed::take_dist(&mut from).ok()?;
    (from.left() == 0).then_some(dist)
}

/// What memory knows and the disk does not: by bucket and series.
#[derive(Default)]
struct Fresh {
    added: HashMap<(i64, u32), Rollup>,
    taken: HashMap<(i64, u32), Rollup>,
}

impl Fresh {
    fn of(live: &Live, minutes: i64, window: Window) -> Self {
        let mut out = Self::default();
        for generation in live.generations() {
            let sides =
                [(&generation.minutes, &mut out.added), (&generation.taken, &mut out.taken)];
            for (from, to) in sides {
                for ((minute, series), rollup) in from {
                    let bucket = minute.div_euclid(minutes);
                    if within(bucket, minutes, window) {
                        to.entry((bucket, *series)).or_default().merge(rollup);
                    }
                }
            }
        }
        out
    }

    fn knows(&self, at: (i64, u32)) -> bool {
        self.added.contains_key(&at) || self.taken.contains_key(&at)
    }

    /// Adds and takes away what memory has of a bucket.
    fn change(&self, at: (i64, u32), rollup: &mut Rollup) {
        if let Some(more) = self.added.get(&at) {
            rollup.merge(more);
        }
        if let Some(gone) = self.taken.get(&at) {
            rollup.unmerge(gone);
        }
    }
}

fn told(missing: &Missing) -> String {
    let rows = missing.rows.map_or_else(|| "calls".to_owned(), |n| format!("{n} calls"));
    let (from, to) = (missing.from.to_rfc3339(), missing.to.to_rfc3339());
    format!("{rows} between {from} and {to}: {}", missing.what)
}

fn within(bucket: i64, minutes: i64, window: Window) -> bool {
    let from = UnixMicros::from_minute(bucket * minutes);
    let to = UnixMicros::from_minute((bucket + 1) * minutes);
    from < window.to && to > window.from
}

/// What is done with each stored rollup: its bucket and series, its place, and its bytes.
type TakeStored<'a> = dyn FnMut((i64, u32), packed::Place, &[u8]) -> Result<(), Damage> + 'a;

fn stored(
    db: &Connection,
    (level, minutes): (i64, i64),
    series: (u32, u32),
    window: Window,
    take: &mut TakeStored<'_>,
) -> Result<(), StoreError> {
    let failed = StoreError::io::<rusqlite::Error>;
    let first = window.from.minute().div_euclid(minutes);
    let last = window.to.0.saturating_sub(1).max(window.from.0);
    let last = UnixMicros(last).minute().div_euclid(minutes);
    let mut statement = db
        .prepare_cached(
            "SELECT series, bucket, blob FROM rollups WHERE level=?1 AND bucket BETWEEN ?2 AND ?3
             AND series BETWEEN ?4 AND ?5",
        )
        .map_err(failed("reading rollups"))?;
    let mut rows = statement
        .query(params![level, first, last, series.0, series.1])
        .map_err(failed("reading rollups"))?;
    while let Some(row) = rows.next().map_err(failed("reading rollups"))? {
        let read = || Ok((row.get(0)?, row.get(1)?, row.get_ref(2)?.as_blob()?));
        let (series, bucket, blob) = read().map_err(failed("reading a rollup"))?;
        take((bucket, series), (level, series, bucket), blob)
            .map_err(|e| damaged(bucket * minutes, e))?;
    }
    Ok(())
}

fn damaged(minute: i64, damage: Damage) -> StoreError {
    StoreError::Damaged {
        what: format!("rollup of {}", UnixMicros::from_minute(minute).to_rfc3339()),
        detail: damage.to_string(),
    }
}

/// Rows that are given by themselves.
#[derive(Default)]
struct Loose {
    calls: Vec<Call>,
    replaced: HashSet<CallId>,
    starts: Vec<i64>,
    missing: Vec<String>,
}

impl Loose {
    fn amended(&mut self, db: &Connection, window: Window) -> Result<(), StoreError> {
        amend::forms_between(db, window.from.0, window.to.0, &mut |call| {
            self.starts.push(call.time.start.0);
            self.replaced.insert(call.id);
            self.calls.push(call);
        })?;
        self.starts.sort_unstable();
        Ok(())
    }

    fn offer(&mut self, calls: Vec<Call>, window: Window) {
        let wanted = |c: &Call| window.contains(c.time.start) && !self.replaced.contains(&c.id);
        let calls: Vec<Call> = calls.into_iter().filter(wanted).collect();
        self.calls.extend(calls);
    }

    fn touches(&self, from: i64, to: i64) -> bool {
        let first = self.starts.partition_point(|s| *s < from);
        self.starts.get(first).is_some_and(|s| *s <= to)
    }

    fn streams(&self, wanted: &[String]) -> Result<Vec<Vec<u8>>, ArrowError> {
        self.calls.chunks(ROWS).map(|rows| ipc_of(rows, wanted)).collect()
    }
}

fn ipc_of(calls: &[Call], wanted: &[String]) -> Result<Vec<u8>, ArrowError> {
    let batch = columns::batch_of_some(calls, wanted)?;
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(&batch)?;
    writer.into_inner()
}
