//! What is missing from answers: stretches of time whose rows are damaged or were lost to damage.
//!
//! Damage found in this process is held in memory; what a repair took out of the manifest is kept
//! in `hot.db` for ever. Refuses to judge: who asks decides what a partial answer is worth.

use crate::hot::{self, Kind};
use crate::read::{Reader, snapshot};
use crate::{StoreError, codec};
use flowgauge_logic::unit::UnixMicros;
use flowgauge_logic::window::Window;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

/// Rows that are missing from answers, or may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Which file or row is damaged, and how it shows.
    pub what: String,
    /// Rows lost; nothing where the damage hides how many.
    pub rows: Option<u64>,
    /// Start of the first.
    pub from: UnixMicros,
    /// Start of the last.
    pub to: UnixMicros,
}

impl Missing {
    /// Damage that hides its time: it may concern any window.
    pub(crate) fn anywhere(what: String) -> Self {
        Self { what, rows: None, from: UnixMicros(i64::MIN), to: UnixMicros(i64::MAX) }
    }

    /// Whether it concerns a window.
    #[must_use]
    pub fn touches(&self, window: Window) -> bool {
        self.from < window.to && self.to >= window.from
    }
}

/// Keeps a loss.
pub(crate) fn record(db: &Connection, missing: &Missing, at: UnixMicros) -> rusqlite::Result<()> {
    let rows = missing.rows.map(u64::cast_signed);
    db.prepare_cached(
        "INSERT INTO damage(what, rows, from_time, to_time, at) VALUES(?1,?2,?3,?4,?5)",
    )?
    .execute(params![missing.what, rows, missing.from.0, missing.to.0, at.0])
    .map(drop)
}

/// Every loss recorded, oldest first.
pub(crate) fn recorded(db: &Connection) -> rusqlite::Result<Vec<Missing>> {
    db.prepare_cached("SELECT what, rows, from_time, to_time FROM damage ORDER BY id")?
        .query_map([], |r| {
            let rows: Option<i64> = r.get(1)?;
            Ok(Missing {
                what: r.get(0)?,
                rows: rows.and_then(|n| u64::try_from(n).ok()),
                from: UnixMicros(r.get(2)?),
                to: UnixMicros(r.get(3)?),
            })
        })?
        .collect()
}

impl Reader {
    /// What is missing from answers about a window, raw rows and rollups alike. Reads every file
    /// that touches the window where that was not done before in this process, so that a first
    /// question about months takes as long as reading them.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn damaged(&self, window: Window) -> Result<Vec<Missing>, StoreError> {
        self.shared.with(|db| {
            let tx = snapshot(db)?;
            for row in hot::readable(&tx)?.iter().filter(|s| s.touches(window)) {
                drop(self.shared.segment(row));
            }
            let batches = hot::batches(&tx).map_err(StoreError::io("listing batches"))?;
            for row in batches.iter().filter(|b| b.kind != Kind::Started as i64) {
                let blob = hot::blob(&tx, row.seq).map_err(StoreError::io("reading a batch"))?;
                let Some((blob, crc)) = blob else { continue };
                if codec::checksum(&blob) != crc {
                    self.shared.live_mut().note_missing(row.missing("does not match its checksum"));
                }
            }
            let mut found = recorded(&tx).map_err(StoreError::io("reading recorded losses"))?;
            let live = self.shared.live();
            found.extend(live.missing.iter().cloned());
            found.retain(|m| m.touches(window));
            found.sort_by(|a, b| (a.from, &a.what).cmp(&(b.from, &b.what)));
            found.dedup();
            Ok(found)
        })
    }
}
