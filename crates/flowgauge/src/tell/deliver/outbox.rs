//! Rows of the outbox as the queue looks at them.
//!
//! A message that spoke for several rows and may have arrived is that message still: the row that
//! carries it stands for the others, which wait.

use crate::logic::alert::notice::Notice;
use crate::logic::alert::queue::{Batch, Row};
use crate::store::{Delivery, Joined, OutboxRow};
use std::collections::{BTreeMap, BTreeSet};

/// Rows that wait, and which of them are on their way.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    rows: BTreeMap<i64, &'a OutboxRow>,
    flying: &'a BTreeSet<i64>,
    /// Rows another one stands for, and that one.
    carried: BTreeMap<i64, &'a OutboxRow>,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(rows: &[&'a OutboxRow], flying: &'a BTreeSet<i64>) -> Self {
        let rows: BTreeMap<i64, &OutboxRow> = rows.iter().map(|row| (row.seq, *row)).collect();
        let mut carried = BTreeMap::new();
        for row in rows.values().filter(|row| !flying.contains(&row.seq)) {
            let Some(joined) = again(row) else { continue };
            carried.extend(joined.rows.iter().filter(|seq| **seq != row.seq).map(|s| (*s, *row)));
        }
        Self { rows, flying, carried }
    }

    /// What the queue chooses from.
    pub(super) fn view(&self) -> Vec<Row<'a>> {
        self.rows.values().filter_map(|row| self.seen(row)).collect()
    }

    fn seen(&self, row: &'a OutboxRow) -> Option<Row<'a>> {
        let OutboxRow { seq, attempts, next, .. } = row;
        let as_is = |sending: bool| Row {
            seq: *seq,
            notice: &row.notice,
            attempts: *attempts,
            next: *next,
            sending,
            unsure: may_have_arrived(row),
        };
        if self.flying.contains(seq) {
            return Some(as_is(true));
        }
        if let Some(carrier) = self.carried.get(seq) {
            // In a group of its own it must keep those behind it back.
            let elsewhere = carrier.notice.group != row.notice.group;
            return elsewhere.then(|| as_is(true));
        }
        let notice = again(row).map_or(&row.notice, |joined| &joined.notice);
        Some(Row { notice, ..as_is(false) })
    }

    /// What a batch of the queue is sent as: where its one row carries a message that may have arrived,
    /// that message.
    pub(super) fn joined(&self, batch: Batch) -> Joined {
        let carried = match batch.rows.as_slice() {
            [only] => self.rows.get(only).and_then(|row| again(row)),
            _ => None,
        };
        match carried {
            Some(joined) => joined.clone(),
            None => Joined { notice: batch.notice, rows: batch.rows, merged: batch.merged },
        }
    }

    /// A row and those it stands for.
    pub(super) fn with_carried(&self, seq: i64) -> Vec<i64> {
        match self.rows.get(&seq).and_then(|row| again(row)) {
            Some(joined) => joined.rows.clone(),
            None => vec![seq],
        }
    }

    /// What the rows say each by itself.
    pub(super) fn notices(&self, rows: &[i64]) -> Vec<Notice> {
        rows.iter().filter_map(|seq| self.rows.get(seq)).map(|row| row.notice.clone()).collect()
    }
}

/// An attempt ended without an answer, or flowgauge ended inside it.
const fn may_have_arrived(row: &OutboxRow) -> bool {
    row.unsure || matches!(row.state, Delivery::Sending)
}

/// The message of several rows that is sent again as it was.
fn again(row: &OutboxRow) -> Option<&Joined> {
    row.joined.as_deref().filter(|_| may_have_arrived(row))
}
