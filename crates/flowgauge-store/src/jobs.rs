//! `state.db`, jobs: one row for each job, period and list of recipients, so that nothing is done twice.
//!
//! Owns its tables. Every row carries a checksum. What is planned moves the mark of its timetable in the
//! same transaction, so that a crash neither loses a period nor plans it again. A run is changed only by
//! whoever holds the turn: a lock of the system that ends with its process.

use crate::lock::JobTurn;
use crate::sealed::{self, Sealed};
use crate::{StoreError, state};
use flowgauge_logic::job::{Run, RunKey};
use flowgauge_logic::unit::UnixMicros;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Params, Transaction, TransactionBehavior, params};
use std::path::{Path, PathBuf};

/// Runs that are over and kept: five a day for three years.
const KEPT: i64 = 5_000;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS job_marks (
        schedule TEXT PRIMARY KEY,
        seen_us INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS job_runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        job TEXT NOT NULL,
        period TEXT NOT NULL,
        recipients TEXT NOT NULL,
        again INTEGER NOT NULL,
        state TEXT NOT NULL,
        due_us INTEGER NOT NULL,
        body BLOB NOT NULL,
        UNIQUE (job, period, recipients, again)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS job_runs_unfinished ON job_runs (due_us)
        WHERE state IN ('pending', 'running');
";

/// Jobs on disk.
#[derive(Debug)]
pub struct JobStore {
    db: Mutex<Connection>,
    dir: PathBuf,
}

/// What asking for a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It is planned now.
    Planned(Run),
    /// There is one of this job, period and recipients already: as it stands.
    There(Run),
}

impl Asked {
    /// The run, whoever planned it.
    #[must_use]
    pub fn run(&self) -> &Run {
        match self {
            Self::Planned(run) | Self::There(run) => run,
        }
    }
}

impl JobStore {
    /// Opens the tables, creating them where they are missing.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let db = state::connect(dir)?;
        db.execute_batch(TABLES).map_err(StoreError::io("preparing the tables of jobs"))?;
        Ok(Self { db: Mutex::new(db), dir: dir.to_owned() })
    }

    /// Opens what is there to read; nothing where there is no file, or one older than jobs.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn open_reader(dir: &Path) -> Result<Option<Self>, StoreError> {
        let Some(db) = state::open_reader(dir)? else { return Ok(None) };
        let there = db
            .table_exists(None, "job_runs")
            .map_err(StoreError::io("looking for the tables of jobs"))?;
        Ok(there.then(|| Self { db: Mutex::new(db), dir: dir.to_owned() }))
    }

    /// Up to which moment a timetable was looked at.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn mark(&self, schedule: &str) -> Result<Option<UnixMicros>, StoreError> {
        let sql = "SELECT seen_us FROM job_marks WHERE schedule = ?1";
        let db = self.db.lock();
        let seen = db.query_row(sql, [schedule], |r| r.get(0)).optional();
        Ok(seen.map_err(StoreError::io("reading the mark of a timetable"))?.map(UnixMicros))
    }

    /// Plans what a timetable asked for up to `seen`, all of it or nothing. Runs that are there already
    /// stay as they are. How many are new.
    ///
    /// # Errors
    /// The disk refuses; the timetable is looked at again from its mark before.
    pub fn plan(
        &self,
        schedule: &str,
        seen: UnixMicros,
        runs: &[Run],
    ) -> Result<usize, StoreError> {
        self.write("planning runs of a job", |tx| {
            let mut new = 0;
            for run in runs {
                new += usize::from(insert(tx, run)?.is_some());
            }
            // Time may have been set back; a mark does not go back, or runs would be planned anew.
            let sql = "INSERT INTO job_marks (schedule, seen_us) VALUES (?1, ?2)
                       ON CONFLICT DO UPDATE SET seen_us = max(seen_us, excluded.seen_us)";
            tx.execute(sql, params![schedule, seen.0])?;
            Ok(new)
        })
    }

    /// Plans a run that somebody asks for. Where there is one of its key, that one, unless it is to be
    /// done `again` and the one before is over.
    ///
    /// # Errors
    /// The disk refuses, or a row is damaged.
    pub fn ask(&self, run: &Run, again: bool) -> Result<Asked, StoreError> {
        self.write("planning a run of a job", |tx| {
            let sql = "SELECT id, body FROM job_runs WHERE job = ?1 AND period = ?2
                       AND recipients = ?3 ORDER BY again DESC LIMIT 1";
            let RunKey { job, period, .. } = &run.key;
            let of = params![job.as_str(), period.to_string(), recipients(&run.key)];
            let last = tx.query_row(sql, of, row).optional()?;
            let mut new = run.clone();
            if let Some((id, body)) = last {
                let before = opened(id, &body);
                match &before {
                    Ok(before) if again && before.state.is_over() => {
                        new.key.again = before.key.again.saturating_add(1);
                    }
                    _ => return Ok(before.map(Asked::There)),
                }
            }
            let id = insert(tx, &new)?.unwrap_or_default();
            Ok(Ok(Asked::Planned(Run { id, ..new })))
        })?
    }

    /// The right to run jobs in this data directory; nothing while another has it.
    ///
    /// # Errors
    /// The lock file cannot be opened.
    pub fn take_turn(&self) -> Result<Option<JobTurn>, StoreError> {
        JobTurn::take(&self.dir)
    }

    /// Runs that are not over: those begun first, then those due first. Whoever holds the turn knows
    /// that a run which stands as running was left by a crash.
    ///
    /// # Errors
    /// The database cannot be read, or a row is damaged.
    pub fn unfinished(&self) -> Result<Vec<Run>, StoreError> {
        let sql = "SELECT id, body FROM job_runs WHERE state IN ('pending', 'running')
                   ORDER BY state = 'pending', due_us, id";
        self.rows(sql, [])
    }

    /// One run.
    ///
    /// # Errors
    /// The database cannot be read, or the row is damaged.
    pub fn get(&self, id: i64) -> Result<Option<Run>, StoreError> {
        let found = self.rows("SELECT id, body FROM job_runs WHERE id = ?1", [id])?;
        Ok(found.into_iter().next())
    }

    /// Runs of a job, or of all, the latest first.
    ///
    /// # Errors
    /// The database cannot be read, or a row is damaged.
    pub fn history(&self, job: Option<&str>, limit: usize) -> Result<Vec<Run>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = "SELECT id, body FROM job_runs WHERE ?1 IS NULL OR job = ?1
                   ORDER BY id DESC LIMIT ?2";
        self.rows(sql, params![job, limit])
    }

    /// Keeps how a run stands; durable on return.
    ///
    /// # Errors
    /// The disk refuses: what was to follow must not be done.
    pub fn put(&self, _turn: &JobTurn, run: &Run) -> Result<(), StoreError> {
        self.write("keeping how a job stands", |tx| {
            let sql = "UPDATE job_runs SET state = ?2, body = ?3 WHERE id = ?1";
            tx.execute(sql, params![run.id, run.state.word(), Sealed(run)])?;
            if run.state.is_over() {
                let sql = "DELETE FROM job_runs WHERE state NOT IN ('pending', 'running')
                           AND id <= (SELECT max(id) FROM job_runs) - ?1";
                tx.execute(sql, [KEPT])?;
            }
            Ok(())
        })
    }

    fn rows(&self, sql: &str, values: impl Params) -> Result<Vec<Run>, StoreError> {
        let rows = {
            let db = self.db.lock();
            let read = || {
                let mut select = db.prepare_cached(sql)?;
                let rows = select.query_map(values, row)?;
                rows.collect::<rusqlite::Result<Vec<(i64, Vec<u8>)>>>()
            };
            read().map_err(StoreError::io("reading runs of jobs"))?
        };
        rows.iter().map(|(id, body)| opened(*id, body)).collect()
    }

    fn write<T>(
        &self,
        doing: &'static str,
        act: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut db = self.db.lock();
        let run = || {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let out = act(&tx)?;
            tx.commit()?;
            Ok(out)
        };
        run().map_err(StoreError::io::<rusqlite::Error>(doing))
    }
}

/// Its number, or nothing where there is one of this key.
fn insert(tx: &Transaction<'_>, run: &Run) -> rusqlite::Result<Option<i64>> {
    let RunKey { job, period, again, .. } = &run.key;
    let sql = "INSERT INTO job_runs (job, period, recipients, again, state, due_us, body)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    let added = tx.prepare_cached(sql)?.execute(params![
        job.as_str(),
        period.to_string(),
        recipients(&run.key),
        again,
        run.state.word(),
        run.due.0,
        Sealed(run),
    ])?;
    Ok((added > 0).then(|| tx.last_insert_rowid()))
}

/// Names of channels are single words or lines; a line break is in none.
fn recipients(key: &RunKey) -> String {
    key.recipients.join("\n")
}

fn row(r: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, Vec<u8>)> {
    Ok((r.get(0)?, r.get(1)?))
}

fn opened(id: i64, body: &[u8]) -> Result<Run, StoreError> {
    match sealed::open::<Run>(body) {
        Ok(run) => Ok(Run { id, ..run }),
        Err(detail) => Err(StoreError::Damaged { what: format!("run {id} of jobs"), detail }),
    }
}
