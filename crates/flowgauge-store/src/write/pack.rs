//! Batches and events as rows of `hot.db`.

use super::Batch;
use crate::hot::{self, BatchRow, Kind};
use crate::{Event, StoreError, codec};
use flowgauge_logic::call::Call;
use flowgauge_logic::fingerprint::fingerprint;
use flowgauge_logic::id::CallId;
use flowgauge_logic::unit::UnixMicros;
use rusqlite::{Connection, Transaction, params};
use std::collections::HashSet;

/// A batch ready to be inserted.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) row: BatchRow,
    pub(super) blob: Vec<u8>,
}

impl Packed {
    pub(super) fn new(
        seq: i64,
        calls: &[&Call],
        kind: Kind,
        now: UnixMicros,
    ) -> Result<Self, StoreError> {
        let blob = codec::encode(calls).map_err(StoreError::io("packing a batch"))?;
        let starts = || calls.iter().map(|c| c.time.start.0);
        let span = (starts().min().unwrap_or(i64::MIN), starts().max().unwrap_or(i64::MAX));
        let crc = codec::checksum(&blob);
        let rows = calls.len() as u64;
        let kind = kind as i64;
        let row = BatchRow { seq, kind, rows, committed: now, span, crc, sound: true };
        Ok(Self { row, blob })
    }

    pub(super) fn insert(&self, db: &Connection) -> Result<(), StoreError> {
        hot::insert_batch(db, self.row, &self.blob).map_err(StoreError::io("writing a batch"))
    }
}

/// Calls begun in these batches that do not end in them too.
pub(super) fn still_open<'b>(batches: &'b [Batch], fresh: &[&Call]) -> Vec<&'b Call> {
    let mut begun: Vec<&Call> = batches.iter().flat_map(|b| &b.started).collect();
    if !begun.is_empty() {
        let ended: HashSet<CallId> = fresh.iter().map(|c| c.id).collect();
        begun.retain(|c| !ended.contains(&c.id));
    }
    begun
}

pub(crate) fn begin(db: &Connection) -> Result<Transaction<'_>, StoreError> {
    Transaction::new_unchecked(db, rusqlite::TransactionBehavior::Immediate)
        .map_err(StoreError::io("beginning a transaction"))
}

pub(super) fn delete_batches(db: &Connection, list: &[i64]) -> Result<(), StoreError> {
    let delete = || {
        let mut statement = db.prepare_cached("DELETE FROM batches WHERE seq=?1")?;
        list.iter().try_for_each(|seq| statement.execute([seq]).map(drop))
    };
    delete().map_err(StoreError::io::<rusqlite::Error>("dropping provisional rows"))
}

/// Adds events not known yet; returns how many were new.
pub(super) fn insert_events(db: &Connection, events: &[Event]) -> Result<u64, StoreError> {
    let mut stored = 0;
    for event in events {
        let json = serde_json::to_string(event).map_err(StoreError::io("packing an event"))?;
        let key = fingerprint(&[
            &event.time.0.to_le_bytes(),
            event.name.as_bytes(),
            event.trace_id.as_ref().map_or(&[], |t| t.0.as_slice()),
            event.span_id.as_ref().map_or(&[], |s| s.0.as_slice()),
            event.attributes.as_bytes(),
        ]);
        let new = db
            .prepare_cached("INSERT OR IGNORE INTO events VALUES(?1,?2,?3)")
            .and_then(|mut s| s.execute(params![key.cast_signed(), event.time.0, json]))
            .map_err(StoreError::io("writing an event"))?;
        stored += new as u64;
    }
    Ok(stored)
}
