//! The writer's side of amendments: finds rows, decides which count, makes changes durable.

use super::Store;
use super::pack::{Packed, begin};
use crate::StoreError;
use crate::amend::{self, Amended, Amendment, Edit, EditStep, Merge, Why};
use crate::hot::Kind;
use crate::live::Live;
use flowgauge_logic::call::{Call, Text};
use flowgauge_logic::id::CallId;
use flowgauge_logic::unit::UnixMicros;
use flowgauge_logic::witness::{Sight, lend};
use std::collections::HashMap;

/// Who asks where two rows turn out to be one call.
const PAIRING: &str = "one call, two witnesses";

/// A row being changed: its stored form, none for rows of this commit, and the new one.
#[derive(Debug)]
pub(super) struct Draft {
    old: Option<Call>,
    pub(super) new: Call,
    why: Why,
}

pub(super) type Drafts = HashMap<CallId, Draft>;

impl Store {
    /// Changes stored rows. On return the changes survive SIGKILL and power loss, rollups included.
    ///
    /// # Errors
    /// The disk refuses, or rows are damaged. Nothing is changed then; [`Store::reopen`] first.
    pub fn amend(
        &mut self,
        changes: Vec<Amendment>,
        now: UnixMicros,
    ) -> Result<Amended, StoreError> {
        self.ready()?;
        let done = self.amend_rows(changes, now);
        self.failed |= done.is_err();
        done
    }

    fn amend_rows(
        &mut self,
        changes: Vec<Amendment>,
        now: UnixMicros,
    ) -> Result<Amended, StoreError> {
        let ids: Vec<(CallId, Option<i64>)> = changes.iter().map(|a| (a.call, None)).collect();
        let rows = self.sound(&ids)?;
        let (mut out, mut edits) = (Amended::default(), HashMap::<CallId, Edit>::new());
        for Amendment { call, change, by } in changes {
            match rows.get(&call) {
                Some(row) => edits.entry(call).or_insert_with(|| Edit::of(row)).step(&change, by),
                None => out.unknown += 1,
            }
        }
        let asked = edits.len() as u64;
        let mut edits: Vec<Edit> = edits.into_values().filter(|e| e.old != e.new).collect();
        edits.sort_by_key(|e| (e.new.time.start, e.new.id));
        out.changed = edits.len() as u64;
        out.unchanged = asked - out.changed;
        let Some(packed) = self.packed_edits(&edits, now)? else { return Ok(out) };
        let tx = begin(&self.db)?;
        packed.insert(&tx)?;
        amend::insert(&tx, &edits, packed.row.seq, now)?;
        tx.commit().map_err(StoreError::io("committing amendments"))?;
        let bytes = packed.blob.len() as u64;
        {
            let mut live = self.shared.live_mut();
            let Live { series, current, .. } = &mut *live;
            current.amend(packed.row.seq, &edits, bytes, now, series);
        }
        for edit in edits.iter().filter(|e| e.old.link.merged_into != e.new.link.merged_into) {
            self.witnesses.follow(&edit.new);
        }
        self.checkpoint.wrote(bytes, &self.db);
        self.merges = edits.iter().filter_map(|e| Merge::between(Some(&e.old), &e.new)).collect();
        Ok(out)
    }

    /// Stored rows in their current form. One whose form is damaged is left out: sums cannot be
    /// corrected by what is not known.
    fn sound(&self, wanted: &[(CallId, Option<i64>)]) -> Result<HashMap<CallId, Call>, StoreError> {
        let reader = self.reader();
        let mut sound = Vec::with_capacity(wanted.len());
        reader.shared.with(|db| {
            for (id, place) in wanted {
                match amend::damage_of(db, *id)? {
                    Some(what) => self.shared.live_mut().note_damage(what),
                    None => sound.push((*id, *place)),
                }
            }
            Ok(())
        })?;
        reader.locate(&sound)
    }

    /// Both forms of every edited row as a batch, from which a start corrects rollups again.
    pub(super) fn packed_edits(
        &mut self,
        edits: &[Edit],
        now: UnixMicros,
    ) -> Result<Option<Packed>, StoreError> {
        let rows: Vec<&Call> = edits.iter().flat_map(|e| [&e.old, &e.new]).collect();
        self.packed(&rows, Kind::Amended, now)
    }

    /// Finds rows that are the same call as one of this commit, and drafts what follows.
    pub(super) fn meet(&mut self, fresh: &[&Call], now: UnixMicros) -> Result<Drafts, StoreError> {
        // Their place is the batch they are about to become.
        let place = self.next;
        let mut decisions = Vec::new();
        for sight in fresh.iter().filter_map(|c| Sight::of(c, place)) {
            decisions.extend(self.witnesses.arrive(sight, now));
        }
        let mut drafts = Drafts::new();
        if decisions.is_empty() {
            return Ok(drafts);
        }
        let here: HashMap<CallId, &Call> = fresh.iter().map(|c| (c.id, *c)).collect();
        let into = decisions.iter().filter(|d| d.lends).map(|d| (d.into, d.into_place));
        let both = decisions.iter().map(|d| (d.row, d.row_place)).chain(into);
        let stored: Vec<(CallId, Option<i64>)> =
            both.filter(|(id, _)| !here.contains_key(id)).map(|(id, p)| (id, Some(p))).collect();
        let stored = self.sound(&stored)?;
        for decision in decisions {
            if !draft(&mut drafts, decision.row, Why::Merged, &stored, &here) {
                tracing::warn!(row = %decision.row, "a row to merge is gone; it counts as it is");
                continue;
            }
            let Some(row) = drafts.get_mut(&decision.row) else { continue };
            row.new.link.merged_into = Some(decision.into);
            row.new.what.leaf = false;
            let lender = row.new.clone();
            if decision.lends
                && draft(&mut drafts, decision.into, Why::Context, &stored, &here)
                && let Some(into) = drafts.get_mut(&decision.into)
            {
                lend(&lender, &mut into.new);
            }
        }
        Ok(drafts)
    }
}

/// What the drafts of a commit merge.
pub(super) fn merges_of(drafts: &Drafts) -> Vec<Merge> {
    let mut merges: Vec<Merge> =
        drafts.values().filter_map(|d| Merge::between(d.old.as_ref(), &d.new)).collect();
    merges.sort_by_key(|m| m.row);
    merges
}

/// Drafts a row; false where it is gone.
fn draft(
    drafts: &mut Drafts,
    id: CallId,
    why: Why,
    stored: &HashMap<CallId, Call>,
    here: &HashMap<CallId, &Call>,
) -> bool {
    if drafts.contains_key(&id) {
        return true;
    }
    let old = stored.get(&id).cloned();
    let new = old.clone().or_else(|| here.get(&id).map(|c| (*c).clone()));
    let Some(new) = new else { return false };
    drafts.insert(id, Draft { old, new, why });
    true
}

/// Drafts of rows that are stored already and differ now.
pub(super) fn edits_of(drafts: &Drafts) -> Vec<Edit> {
    let edit = |d: &Draft| {
        let old = d.old.clone().filter(|old| *old != d.new)?;
        let step = EditStep { why: d.why, by: Text::const_new(PAIRING), before: None };
        Some(Edit { old, new: d.new.clone(), steps: vec![step] })
    };
    let mut edits: Vec<Edit> = drafts.values().filter_map(edit).collect();
    edits.sort_by_key(|e| (e.new.time.start, e.new.id));
    edits
}
