//! When series were seen first: one look-up each in the hours on disk, however long they have been there.

use crate::live::{Live, Minutes};
use crate::read::{Reader, snapshot};
use crate::seal::{HOUR_LEVEL, MINUTES_PER_HOUR};
use crate::{StoreError, packed};
use flowgauge_logic::rollup::{Rollup, SeriesKey, Spreads};
use flowgauge_logic::unit::UnixMicros;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BTreeMap, HashMap};

/// Hours of one series in memory: calls added, and calls taken away again.
type Hours = BTreeMap<i64, (u64, u64)>;

impl Reader {
    /// The hour of the first call of each series that is wanted, as far back as figures are kept.
    ///
    /// # Errors
    /// The database cannot be read, or a rollup is damaged.
    pub fn first_seen(
        &self,
        wanted: impl Fn(&SeriesKey) -> bool,
    ) -> Result<Vec<(SeriesKey, UnixMicros)>, StoreError> {
        self.shared.with(|db| {
            let live = self.shared.live();
            let tx = snapshot(db)?;
            let all = live.series.keys().iter().filter(|(_, key)| wanted(key));
            let all: Vec<(u32, SeriesKey)> = all.map(|(id, key)| (*id, key.clone())).collect();
            let mut unsealed = in_memory(&live, &all);
            drop(live);
            let mut out = Vec::with_capacity(all.len());
            for (id, key) in all {
                let hours = unsealed.remove(&id).unwrap_or_default();
                if let Some(hour) = first_hour(&tx, id, &hours)? {
                    out.push((key, UnixMicros::from_minute(hour * MINUTES_PER_HOUR)));
                }
            }
            Ok(out)
        })
    }
}

fn in_memory(live: &Live, wanted: &[(u32, SeriesKey)]) -> HashMap<u32, Hours> {
    let mut out: HashMap<u32, Hours> = wanted.iter().map(|(id, _)| (*id, Hours::new())).collect();
    let mut note = |minutes: &Minutes, of: fn(u64) -> (u64, u64)| {
        for ((minute, series), rollup) in minutes {
            if let Some(hours) = out.get_mut(series) {
                let hour = hours.entry(minute.div_euclid(MINUTES_PER_HOUR)).or_default();
                let (added, taken) = of(rollup.requests());
                *hour = (hour.0.saturating_add(added), hour.1.saturating_add(taken));
            }
        }
    };
    for generation in live.generations() {
        note(&generation.minutes, |n| (n, 0));
        note(&generation.taken, |n| (0, n));
    }
    out
}

/// The first hour in which anything is left of what was added, on disk or in memory.
fn first_hour(db: &Connection, id: u32, hours: &Hours) -> Result<Option<i64>, StoreError> {
    let mut from = i64::MIN;
    loop {
        let stored = next_stored(db, id, from)?;
        let unsealed = hours.range(from..).next().map(|(hour, _)| *hour);
        let Some(hour) = [stored, unsealed].into_iter().flatten().min() else { return Ok(None) };
        let Some((added, taken)) = hours.get(&hour) else { return Ok(Some(hour)) };
        let on_disk = match stored {
            // What is on disk is never empty, so it is opened only where something is taken from it.
            Some(at) if at == hour && *taken == 0 => return Ok(Some(hour)),
            Some(at) if at == hour => open(db, id, hour)?.requests(),
            _ => 0,
        };
        if on_disk.saturating_add(*added) > *taken {
            return Ok(Some(hour));
        }
        from = hour + 1;
    }
}

fn next_stored(db: &Connection, id: u32, from: i64) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT bucket FROM rollups WHERE level=?1 AND series=?2 AND bucket>=?3 \
               ORDER BY bucket LIMIT 1";
    db.prepare_cached(sql)
        .and_then(|mut s| s.query_row(params![HOUR_LEVEL, id, from], |r| r.get(0)).optional())
        .map_err(StoreError::io::<rusqlite::Error>("looking for the first rollup"))
}

fn open(db: &Connection, id: u32, hour: i64) -> Result<Rollup, StoreError> {
    let sql = "SELECT blob FROM rollups WHERE level=?1 AND series=?2 AND bucket=?3";
    let blob: Vec<u8> = db
        .prepare_cached(sql)
        .and_then(|mut s| s.query_row(params![HOUR_LEVEL, id, hour], |r| r.get(0)))
        .map_err(StoreError::io::<rusqlite::Error>("reading a rollup"))?;
    packed::open_cut((HOUR_LEVEL, id, hour), &blob, Spreads::NONE).map_err(|e| {
        StoreError::Damaged {
            what: format!("rollup {HOUR_LEVEL}/{id}/{hour}"),
            detail: e.to_string(),
        }
    })
}
