//! Reading scores: sums for KPIs, rows for people.

use super::{from_json, hours};
use crate::hot::count;
use crate::{Reader, RollupQuery, Step, StoreError, packed, state};
use flowgauge_logic::call::Text;
use flowgauge_logic::id::CallId;
use flowgauge_logic::rollup::SeriesKey;
use flowgauge_logic::score::{Evaluator, Score, ScoreKind, ScoreSums, of_record};
use flowgauge_logic::unit::{NanoUsd, UnixMicros};
use flowgauge_logic::window::Window;
use rusqlite::{Connection, Row, params};
use std::collections::{BTreeMap, HashMap};

/// Sums of the scores of one intent within one group.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreGroup {
    /// First moment of the step; the window's start for [`Step::Whole`].
    pub from: UnixMicros,
    /// Values of the `group_by` dimensions, in their order.
    pub key: Vec<Text>,
    /// Purpose of the calls: overall quality weighs by it.
    pub intent: Text,
    /// What is known of them.
    pub sums: ScoreSums,
}

/// Whose evaluations are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JudgedBy<'a> {
    /// Those of the evaluator of record: the reader's preferred one where it judged, else the busiest.
    OfRecord,
    /// Those of one evaluator in one version.
    Exactly(&'a Evaluator),
}

/// Sums of the scores of one evaluator, or of ratings, which have none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScoreTable {
    /// Whose they are; nothing where nobody judged, and for ratings.
    pub by: Option<Evaluator>,
    /// Everybody who judged in the window, and how many evaluations each gave.
    pub judges: Vec<(Evaluator, u64)>,
    /// Sorted by step, key and intent.
    pub groups: Vec<ScoreGroup>,
}

/// Which scores are wanted as rows, the latest first.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreQuery {
    /// By the time they were given.
    pub window: Window,
    /// Only this form.
    pub kind: Option<ScoreKind>,
    /// Only those of this call.
    pub call: Option<CallId>,
    /// At most so many.
    pub limit: usize,
}

/// A score and the call it is attached to.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreRow {
    /// As it was given.
    pub score: Score,
    /// Its call and that call's start; nothing while it waits.
    pub attached: Option<(CallId, UnixMicros)>,
}

/// Ratings stand in five columns, so that one statement reads all sums. `WEIGHT` is put in when asked.
pub(super) const SUMS: &str = "
    SELECT (start_us / 60000000 / ?3) * ?3 AS step, series,
        CASE WHEN kind = 0 THEN judge ELSE '' END AS who,
        count(quality), total(WEIGHT * quality), total(WEIGHT * quality * quality),
        sum(kind = 0 AND quality IS NULL),
        ifnull(sum(CASE WHEN quality IS NOT NULL THEN tokens END), 0),
        total(CASE WHEN tokens IS NOT NULL THEN quality END),
        sum(quality IS NOT NULL AND tokens IS NOT NULL),
        ifnull(sum(CASE WHEN quality IS NOT NULL THEN cost_nanos END), 0),
        total(CASE WHEN cost_nanos IS NOT NULL THEN quality END),
        sum(quality IS NOT NULL AND cost_nanos IS NOT NULL),
        ifnull(sum(rating = 1), 0), ifnull(sum(rating = 2), 0), ifnull(sum(rating = 3), 0),
        ifnull(sum(rating = 4), 0), ifnull(sum(rating = 5), 0), sum(thumb),
        total(CASE WHEN quality IS NOT NULL THEN WEIGHT - 1 END),
        total(CASE WHEN quality IS NOT NULL THEN WEIGHT * WEIGHT - 1 END)
    FROM scores WHERE kind = ?4 AND start_us >= ?1 AND start_us < ?2 GROUP BY step, series, who";
/// Minutes in a step that is longer than all time.
const NO_STEP: i64 = i64::MAX;

impl Reader {
    /// Sums of the scores of one form whose calls began in the window, by group and intent. Evaluations
    /// are those of one evaluator in one version: they are never mixed.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn score_sums(
        &self,
        query: &RollupQuery,
        kind: ScoreKind,
        by: JudgedBy<'_>,
    ) -> Result<ScoreTable, StoreError> {
        Ok(ScoreTable::of(self.judged(query, kind)?, by, self.preferred()))
    }

    /// Sums by whoever judged.
    pub(super) fn judged(
        &self,
        query: &RollupQuery,
        kind: ScoreKind,
    ) -> Result<ByEvaluator, StoreError> {
        let mut of = ByEvaluator::new();
        let Some(db) = state::open_reader(self.dir())? else { return Ok(of) };
        if !has_scores(&db)? {
            return Ok(of);
        }
        let window = query.window.whole_minutes();
        let step = match query.step {
            Step::Whole => None,
            Step::Minutes(m) => Some(i64::from(m.max(1))),
        };
        let series = series(&db)?;
        for (minute, id, judge, sums) in sums(&db, window, step.unwrap_or(NO_STEP), kind)? {
            let Some(key) = series.get(&id).filter(|key| query.filter.accepts(key)) else {
                continue;
            };
            let at = step.map_or(window.from.minute(), |_| minute);
            let name = query.group_by.iter().map(|d| Text::from(key.get(*d))).collect();
            let groups = of.entry(evaluator(&judge)).or_default();
            groups.entry((at, name, key.intent.clone())).or_default().merge(&sums);
        }
        Ok(of)
    }

    /// Single scores, the latest given first.
    ///
    /// # Errors
    /// The database cannot be read, or a row is damaged.
    pub fn scores(&self, query: &ScoreQuery) -> Result<Vec<ScoreRow>, StoreError> {
        let Some(db) = state::open_reader(self.dir())? else { return Ok(Vec::new()) };
        if !has_scores(&db)? {
            return Ok(Vec::new());
        }
        let sql = "SELECT json, call, start_us FROM scores
                   WHERE time_us >= ?1 AND time_us < ?2 AND kind = ifnull(?3, kind)
                     AND (?4 IS NULL OR call = ?4)
                   ORDER BY time_us DESC, id LIMIT ?5";
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let read = || {
            let values = params![
                query.window.from.0,
                query.window.to.0,
                query.kind.map(ScoreKind::code),
                query.call.map(|c| c.0),
                limit
            ];
            let mut select = db.prepare(sql)?;
            let rows = select.query_map(values, |r| {
                let call: Option<[u8; 16]> = r.get(1)?;
                let start: Option<i64> = r.get(2)?;
                Ok((r.get::<_, String>(0)?, call.zip(start)))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows = read().map_err(StoreError::io::<rusqlite::Error>("reading scores"))?;
        let row = |(json, attached): (String, Option<([u8; 16], i64)>)| {
            let attached = attached.map(|(call, start)| (CallId(call), UnixMicros(start)));
            Ok(ScoreRow { score: from_json(&json)?, attached })
        };
        rows.into_iter().map(row).collect()
    }
}

/// A score, its call and that call's series.
#[derive(Debug, Clone, PartialEq)]
pub struct PulledScore {
    /// The score and its call.
    pub row: ScoreRow,
    /// The call's series; nothing while the score waits for its call.
    pub series: Option<SeriesKey>,
}

impl Reader {
    /// Every score of one form in a window: by the start of its call, else by its own time.
    ///
    /// # Errors
    /// The database cannot be read, or a row is damaged.
    pub fn pull_scores(
        &self,
        kind: ScoreKind,
        window: Window,
    ) -> Result<Vec<PulledScore>, StoreError> {
        let Some(db) = state::open_reader(self.dir())? else { return Ok(Vec::new()) };
        if !has_scores(&db)? {
            return Ok(Vec::new());
        }
        let keys = series(&db)?;
        let read = || {
            let mut select = db.prepare(
                "SELECT json, call, start_us, series FROM scores WHERE kind = ?1
                 AND ifnull(start_us, time_us) >= ?2 AND ifnull(start_us, time_us) < ?3",
            )?;
            let rows = select.query_map(params![kind.code(), window.from.0, window.to.0], |r| {
                let call: Option<[u8; 16]> = r.get(1)?;
                let start: Option<i64> = r.get(2)?;
                Ok((r.get::<_, String>(0)?, call.zip(start), r.get::<_, Option<i64>>(3)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows = read().map_err(StoreError::io::<rusqlite::Error>("reading scores"))?;
        rows.into_iter()
            .map(|(json, attached, id)| {
                let attached = attached.map(|(call, start)| (CallId(call), UnixMicros(start)));
                let series = id.and_then(|id| keys.get(&id).cloned());
                Ok(PulledScore { row: ScoreRow { score: from_json(&json)?, attached }, series })
            })
            .collect()
    }
}

/// First minute of the step, values of the dimensions, intent.
type GroupName = (i64, Vec<Text>, Text);

/// Sums of groups, apart for each evaluator in each version.
pub(super) type ByEvaluator = BTreeMap<Evaluator, HashMap<GroupName, ScoreSums>>;

impl ScoreTable {
    fn of(mut of: ByEvaluator, by: JudgedBy<'_>, preferred: Option<&str>) -> Self {
        let total = |groups: &HashMap<_, ScoreSums>| groups.values().map(|s| s.evaluations).sum();
        let mut judges: Vec<(Evaluator, u64)> =
            of.iter().map(|(who, groups)| (who.clone(), total(groups))).collect();
        // Ratings have no evaluator: their one group is whose it is.
        let none = Evaluator::default();
        let chosen = match by {
            JudgedBy::Exactly(who) => Some(who),
            JudgedBy::OfRecord => of_record(judges.iter().map(|(who, n)| (who, *n)), preferred),
        };
        let by = chosen.cloned().or_else(|| of.keys().next().cloned());
        let groups = by.as_ref().and_then(|who| of.remove(who)).unwrap_or_default();
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by(|a, b| a.0.cmp(&b.0));
        let group = |((minute, key, intent), sums)| {
            let from = UnixMicros::from_minute(minute);
            ScoreGroup { from, key, intent, sums }
        };
        judges.retain(|(who, _)| *who != none);
        Self {
            by: by.filter(|who| *who != none),
            judges,
            groups: groups.into_iter().map(group).collect(),
        }
    }
}

/// The evaluator in the name of a judge ([`flowgauge_logic::score::Score::judge`]).
pub(super) fn evaluator(judge: &str) -> Evaluator {
    let mut parts = judge.split('\u{1f}').skip(1);
    let mut part = || parts.next().map(Text::from).unwrap_or_default();
    Evaluator { name: part(), version: part() }
}

/// A `state.db` that an earlier version wrote has no scores yet.
pub(super) fn has_scores(db: &Connection) -> Result<bool, StoreError> {
    db.table_exists(None, "scores").map_err(StoreError::io("looking for scores"))
}

pub(super) fn series(db: &Connection) -> Result<HashMap<i64, SeriesKey>, StoreError> {
    let read = || {
        let mut select = db.prepare("SELECT id, key FROM score_series")?;
        let rows = select.query_map([], |r| Ok((r.get(0)?, r.get::<_, Vec<u8>>(1)?)))?;
        rows.collect::<rusqlite::Result<Vec<(i64, Vec<u8>)>>>()
    };
    let rows = read().map_err(StoreError::io::<rusqlite::Error>("reading series of scores"))?;
    let key = |(id, blob): (i64, Vec<u8>)| {
        let key = packed::take_series(&blob).map_err(|e| StoreError::Damaged {
            what: format!("series {id} of scores"),
            detail: e.to_string(),
        });
        key.map(|key| (id, key))
    };
    rows.into_iter().map(key).collect()
}

fn sums(
    db: &Connection,
    window: Window,
    step: i64,
    kind: ScoreKind,
) -> Result<Vec<(i64, i64, String, ScoreSums)>, StoreError> {
    let read = || {
        // Hours and what is read beside them are of one moment.
        let db = db.unchecked_transaction()?;
        // Nobody has opened the tables for writing since weights are kept.
        let weighed = db.column_exists(None, "scores", "weight")?;
        let single = SUMS.replace("WEIGHT", if weighed { "ifnull(weight, 1.0)" } else { "1.0" });
        let parts = hours::parts(&db, window, step, kind)?;
        let Some(parts) = parts else { return rows(&db, &single, window, step, kind) };
        let whole = Window { from: UnixMicros(parts.hours.0), to: UnixMicros(parts.hours.1) };
        let mut out = rows(&db, hours::SUMS_OF_HOURS, whole, step, kind)?;
        for (from, to) in parts.single {
            let part =
                Window { from: UnixMicros::from_minute(from), to: UnixMicros::from_minute(to) };
            out.extend(rows(&db, &single, part, step, kind)?);
        }
        Ok(out)
    };
    read().map_err(StoreError::io::<rusqlite::Error>("adding up scores"))
}

/// Step, series, judge and sums, as one of the two statements tells them.
fn rows(
    db: &Connection,
    sql: &str,
    window: Window,
    step: i64,
    kind: ScoreKind,
) -> rusqlite::Result<Vec<(i64, i64, String, ScoreSums)>> {
    let mut select = db.prepare_cached(sql)?;
    let values = params![window.from.0, window.to.0, step, kind.code()];
    let rows = select.query_map(values, |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, sums_row(r)?)))?;
    rows.collect()
}

fn sums_row(r: &Row<'_>) -> rusqlite::Result<ScoreSums> {
    let mut ratings = [0; 5];
    for (at, slot) in ratings.iter_mut().enumerate() {
        *slot = count(r, 13 + at)?;
    }
    Ok(ScoreSums {
        evaluations: count(r, 3)?,
        quality: r.get(4)?,
        squares: r.get(5)?,
        surplus: r.get(19)?,
        surplus_squares: r.get(20)?,
        without_quality: count(r, 6)?,
        tokens: count(r, 7)?,
        quality_of_tokens: r.get(8)?,
        with_tokens: count(r, 9)?,
        cost: NanoUsd(r.get(10)?),
        quality_of_cost: r.get(11)?,
        with_cost: count(r, 12)?,
        ratings,
        thumbs: count(r, 18)?,
    })
}
