//! Changes to rows that are stored already: what can be asked, and the tables that keep them.
//!
//! `amended` holds the current form of a row until a segment is written with it; `amendments` says
//! what was changed and why. Refuses ids and start times: both are how a row is found.

use crate::{StoreError, codec};
use flowgauge_logic::call::{Call, Cost, Text};
use flowgauge_logic::id::CallId;
use flowgauge_logic::unit::UnixMicros;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

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
    /// Applies it. A row that is no call of its own counts in no place, so it is not given one and
    /// never comes to count; nothing counts in its own place.
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
                let counted = call.what.leaf || call.link.merged_into.is_some();
                if counted && *into != Some(call.id) {
                    call.link.merged_into = *into;
                    call.what.leaf = into.is_none();
                }
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
    /// How it came from one to the other.
    pub(crate) steps: Vec<EditStep>,
}

/// One change of an edit.
#[derive(Debug, Clone)]
pub(crate) struct EditStep {
    pub(crate) why: Why,
    pub(crate) by: Text,
    /// The cost before, where it changed.
    pub(crate) before: Option<Cost>,
}

impl Edit {
    /// Nothing changed yet.
    pub(crate) fn of(row: &Call) -> Self {
        Self { old: row.clone(), new: row.clone(), steps: Vec::new() }
    }

    /// Changes the row further.
    pub(crate) fn step(&mut self, change: &Change, by: Text) {
        let old = self.new.clone();
        let why = change.apply(&mut self.new);
        if self.new != old {
            let before = (why == Why::Repriced).then_some(old.cost);
            self.steps.push(EditStep { why, by, before });
        }
    }
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
        let merged = edit.new.link.merged_into.map(|c| c.0);
        db.prepare_cached("INSERT OR REPLACE INTO amended VALUES(?1,?2,?3,?4,?5,?6)")
            .and_then(|mut s| {
                s.execute(params![edit.new.id.0, edit.new.time.start.0, seq, merged, crc, form])
            })
            .map_err(StoreError::io("writing an amendment"))?;
        for step in &edit.steps {
            insert_step(db, edit.new.id, step, now)?;
        }
    }
    Ok(())
}

fn insert_step(
    db: &Connection,
    call: CallId,
    step: &EditStep,
    now: UnixMicros,
) -> Result<(), StoreError> {
    let before = step.before.as_ref().map(serde_json::to_string).transpose();
    let before = before.map_err(StoreError::io("packing an amendment"))?;
    db.prepare_cached("INSERT INTO amendments(call, at, why, by, before) VALUES(?1,?2,?3,?4,?5)")
        .and_then(|mut s| {
            s.execute(params![call.0, now.0, step.why.code(), step.by.as_str(), before])
        })
        .map(drop)
        .map_err(StoreError::io("writing an amendment"))
}

/// How many rows are asked for one by one: beyond, the forms of their stretch are read in passing,
/// which a few rows far apart in time would make long.
const ASKED_SINGLY: usize = 1_024;

/// What is stored as the current form of a row.
enum Form {
    Sound(i64, Box<Call>),
    Damaged(String),
}

fn form_at(row: &Row<'_>) -> rusqlite::Result<Form> {
    let (seq, crc) = (row.get("seq")?, row.get("crc")?);
    let form = row.get_ref("form")?.as_blob()?;
    Ok(match codec::decode(form, crc).map(|calls| calls.into_iter().next()) {
        Ok(Some(call)) => Form::Sound(seq, Box::new(call)),
        Ok(None) => Form::Damaged("is empty".to_owned()),
        Err(e) => Form::Damaged(e.to_string()),
    })
}

fn find_form(db: &Connection, id: CallId) -> Result<Option<Form>, StoreError> {
    db.prepare_cached("SELECT seq, form, crc FROM amended WHERE call=?1")
        .and_then(|mut s| s.query_row([id.0], form_at).optional())
        .map_err(StoreError::io("reading an amended row"))
}

/// The amended form of one row, if it has one that can be read.
pub(crate) fn form_of(db: &Connection, id: CallId) -> Result<Option<Call>, StoreError> {
    Ok(match find_form(db, id)? {
        Some(Form::Sound(_, call)) => Some(*call),
        Some(Form::Damaged(_)) | None => None,
    })
}

/// How the amended form of a row is damaged, if it has one that is.
pub(crate) fn damage_of(db: &Connection, id: CallId) -> Result<Option<String>, StoreError> {
    Ok(match find_form(db, id)? {
        Some(Form::Damaged(why)) => Some(format!("amended form of row {id} {why}")),
        Some(Form::Sound(..)) | None => None,
    })
}

/// What became of rows that were looked up among the amended ones.
#[derive(Debug, Default)]
pub(crate) struct Overlaid {
    /// Forms that replaced rows, by the batch they came with.
    pub(crate) used: Vec<(CallId, i64)>,
    /// Forms that could not be read: their rows are as they were stored.
    pub(crate) damaged: Vec<String>,
}

impl Overlaid {
    fn take(&mut self, call: &mut Call, form: Form) {
        match form {
            Form::Sound(seq, new) => {
                self.used.push((call.id, seq));
                *call = *new;
            }
            Form::Damaged(why) => {
                self.damaged.push(format!("amended form of row {} {why}", call.id));
            }
        }
    }
}

/// Replaces rows by their amended forms. Holds one form at a time: after prices were computed again
/// there is one for every row of a month.
pub(crate) fn overlay(db: &Connection, calls: &mut [Call]) -> Result<Overlaid, StoreError> {
    let mut out = Overlaid::default();
    let starts = || calls.iter().map(|c| c.time.start.0);
    let (Some(from), Some(to)) = (starts().min(), starts().max()) else { return Ok(out) };
    let failed = StoreError::io::<rusqlite::Error>;
    let any = db
        .prepare_cached("SELECT 1 FROM amended WHERE start BETWEEN ?1 AND ?2 LIMIT 1")
        .and_then(|mut s| s.exists([from, to]))
        .map_err(failed("reading amended rows"))?;
    if !any {
        return Ok(out);
    }
    if calls.len() <= ASKED_SINGLY {
        for call in calls {
            if let Some(form) = find_form(db, call.id)? {
                out.take(call, form);
            }
        }
        return Ok(out);
    }
    let mut by_id: HashMap<CallId, &mut Call> = calls.iter_mut().map(|c| (c.id, c)).collect();
    let mut read = || {
        let mut statement = db.prepare_cached(
            "SELECT call, seq, form, crc FROM amended WHERE start BETWEEN ?1 AND ?2",
        )?;
        let mut rows = statement.query([from, to])?;
        while let Some(row) = rows.next()? {
            if let Some(call) = by_id.get_mut(&CallId(row.get("call")?)) {
                out.take(call, form_at(row)?);
            }
        }
        Ok(())
    };
    read().map_err(failed("reading amended rows"))?;
    Ok(out)
}

/// Calls `take` with every sound form of a row that starts in a stretch of time. Rows whose form is
/// damaged are as they were stored.
pub(crate) fn forms_between(
    db: &Connection,
    from: i64,
    to: i64,
    take: &mut dyn FnMut(Call),
) -> Result<(), StoreError> {
    let mut read = || {
        let mut statement = db.prepare_cached(
            "SELECT seq, form, crc FROM amended WHERE start >= ?1 AND start < ?2",
        )?;
        let mut rows = statement.query([from, to])?;
        while let Some(row) = rows.next()? {
            if let Form::Sound(_, call) = form_at(row)? {
                take(*call);
            }
        }
        Ok(())
    };
    read().map_err(StoreError::io::<rusqlite::Error>("reading amended rows"))
}

/// Forgets forms that a segment now holds. What was changed of its rows stays known.
pub(crate) fn baked(db: &Connection, forms: &[(CallId, i64)]) -> rusqlite::Result<()> {
    let mut form = db.prepare_cached("DELETE FROM amended WHERE call=?1 AND seq=?2")?;
    for (call, seq) in forms {
        form.execute(params![call.0, seq])?;
    }
    Ok(())
}

/// Of these rows, those with an amended form, and what counts in their place by it. None of them
/// starts before `first`.
pub(crate) fn merged(
    db: &Connection,
    rows: &HashSet<CallId>,
    first: i64,
) -> rusqlite::Result<HashMap<CallId, Option<CallId>>> {
    let mut statement = db.prepare("SELECT call, merged FROM amended WHERE start >= ?1")?;
    let mut found = statement.query([first])?;
    let mut out = HashMap::new();
    while let Some(row) = found.next()? {
        let call = CallId(row.get(0)?);
        if rows.contains(&call) {
            out.insert(call, row.get::<_, Option<_>>(1)?.map(CallId));
        }
    }
    Ok(out)
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
