//! Quality labels in `state.db` (decision D4): evaluations and ratings, each attached to its call
//! or waiting for it.
//!
//! Owns its tables and the rule that of one judge about one call the last counts. Refuses to look
//! for calls: who attaches brings the row.

mod grades;
mod hours;
mod lowest;
mod read;
mod verdicts;

use crate::{StoreError, packed, state};
use flowgauge_logic::id::CallId;
use flowgauge_logic::rollup::SeriesKey;
use flowgauge_logic::score::{Attached, Reference, Score};
use flowgauge_logic::unit::UnixMicros;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::path::Path;

pub use grades::GradeGroup;
pub use read::{JudgedBy, PulledScore, ScoreGroup, ScoreQuery, ScoreRow, ScoreTable};
pub use verdicts::Verdicts;

/// Others write to the file too. A transaction that reads first and is overtaken by one of them could
/// not write any more, and would not be allowed to wait either.
const WRITING: TransactionBehavior = TransactionBehavior::Immediate;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS score_series (
        id INTEGER PRIMARY KEY,
        key BLOB NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE IF NOT EXISTS scores (
        id BLOB PRIMARY KEY,
        judge TEXT NOT NULL,
        about TEXT NOT NULL,
        time_us INTEGER NOT NULL,
        received_us INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        quality REAL,
        rating INTEGER,
        thumb INTEGER NOT NULL,
        json TEXT NOT NULL,
        call BLOB,
        start_us INTEGER,
        series INTEGER,
        tokens INTEGER,
        cost_nanos INTEGER,
        UNIQUE (judge, about)
    ) STRICT;
";

/// Tables made before weights were kept lack the column.
const WEIGHT: &str = "ALTER TABLE scores ADD COLUMN weight REAL";

/// The first index holds all that sums need: adding up a week reads it and no row. Those before it did
/// not know the judge, or the weight.
const INDEXES: &str = "
    DROP INDEX IF EXISTS scores_by_start;
    DROP INDEX IF EXISTS scores_by_start_and_judge;
    CREATE INDEX IF NOT EXISTS scores_by_start_judge_and_weight
        ON scores (kind, start_us, series, judge, quality, rating, thumb, tokens, cost_nanos, weight)
        WHERE start_us IS NOT NULL;
    CREATE INDEX IF NOT EXISTS scores_by_call ON scores (call) WHERE call IS NOT NULL;
    CREATE INDEX IF NOT EXISTS scores_by_time ON scores (time_us);
    CREATE INDEX IF NOT EXISTS scores_waiting ON scores (received_us) WHERE call IS NULL;
";

/// Labels of quality. One writer; readers go through [`crate::Reader`].
#[derive(Debug)]
pub struct Scores {
    db: Mutex<Connection>,
}

/// What became of a score handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is new.
    Stored,
    /// It took the place of an earlier one of the same judge about the same call.
    Replaced,
    /// It says what is known already, or something older: nothing changed.
    Unchanged,
}

impl Scores {
    /// Opens the tables, creating them where they are missing.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let mut db = state::connect(dir)?;
        let mut prepare = || {
            db.execute_batch(TABLES)?;
            if !db.column_exists(None, "scores", "weight")? {
                db.execute_batch(WEIGHT)?;
            }
            db.execute_batch(INDEXES)?;
            hours::prepare(&mut db)
        };
        prepare().map_err(StoreError::io::<rusqlite::Error>("preparing the tables of scores"))?;
        Ok(Self { db: Mutex::new(db) })
    }

    /// Makes scores durable, each with the call it is about where that is known. On return they
    /// survive SIGKILL and power loss.
    ///
    /// # Errors
    /// The disk refuses; nothing of them is stored then.
    pub fn put(&self, scores: &[(Score, Option<Attached>)]) -> Result<Vec<Put>, StoreError> {
        let mut db = self.db.lock();
        let tx = db.transaction_with_behavior(WRITING).map_err(StoreError::io("storing scores"))?;
        let mut done = Vec::with_capacity(scores.len());
        for (score, attached) in scores {
            done.push(put_one(&tx, score, attached.as_ref())?);
        }
        tx.commit().map_err(StoreError::io("storing scores"))?;
        Ok(done)
    }

    /// Attaches waiting scores to their calls.
    ///
    /// # Errors
    /// The disk refuses; all of them still wait then.
    pub fn attach(&self, found: &[(CallId, Attached)]) -> Result<(), StoreError> {
        let mut db = self.db.lock();
        let tx =
            db.transaction_with_behavior(WRITING).map_err(StoreError::io("attaching scores"))?;
        for (id, to) in found {
            let waiting = "SELECT json FROM scores WHERE id = ?1 AND call IS NULL";
            let json: Option<String> = tx
                .query_row(waiting, [id.0], |r| r.get(0))
                .optional()
                .map_err(StoreError::io("reading a waiting score"))?;
            let Some(json) = json else { continue };
            tx.execute("DELETE FROM scores WHERE id = ?1", [id.0])
                .map_err(StoreError::io("attaching a score"))?;
            put_one(&tx, &from_json(&json)?, Some(to))?;
        }
        tx.commit().map_err(StoreError::io("attaching scores"))
    }

    /// Moves scores to the row that counts in the place of the one they were attached to.
    ///
    /// # Errors
    /// The disk refuses; all of them stay where they were then.
    pub fn move_to(&self, moves: &[(CallId, Attached)]) -> Result<(), StoreError> {
        let mut db = self.db.lock();
        let tx = db.transaction_with_behavior(WRITING).map_err(StoreError::io("moving scores"))?;
        for (from, to) in moves {
            let read = || {
                let mut select = tx.prepare_cached("SELECT json FROM scores WHERE call = ?1")?;
                let rows = select.query_map([from.0], |r| r.get::<_, String>(0))?;
                rows.collect::<rusqlite::Result<Vec<_>>>()
            };
            let texts = read().map_err(StoreError::io::<rusqlite::Error>("reading scores"))?;
            tx.execute("DELETE FROM scores WHERE call = ?1", [from.0])
                .map_err(StoreError::io("moving scores"))?;
            for json in &texts {
                put_one(&tx, &from_json(json)?, Some(to))?;
            }
        }
        tx.commit().map_err(StoreError::io("moving scores"))
    }

    /// Calls that scores received since a moment are attached to, each once.
    ///
    /// # Errors
    /// The database refuses.
    pub fn scored_since(&self, since: UnixMicros, limit: usize) -> Result<Vec<CallId>, StoreError> {
        let sql = "SELECT DISTINCT call FROM scores
                   WHERE call IS NOT NULL AND received_us >= ?1 LIMIT ?2";
        let db = self.db.lock();
        let read = || {
            let mut select = db.prepare_cached(sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = select.query_map(params![since.0, limit], |r| Ok(CallId(r.get(0)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(StoreError::io::<rusqlite::Error>("reading scored calls"))
    }

    /// Those of these calls that scores are attached to.
    ///
    /// # Errors
    /// The database refuses.
    pub fn scored_among(&self, calls: &[CallId]) -> Result<Vec<CallId>, StoreError> {
        let db = self.db.lock();
        let read = || {
            let mut select = db.prepare_cached("SELECT 1 FROM scores WHERE call = ?1 LIMIT 1")?;
            let mut out = Vec::new();
            for call in calls {
                if select.exists([call.0])? {
                    out.push(*call);
                }
            }
            Ok(out)
        };
        read().map_err(StoreError::io::<rusqlite::Error>("reading scored calls"))
    }

    /// Scores that wait for their call, the latest received first.
    ///
    /// # Errors
    /// The database refuses, or a row is damaged.
    pub fn waiting(&self, limit: usize) -> Result<Vec<(CallId, Reference)>, StoreError> {
        let db = self.db.lock();
        let sql = "SELECT json FROM scores WHERE call IS NULL ORDER BY received_us DESC LIMIT ?1";
        let read = || {
            let mut select = db.prepare_cached(sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = select.query_map([limit], |r| r.get::<_, String>(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let texts = read().map_err(StoreError::io("reading waiting scores"))?;
        texts.iter().map(|json| from_json(json).map(|s| (s.id, s.about))).collect()
    }
}

fn put_one(
    tx: &Transaction<'_>,
    score: &Score,
    attached: Option<&Attached>,
) -> Result<Put, StoreError> {
    let about = match attached {
        Some(to) => Reference { call: Some(to.call), ..Reference::default() }.text(),
        // Nothing can be found twice by no reference: each stands for itself.
        None if score.about.is_empty() => format!("score:{}", score.id),
        None => score.about.text(),
    };
    let judge = score.judge();
    let known: Option<String> = tx
        .prepare_cached("SELECT json FROM scores WHERE judge = ?1 AND about = ?2")
        .and_then(|mut s| s.query_row(params![judge, about], |r| r.get(0)).optional())
        .map_err(StoreError::io("looking for an earlier score"))?;
    let earlier = known.as_deref().map(from_json).transpose()?;
    if let Some(earlier) = &earlier {
        if !score.follows(earlier) || score == earlier {
            return Ok(Put::Unchanged);
        }
        if score.says_what(earlier) {
            // The same said again later: only its moment moves.
            let again = Score { id: earlier.id, ..score.clone() };
            insert(tx, &again, attached, (&judge, &about))?;
            return Ok(Put::Unchanged);
        }
    }
    insert(tx, score, attached, (&judge, &about))?;
    Ok(if earlier.is_some() { Put::Replaced } else { Put::Stored })
}

fn insert(
    tx: &Transaction<'_>,
    score: &Score,
    attached: Option<&Attached>,
    (judge, about): (&str, &str),
) -> Result<(), StoreError> {
    let json = serde_json::to_string(score).map_err(StoreError::io("writing a score as JSON"))?;
    let series = attached.map(|to| series_id(tx, &to.series)).transpose()?;
    let tokens = attached.and_then(|to| to.tokens).and_then(|t| i64::try_from(t.0).ok());
    let sql = "INSERT OR REPLACE INTO scores
               (id, judge, about, time_us, received_us, kind, quality, rating, thumb, json,
                call, start_us, series, tokens, cost_nanos, weight)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
    let values = params![
        score.id.0,
        judge,
        about,
        score.time.0,
        score.received.0,
        score.kind.code(),
        score.quality,
        score.rating,
        score.thumb,
        json,
        attached.map(|to| to.call.0),
        attached.map(|to| to.start.0),
        series,
        tokens,
        attached.and_then(|to| to.cost).map(|c| c.0),
        score.weight,
    ];
    let done = tx.prepare_cached(sql).and_then(|mut s| s.execute(values));
    done.map(drop).map_err(StoreError::io("storing a score"))
}

/// The id of a series; new ones are named. There are as many as the rollups have at most.
fn series_id(tx: &Transaction<'_>, key: &SeriesKey) -> Result<i64, StoreError> {
    let packed = packed::put_series(key);
    let id = || {
        tx.prepare_cached("INSERT INTO score_series (key) VALUES (?1) ON CONFLICT DO NOTHING")?
            .execute(params![packed])?;
        tx.prepare_cached("SELECT id FROM score_series WHERE key = ?1")?
            .query_row(params![packed], |r| r.get(0))
    };
    id().map_err(StoreError::io::<rusqlite::Error>("naming a series of scores"))
}

fn from_json(json: &str) -> Result<Score, StoreError> {
    serde_json::from_str(json).map_err(|e| StoreError::Damaged {
        what: "a score in state.db".to_owned(),
        detail: e.to_string(),
    })
}

#[cfg(test)]
mod tests;
