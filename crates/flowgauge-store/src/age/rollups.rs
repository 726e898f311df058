//! Dropping rollups: minutes where the hours cover them, hours when they are too old.
//!
//! Minutes are dropped up to one moment, and the mark that says so is set with them: questions about
//! earlier times read hours. Work is done in parts, so that the writer is never held for long.

use crate::hot::{self, mark};
use crate::live::total_of;
use crate::read::{Reader, snapshot};
use crate::seal::{HOUR_LEVEL, MINUTE_LEVEL, MINUTES_PER_HOUR};
use crate::write::{Store, begin};
use crate::{StoreError, packed};
use flowgauge_logic::call::Source;
use flowgauge_logic::rollup::{Dim, Rollup};
use flowgauge_logic::unit::UnixMicros;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

/// Rollups deleted in one transaction: some ms for the writer.
const PART: i64 = 20_000;

/// Which rollups may go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollupsPlan {
    /// Minutes before this moment, a whole hour; nothing where there is none to drop.
    pub minutes_before: Option<UnixMicros>,
    /// Hours before this moment.
    pub hours_before: Option<UnixMicros>,
    /// Why minutes stay that are old enough.
    pub refused: Option<String>,
    /// Hours that are to be made again from their minutes: missing or damaged.
    #[serde(skip)]
    pub(crate) mend: Vec<(u32, i64, Rollup)>,
    /// Series of imported calls, as a JSON list: their hours are old when they come, and stay.
    #[serde(skip)]
    pub(crate) imported: String,
}

/// What was dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollupsDropped {
    /// Rollups of minutes.
    pub minutes: u64,
    /// Rollups of hours.
    pub hours: u64,
    /// Whether some are left for another part.
    pub more: bool,
}

impl Reader {
    /// Which rollups of minutes and hours before these moments may go.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn rollups_plan(
        &self,
        minutes_before: UnixMicros,
        hours_before: UnixMicros,
    ) -> Result<RollupsPlan, StoreError> {
        self.shared.with(|db| {
            let tx = snapshot(db)?;
            let hour = minutes_before.minute().div_euclid(MINUTES_PER_HOUR);
            let mut plan =
                RollupsPlan { hours_before: Some(hours_before), ..RollupsPlan::default() };
            plan.imported = self.imported_series();
            let mut end = hour;
            for series in series_with_minutes(&tx)? {
                check_series(&tx, series, &mut end, &mut plan)?;
            }
            plan.mend.retain(|(_, hour, _)| *hour < end);
            plan.minutes_before = Some(UnixMicros::from_minute(end * MINUTES_PER_HOUR));
            Ok(plan)
        })
    }
}

impl Reader {
    fn imported_series(&self) -> String {
        let live = self.shared.live();
        let mut ids: Vec<u32> = live
            .series
            .keys()
            .iter()
            .filter(|(_, key)| key.get(Dim::Source) == Source::Import.word())
            .map(|(id, _)| *id)
            .collect();
        ids.push(total_of(Source::Import));
        serde_json::Value::from(ids).to_string()
    }
}

fn series_with_minutes(db: &Connection) -> Result<Vec<u32>, StoreError> {
    let read = || {
        db.prepare_cached("SELECT DISTINCT series FROM rollups WHERE level=?1")?
            .query_map([MINUTE_LEVEL], |r| r.get(0))?
            .collect::<rusqlite::Result<Vec<u32>>>()
    };
    read().map_err(StoreError::io::<rusqlite::Error>("listing series"))
}

/// Compares each hour of a series with its minutes; `end` comes down to the first that neither
/// covers its minutes nor can be made from them.
fn check_series(
    db: &Connection,
    series: u32,
    end: &mut i64,
    plan: &mut RollupsPlan,
) -> Result<(), StoreError> {
    let failed = StoreError::io::<rusqlite::Error>;
    let mut statement = db
        .prepare_cached(
            "SELECT bucket, blob FROM rollups WHERE level=?1 AND series=?2 AND bucket<?3 \
             ORDER BY bucket",
        )
        .map_err(failed("reading rollups"))?;
    let mut rows = statement
        .query(params![MINUTE_LEVEL, series, *end * MINUTES_PER_HOUR])
        .map_err(failed("reading rollups"))?;
    let mut hour: Option<(i64, Rollup, bool)> = None;
    while let Some(row) = rows.next().map_err(failed("reading rollups"))? {
        let (minute, blob): (i64, Vec<u8>) =
            row.get(0).and_then(|b| Ok((b, row.get(1)?))).map_err(failed("reading a rollup"))?;
        let at = minute.div_euclid(MINUTES_PER_HOUR);
        if hour.as_ref().is_some_and(|(h, ..)| *h != at)
            && let Some(full) = hour.take()
        {
            check_hour(db, series, full, end, plan)?;
        }
        let (_, sum, whole) = hour.get_or_insert_with(|| (at, Rollup::default(), true));
        match packed::open_rollup((MINUTE_LEVEL, series, minute), &blob) {
            Ok(r) => sum.merge(&r),
            Err(_) => *whole = false,
        }
    }
    match hour {
        Some(full) => check_hour(db, series, full, end, plan),
        None => Ok(()),
    }
}

fn check_hour(
    db: &Connection,
    series: u32,
    (hour, sum, whole): (i64, Rollup, bool),
    end: &mut i64,
    plan: &mut RollupsPlan,
) -> Result<(), StoreError> {
    use rusqlite::OptionalExtension;
    let blob: Option<Vec<u8>> = db
        .prepare_cached("SELECT blob FROM rollups WHERE level=?1 AND series=?2 AND bucket=?3")
        .and_then(|mut s| s.query_row(params![HOUR_LEVEL, series, hour], |r| r.get(0)).optional())
        .map_err(StoreError::io("reading a rollup"))?;
    let stored = blob.map(|b| packed::open_rollup((HOUR_LEVEL, series, hour), &b));
    if stored.is_some_and(|r| r.is_ok_and(|r| r.requests() >= sum.requests())) {
        return Ok(());
    }
    if whole {
        plan.mend.push((series, hour, sum));
    } else if hour < *end {
        *end = hour;
        let when = UnixMicros::from_minute(hour * MINUTES_PER_HOUR).to_rfc3339();
        plan.refused = Some(format!(
            "rollups of minutes from {when} on stay: the hour's is damaged, and so are some of its \
             minutes"
        ));
    }
    Ok(())
}

impl Store {
    /// Drops one part of what a plan names, and says whether there is more.
    ///
    /// # Errors
    /// The database refuses; the part stays then.
    pub fn drop_rollups(&mut self, plan: &mut RollupsPlan) -> Result<RollupsDropped, StoreError> {
        self.ready()?;
        let tx = begin(&self.db)?;
        let work = || {
            for (series, hour, sum) in &plan.mend {
                let place = (HOUR_LEVEL, *series, *hour);
                tx.prepare_cached("INSERT OR REPLACE INTO rollups VALUES(?1,?2,?3,?4)")?
                    .execute(params![place.0, place.1, place.2, packed::seal_rollup(place, sum)])?;
            }
            let mut done = RollupsDropped::default();
            if let Some(before) = plan.minutes_before.filter(|b| b.0 > 0) {
                hot::raise_mark(&tx, mark::MINUTES_FROM, before.minute())?;
                done.minutes = delete_part(&tx, MINUTE_LEVEL, before.minute(), "[]")?;
            }
            if let Some(before) = plan.hours_before {
                let hour = before.minute().div_euclid(MINUTES_PER_HOUR);
                done.hours = delete_part(&tx, HOUR_LEVEL, hour, &plan.imported)?;
                for sql in
                    ["DELETE FROM events WHERE time < ?1", "DELETE FROM amendments WHERE at < ?1"]
                {
                    tx.execute(sql, [before.0])?;
                }
            }
            done.more = done.minutes.max(done.hours) >= PART.cast_unsigned();
            Ok(done)
        };
        let done = work().map_err(StoreError::io::<rusqlite::Error>("dropping rollups"))?;
        tx.commit().map_err(StoreError::io("dropping rollups"))?;
        plan.mend.clear();
        self.checkpoint.wrote(0, &self.db);
        Ok(done)
    }
}

fn delete_part(db: &Connection, level: i64, before: i64, spared: &str) -> rusqlite::Result<u64> {
    let n = db
        .prepare_cached(
            "DELETE FROM rollups WHERE (level, series, bucket) IN (\
             SELECT level, series, bucket FROM rollups WHERE level=?1 AND bucket<?2 \
             AND series NOT IN (SELECT value FROM json_each(?4)) LIMIT ?3)",
        )?
        .execute(params![level, before, PART, if spared.is_empty() { "[]" } else { spared }])?;
    Ok(n as u64)
}
