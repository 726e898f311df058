//! Archived segments that answer questions again. Raw rows only: rollups stayed when they were
//! dropped, so that nothing is counted twice.

use super::Manifest;
use crate::StoreError;
use crate::hot;
use crate::write::{Store, begin};
use rusqlite::params;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What was attached or detached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// The archive.
    pub dir: PathBuf,
    /// Segments of it.
    pub segments: u64,
    /// Their rows.
    pub rows: u64,
    /// Segments among them that are still here, and are read here.
    pub local: u64,
}

impl Store {
    /// Lets the segments of an archive answer questions. Asking again changes nothing.
    ///
    /// # Errors
    /// There is no archive, it is of another data directory, or the database refuses.
    pub fn attach(&mut self, dir: &Path) -> Result<Attached, StoreError> {
        self.ready()?;
        let Ok(dir) = dir.canonicalize() else {
            return Err(StoreError::NoArchive(dir.to_owned()));
        };
        let manifest = Manifest::read(&dir)?;
        if manifest.segments.is_empty() {
            return Err(StoreError::NoArchive(dir));
        }
        let local = hot::segments(&self.db)?;
        let mut done = Attached { dir: dir.clone(), ..Attached::default() };
        let tx = begin(&self.db)?;
        for s in &manifest.segments {
            let row = s.segment.row();
            if let Some(here) = local.iter().find(|l| l.id == row.id) {
                if here.crc != row.crc {
                    let detail = format!("its segment {} is of another data directory", row.file);
                    let what = format!("the archive {}", dir.display());
                    return Err(StoreError::Damaged { what, detail });
                }
                done.local += 1;
            }
            done.segments += 1;
            done.rows += row.rows;
            let file = Manifest::file_of(&dir, s).to_string_lossy().into_owned();
            tx.prepare_cached("INSERT OR REPLACE INTO attached VALUES(?1,?2,?3,?4,?5,?6,?7,?8)")
                .and_then(|mut insert| {
                    insert.execute(params![
                        row.id,
                        file,
                        row.rows.cast_signed(),
                        row.bytes.cast_signed(),
                        row.min_time,
                        row.max_time,
                        row.crc,
                        dir.to_string_lossy()
                    ])
                })
                .map_err(StoreError::io("attaching an archive"))?;
        }
        tx.commit().map_err(StoreError::io("attaching an archive"))?;
        Ok(done)
    }

    /// Lets them no longer. The archive stays as it is.
    ///
    /// # Errors
    /// The database refuses.
    pub fn detach(&mut self, dir: &Path) -> Result<Attached, StoreError> {
        self.ready()?;
        // One whose directory is gone can be detached too.
        let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let name = dir.to_string_lossy().into_owned();
        let tx = begin(&self.db)?;
        let sql = || {
            let (segments, rows): (i64, i64) = tx.query_row(
                "SELECT count(*), coalesce(sum(rows), 0) FROM attached WHERE dir=?1",
                [&name],
                |r| Ok((r.get(0)?, r.get(1)?)),
            )?;
            tx.execute("DELETE FROM attached WHERE dir=?1", [&name])?;
            Ok((segments.unsigned_abs(), rows.unsigned_abs()))
        };
        let (segments, rows) =
            sql().map_err(StoreError::io::<rusqlite::Error>("detaching an archive"))?;
        tx.commit().map_err(StoreError::io("detaching an archive"))?;
        Ok(Attached { dir, segments, rows, local: 0 })
    }
}
