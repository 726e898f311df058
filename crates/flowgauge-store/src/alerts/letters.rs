//! Reports as letters: kept apart from the rows of the outbox, which are read at every look.

use super::AlertStore;
use crate::StoreError;
use crate::sealed::{self, Sealed};
use flowgauge_logic::alert::episode::EpisodeId;
use flowgauge_logic::alert::letter::Letter;
use flowgauge_logic::unit::UnixMicros;
use rusqlite::{OptionalExtension, params};

impl AlertStore {
    /// Keeps the letter of a message, before there are rows that send it. One that is there is replaced:
    /// whoever makes it again after a crash makes the same.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn keep_letter(
        &self,
        id: EpisodeId,
        letter: &Letter,
        at: UnixMicros,
    ) -> Result<(), StoreError> {
        self.write("keeping a letter", |tx| {
            let sql =
                "INSERT OR REPLACE INTO alert_letters (id, made_us, body) VALUES (?1, ?2, ?3)";
            tx.execute(sql, params![id.0, at.0, Sealed(letter)])?;
            Ok(())
        })
    }

    /// The letter of a message; nothing where it has none.
    ///
    /// # Errors
    /// The database cannot be read, or the letter is damaged.
    pub fn letter(&self, id: EpisodeId) -> Result<Option<Letter>, StoreError> {
        let body = self.read("reading a letter", |db| {
            let sql = "SELECT body FROM alert_letters WHERE id = ?1";
            db.query_row(sql, [id.0], |r| r.get::<_, Vec<u8>>(0)).optional()
        })?;
        let opened = body.map(|body| sealed::open(&body)).transpose();
        opened.map_err(|detail| StoreError::Damaged { what: format!("the letter of {id}"), detail })
    }
}
