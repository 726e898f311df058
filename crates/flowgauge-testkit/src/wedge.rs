//! Databases locked by another: whoever writes waits.

use rusqlite::Connection;
use std::path::Path;

/// Locked databases; released when told, or dropped.
#[derive(Debug)]
pub struct Wedged(Vec<Connection>);

impl Wedged {
    /// Locks these files of a folder against writing.
    ///
    /// # Errors
    /// One cannot be opened, or somebody writes to it.
    pub fn of(dir: &Path, files: &[&str]) -> rusqlite::Result<Self> {
        let lock = |name: &&str| {
            let db = Connection::open(dir.join(name))?;
            db.execute_batch("BEGIN IMMEDIATE")?;
            Ok(db)
        };
        files.iter().map(lock).collect::<rusqlite::Result<_>>().map(Self)
    }

    /// Lets others write.
    ///
    /// # Errors
    /// A lock was lost.
    pub fn release(self) -> rusqlite::Result<()> {
        self.0.iter().try_for_each(|db| db.execute_batch("ROLLBACK"))
    }
}
