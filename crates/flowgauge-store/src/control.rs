//! `state.db`, control: the log of changes, and what is remembered between two looks at it.
//!
//! Owns its tables. Every row carries a checksum. Refuses to give a log of which a part is damaged: half of it would
//! be another state.

use crate::lock::DirLock;
use crate::sealed::{self, Sealed};
use crate::{StoreError, state};
use flowgauge_logic::control::state::{Base, Change};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::Path;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS control_changes (
        id INTEGER PRIMARY KEY,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS control_base (
        id INTEGER PRIMARY KEY CHECK (id = 0),
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS control_notes (
        name TEXT PRIMARY KEY,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS incident_log (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS chronicle (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        body BLOB NOT NULL
    ) STRICT;
";

/// Lines of the chronicle kept: prices, rules and versions change some times a week and people note some things a day, so
/// this is years.
const MAX_CHRONICLE: i64 = 10_000;

/// Control on disk.
#[derive(Debug)]
pub struct ControlStore {
    db: Mutex<Connection>,
    /// Held while no server may run beside it.
    _alone: Option<DirLock>,
}

impl ControlStore {
    /// Opens the tables, creating them where they are missing.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let db = state::connect(dir)?;
        db.execute_batch(TABLES).map_err(StoreError::io("preparing the tables of control"))?;
        Ok(Self { db: Mutex::new(db), _alone: None })
    }

    /// Opens the tables of a directory that nobody serves, and keeps it from being served meanwhile: a server would
    /// not see what another appends.
    ///
    /// # Errors
    /// When a process serves the directory, or the database cannot be opened.
    pub fn open_alone(dir: &Path) -> Result<Self, StoreError> {
        let lock = DirLock::take(dir)?;
        Ok(Self { _alone: Some(lock), ..Self::open(dir)? })
    }

    /// Opens what is there to read; nothing where there is no file, or one older than control.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn open_reader(dir: &Path) -> Result<Option<Self>, StoreError> {
        let Some(db) = state::open_reader(dir)? else { return Ok(None) };
        let there = db
            .table_exists(None, "control_changes")
            .map_err(StoreError::io("looking for the tables of control"))?;
        Ok(there.then(|| Self { db: Mutex::new(db), _alone: None }))
    }

    /// All changes, the oldest first.
    ///
    /// # Errors
    /// The database refuses, or a row is damaged.
    pub fn log(&self) -> Result<Vec<Change>, StoreError> {
        let failed = StoreError::io("reading the control log");
        let rows = {
            let db = self.db.lock();
            let read = || -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
                let mut select =
                    db.prepare_cached("SELECT id, body FROM control_changes ORDER BY id")?;
                let rows = select.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?;
                rows.collect()
            };
            read().map_err(failed)?
        };
        opened(rows)
    }

    /// What is folded of the log, and the changes that are not. Where that cannot be read it is the whole log: no line
    /// of it ever goes.
    ///
    /// # Errors
    /// The database refuses, or a row is damaged.
    pub fn recent(&self) -> Result<(Base, Vec<Change>), StoreError> {
        let whole = || self.log().map(|log| (Base::default(), log));
        let Some(Folded { base, kept }) = self.folded() else { return whole() };
        let read = || -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
            let db = self.db.lock();
            let sql = "SELECT id, body FROM control_changes
                WHERE id > ?1 OR id IN (SELECT value FROM json_each(?2)) ORDER BY id";
            let mut select = db.prepare_cached(sql)?;
            let ids = serde_json::to_string(&kept).unwrap_or_default();
            let rows = select
                .query_map(params![number(base.upto), ids], |r| Ok((r.get(0)?, r.get(1)?)))?;
            rows.collect()
        };
        let changes = opened(read().map_err(StoreError::io("reading the control log"))?)?;
        let there = changes.iter().take_while(|c| c.id <= base.upto).map(|c| c.id);
        if there.eq(kept) { Ok((base, changes)) } else { whole() }
    }

    /// What is folded, where there is such and it is sound.
    fn folded(&self) -> Option<Folded> {
        let sql = "SELECT body FROM control_base";
        let body: Option<Vec<u8>> = self.db.lock().query_row(sql, [], |r| r.get(0)).ok();
        sealed::open(&body?)
            .map_err(
                |why| tracing::warn!(%why, "the folded control log is damaged; all of it is read"),
            )
            .ok()
    }

    /// Remembers what is folded of the log, with the older changes that are not. The log stays as it is.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn fold(&self, base: &Base, kept: Vec<u64>) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO control_base (id, body) VALUES (0, ?1)";
        let folded = Folded { base: base.clone(), kept };
        let db = self.db.lock();
        db.execute(sql, params![Sealed(&folded)])
            .map_err(StoreError::io("folding the control log"))?;
        Ok(())
    }

    /// Whether a change is on disk.
    ///
    /// # Errors
    /// The database refuses.
    pub fn has(&self, id: u64) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM control_changes WHERE id = ?1";
        let db = self.db.lock();
        let found = db.query_row(sql, [number(id)], |_| Ok(())).optional();
        Ok(found.map_err(StoreError::io("looking for a change of control"))?.is_some())
    }

    /// Appends changes, all or none. One that is stored already stays as it is.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn append(&self, changes: &[Change]) -> Result<(), StoreError> {
        let failed = StoreError::io("storing a change of control");
        let mut db = self.db.lock();
        let mut write = || -> rusqlite::Result<()> {
            let tx = db.transaction()?;
            for change in changes {
                let sql =
                    "INSERT INTO control_changes (id, body) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
                tx.prepare_cached(sql)?.execute(params![number(change.id), Sealed(change)])?;
            }
            tx.commit()
        };
        write().map_err(failed)
    }

    /// Every line of the incident log, the oldest first.
    ///
    /// # Errors
    /// The database refuses, or a line is damaged.
    pub fn incident_log<T: DeserializeOwned>(&self) -> Result<Vec<T>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
            let db = self.db.lock();
            let mut select = db.prepare_cached("SELECT id, body FROM incident_log ORDER BY id")?;
            let rows = select.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?;
            rows.collect()
        };
        let rows = read().map_err(StoreError::io("reading the incident log"))?;
        let open = |(id, body): (i64, Vec<u8>)| {
            sealed::open(&body)
                .map_err(|why| damaged(format!("line {id} of the incident log"), why))
        };
        rows.into_iter().map(open).collect()
    }

    /// Appends a line to the incident log. Lines are never changed.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn log_incident<T: Serialize>(&self, line: &T) -> Result<(), StoreError> {
        let sql = "INSERT INTO incident_log (body) VALUES (?1)";
        let db = self.db.lock();
        db.execute(sql, params![Sealed(line)]).map_err(StoreError::io("logging an incident"))?;
        Ok(())
    }

    /// Every line of the chronicle, the oldest first; none where the directory is older than it.
    ///
    /// # Errors
    /// The database refuses, or a line is damaged.
    pub fn chronicle<T: DeserializeOwned>(&self) -> Result<Vec<T>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
            let db = self.db.lock();
            if !db.table_exists(None, "chronicle")? {
                return Ok(Vec::new());
            }
            let mut select = db.prepare_cached("SELECT id, body FROM chronicle ORDER BY id")?;
            let rows = select.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?;
            rows.collect()
        };
        let rows = read().map_err(StoreError::io("reading the chronicle"))?;
        let open = |(id, body): (i64, Vec<u8>)| {
            sealed::open(&body).map_err(|why| damaged(format!("line {id} of the chronicle"), why))
        };
        rows.into_iter().map(open).collect()
    }

    /// Adds a line to the chronicle; at its limit the oldest goes.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn chronicled<T: Serialize>(&self, line: &T) -> Result<(), StoreError> {
        let mut db = self.db.lock();
        let mut write = || -> rusqlite::Result<()> {
            let tx = db.transaction()?;
            tx.execute("INSERT INTO chronicle (body) VALUES (?1)", params![Sealed(line)])?;
            let keep = "DELETE FROM chronicle WHERE id <= (SELECT max(id) FROM chronicle) - ?1";
            tx.execute(keep, params![MAX_CHRONICLE])?;
            tx.commit()
        };
        write().map_err(StoreError::io("adding to the chronicle"))
    }

    /// What is remembered under a name.
    ///
    /// # Errors
    /// The database refuses, or the row is damaged.
    pub fn note<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let sql = "SELECT body FROM control_notes WHERE name = ?1";
        let body: Option<Vec<u8>> = self
            .db
            .lock()
            .query_row(sql, [name], |r| r.get(0))
            .optional()
            .map_err(StoreError::io("reading what control remembers"))?;
        let open = |body: Vec<u8>| {
            sealed::open(&body).map_err(|why| damaged(format!("{name} of control"), why))
        };
        body.map(open).transpose()
    }

    /// Remembers something under a name.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn put_note<T: Serialize>(&self, name: &str, note: &T) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO control_notes (name, body) VALUES (?1, ?2)";
        let db = self.db.lock();
        db.execute(sql, params![name, Sealed(note)])
            .map_err(StoreError::io("storing what control remembers"))?;
        Ok(())
    }
}

/// What is folded, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Folded {
    base: Base,
    /// Changes up to it that are not folded.
    kept: Vec<u64>,
}

fn number(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

/// Rows of the log as changes.
fn opened(rows: Vec<(i64, Vec<u8>)>) -> Result<Vec<Change>, StoreError> {
    let open = |(id, body): (i64, Vec<u8>)| {
        sealed::open(&body).map_err(|why| damaged(format!("change {id} of the control log"), why))
    };
    rows.into_iter().map(open).collect()
}

fn damaged(what: String, detail: String) -> StoreError {
    StoreError::Damaged { what, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowgauge_logic::call::Text;
    use flowgauge_logic::unit::UnixMicros;

    fn change(id: u64) -> Change {
        Change {
            id,
            at: UnixMicros(7),
            author: Text::from("ann"),
            reason: "a test".to_owned(),
            diff: Vec::new(),
            undoes: None,
            expires: None,
        }
    }

    #[test]
    fn a_log_comes_back_in_order_and_a_damaged_one_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let store = ControlStore::open(dir.path()).unwrap();
        store.append(&[change(1), change(2)]).unwrap();
        store.append(&[change(2), change(3)]).unwrap();
        assert_eq!(store.log().unwrap(), [change(1), change(2), change(3)]);
        let db = store.db.lock();
        db.execute("UPDATE control_changes SET body = x'0102' WHERE id = 2", []).unwrap();
        drop(db);
        let why = store.log().unwrap_err().to_string();
        assert!(why.contains("change 2 of the control log"), "{why}");
    }

    #[test]
    fn a_folded_log_is_read_without_its_old_lines_and_whole_where_the_fold_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let store = ControlStore::open(dir.path()).unwrap();
        let all: Vec<Change> = (1..=5).map(change).collect();
        store.append(&all).unwrap();
        assert_eq!(store.recent().unwrap(), (Base::default(), all.clone()));
        let base = Base { upto: 3, ..Base::default() };
        store.fold(&base, vec![2]).unwrap();
        let left = vec![change(2), change(4), change(5)];
        assert_eq!(store.recent().unwrap(), (base.clone(), left));
        assert_eq!(store.log().unwrap(), all, "its history stays");
        assert!(store.has(1).unwrap() && !store.has(6).unwrap());
        let sql = |sql: &str| store.db.lock().execute(sql, []).unwrap();
        sql("UPDATE control_base SET body = x'0102'");
        assert_eq!(store.recent().unwrap(), (Base::default(), all.clone()));
        store.fold(&base, vec![2, 9]).unwrap();
        assert_eq!(store.recent().unwrap(), (Base::default(), all), "a line it needs is not there");
    }

    #[test]
    fn the_incident_log_keeps_every_line_in_its_order() {
        let dir = tempfile::tempdir().unwrap();
        let store = ControlStore::open(dir.path()).unwrap();
        store.log_incident(&"first").unwrap();
        store.log_incident(&"second").unwrap();
        drop(store);
        let again = ControlStore::open(dir.path()).unwrap();
        assert_eq!(again.incident_log::<String>().unwrap(), ["first", "second"]);
    }

    #[test]
    fn a_note_is_the_last_one_written() {
        let dir = tempfile::tempdir().unwrap();
        let store = ControlStore::open(dir.path()).unwrap();
        assert_eq!(store.note::<u32>("x").unwrap(), None);
        store.put_note("x", &1u32).unwrap();
        store.put_note("x", &2u32).unwrap();
        assert_eq!(store.note::<u32>("x").unwrap(), Some(2));
    }
}
