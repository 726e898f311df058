//! What is known of batches not yet sealed: their rollups, in memory, and the series table.

use crate::amend::Edit;
use crate::damage::Missing;
use crate::packed;
use flowgauge_logic::call::{Call, Source};
use flowgauge_logic::rollup::{Rollup, SeriesKey};
use flowgauge_logic::unit::UnixMicros;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Rows of one segment at most: sealing holds them decoded, about 1 KiB each.
const SEAL_ROWS: u64 = 131_072;
/// Rollups of unsealed minutes of one segment at most: each holds six histograms.
const SEAL_MINUTES: usize = 100_000;

/// First id of a named series. Ids below are the totals of a source, by its code.
pub(crate) const FIRST_SERIES: u32 = 16;

/// The total series of a source: all of its series merged, so that unfiltered questions read one.
pub(crate) fn total_of(source: Source) -> u32 {
    u32::from(source.code())
}

/// Names of series and their ids.
#[derive(Debug, Default)]
pub(crate) struct SeriesTable {
    ids: HashMap<SeriesKey, u32>,
    keys: BTreeMap<u32, SeriesKey>,
    max: usize,
    unsaved: Vec<u32>,
}

impl SeriesTable {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, ..Self::default() }
    }

    /// Takes over a series read from disk.
    pub(crate) fn load(&mut self, id: u32, key: SeriesKey) {
        self.ids.insert(key.clone(), id);
        self.keys.insert(id, key);
    }

    /// The id of a series, new or known; beyond the limit that of the rest.
    pub(crate) fn id_of(&mut self, key: SeriesKey) -> u32 {
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        let key = if self.keys.len() < self.max { key } else { key.folded() };
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        let id = self.keys.last_key_value().map_or(FIRST_SERIES, |(last, _)| last + 1);
        self.load(id, key);
        self.unsaved.push(id);
        id
    }

    pub(crate) fn keys(&self) -> &BTreeMap<u32, SeriesKey> {
        &self.keys
    }

    /// Series not on disk yet, packed.
    pub(crate) fn unsaved(&self) -> Vec<(u32, Vec<u8>)> {
        let packed = |id: &u32| Some((*id, packed::seal_series(*id, self.keys.get(id)?)));
        self.unsaved.iter().filter_map(packed).collect()
    }

    /// Notes that the first `n` of them are.
    pub(crate) fn saved(&mut self, n: usize) {
        self.unsaved.drain(..n.min(self.unsaved.len()));
    }
}

/// Rollups by minute and series.
pub(crate) type Minutes = HashMap<(i64, u32), Rollup>;

/// Batches that will become one segment.
#[derive(Debug, Default)]
pub(crate) struct Generation {
    pub(crate) minutes: Minutes,
    /// What rows of this or an earlier generation added before they were amended.
    pub(crate) taken: Minutes,
    pub(crate) batches: Vec<i64>,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// When its oldest batch was committed.
    pub(crate) oldest: Option<UnixMicros>,
}

impl Generation {
    /// Adds a durable batch.
    pub(crate) fn add(
        &mut self,
        seq: i64,
        calls: &[&Call],
        bytes: u64,
        at: UnixMicros,
        series: &mut SeriesTable,
    ) {
        self.batches.push(seq);
        self.rows += calls.len() as u64;
        self.bytes += bytes;
        self.oldest.get_or_insert(at);
        let mut last: Option<(SeriesKey, u32)> = None;
        for call in calls.iter().filter(|c| c.what.leaf) {
            let key = SeriesKey::of(call);
            let id = match &last {
                Some((k, id)) if *k == key => *id,
                _ => {
                    let id = series.id_of(key.clone());
                    last = Some((key, id));
                    id
                }
            };
            let minute = call.time.start.minute();
            self.minutes.entry((minute, id)).or_default().record(call);
            self.minutes.entry((minute, total_of(call.origin.source))).or_default().record(call);
        }
    }

    /// Adds a durable batch of amendments: old forms are taken out, new ones added.
    pub(crate) fn amend(
        &mut self,
        seq: i64,
        edits: &[Edit],
        bytes: u64,
        at: UnixMicros,
        series: &mut SeriesTable,
    ) {
        self.batches.push(seq);
        self.bytes += bytes;
        self.oldest.get_or_insert(at);
        for edit in edits {
            note(&mut self.taken, &edit.old, series);
            note(&mut self.minutes, &edit.new, series);
        }
    }

    /// Whether it is as large as one segment may be.
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= SEAL_ROWS || self.minutes.len() + self.taken.len() >= SEAL_MINUTES
    }
}

fn note(minutes: &mut Minutes, call: &Call, series: &mut SeriesTable) {
    if !call.what.leaf {
        return;
    }
    let id = series.id_of(SeriesKey::of(call));
    let minute = call.time.start.minute();
    minutes.entry((minute, id)).or_default().record(call);
    minutes.entry((minute, total_of(call.origin.source))).or_default().record(call);
}

/// Everything about unsealed batches that readers share.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) series: SeriesTable,
    /// Full ones, oldest first; the first is being written to a segment, or will be next.
    pub(crate) frozen: VecDeque<Generation>,
    /// Takes new batches.
    pub(crate) current: Generation,
    /// Damage found, named.
    pub(crate) damage: Vec<String>,
    /// What of it is missing from answers.
    pub(crate) missing: Vec<Missing>,
}

impl Live {
    pub(crate) fn generations(&self) -> impl Iterator<Item = &Generation> {
        self.frozen.iter().chain(std::iter::once(&self.current))
    }

    /// Closes the current generation: what comes goes into a new one.
    pub(crate) fn freeze(&mut self) {
        if !self.current.batches.is_empty() {
            self.frozen.push_back(std::mem::take(&mut self.current));
        }
    }

    /// Names damage once.
    pub(crate) fn note_damage(&mut self, what: String) {
        if !self.damage.contains(&what) {
            tracing::error!("{what}");
            self.damage.push(what);
        }
    }

    /// Names damage and what it costs, once.
    pub(crate) fn note_missing(&mut self, missing: Missing) {
        self.note_damage(missing.what.clone());
        if !self.missing.contains(&missing) {
            self.missing.push(missing);
        }
    }

    /// What was damaged is whole again: all that begins so is said no longer.
    pub(crate) fn lift_missing(&mut self, begins: &str) {
        self.damage.retain(|what| !what.starts_with(begins));
        self.missing.retain(|missing| !missing.what.starts_with(begins));
    }
}
