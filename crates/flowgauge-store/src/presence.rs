//! When flowgauge was running, in `state.db`: one row for each run, from its start to the last time it was seen.
//!
//! Refuses to guess: what was before the first row is not known, and says neither that it ran nor that it did not.

use crate::{Reader, StoreError, state};
use flowgauge_logic::unit::UnixMicros;
use flowgauge_logic::window::Window;
use parking_lot::Mutex;
use rusqlite::{Connection, params};
use std::path::Path;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS presence (
        from_us INTEGER PRIMARY KEY,
        to_us INTEGER NOT NULL
    ) STRICT;
";

/// Runs kept: ten years of one a day. The oldest go first.
const KEPT: u32 = 3_650;

/// The run that goes on, being written down.
#[derive(Debug)]
pub struct Presence {
    db: Mutex<Connection>,
    from: UnixMicros,
}

impl Presence {
    /// Begins a run at a moment.
    ///
    /// # Errors
    /// The database cannot be opened or written.
    pub fn begin(dir: &Path, at: UnixMicros) -> Result<Self, StoreError> {
        let db = state::connect(dir)?;
        let fault = StoreError::io("noting that flowgauge runs");
        let note = || {
            db.execute_batch(TABLES)?;
            let begin = "INSERT INTO presence VALUES (?1, ?1)
                         ON CONFLICT DO UPDATE SET to_us = max(to_us, excluded.to_us)";
            db.execute(begin, [at.0])?;
            let forget = "DELETE FROM presence WHERE from_us NOT IN
                          (SELECT from_us FROM presence ORDER BY from_us DESC LIMIT ?1)";
            db.execute(forget, [KEPT])
        };
        note().map_err(fault)?;
        Ok(Self { db: Mutex::new(db), from: at })
    }

    /// It is still there.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn seen(&self, at: UnixMicros) -> Result<(), StoreError> {
        let sql = "UPDATE presence SET to_us = max(to_us, ?2) WHERE from_us = ?1";
        let done = self.db.lock().execute(sql, params![self.from.0, at.0]);
        done.map(drop).map_err(StoreError::io("noting that flowgauge runs"))
    }
}

impl Reader {
    /// Stretches of a window up to `now` in which flowgauge is known not to have run, oldest first. `within` is how long
    /// after it was seen last it may be taken to have run on: as long as lies between two notes.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn absences(
        &self,
        window: Window,
        now: UnixMicros,
        within: i64,
    ) -> Result<Vec<Window>, StoreError> {
        let Some(db) = state::open_reader(self.dir())? else { return Ok(Vec::new()) };
        let read = || -> rusqlite::Result<Vec<Window>> {
            if !db.table_exists(None, "presence")? {
                return Ok(Vec::new());
            }
            let mut select = db.prepare("SELECT from_us, to_us FROM presence ORDER BY from_us")?;
            let rows = select.query_map([], |r| {
                Ok(Window { from: UnixMicros(r.get(0)?), to: UnixMicros(r.get(1)?) })
            })?;
            rows.collect()
        };
        let runs = read().map_err(StoreError::io("reading when flowgauge ran"))?;
        Ok(between(&runs, window, now, within))
    }
}

/// What lies between runs, and between the last one and now, inside a window.
fn between(runs: &[Window], window: Window, now: UnixMicros, within: i64) -> Vec<Window> {
    let mut out = Vec::new();
    let mut seen: Option<UnixMicros> = None;
    let here = Window { from: now, to: now };
    for run in runs.iter().chain([&here]) {
        if let Some(last) = seen {
            let gap = Window { from: last.max(window.from), to: run.from.min(window.to) };
            if run.from.0.saturating_sub(last.0) > within && gap.from < gap.to {
                out.push(gap);
            }
        }
        seen = seen.max(Some(run.to));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn span(from: i64, to: i64) -> Window {
        Window { from: UnixMicros(from), to: UnixMicros(to) }
    }

    #[test]
    fn what_lies_between_two_runs_is_an_absence_and_before_the_first_nothing_is_known() {
        let runs = [span(100, 200), span(205, 300), span(500, 600)];
        let at = |window, within| between(&runs, window, UnixMicros(605), within);
        assert_eq!(at(span(0, 1_000), 10), [span(300, 500)]);
        assert_eq!(at(span(0, 1_000), 0), [span(200, 205), span(300, 500), span(600, 605)]);
        assert_eq!(at(span(400, 450), 10), [span(400, 450)]);
        assert_eq!(at(span(600, 900), 10), []);
        assert_eq!(between(&[], span(0, 1_000), UnixMicros(605), 10), []);
    }

    #[test]
    fn an_end_nobody_came_back_from_is_an_absence_until_now() {
        let runs = [span(100, 200)];
        assert_eq!(between(&runs, span(0, 900), UnixMicros(700), 10), [span(200, 700)]);
    }
}
