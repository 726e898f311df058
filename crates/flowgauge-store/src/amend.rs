//! Changes to rows that are stored already: what can be asked, and the tables that keep them.
//!
//! `amended` holds the current form of a row until a segment is written with it; `amendments` says
//! what was changed and why. Refuses ids and start times: both are how a row is found.

use crate::{StoreError, codec};
use flowgauge_logic::call::{Call, Cost, Text};
use flowgauge_logic::id::CallId;
use flowgauge_logic::unit::UnixMicros;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// One change to a stored row. It is applied to the row's form of that moment, so that changes
/// made by several never undo each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Amendment {
    /// The row.
    pub call: CallId,
    /// What changes.
    pub change: Change,
    /// Who asks, e.g. `prices recompute`.
    pub by: Text,
}

/// What can change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The cost of the call, and of its attempts in their order; no attempts: theirs stay.
    Repriced {
        /// Of the call.
        cost: Cost,
        /// Of its attempts.
        attempts: Vec<Cost>,
    },
    /// Another row counts in its place, or it counts by itself again.
    Merged {
        /// The row that counts.
        into: Option<CallId>,
    },
}

/// What became of a list of amendments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amended {
    /// Rows that differ now.
    pub changed: u64,
    /// Rows that were so already.
    pub unchanged: u64,
    /// No such row.
    pub unknown: u64,
}

/// Why a row was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Another row counts in its place, or no longer does.
    Merged,
    /// It was told its context by the other witness of the call.
    Context,
    /// Its cost was computed again.
    Repriced,
}

impl Why {
    const fn code(self) -> i64 {
        match self {
            Self::Merged => 0,
            Self::Context => 1,
            Self::Repriced => 2,
        }
    }

    const fn from_code(code: i64) -> Option<Self> {
        match code {
            0 => Some(Self::Merged),
            1 => Some(Self::Context),
            2 => Some(Self::Repriced),
            _ => None,
        }
    }
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AmendmentRow {
    /// The row.
    pub call: CallId,
    /// When.
    pub at: UnixMicros,
    /// Why.
    pub why: Why,
    /// By whom.
    pub by: Text,
    /// Its cost before, where that changed.
    pub before: Option<Cost>,
}

impl Change {
    /// Applies it.
    pub(crate) fn apply(&self, call: &mut Call) -> Why {
        match self {
            Self::Repriced { cost, attempts } => {
                call.cost = cost.clone();
                for (attempt, cost) in call.attempts.iter_mut().zip(attempts) {
                    attempt.cost = cost.clone();
                }
                Why::Repriced
            }
            Self::Merged { into } => {
                call.link.merged_into = *into;
                call.what.leaf = into.is_none();
                Why::Merged
            }
        }
    }
}

/// A row that counts in another's place from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    /// The row.
    pub row: CallId,
    /// The one that counts.
    pub into: CallId,
}

impl Merge {
    /// Of a row's form before, none where it is new, and after.
    pub(crate) fn between(old: Option<&Call>, new: &Call) -> Option<Self> {
        let into = new.link.merged_into?;
        let before = old.and_then(|old| old.link.merged_into);
        (before != Some(into)).then_some(Self { row: new.id, into })
    }
}

/// A row before and after.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    pub(crate) old: Call,
    pub(crate) new: Call,
    pub(crate) why: Why,
    pub(crate) by: Text,
}

/// Writes forms and reasons into an open transaction; `seq` is the batch that carries both forms.
pub(crate) fn insert(
    db: &Connection,
    edits: &[Edit],
    seq: i64,
    now: UnixMicros,
) -> Result<(), StoreError> {
    for edit in edits {
        let form = codec::encode(&[&edit.new]).map_err(StoreError::io("packing an amendment"))?;
        let crc = codec::checksum(&form);
        let before = match edit.why {
            Why::Repriced => Some(
                serde_json::to_string(&edit.old.cost)
                    .map_err(StoreError::io("packing an amendment"))?,
            ),
            Why::Merged | Why::Context => None,
        };
        let merged = edit.new.link.merged_into.map(|c| c.0);
        let sql = || {
            db.prepare_cached("INSERT OR REPLACE INTO amended VALUES(?1,?2,?3,?4,?5,?6)")?
                .execute(params![edit.new.id.0, edit.new.time.start.0, seq, merged, crc, form])?;
            db.prepare_cached(
                "INSERT INTO amendments(call, at, why, by, before) VALUES(?1,?2,?3,?4,?5)",
            )?
            .execute(params![
                edit.new.id.0,
                now.0,
                edit.why.code(),
                edit.by.as_str(),
                before
            ])
        };
        sql().map_err(StoreError::io::<rusqlite::Error>("writing an amendment"))?;
    }
    Ok(())
}

type Stored = (Vec<u8>, u32);

fn open(form: &Stored) -> Result<Call, StoreError> {
    let damaged = |detail: String| StoreError::Damaged {
        what: "an amended row in hot.db".to_owned(),
        detail,
    };
    let calls = codec::decode(&form.0, form.1).map_err(|e| damaged(e.to_string()))?;
    calls.into_iter().next().ok_or_else(|| damaged("it is empty".to_owned()))
}

/// The amended form of one row, if it has one.
pub(crate) fn form_of(db: &Connection, id: CallId) -> Result<Option<Call>, StoreError> {
    let form = db
        .prepare_cached("SELECT form, crc FROM amended WHERE call=?1")
        .and_then(|mut s| s.query_row([id.0], |r| Ok((r.get(0)?, r.get(1)?))).optional())
        .map_err(StoreError::io("reading an amended row"))?;
    form.map(|f| open(&f)).transpose()
}

/// Replaces rows by their amended forms; returns which forms those were, by batch.
pub(crate) fn overlay(
    db: &Connection,
    calls: &mut [Call],
) -> Result<Vec<(CallId, i64)>, StoreError> {
    let starts = || calls.iter().map(|c| c.time.start.0);
    let (Some(from), Some(to)) = (starts().min(), starts().max()) else { return Ok(Vec::new()) };
    let read = || {
        db.prepare_cached("SELECT call, seq, form, crc FROM amended WHERE start BETWEEN ?1 AND ?2")?
            .query_map([from, to], |r| {
                Ok((CallId(r.get(0)?), (r.get(1)?, (r.get(2)?, r.get(3)?))))
            })?
            .collect::<rusqlite::Result<HashMap<CallId, (i64, Stored)>>>()
    };
    let forms = read().map_err(StoreError::io::<rusqlite::Error>("reading amended rows"))?;
    let mut used = Vec::new();
    if forms.is_empty() {
        return Ok(used);
    }
    for call in calls {
        if let Some((seq, form)) = forms.get(&call.id) {
            *call = open(form)?;
            used.push((call.id, *seq));
        }
    }
    Ok(used)
}

/// Forgets forms that a segment now holds, and reasons that its rows show by themselves.
pub(crate) fn baked(db: &Connection, forms: &[(CallId, i64)]) -> rusqlite::Result<()> {
    let mut form = db.prepare_cached("DELETE FROM amended WHERE call=?1 AND seq=?2")?;
    let mut reason = db.prepare_cached("DELETE FROM amendments WHERE call=?1 AND why<>?2")?;
    for (call, seq) in forms {
        if form.execute(params![call.0, seq])? > 0 {
            reason.execute(params![call.0, Why::Repriced.code()])?;
        }
    }
    Ok(())
}

/// Rows outside of their segments that count in no place of their own.
pub(crate) fn merged(db: &Connection) -> rusqlite::Result<HashMap<CallId, CallId>> {
    db.prepare("SELECT call, merged FROM amended WHERE merged IS NOT NULL")?
        .query_map([], |r| Ok((CallId(r.get(0)?), CallId(r.get(1)?))))?
        .collect()
}

/// The changes of one row, oldest first.
pub(crate) fn history(db: &Connection, id: CallId) -> Result<Vec<AmendmentRow>, StoreError> {
    let read = || {
        db.prepare_cached("SELECT at, why, by, before FROM amendments WHERE call=?1 ORDER BY id")?
            .query_map([id.0], |r| {
                let before: Option<String> = r.get(3)?;
                Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?, r.get::<_, String>(2)?, before))
            })?
            .collect::<rusqlite::Result<Vec<_>>>()
    };
    let rows = read().map_err(StoreError::io::<rusqlite::Error>("reading amendments"))?;
    let damaged =
        |detail: String| StoreError::Damaged { what: format!("an amendment of {id}"), detail };
    let mut out = Vec::with_capacity(rows.len());
    for (at, why, by, before) in rows {
        let why = Why::from_code(why).ok_or_else(|| damaged(format!("reason {why}")))?;
        let before = before.map(|b| serde_json::from_str(&b)).transpose();
        let before = before.map_err(|e| damaged(e.to_string()))?;
        out.push(AmendmentRow { call: id, at: UnixMicros(at), why, by: by.into(), before });
    }
    Ok(out)
}
