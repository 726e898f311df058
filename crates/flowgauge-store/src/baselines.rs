//! `state.db`, baselines and regression checks: what later is compared with, and what was found.
//!
//! Owns its tables. Every row carries a checksum. Refuses to change a baseline that exists: only its
//! standing moves, and each move is a line of its history.

use crate::sealed::{self, Sealed};
use crate::{StoreError, state};
use flowgauge_logic::baseline::{Baseline, Standing, Status};
use flowgauge_logic::call::Text;
use flowgauge_logic::unit::UnixMicros;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Fast, and four weeks of points shrink to a fifth.
const ZSTD_LEVEL: i32 = 3;

/// More than a baseline unpacks to: 65 cells of four weeks by the hour are about 6 MB.
const MAX_UNPACKED: usize = 64 << 20;

/// Checks that are kept: a year of one a day, and twice as many by hand.
const KEPT_CHECKS: i64 = 1_000;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS baselines (
        name TEXT PRIMARY KEY,
        made_us INTEGER NOT NULL,
        standing TEXT NOT NULL,
        status BLOB NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX IF NOT EXISTS baselines_promoted ON baselines (standing)
        WHERE standing = 'promoted';
    CREATE TABLE IF NOT EXISTS baseline_history (
        id INTEGER PRIMARY KEY,
        at_us INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS regression_watch (
        metric TEXT PRIMARY KEY,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS regression_checks (
        id INTEGER PRIMARY KEY,
        at_us INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
";

/// Baselines on disk.
#[derive(Debug)]
pub struct BaselineStore {
    db: Mutex<Connection>,
}

/// One line of the history of baselines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineEvent {
    /// When.
    pub at: UnixMicros,
    /// Of which baseline.
    pub name: Text,
    /// What was done: proposed, imported, promoted, retired, pinned, unpinned, deleted.
    pub what: Text,
    /// By whom.
    pub by: Text,
    /// Why, in their words.
    pub why: Text,
}

impl BaselineStore {
    /// Opens the tables, creating them where they are missing.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let db = state::connect(dir)?;
        db.execute_batch(TABLES).map_err(StoreError::io("preparing the tables of baselines"))?;
        Ok(Self { db: Mutex::new(db) })
    }

    /// Opens what is there to read; nothing where there is no file, or one older than baselines.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn open_reader(dir: &Path) -> Result<Option<Self>, StoreError> {
        let Some(db) = state::open_reader(dir)? else { return Ok(None) };
        let there = db
            .table_exists(None, "baselines")
            .map_err(StoreError::io("looking for the tables of baselines"))?;
        Ok(there.then(|| Self { db: Mutex::new(db) }))
    }

    /// Keeps a new baseline as a candidate. False where one of this name exists: nothing changed.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn add(&self, baseline: &Baseline, event: &BaselineEvent) -> Result<bool, StoreError> {
        let body = pack(baseline)?;
        let status = Status::default();
        self.write("storing a baseline", |tx| {
            let sql = "INSERT INTO baselines (name, made_us, standing, status, body)
                       VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
            let standing = status.standing.word();
            let values = params![&*baseline.name, baseline.made.0, standing, Sealed(&status), body];
            let added = tx.execute(sql, values)? > 0;
            if added {
                note(tx, event)?;
            }
            Ok(added)
        })
    }

    /// A baseline and how it stands.
    ///
    /// # Errors
    /// The database refuses, or the row is damaged.
    pub fn get(&self, name: &str) -> Result<Option<(Baseline, Status)>, StoreError> {
        self.one("SELECT status, body FROM baselines WHERE name = ?1", name)
    }

    /// The promoted one.
    ///
    /// # Errors
    /// The database refuses, or the row is damaged.
    pub fn promoted(&self) -> Result<Option<(Baseline, Status)>, StoreError> {
        let sql = "SELECT status, body FROM baselines WHERE standing = ?1";
        self.one(sql, Standing::Promoted.word())
    }

    /// All of them, the newest first.
    ///
    /// # Errors
    /// The database refuses, or a row is damaged.
    pub fn all(&self) -> Result<Vec<(Baseline, Status)>, StoreError> {
        let rows = self.read("reading baselines", |db| {
            let sql = "SELECT status, body FROM baselines ORDER BY made_us DESC, name";
            let mut select = db.prepare_cached(sql)?;
            let rows = select.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<(Vec<u8>, Vec<u8>)>>>()
        })?;
        rows.iter().map(|(status, body)| Ok((unpack(body)?, sound(status)?))).collect()
    }

    /// Makes a baseline the promoted one; the one before is retired. False where there is none of this
    /// name.
    ///
    /// # Errors
    /// The disk refuses, or a row is damaged.
    pub fn promote(&self, event: &BaselineEvent) -> Result<bool, StoreError> {
        self.write("promoting a baseline", |tx| {
            let Some(status) = status_of(tx, &event.name)? else { return Ok(false) };
            let sql = "SELECT name, status FROM baselines WHERE standing = 'promoted'";
            let before: Option<(String, Vec<u8>)> =
                tx.query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
            if let Some((name, before)) = before.filter(|(name, _)| *name != *event.name) {
                let retired = Status { standing: Standing::Retired, ..open(&before)? };
                set_status(tx, &name, &retired)?;
                let what = Text::const_new("retired");
                note(tx, &BaselineEvent { name: Text::from(name), what, ..event.clone() })?;
            }
            let promoted = Some((event.at, event.by.clone()));
            let status = Status { standing: Standing::Promoted, promoted, ..status };
            set_status(tx, &event.name, &status)?;
            note(tx, event)?;
            Ok(true)
        })
    }

    /// Pins a baseline, or lets it go. False where there is none of this name.
    ///
    /// # Errors
    /// The disk refuses, or the row is damaged.
    pub fn pin(&self, pinned: bool, event: &BaselineEvent) -> Result<bool, StoreError> {
        self.write("pinning a baseline", |tx| {
            let Some(status) = status_of(tx, &event.name)? else { return Ok(false) };
            set_status(tx, &event.name, &Status { pinned, ..status })?;
            note(tx, event)?;
            Ok(true)
        })
    }

    /// What was done to baselines, the latest first.
    ///
    /// # Errors
    /// The database refuses, or a row is damaged.
    pub fn history(&self, limit: usize) -> Result<Vec<BaselineEvent>, StoreError> {
        self.latest("SELECT body FROM baseline_history ORDER BY id DESC LIMIT ?1", limit)
    }

    /// Keeps what a regression check found.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn add_check<T: Serialize>(&self, at: UnixMicros, check: &T) -> Result<(), StoreError> {
        self.write("storing a regression check", |tx| {
            tx.execute(
                "INSERT INTO regression_checks (at_us, body) VALUES (?1, ?2)",
                params![at.0, Sealed(check)],
            )?;
            let sql = "DELETE FROM regression_checks WHERE id <=
                       (SELECT max(id) FROM regression_checks) - ?1";
            tx.execute(sql, [KEPT_CHECKS]).map(drop)
        })
    }

    /// What the last regression checks found, the latest first.
    ///
    /// # Errors
    /// The database refuses, or a row is damaged.
    pub fn checks<T: DeserializeOwned>(&self, limit: usize) -> Result<Vec<T>, StoreError> {
        self.latest("SELECT body FROM regression_checks ORDER BY id DESC LIMIT ?1", limit)
    }

    /// What the online detector knows, by metric. A damaged or foreign one is left out: it is learned
    /// again.
    ///
    /// # Errors
    /// The database refuses.
    pub fn watched<T: DeserializeOwned>(&self) -> Result<Vec<T>, StoreError> {
        let rows = self.read("reading what is watched", |db| {
            let mut select = db.prepare_cached("SELECT metric, body FROM regression_watch")?;
            let rows = select.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<(String, Vec<u8>)>>>()
        })?;
        let read = |(metric, body): (String, Vec<u8>)| {
            open(&body).inspect_err(|why| tracing::warn!(%metric, %why, "it is learned again")).ok()
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Keeps what the online detector knows.
    ///
    /// # Errors
    /// The disk refuses; nothing is kept then.
    pub fn keep_watched<T: Serialize>(&self, watched: &[(&str, &T)]) -> Result<(), StoreError> {
        self.write("keeping what is watched", |tx| {
            let sql = "INSERT OR REPLACE INTO regression_watch (metric, body) VALUES (?1, ?2)";
            let mut put = tx.prepare_cached(sql)?;
            for (metric, state) in watched {
                put.execute(params![metric, Sealed(*state)])?;
            }
            Ok(())
        })
    }

    fn latest<T: DeserializeOwned>(&self, sql: &str, limit: usize) -> Result<Vec<T>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.read("reading the history of baselines", |db| {
            let mut select = db.prepare_cached(sql)?;
            let rows = select.query_map([limit], |r| r.get(0))?;
            rows.collect::<rusqlite::Result<Vec<Vec<u8>>>>()
        })?;
        rows.iter().map(|row| sound(row)).collect()
    }

    fn one(&self, sql: &str, value: &str) -> Result<Option<(Baseline, Status)>, StoreError> {
        let row = self.read("reading a baseline", |db| {
            let row = db.prepare_cached(sql)?.query_row([value], |r| Ok((r.get(0)?, r.get(1)?)));
            row.optional()
        })?;
        let row: Option<(Vec<u8>, Vec<u8>)> = row;
        row.map(|(status, body)| Ok((unpack(&body)?, sound(&status)?))).transpose()
    }

    fn read<T>(
        &self,
        doing: &'static str,
        act: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        act(&self.db.lock()).map_err(StoreError::io::<rusqlite::Error>(doing))
    }

    fn write<T>(
        &self,
        doing: &'static str,
        act: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut db = self.db.lock();
        let run = || {
            // Others write to the file too: a lock taken at once is waited for.
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let out = act(&tx)?;
            tx.commit()?;
            Ok(out)
        };
        run().map_err(StoreError::io::<rusqlite::Error>(doing))
    }
}

fn status_of(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<Status>> {
    let sql = "SELECT status FROM baselines WHERE name = ?1";
    let row: Option<Vec<u8>> = tx.query_row(sql, [name], |r| r.get(0)).optional()?;
    row.map(|bytes| open(&bytes)).transpose()
}

fn set_status(tx: &Transaction<'_>, name: &str, status: &Status) -> rusqlite::Result<()> {
    let sql = "UPDATE baselines SET standing = ?2, status = ?3 WHERE name = ?1";
    tx.execute(sql, params![name, status.standing.word(), Sealed(status)]).map(drop)
}

fn note(tx: &Transaction<'_>, event: &BaselineEvent) -> rusqlite::Result<()> {
    let sql = "INSERT INTO baseline_history (at_us, body) VALUES (?1, ?2)";
    tx.execute(sql, params![event.at.0, Sealed(event)]).map(drop)
}

/// A sealed row inside a statement, whose damage ends the transaction.
fn open<T: DeserializeOwned>(bytes: &[u8]) -> rusqlite::Result<T> {
    sealed::open(bytes).map_err(|how| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, how.into())
    })
}

fn sound<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    sealed::open(bytes).map_err(damaged)
}

fn damaged(detail: String) -> StoreError {
    StoreError::Damaged { what: "a baseline in state.db".to_owned(), detail }
}

fn pack(baseline: &Baseline) -> Result<Vec<u8>, StoreError> {
    let bytes = sealed::seal(baseline).map_err(StoreError::io("writing a baseline"))?;
    zstd::bulk::compress(&bytes, ZSTD_LEVEL).map_err(StoreError::io("packing a baseline"))
}

fn unpack(packed: &[u8]) -> Result<Baseline, StoreError> {
    let bytes = zstd::bulk::decompress(packed, MAX_UNPACKED).map_err(|e| damaged(e.to_string()))?;
    sound(&bytes)
}

#[cfg(test)]
mod tests;
