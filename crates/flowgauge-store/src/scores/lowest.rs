//! Single figures of many evaluations, found by the database: however many there are, few come out.

use super::read::has_scores;
use crate::hot::count;
use crate::{Reader, StoreError, state};
use flowgauge_logic::id::CallId;
use flowgauge_logic::score::{Evaluator, ScoreKind};
use flowgauge_logic::window::Window;
use rusqlite::params;

const LOWEST: &str = "
    SELECT call, min(quality) AS lowest FROM scores
    WHERE kind = ?1 AND start_us >= ?2 AND start_us < ?3 AND substr(judge, 1, length(?4)) = ?4
        AND quality IS NOT NULL AND call IS NOT NULL
    GROUP BY call ORDER BY lowest, call LIMIT ?5";
const BELOW: &str = "
    SELECT ifnull(sum(quality < ?5), 0), count(quality) FROM scores
    WHERE kind = ?1 AND start_us >= ?2 AND start_us < ?3 AND substr(judge, 1, length(?4)) = ?4";

impl Reader {
    /// The calls that began in a window and that an evaluator judged lowest, the lowest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn lowest_judged(
        &self,
        by: &Evaluator,
        window: Window,
        most: usize,
    ) -> Result<Vec<(CallId, f64)>, StoreError> {
        let Some(db) = state::open_reader(self.dir())? else { return Ok(Vec::new()) };
        if !has_scores(&db)? {
            return Ok(Vec::new());
        }
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let read = || {
            let mut select = db.prepare(LOWEST)?;
            let values =
                params![ScoreKind::Evaluation.code(), window.from.0, window.to.0, begins(by), most];
            let rows = select.query_map(values, |r| Ok((CallId(r.get(0)?), r.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(StoreError::io::<rusqlite::Error>("reading the lowest scores"))
    }

    /// Of the calls that began in a window, how many an evaluator judged below a quality, and how many it judged.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn judged_below(
        &self,
        by: &Evaluator,
        window: Window,
        quality: f64,
    ) -> Result<(u64, u64), StoreError> {
        let Some(db) = state::open_reader(self.dir())? else { return Ok((0, 0)) };
        if !has_scores(&db)? {
            return Ok((0, 0));
        }
        let values =
            params![ScoreKind::Evaluation.code(), window.from.0, window.to.0, begins(by), quality];
        let read = db.query_row(BELOW, values, |r| Ok((count(r, 0)?, count(r, 1)?)));
        read.map_err(StoreError::io("counting low scores"))
    }
}

/// How the judges of an evaluator begin ([`flowgauge_logic::score::Score::judge`]); whoever gave its word follows.
fn begins(by: &Evaluator) -> String {
    let Evaluator { name, version } = by;
    format!("{}\u{1f}{name}\u{1f}{version}\u{1f}", ScoreKind::Evaluation.word())
}
