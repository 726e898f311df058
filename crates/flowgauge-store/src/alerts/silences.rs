//! What people say: silences and acknowledgements. Durable before the call returns.

use super::{AlertStore, history};
use crate::StoreError;
use crate::sealed::Sealed;
use flowgauge_logic::alert::episode::{Ack, Episode, EpisodeId};
use flowgauge_logic::alert::silence::Silence;
use flowgauge_logic::id::CallId;
use flowgauge_logic::unit::UnixMicros;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

impl AlertStore {
    /// Silences that are kept, those that are over too, in the order of their end.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn silences(&self) -> Result<Vec<Silence>, StoreError> {
        let rows = self.read("reading silences", |db| {
            let mut select =
                db.prepare_cached("SELECT id, body FROM alert_silences ORDER BY ends_us, id")?;
            let rows = select.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<(String, Vec<u8>)>>>()
        })?;
        let silence = |(id, body): (String, Vec<u8>)| self.sound(|| format!("silence {id}"), &body);
        Ok(rows.into_iter().filter_map(silence).collect())
    }

    /// Stores a silence, or what it is changed to.
    ///
    /// # Errors
    /// The disk refuses; or the silence stored under this id was over when this one was made, or is
    /// newer: one that is over never returns.
    pub fn put_silence(&self, silence: &Silence) -> Result<(), StoreError> {
        let doing = "storing a silence";
        let stored = self.write(doing, |tx| {
            if let Some(known) = self.silence(tx, &silence.id)?
                && (known.ends <= silence.updated || known.updated > silence.updated)
            {
                return Ok(false);
            }
            put(tx, silence)?;
            Ok(true)
        })?;
        if stored {
            return Ok(());
        }
        let id = &silence.id;
        Err(StoreError::io(doing)(format!("{id} is over or was changed since; make a new one")))
    }

    /// Ends a silence, or takes back one that has not begun. False where none of this id is in force or
    /// to come.
    ///
    /// # Errors
    /// The disk refuses; the silence stays in force then.
    pub fn expire_silence(&self, id: &str, at: UnixMicros) -> Result<bool, StoreError> {
        self.write("ending a silence", |tx| {
            let Some(mut silence) = self.silence(tx, id)?.filter(|s| s.ends > at) else {
                return Ok(false);
            };
            silence.starts = silence.starts.min(at);
            silence.ends = at;
            silence.updated = silence.updated.max(at);
            put(tx, &silence)?;
            Ok(true)
        })
    }

    /// Acknowledges an episode; the first acknowledgement stays. The episode as it stands then; nothing
    /// where there is none of this id.
    ///
    /// # Errors
    /// The disk refuses; the episode is not acknowledged then.
    pub fn acknowledge(&self, id: EpisodeId, ack: &Ack) -> Result<Option<Episode>, StoreError> {
        let sql = format!("{} WHERE e.id = ?1", history::EPISODE);
        let rows = self.write("acknowledging an episode", |tx| {
            if tx.prepare_cached("SELECT 1 FROM alert_episodes WHERE id = ?1")?.exists([id.0])? {
                put_ack(tx, id, ack)?;
            }
            history::episode_rows(tx, &sql, [id.0])
        })?;
        Ok(rows.into_iter().find_map(|row| self.episode_of(row)))
    }

    /// Acknowledgements of episodes without an end: what the engine's own copies may not know yet.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn acks(&self) -> Result<Vec<(EpisodeId, Ack)>, StoreError> {
        let sql = "SELECT a.episode, a.body FROM alert_episodes e
                   JOIN alert_acks a ON a.episode = e.id WHERE e.ended_us IS NULL ORDER BY e.id";
        let rows = self.read("reading acknowledgements", |db| {
            let mut select = db.prepare_cached(sql)?;
            let rows = select.query_map([], |r| Ok((CallId(r.get(0)?), r.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<(EpisodeId, Vec<u8>)>>>()
        })?;
        let ack = |(id, body): (EpisodeId, Vec<u8>)| {
            let ack = self.sound(|| format!("acknowledgement of episode {id}"), &body)?;
            Some((id, ack))
        };
        Ok(rows.into_iter().filter_map(ack).collect())
    }

    fn silence(&self, db: &Connection, id: &str) -> rusqlite::Result<Option<Silence>> {
        let body: Option<Vec<u8>> = db
            .prepare_cached("SELECT body FROM alert_silences WHERE id = ?1")?
            .query_row([id], |r| r.get(0))
            .optional()?;
        Ok(body.and_then(|body| self.sound(|| format!("silence {id}"), &body)))
    }
}

fn put(tx: &Transaction<'_>, silence: &Silence) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO alert_silences (id, ends_us, body) VALUES (?1, ?2, ?3)";
    tx.prepare_cached(sql)?.execute(params![silence.id, silence.ends.0, Sealed(silence)])?;
    Ok(())
}

/// Keeps the first acknowledgement of an episode.
pub(super) fn put_ack(tx: &Transaction<'_>, id: EpisodeId, ack: &Ack) -> rusqlite::Result<()> {
    let sql = "INSERT INTO alert_acks (episode, body) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    tx.prepare_cached(sql)?.execute(params![id.0, Sealed(ack)])?;
    Ok(())
}
