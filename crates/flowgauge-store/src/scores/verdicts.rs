//! Evaluations one by one, whoever gave them: for those who hold evaluators against each other.

use super::read::{evaluator, has_scores, series};
use crate::{Reader, StoreError, state};
use flowgauge_logic::id::CallId;
use flowgauge_logic::rollup::Filter;
use flowgauge_logic::score::verdict::{ByCall, Verdict, of_list};
use flowgauge_logic::score::{Evaluator, ScoreKind};
use flowgauge_logic::window::Window;
use rusqlite::{params, params_from_iter};

const LATEST: &str = "
    SELECT call, judge, quality, series FROM scores
    WHERE kind = ?1 AND start_us >= ?2 AND start_us < ?3 AND quality IS NOT NULL AND call IS NOT NULL
    ORDER BY start_us DESC LIMIT ?4";

/// Calls looked up with one statement: a page of the API, and far below what SQLite takes.
const AT_ONCE: usize = 1_000;

/// Evaluations with a quality, those of the latest calls first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verdicts {
    /// Those the filter accepts.
    pub rows: Vec<Verdict>,
    /// How many were read, accepted or not.
    pub read: usize,
    /// Whether the window holds no more than were read.
    pub all: bool,
}

impl Reader {
    /// Evaluations of the calls that began in a window, those of the latest calls first; at most
    /// `most` are read.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn verdicts(
        &self,
        window: Window,
        filter: &Filter,
        most: usize,
    ) -> Result<Verdicts, StoreError> {
        let none = Verdicts { all: true, ..Verdicts::default() };
        let Some(db) = state::open_reader(self.dir())? else { return Ok(none) };
        if !has_scores(&db)? {
            return Ok(none);
        }
        let read = || {
            let mut select = db.prepare(LATEST)?;
            // One more than wanted says whether there are more.
            let limit = i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX);
            let values = params![ScoreKind::Evaluation.code(), window.from.0, window.to.0, limit];
            let rows = select.query_map(values, |r| {
                let judge: String = r.get(1)?;
                Ok((CallId(r.get(0)?), judge, r.get(2)?, r.get(3)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<(CallId, String, f64, i64)>>>()
        };
        let mut rows = read().map_err(StoreError::io::<rusqlite::Error>("reading evaluations"))?;
        let all = rows.len() <= most;
        rows.truncate(most);
        let (read, keys) = (rows.len(), series(&db)?);
        let wanted = |id: &i64| keys.get(id).is_some_and(|key| filter.accepts(key));
        let kept = rows.into_iter().filter(|(.., id)| wanted(id));
        let row = |(call, judge, quality, _): (CallId, String, f64, i64)| {
            let by = evaluator(&judge);
            Verdict { call, by, quality }
        };
        Ok(Verdicts { rows: kept.map(row).collect(), read, all })
    }

    /// What the evaluator of record says of each of these calls, all of them by one evaluator: the
    /// preferred one where it judged any of them, else the one that judged most of them. Nothing where
    /// nobody judged. A page of calls is one look-up.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn qualities(&self, calls: &[CallId]) -> Result<Option<(Evaluator, ByCall)>, StoreError> {
        let Some(db) = state::open_reader(self.dir())? else { return Ok(None) };
        if !has_scores(&db)? {
            return Ok(None);
        }
        let mut said = Vec::new();
        for some in calls.chunks(AT_ONCE) {
            let read = || {
                let mut select = db.prepare_cached(&of_calls(some.len()))?;
                let rows = select.query_map(params_from_iter(some.iter().map(|c| c.0)), |r| {
                    let judge: String = r.get(1)?;
                    let by = evaluator(&judge);
                    Ok(Verdict { call: CallId(r.get(0)?), by, quality: r.get(2)? })
                })?;
                rows.collect::<rusqlite::Result<Vec<_>>>()
            };
            said.extend(
                read().map_err(StoreError::io::<rusqlite::Error>("reading scores of calls"))?,
            );
        }
        Ok(of_list(&said, self.preferred()))
    }
}

fn of_calls(n: usize) -> String {
    let (code, marks) = (ScoreKind::Evaluation.code(), vec!["?"; n].join(","));
    format!(
        "SELECT call, judge, quality FROM scores
         WHERE call IN ({marks}) AND kind = {code} AND quality IS NOT NULL"
    )
}
