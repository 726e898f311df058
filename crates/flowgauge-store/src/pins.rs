//! Segment files that somebody reads by path: unlinking waits for them.
//!
//! A query in another process is given paths. What it holds is counted here by segment; a file that
//! left the manifest stays on disk until nothing holds its segment. Refuses to delete anything.

use crate::StoreError;
use crate::hot::{self, SegmentRow};
use crate::read::{Reader, Shared, snapshot};
use flowgauge_logic::unit::UnixMicros;
use flowgauge_logic::window::Window;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// How often each segment is held.
#[derive(Debug, Default)]
pub(crate) struct Pins(Mutex<HashMap<i64, u64>>);

impl Pins {
    fn add(&self, ids: &[i64]) {
        let mut counts = self.0.lock();
        for id in ids {
            *counts.entry(*id).or_default() += 1;
        }
    }

    fn remove(&self, ids: &[i64]) {
        let mut counts = self.0.lock();
        for id in ids {
            if let Some(n) = counts.get_mut(id) {
                *n -= 1;
                if *n == 0 {
                    counts.remove(id);
                }
            }
        }
    }

    /// Whether nobody holds a segment.
    pub(crate) fn is_free(&self, id: i64) -> bool {
        !self.0.lock().contains_key(&id)
    }
}

/// A segment that stays on disk for as long as its [`Pin`] lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedSegment {
    /// Its id in the manifest.
    pub id: i64,
    /// Where it is.
    pub path: PathBuf,
    /// Its rows.
    pub rows: u64,
    /// First start of its rows.
    pub from: UnixMicros,
    /// Last start of its rows.
    pub to: UnixMicros,
}

/// Keeps segment files from being deleted. Dropping it releases them.
#[derive(Debug)]
#[must_use = "the files may go as soon as it is dropped"]
pub struct Pin {
    shared: Arc<Shared>,
    ids: Vec<i64>,
    segments: Vec<PinnedSegment>,
}

impl Pin {
    /// What is held, oldest segment first; empty where only ids were given.
    #[must_use]
    pub fn segments(&self) -> &[PinnedSegment] {
        &self.segments
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.shared.pins.remove(&self.ids);
    }
}

impl Reader {
    /// Holds these segments. One that left the manifest before may be gone already:
    /// [`Reader::pin_window`] lists and holds in one moment.
    pub fn pin(&self, ids: &[i64]) -> Pin {
        self.shared.pins.add(ids);
        Pin { shared: Arc::clone(&self.shared), ids: ids.to_vec(), segments: Vec::new() }
    }

    /// Lists and holds every segment whose rows touch a window, those attached too.
    ///
    /// # Errors
    /// The manifest cannot be read.
    pub fn pin_window(&self, window: Window) -> Result<Pin, StoreError> {
        // Nothing is unlinked while a question is asked, so what is listed is there to be held.
        self.shared.with(|db| {
            let tx = snapshot(db)?;
            let rows = hot::readable(&tx)?;
            Ok(self.pin_rows(rows.into_iter().filter(|s| s.touches(window))))
        })
    }

    pub(crate) fn pin_rows(&self, rows: impl Iterator<Item = SegmentRow>) -> Pin {
        let dir = self.shared.segments_dir();
        let segments: Vec<PinnedSegment> = rows
            .map(|s| PinnedSegment {
                id: s.id,
                path: dir.join(&s.file),
                rows: s.rows,
                from: UnixMicros(s.min_time),
                to: UnixMicros(s.max_time),
            })
            .collect();
        let ids: Vec<i64> = segments.iter().map(|s| s.id).collect();
        self.shared.pins.add(&ids);
        Pin { shared: Arc::clone(&self.shared), ids, segments }
    }
}
