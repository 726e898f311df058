//! Sums of evaluations by evaluator and version: only those of one version are comparable.

use super::read::series;
use crate::hot::count;
use crate::{Reader, RollupQuery, Step, StoreError, state};
use flowgauge_logic::call::Text;
use flowgauge_logic::score::ScoreKind;
use flowgauge_logic::unit::UnixMicros;
use rusqlite::params;
use std::collections::BTreeMap;

/// Evaluations of one intent by one evaluator in one version, in a step of time.
#[derive(Debug, Clone, PartialEq)]
pub struct GradeGroup {
    /// First moment of the step; the window's start for [`Step::Whole`].
    pub from: UnixMicros,
    /// Values of the `group_by` dimensions, in their order.
    pub key: Vec<Text>,
    /// Purpose of the calls.
    pub intent: Text,
    /// Who judged.
    pub evaluator: Text,
    /// In which version.
    pub version: Text,
    /// How many have a quality.
    pub n: u64,
    /// Σ quality.
    pub sum: f64,
    /// Σ quality².
    pub squares: f64,
}

/// Evaluator and version are parts of what a judge is.
const SUMS: &str = "
    SELECT (start_us / 60000000 / ?3) * ?3 AS step, series,
        json_extract(json, '$.evaluator') AS evaluator, json_extract(json, '$.version') AS version,
        count(quality), total(quality), total(quality * quality)
    FROM scores
    WHERE kind = ?4 AND start_us >= ?1 AND start_us < ?2 AND quality IS NOT NULL
    GROUP BY step, series, evaluator, version";
/// Minutes in a step that is longer than all time.
const NO_STEP: i64 = i64::MAX;

type Name = (i64, Vec<Text>, Text, Text, Text);

impl Reader {
    /// Sums of the evaluations whose calls began in the window, sorted by step, key, intent,
    /// evaluator and version.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn grades(&self, query: &RollupQuery) -> Result<Vec<GradeGroup>, StoreError> {
        let Some(db) = state::open_reader(self.dir())? else { return Ok(Vec::new()) };
        if !db.table_exists(None, "scores").map_err(StoreError::io("looking for scores"))? {
            return Ok(Vec::new());
        }
        let window = query.window.whole_minutes();
        let step = match query.step {
            Step::Whole => None,
            Step::Minutes(m) => Some(i64::from(m.max(1))),
        };
        let series = series(&db)?;
        let read = || {
            let kind = ScoreKind::Evaluation.code();
            let values = params![window.from.0, window.to.0, step.unwrap_or(NO_STEP), kind];
            let mut select = db.prepare(SUMS)?;
            let rows = select.query_map(values, |r| {
                let name: (i64, i64, Option<String>, Option<String>) =
                    (r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?);
                Ok((name, (count(r, 4)?, r.get::<_, f64>(5)?, r.get::<_, f64>(6)?)))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows = read().map_err(StoreError::io::<rusqlite::Error>("adding up evaluations"))?;
        let mut groups: BTreeMap<Name, (u64, f64, f64)> = BTreeMap::new();
        for ((minute, id, evaluator, version), (n, sum, squares)) in rows {
            let Some(key) = series.get(&id).filter(|key| query.filter.accepts(key)) else {
                continue;
            };
            let at = step.map_or(window.from.minute(), |_| minute);
            let by = query.group_by.iter().map(|d| Text::from(key.get(*d))).collect();
            let text = |t: Option<String>| Text::from(t.unwrap_or_default());
            let slot = groups.entry((at, by, key.intent.clone(), text(evaluator), text(version)));
            let slot = slot.or_default();
            *slot = (slot.0 + n, slot.1 + sum, slot.2 + squares);
        }
        let group = |((minute, key, intent, evaluator, version), (n, sum, squares))| {
            let from = UnixMicros::from_minute(minute);
            GradeGroup { from, key, intent, evaluator, version, n, sum, squares }
        };
        Ok(groups.into_iter().map(group).collect())
    }
}
