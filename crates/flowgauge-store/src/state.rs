//! `state.db`: what must outlive a restart and is no telemetry: keys and the secrets made at first start.
//!
//! Owns the file and its tables. Refuses to know how a key looks or is checked: it holds hashes only.

use crate::StoreError;
use flowgauge_logic::unit::UnixMicros;
use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use std::path::Path;
use std::time::Duration;

/// Name of the file inside the data directory.
const FILE: &str = "state.db";

/// The command line may hold the file for a moment; longer than this is a fault worth telling.
const BUSY: Duration = Duration::from_secs(5);

/// Format of the tables below.
const FORMAT: u32 = 2;

/// What keys have since format 2.
const PROOFS: &str = "
    ALTER TABLE keys ADD COLUMN scram_stored BLOB;
    ALTER TABLE keys ADD COLUMN scram_server BLOB;
";

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS secrets (
        name TEXT PRIMARY KEY,
        value BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS keys (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        scope TEXT NOT NULL,
        hash BLOB NOT NULL UNIQUE,
        created_us INTEGER NOT NULL,
        expires_us INTEGER,
        revoked_us INTEGER
    ) STRICT;
";

/// A handle on `state.db`.
#[derive(Debug)]
pub struct State {
    db: Mutex<Connection>,
}

/// One key as stored: its hash, never itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Public name of the key, shown in lists and rows.
    pub id: String,
    /// Why it exists, in its owner's words.
    pub name: String,
    /// What it may do.
    pub scope: String,
    /// Keyed hash of the secret.
    pub hash: [u8; 32],
    /// What it can be proven by without being shown; nothing for keys made before there was such proof.
    pub proof: Option<Proof>,
    /// When it was made.
    pub created: UnixMicros,
    /// From when on it is refused.
    pub expires: Option<UnixMicros>,
    /// When it was revoked.
    pub revoked: Option<UnixMicros>,
}

/// `StoredKey` and `ServerKey` of SCRAM-SHA-256 (RFC 5802 3). Neither gives the key back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// Checks a client's proof.
    pub stored: [u8; 32],
    /// Signs our answer to it.
    pub server: [u8; 32],
}

impl State {
    /// Opens or creates the file. On Unix only its owner may read it.
    ///
    /// # Errors
    /// When the directory cannot be made, the file not opened, or a newer flowgauge wrote it.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir).map_err(StoreError::io("create data directory"))?;
        let file = dir.join(FILE);
        let db = Connection::open(&file).map_err(StoreError::io("open state.db"))?;
        owner_only(&file)?;
        let format = prepare(&db).map_err(StoreError::io("prepare state.db"))?;
        if format > FORMAT {
            return Err(StoreError::Newer(file, format, FORMAT));
        }
        Ok(Self { db: Mutex::new(db) })
    }

    /// The secret of this name; `fresh` becomes it where there is none yet.
    ///
    /// # Errors
    /// When the database refuses, or holds a secret of another length.
    pub fn secret(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let db = self.db.lock();
        let insert = "INSERT INTO secrets (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        db.execute(insert, params![name, fresh]).map_err(StoreError::io("store a secret"))?;
        db.query_row("SELECT value FROM secrets WHERE name = ?1", [name], |row| row.get(0))
            .map_err(StoreError::io("read a secret"))
    }

    /// Every key, oldest first, the revoked too.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        let db = self.db.lock();
        let sql = "SELECT id, name, scope, hash, created_us, expires_us, revoked_us,
                          scram_stored, scram_server FROM keys ORDER BY created_us, id";
        let mut select = db.prepare(sql).map_err(StoreError::io("read keys"))?;
        let rows = select.query_map([], key_row).map_err(StoreError::io("read keys"))?;
        rows.collect::<Result<_, _>>().map_err(StoreError::io("read keys"))
    }

    /// Adds a key.
    ///
    /// # Errors
    /// When the database refuses, or the id or hash is there already.
    pub fn add_key(&self, key: &KeyRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO keys (id, name, scope, hash, created_us, expires_us, revoked_us,
                                     scram_stored, scram_server)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let KeyRow { id, name, scope, hash, proof, created, expires, revoked } = key;
        let (stored, server) = proof.map(|p| (p.stored, p.server)).unzip();
        let (expires, revoked) = (expires.map(|t| t.0), revoked.map(|t| t.0));
        let values = params![id, name, scope, hash, created.0, expires, revoked, stored, server];
        self.db.lock().execute(sql, values).map_err(StoreError::io("store a key"))?;
        Ok(())
    }

    /// Revokes a key. False where no key of this id is in force.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn revoke_key(&self, id: &str, at: UnixMicros) -> Result<bool, StoreError> {
        let sql = "UPDATE keys SET revoked_us = ?2 WHERE id = ?1 AND revoked_us IS NULL";
        let changed = self.db.lock().execute(sql, params![id, at.0]);
        Ok(changed.map_err(StoreError::io("revoke a key"))? > 0)
    }
}

/// Another connection to the file, for those who own tables of their own in it.
pub(crate) fn connect(dir: &Path) -> Result<Connection, StoreError> {
    drop(State::open(dir)?);
    let open = || {
        let db = Connection::open(dir.join(FILE))?;
        db.busy_timeout(BUSY)?;
        db.pragma_update(None, "synchronous", "FULL")?;
        Ok(db)
    };
    open().map_err(StoreError::io::<rusqlite::Error>("opening state.db"))
}

/// A connection to a file of its own beside this one, for tables whose writer must not queue behind
/// others. On Unix only its owner may read it.
pub(crate) fn connect_beside(dir: &Path, name: &str) -> Result<Connection, StoreError> {
    let file = dir.join(name);
    let open = || {
        let db = Connection::open(&file)?;
        db.busy_timeout(BUSY)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        Ok(db)
    };
    let db = open().map_err(StoreError::io::<rusqlite::Error>("opening a database"))?;
    owner_only(&file)?;
    Ok(db)
}

/// A connection that cannot write; nothing where there is no file.
pub(crate) fn open_reader(dir: &Path) -> Result<Option<Connection>, StoreError> {
    read_beside(dir, FILE)
}

/// The same for a file beside this one.
pub(crate) fn read_beside(dir: &Path, name: &str) -> Result<Option<Connection>, StoreError> {
    let file = dir.join(name);
    if !file.is_file() {
        return Ok(None);
    }
    let open = || {
        let db = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.busy_timeout(BUSY)?;
        Ok(db)
    };
    open().map(Some).map_err(StoreError::io::<rusqlite::Error>("opening state.db to read"))
}

fn prepare(db: &Connection) -> Result<u32, rusqlite::Error> {
    db.busy_timeout(BUSY)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    let found: Option<u32> =
        db.query_row("PRAGMA user_version", [], |row| row.get(0)).optional()?;
    let found = found.filter(|version| *version > 0);
    if found.is_none_or(|found| found <= FORMAT) {
        db.execute_batch(TABLES)?;
        if found.is_none_or(|found| found < 2) {
            add_proofs(db)?;
        }
        db.pragma_update(None, "user_version", FORMAT)?;
    }
    Ok(found.unwrap_or(FORMAT))
}

/// Adds the columns of format 2, where another process has not done it this moment.
fn add_proofs(db: &Connection) -> Result<(), rusqlite::Error> {
    let change = rusqlite::Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    let sql = "SELECT count(*) FROM pragma_table_info('keys') WHERE name = 'scram_stored'";
    if change.query_row(sql, [], |row| row.get::<_, i64>(0))? == 0 {
        change.execute_batch(PROOFS)?;
    }
    change.commit()
}

fn key_row(row: &rusqlite::Row<'_>) -> Result<KeyRow, rusqlite::Error> {
    Ok(KeyRow {
        id: row.get(0)?,
        name: row.get(1)?,
        scope: row.get(2)?,
        hash: row.get(3)?,
        proof: proof(row)?,
        created: UnixMicros(row.get(4)?),
        expires: row.get::<_, Option<i64>>(5)?.map(UnixMicros),
        revoked: row.get::<_, Option<i64>>(6)?.map(UnixMicros),
    })
}

fn proof(row: &rusqlite::Row<'_>) -> Result<Option<Proof>, rusqlite::Error> {
    let (stored, server): (Option<_>, Option<_>) = (row.get(7)?, row.get(8)?);
    Ok(stored.zip(server).map(|(stored, server)| Proof { stored, server }))
}

#[cfg(unix)]
fn owner_only(file: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))
        .map_err(StoreError::io("restrict state.db to its owner"))
}

#[cfg(not(unix))]
fn owner_only(_file: &Path) -> Result<(), StoreError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, hash: u8) -> KeyRow {
        KeyRow {
            id: id.to_owned(),
            name: "ci".to_owned(),
            scope: "viewer".to_owned(),
            hash: [hash; 32],
            proof: Some(Proof { stored: [hash; 32], server: [!hash; 32] }),
            created: UnixMicros(5),
            expires: None,
            revoked: None,
        }
    }

    #[test]
    fn a_secret_is_made_once_and_survives_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let first = State::open(dir.path()).unwrap().secret("users", [1; 32]).unwrap();
        let again = State::open(dir.path()).unwrap().secret("users", [2; 32]).unwrap();
        assert_eq!((first, again), ([1; 32], [1; 32]));
    }

    #[test]
    fn a_revoked_key_stays_listed_and_is_revoked_once() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        state.add_key(&key("a", 1)).unwrap();
        state.add_key(&key("b", 2)).unwrap();
        assert!(state.add_key(&key("c", 2)).is_err(), "one hash, one key");
        assert!(state.revoke_key("a", UnixMicros(9)).unwrap());
        assert!(!state.revoke_key("a", UnixMicros(10)).unwrap());
        let revoked: Vec<_> = state.keys().unwrap().into_iter().map(|k| k.revoked).collect();
        assert_eq!(revoked, [Some(UnixMicros(9)), None]);
    }

    #[test]
    fn keys_of_the_first_format_are_kept_and_have_no_proof() {
        let dir = tempfile::tempdir().unwrap();
        let old = Connection::open(dir.path().join(FILE)).unwrap();
        old.execute_batch(TABLES).unwrap();
        let values = "INSERT INTO keys VALUES ('a', 'ci', 'viewer', zeroblob(32), 5, NULL, NULL)";
        old.execute(values, []).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        drop(old);
        let state = State::open(dir.path()).unwrap();
        state.add_key(&key("b", 2)).unwrap();
        let again = State::open(dir.path()).unwrap().keys().unwrap();
        assert_eq!(again.iter().map(|k| k.proof).collect::<Vec<_>>(), [None, key("b", 2).proof]);
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let _state = State::open(dir.path()).unwrap();
        let mode = std::fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
