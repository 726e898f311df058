//! Sums of scores by hour, so that a month is added up from its hours and not from each score.
//!
//! Owns which hours are summed up. Triggers make an hour stale by whoever changes a score of it: it is
//! read score by score until it is summed up again.

use super::read::SUMS;
use super::{Scores, WRITING};
use crate::StoreError;
use flowgauge_logic::score::ScoreKind;
use flowgauge_logic::unit::UnixMicros;
use flowgauge_logic::window::Window;
use rusqlite::{Connection, params};

/// Minutes of what is summed up together.
pub(super) const HOUR: i64 = 60;
/// Hours summed up in one transaction: a busy hour of 20,000 scores takes a tenth of a second, and others
/// wait to write.
const AT_ONCE: i64 = 8;

/// `score_hours` has the columns of [`SUMS`] behind its kind; `minute` is the first of its hour.
const TABLES: &str = "
    CREATE TABLE score_hours (
        kind INTEGER, minute INTEGER, series INTEGER, who TEXT,
        qualities, quality, squares, without, tokens, of_tokens, with_tokens, cost, of_cost, with_cost,
        ones, twos, threes, fours, fives, thumbs, surplus, surplus_squares,
        PRIMARY KEY (kind, minute, series, who)
    ) WITHOUT ROWID;
    CREATE TABLE score_hours_stale (
        kind INTEGER, minute INTEGER,
        PRIMARY KEY (kind, minute)
    ) WITHOUT ROWID;
    INSERT INTO score_hours_stale
        SELECT DISTINCT kind, start_us / 3600000000 * 60 FROM scores WHERE start_us IS NOT NULL;
    CREATE TRIGGER score_came AFTER INSERT ON scores WHEN NEW.start_us IS NOT NULL BEGIN
        INSERT OR IGNORE INTO score_hours_stale VALUES (NEW.kind, NEW.start_us / 3600000000 * 60);
        DELETE FROM score_hours WHERE kind = NEW.kind AND minute = NEW.start_us / 3600000000 * 60;
    END;
    CREATE TRIGGER score_went AFTER DELETE ON scores WHEN OLD.start_us IS NOT NULL BEGIN
        INSERT OR IGNORE INTO score_hours_stale VALUES (OLD.kind, OLD.start_us / 3600000000 * 60);
        DELETE FROM score_hours WHERE kind = OLD.kind AND minute = OLD.start_us / 3600000000 * 60;
    END;
";

/// The same sums as [`SUMS`], from hours; its window is in minutes.
pub(super) const SUMS_OF_HOURS: &str = "
    SELECT (minute / ?3) * ?3 AS step, series, who,
        sum(qualities), total(quality), total(squares), sum(without), sum(tokens), total(of_tokens),
        sum(with_tokens), sum(cost), total(of_cost), sum(with_cost),
        sum(ones), sum(twos), sum(threes), sum(fours), sum(fives), sum(thumbs),
        total(surplus), total(surplus_squares)
    FROM score_hours WHERE kind = ?4 AND minute >= ?1 AND minute < ?2 GROUP BY step, series, who";

impl Scores {
    /// Sums up hours that ended before a moment and have changed since they were summed up last. Says
    /// whether any are left.
    ///
    /// # Errors
    /// The disk refuses; those hours are read score by score until it works.
    pub fn sum_up(&self, before: UnixMicros) -> Result<bool, StoreError> {
        let mut db = self.db.lock();
        let mut some = || {
            let last = before.minute() - HOUR;
            let stale = stale(&db, None, (i64::MIN, last + 1), AT_ONCE)?;
            if stale.is_empty() {
                return Ok(false);
            }
            let tx = db.transaction_with_behavior(WRITING)?;
            let sums = SUMS.replace("WEIGHT", "ifnull(weight, 1.0)");
            for &(kind, minute) in &stale {
                let sum = format!("INSERT OR REPLACE INTO score_hours SELECT ?4, * FROM ({sums})");
                let (from, to) = (micros(minute), micros(minute + HOUR));
                tx.prepare_cached(&sum)?.execute(params![from, to, HOUR, kind])?;
                let known = "DELETE FROM score_hours_stale WHERE kind = ?1 AND minute = ?2";
                tx.prepare_cached(known)?.execute(params![kind, minute])?;
            }
            tx.commit()?;
            Ok(stale.len() == usize::try_from(AT_ONCE).unwrap_or(usize::MAX))
        };
        some().map_err(StoreError::io::<rusqlite::Error>("summing up scores by hour"))
    }
}

/// Makes tables and triggers where they are missing.
pub(super) fn prepare(db: &mut Connection) -> rusqlite::Result<()> {
    // Without it a row that another takes the place of goes without its trigger.
    db.pragma_update(None, "recursive_triggers", true)?;
    let tx = db.transaction_with_behavior(WRITING)?;
    if !tx.table_exists(None, "score_hours")? {
        tx.execute_batch(TABLES)?;
    }
    tx.commit()
}

/// How a window is read: hours by their sums, the rest score by score.
pub(super) struct Parts {
    /// Minutes of whole hours, stale ones among them: those have no sums.
    pub(super) hours: (i64, i64),
    /// Edges and stale hours, in minutes.
    pub(super) single: Vec<(i64, i64)>,
}

/// Nothing where hours do not help: short steps, short windows, tables that nobody made yet.
pub(super) fn parts(
    db: &Connection,
    window: Window,
    step: i64,
    kind: ScoreKind,
) -> rusqlite::Result<Option<Parts>> {
    let (from, to) = (window.from.minute(), window.to.minute());
    let hours = ((from + HOUR - 1).div_euclid(HOUR) * HOUR, to.div_euclid(HOUR) * HOUR);
    let whole = step == i64::MAX || step % HOUR == 0;
    if !whole || hours.1 <= hours.0 || !db.table_exists(None, "score_hours")? {
        return Ok(None);
    }
    let mut single = vec![(from, hours.0), (hours.1, to)];
    single.retain(|(from, to)| from < to);
    for (_, minute) in stale(db, Some(kind.code().into()), hours, i64::MAX)? {
        match single.last_mut() {
            Some(last) if last.1 == minute && last.0 >= hours.0 => last.1 = minute + HOUR,
            _ => single.push((minute, minute + HOUR)),
        }
    }
    Ok(Some(Parts { hours, single }))
}

/// Stale hours in a span of minutes: kind and first minute.
fn stale(
    db: &Connection,
    kind: Option<i64>,
    (from, to): (i64, i64),
    most: i64,
) -> rusqlite::Result<Vec<(i64, i64)>> {
    let sql = "SELECT kind, minute FROM score_hours_stale
               WHERE kind = ifnull(?1, kind) AND minute >= ?2 AND minute < ?3
               ORDER BY minute LIMIT ?4";
    let mut select = db.prepare_cached(sql)?;
    let rows = select.query_map(params![kind, from, to, most], |r| Ok((r.get(0)?, r.get(1)?)))?;
    rows.collect()
}

fn micros(minute: i64) -> i64 {
    UnixMicros::from_minute(minute).0
}
