//! What ways out remember between two messages: the thread of an episode, who of several has a letter
//! already. Kept with what came of the message they belong to.

use super::AlertStore;
use crate::StoreError;
use crate::sealed::Sealed;
use rusqlite::{Transaction, params};

/// A note by its key; nothing = not needed any more.
pub type WayNote = (String, Option<String>);

impl AlertStore {
    /// The newest notes, at most so many: keys begin with the episode's id, which is ordered by time.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn way_notes(&self, limit: usize) -> Result<Vec<(String, String)>, StoreError> {
        let rows = self.read("reading notes of deliveries", |db| {
            let sql = "SELECT key, body FROM alert_way_notes ORDER BY key DESC LIMIT ?1";
            let mut select = db.prepare_cached(sql)?;
            let rows =
                select.query_map([super::history::limit(limit)], |r| Ok((r.get(0)?, r.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<(String, Vec<u8>)>>>()
        })?;
        let note = |(key, body): (String, Vec<u8>)| {
            let text = self.sound(|| format!("note {key} of a delivery"), &body)?;
            Some((key, text))
        };
        Ok(rows.into_iter().filter_map(note).collect())
    }
}

pub(super) fn put_notes(tx: &Transaction<'_>, notes: &[WayNote]) -> rusqlite::Result<()> {
    for (key, note) in notes {
        match note {
            Some(text) => {
                let sql = "INSERT OR REPLACE INTO alert_way_notes (key, body) VALUES (?1, ?2)";
                tx.prepare_cached(sql)?.execute(params![key, Sealed(text)])?;
            }
            None => {
                tx.prepare_cached("DELETE FROM alert_way_notes WHERE key = ?1")?.execute([key])?;
            }
        }
    }
    Ok(())
}
