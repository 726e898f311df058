//! Results of uptime checks in `state.db`, by check and minute.
//!
//! Refuses to invent: a minute in which no check ran has no row, so that our own absence is a gap
//! and never an outage.

use crate::hot::count;
use crate::{Reader, StoreError, state};
use flowgauge_logic::kpi::CheckSums;
use flowgauge_logic::unit::{Micros, UnixMicros};
use flowgauge_logic::window::Window;
use parking_lot::Mutex;
use rusqlite::{Connection, params};
use std::path::Path;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS check_targets (
        name TEXT PRIMARY KEY,
        url TEXT NOT NULL,
        every_us INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS checks (
        name TEXT NOT NULL,
        minute INTEGER NOT NULL,
        good INTEGER NOT NULL,
        bad INTEGER NOT NULL,
        took_us INTEGER NOT NULL,
        last_us INTEGER NOT NULL,
        last_good INTEGER NOT NULL,
        last_detail TEXT NOT NULL,
        PRIMARY KEY (name, minute)
    ) STRICT, WITHOUT ROWID;
";

/// Results of checks. One writer; readers go through [`Reader`].
#[derive(Debug)]
pub struct Checks {
    db: Mutex<Connection>,
}

/// What is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckTarget {
    /// Name.
    pub name: String,
    /// What is asked.
    pub url: String,
    /// How often.
    pub every: Micros,
}

/// One run of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRun {
    /// Which.
    pub name: String,
    /// When it began.
    pub at: UnixMicros,
    /// Whether it was answered as expected in time.
    pub good: bool,
    /// How long it took.
    pub took: Micros,
    /// What came back, for people; never a body.
    pub detail: String,
}

/// A check over a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRow {
    /// What is checked.
    pub target: CheckTarget,
    /// Good runs.
    pub good: u64,
    /// Runs that were not.
    pub bad: u64,
    /// Σ time of all runs.
    pub took: Micros,
    /// The last run known, of any time: when, whether good, and what came back.
    pub last: Option<(UnixMicros, bool, String)>,
}

impl Checks {
    /// Opens the tables and makes `targets` the configured checks; results of others are kept.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn open(dir: &Path, targets: &[CheckTarget]) -> Result<Self, StoreError> {
        let db = state::connect(dir)?;
        let declare = || {
            let tx = db.unchecked_transaction()?;
            tx.execute_batch(TABLES)?;
            tx.execute("DELETE FROM check_targets", [])?;
            let sql = "INSERT OR REPLACE INTO check_targets (name, url, every_us)
                       VALUES (?1, ?2, ?3)";
            for CheckTarget { name, url, every } in targets {
                tx.execute(sql, params![name, url, every.0.cast_signed()])?;
            }
            tx.commit()
        };
        declare().map_err(StoreError::io::<rusqlite::Error>("preparing the tables of checks"))?;
        Ok(Self { db: Mutex::new(db) })
    }

    /// Adds a run to its minute.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn add(&self, run: &CheckRun) -> Result<(), StoreError> {
        let sql = "INSERT INTO checks
                   (name, minute, good, bad, took_us, last_us, last_good, last_detail)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?3, ?7)
                   ON CONFLICT DO UPDATE SET good = good + excluded.good, bad = bad + excluded.bad,
                       took_us = took_us + excluded.took_us, last_us = excluded.last_us,
                       last_good = excluded.last_good, last_detail = excluded.last_detail";
        let CheckRun { name, at, good, took, detail } = run;
        let took = took.0.cast_signed();
        let values = params![name, at.minute(), *good, !*good, took, at.0, detail];
        self.db.lock().execute(sql, values).map_err(StoreError::io("storing a check"))?;
        Ok(())
    }

    /// Deletes results older than `before`.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn forget(&self, before: UnixMicros) -> Result<(), StoreError> {
        let sql = "DELETE FROM checks WHERE minute < ?1";
        let done = self.db.lock().execute(sql, [before.minute()]);
        done.map(drop).map_err(StoreError::io("deleting old checks"))
    }
}

impl Reader {
    /// Every configured check over a window, by name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn checks(&self, window: Window) -> Result<Vec<CheckRow>, StoreError> {
        let Some(db) = readable(self.dir())? else { return Ok(Vec::new()) };
        let window = window.whole_minutes();
        let sql = "SELECT t.name, t.url, t.every_us,
                ifnull(sum(c.good), 0), ifnull(sum(c.bad), 0), ifnull(sum(c.took_us), 0)
            FROM check_targets t LEFT JOIN checks c
                ON c.name = t.name AND c.minute >= ?1 AND c.minute < ?2
            GROUP BY t.name ORDER BY t.name";
        let last = "SELECT last_us, last_good, last_detail FROM checks
                    WHERE name = ?1 ORDER BY minute DESC LIMIT 1";
        let read = || {
            let mut select = db.prepare(sql)?;
            let rows =
                select.query_map(params![window.from.minute(), window.to.minute()], |r| {
                    let every = Micros(count(r, 2)?);
                    let target = CheckTarget { name: r.get(0)?, url: r.get(1)?, every };
                    let (good, bad, took) = (count(r, 3)?, count(r, 4)?, Micros(count(r, 5)?));
                    Ok(CheckRow { target, good, bad, took, last: None })
                })?;
            let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            let mut newest = db.prepare(last)?;
            for row in &mut rows {
                let found = newest.query_map([&row.target.name], |r| {
                    Ok((UnixMicros(r.get(0)?), r.get(1)?, r.get(2)?))
                })?;
                row.last = found.last().transpose()?;
            }
            Ok(rows)
        };
        read().map_err(StoreError::io::<rusqlite::Error>("reading checks"))
    }

    /// Good and bad runs per step of so many minutes, of all checks that ran; the first minute of a
    /// step is aligned to the epoch. Without a step, one sum for the window.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn check_sums(
        &self,
        window: Window,
        step: Option<u32>,
    ) -> Result<Vec<(UnixMicros, CheckSums)>, StoreError> {
        let window = window.whole_minutes();
        let from = window.from.minute();
        let Some(db) = readable(self.dir())? else {
            return Ok(vec![(window.from, CheckSums::default())]);
        };
        let sql = "SELECT CASE WHEN ?3 = 0 THEN ?1 ELSE minute / ?3 * ?3 END AS step,
                sum(good), sum(bad)
            FROM checks WHERE minute >= ?1 AND minute < ?2 GROUP BY step ORDER BY step";
        let read = || {
            let configured =
                db.query_row("SELECT count(*) FROM check_targets", [], |r| count(r, 0))? > 0;
            let mut select = db.prepare(sql)?;
            let step = step.map_or(0, i64::from);
            let rows = select.query_map(params![from, window.to.minute(), step], |r| {
                let sums = CheckSums { good: count(r, 1)?, bad: count(r, 2)?, configured };
                Ok((UnixMicros::from_minute(r.get(0)?), sums))
            })?;
            let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            if rows.is_empty() {
                rows.push((window.from, CheckSums { configured, ..CheckSums::default() }));
            }
            Ok(rows)
        };
        read().map_err(StoreError::io::<rusqlite::Error>("adding up checks"))
    }
}

/// The database, where it has tables of checks.
fn readable(dir: &Path) -> Result<Option<Connection>, StoreError> {
    let Some(db) = state::open_reader(dir)? else { return Ok(None) };
    let there = db.table_exists(None, "checks").map_err(StoreError::io("looking for checks"))?;
    Ok(there.then_some(db))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Store};

    const T0: UnixMicros = UnixMicros(1_763_000_040_000_000);

    fn run(minute: i64, good: bool) -> CheckRun {
        CheckRun {
            name: "app".to_owned(),
            at: UnixMicros(T0.0 + minute * UnixMicros::MINUTE),
            good,
            took: Micros(20_000),
            detail: if good { "200" } else { "503" }.to_owned(),
        }
    }

    fn window(minutes: i64) -> Window {
        Window { from: T0, to: UnixMicros(T0.0 + minutes * UnixMicros::MINUTE) }
    }

    #[test]
    fn runs_add_up_by_minute_and_minutes_without_a_run_are_no_outage() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Options::default(), T0).unwrap().store;
        let reader = store.reader();
        assert_eq!(reader.check_sums(window(9), None).unwrap()[0].1, CheckSums::default());
        let every = Micros::from_millis(30_000);
        let target = |name: &str| CheckTarget {
            name: name.to_owned(),
            url: "http://app/".to_owned(),
            every,
        };
        let checks = Checks::open(dir.path(), &[target("app"), target("idle")]).unwrap();
        for (minute, good) in [(0, true), (0, true), (0, false), (7, true)] {
            checks.add(&run(minute, good)).unwrap();
        }
        let sums = CheckSums { good: 3, bad: 1, configured: true };
        assert_eq!(reader.check_sums(window(9), None).unwrap(), [(T0, sums)]);
        let steps = reader.check_sums(window(9), Some(1)).unwrap();
        assert_eq!(steps.len(), 2, "only minutes in which a check ran");
        let rows = reader.checks(window(3)).unwrap();
        assert_eq!((rows[0].good, rows[0].bad, rows[0].took), (2, 1, Micros(60_000)));
        assert_eq!(rows[0].last.as_ref().map(|l| (l.1, l.2.as_str())), Some((true, "200")));
        assert_eq!((rows[1].good, &rows[1].last), (0, &None));
        checks.forget(UnixMicros(T0.0 + UnixMicros::MINUTE)).unwrap();
        assert_eq!(reader.check_sums(window(9), None).unwrap()[0].1.good, 1);
    }
}
