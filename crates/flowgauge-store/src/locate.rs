//! Finds rows by what names them: their id, the provider's response id, their trace.

use crate::hot::{self, SegmentRow};
use crate::read::{Reader, snapshot};
use crate::{StoreError, amend};
use flowgauge_logic::call::Call;
use flowgauge_logic::id::{CallId, TraceId};
use flowgauge_logic::unit::UnixMicros;
use rusqlite::Connection;
use std::collections::{HashMap, HashSet};

/// Rows further from the moment asked for than this are other answers with the same id, µs.
const NEAR: i64 = UnixMicros::DAY;

/// What rows are looked for by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// The provider's response ids.
    pub responses: HashSet<String>,
    /// Traces.
    pub traces: HashSet<TraceId>,
}

impl Names {
    fn fit(&self, call: &Call) -> bool {
        let link = &call.link;
        link.response_id.as_deref().is_some_and(|id| self.responses.contains(id))
            || link.trace_id.is_some_and(|id| self.traces.contains(&id))
    }
}

impl Reader {
    /// Rows in their current form, by id; where the batch of a row is known it is looked at first.
    pub(crate) fn locate(
        &self,
        wanted: &[(CallId, Option<i64>)],
    ) -> Result<HashMap<CallId, Call>, StoreError> {
        let mut found = HashMap::new();
        if wanted.is_empty() {
            return Ok(found);
        }
        self.shared.with(|db| {
            let tx = snapshot(db)?;
            let mut left = HashSet::new();
            for (id, _) in wanted {
                match amend::form_of(&tx, *id)? {
                    Some(call) => drop(found.insert(*id, call)),
                    None => drop(left.insert(*id)),
                }
            }
            let places: HashSet<i64> = wanted.iter().filter_map(|(_, place)| *place).collect();
            for seq in &places {
                keep(self.batch(&tx, *seq)?, &mut left, &mut found);
            }
            // A sealed batch went into the first segment whose newest batch is not older.
            let segments = hot::readable(&tx)?;
            let sealed: HashSet<i64> = places
                .iter()
                .filter_map(|seq| segments.iter().map(|s| s.id).find(|id| id >= seq))
                .collect();
            for row in segments.iter().filter(|s| sealed.contains(&s.id)) {
                if left.is_empty() {
                    break;
                }
                let ids: HashSet<String> = left.iter().map(ToString::to_string).collect();
                keep(self.in_segment(&tx, row, "call_id", &ids)?, &mut left, &mut found);
            }
            if !left.is_empty() {
                self.search(&tx, &mut left, &mut found)?;
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Looks through batches and segments, those near in time first, until nothing is left.
    fn search(
        &self,
        db: &Connection,
        left: &mut HashSet<CallId>,
        found: &mut HashMap<CallId, Call>,
    ) -> Result<(), StoreError> {
        let moments: Vec<i64> = left.iter().map(|id| id.received().0).collect();
        let (first, last) = (moments.iter().min().copied(), moments.iter().max().copied());
        let (Some(first), Some(last)) = (first, last) else { return Ok(()) };
        let far =
            |min: i64, max: i64| min.saturating_sub(last).max(first.saturating_sub(max)).max(0);
        let mut spans = self.batch_spans(db, i64::MIN, i64::MAX)?;
        spans.sort_by_key(|(_, min, max)| far(*min, *max));
        for (seq, ..) in spans {
            if left.is_empty() {
                return Ok(());
            }
            keep(self.batch(db, seq)?, left, found);
        }
        let mut segments = hot::readable(db)?;
        segments.sort_by_key(|s| far(s.min_time, s.max_time));
        for row in &segments {
            if left.is_empty() {
                return Ok(());
            }
            let ids: HashSet<String> = left.iter().map(ToString::to_string).collect();
            keep(self.in_segment(db, row, "call_id", &ids)?, left, found);
        }
        Ok(())
    }

    /// Calls and spans of one answer, newest form, oldest first; near a moment where one is given.
    ///
    /// # Errors
    /// The database cannot be read. Damaged files are passed over and named in the status.
    pub fn find_by_response(
        &self,
        response_id: &str,
        near: Option<UnixMicros>,
    ) -> Result<Vec<Call>, StoreError> {
        let (from, to) = near
            .map_or((i64::MIN, i64::MAX), |t| (t.0.saturating_sub(NEAR), t.0.saturating_add(NEAR)));
        let names =
            Names { responses: HashSet::from([response_id.to_owned()]), ..Names::default() };
        let mut calls = self.named(&names, (from, to))?;
        calls.retain(|c| (from..=to).contains(&c.time.start.0));
        Ok(calls)
    }

    /// Calls and spans of one trace, newest form, oldest first: rows of the gateway too that have
    /// their trace from the other witness.
    ///
    /// # Errors
    /// The database cannot be read. Damaged files are passed over and named in the status.
    pub fn find_by_trace(&self, trace: TraceId) -> Result<Vec<Call>, StoreError> {
        self.find_named(&Names { traces: HashSet::from([trace]), ..Names::default() })
    }

    /// Calls and spans that have one of these names, newest form, oldest first, in one pass.
    ///
    /// # Errors
    /// The database cannot be read. Damaged files are passed over and named in the status.
    pub fn find_named(&self, names: &Names) -> Result<Vec<Call>, StoreError> {
        let mut calls = self.named(names, (i64::MIN, i64::MAX))?;
        let have: HashSet<CallId> = calls.iter().map(|c| c.id).collect();
        let more: Vec<(CallId, Option<i64>)> = calls
            .iter()
            .filter_map(|c| c.link.merged_into)
            .filter(|id| !have.contains(id))
            .map(|id| (id, None))
            .collect();
        calls.extend(self.locate(&more)?.into_values().filter(|c| names.fit(c)));
        calls.sort_by_key(|c| (c.time.start, c.id));
        Ok(calls)
    }

    fn named(&self, names: &Names, (from, to): (i64, i64)) -> Result<Vec<Call>, StoreError> {
        let traces: HashSet<String> = names.traces.iter().map(ToString::to_string).collect();
        let columns = [("response_id", &names.responses), ("trace_id", &traces)];
        let mut out = Vec::new();
        if columns.iter().all(|(_, values)| values.is_empty()) {
            return Ok(out);
        }
        self.shared.with(|db| {
            let tx = snapshot(db)?;
            for (seq, ..) in self.batch_spans(&tx, from, to)? {
                out.extend(self.batch(&tx, seq)?.into_iter().filter(|c| names.fit(c)));
            }
            for row in hot::readable(&tx)? {
                if row.min_time > to || row.max_time < from {
                    continue;
                }
                for (column, values) in columns.iter().filter(|(_, values)| !values.is_empty()) {
                    out.extend(self.in_segment(&tx, &row, column, values)?);
                }
            }
            Ok(())
        })?;
        out.retain(|c| names.fit(c));
        out.sort_by_key(|c| (c.time.start, c.id));
        // A row with both names is found twice.
        out.dedup_by_key(|c| c.id);
        Ok(out)
    }

    /// Rows of a segment whose column has one of these values; none where it is damaged.
    fn in_segment(
        &self,
        db: &Connection,
        row: &SegmentRow,
        column: &str,
        values: &HashSet<String>,
    ) -> Result<Vec<Call>, StoreError> {
        let Some(segment) = self.shared.segment(row) else { return Ok(Vec::new()) };
        match segment.rows_where(column, values) {
            Ok(mut rows) => {
                amend::overlay(db, &mut rows)?;
                Ok(rows)
            }
            Err(e) => {
                self.note(row, &e);
                Ok(Vec::new())
            }
        }
    }
}

fn keep(calls: Vec<Call>, left: &mut HashSet<CallId>, found: &mut HashMap<CallId, Call>) {
    for call in calls {
        if left.remove(&call.id) {
            found.insert(call.id, call);
        }
    }
}
