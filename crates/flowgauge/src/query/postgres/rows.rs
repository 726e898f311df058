//! Rows on their way to a client: an answer being given, or one that is known already.

use crate::query::sql::wire::{Cell, Column, Problem};
use crate::query::sql::{Answer, Part};
use std::collections::VecDeque;

/// Rows in their order.
#[derive(Debug)]
pub(super) struct Rows {
    /// Their columns.
    pub(super) columns: Vec<Column>,
    answer: Option<Answer>,
    ready: VecDeque<Vec<Cell>>,
    /// What the answer misses, in words; known after the last row.
    pub(super) missing: Vec<String>,
    /// Rows taken.
    pub(super) taken: u64,
}

impl Rows {
    /// Those of an answer.
    pub(super) fn of(answer: Answer) -> Self {
        let columns = answer.head.columns.clone();
        Self { columns, answer: Some(answer), ..Self::known(Vec::new(), Vec::new()) }
    }

    /// Those that are known.
    pub(super) fn known(columns: Vec<Column>, rows: Vec<Vec<Cell>>) -> Self {
        Self { columns, answer: None, ready: rows.into(), missing: Vec::new(), taken: 0 }
    }

    /// The next row; nothing after the last. A row is not lost where this is dropped half-way.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Cell>>, Problem> {
        loop {
            if let Some(row) = self.at_hand() {
                return Ok(Some(row));
            }
            let Some(answer) = &mut self.answer else { return Ok(None) };
            match answer.next().await {
                Some(Ok(Part::Rows(rows))) => self.ready = rows.into(),
                Some(Ok(Part::Head(_) | Part::Bytes(_))) => {}
                Some(Ok(Part::End(end))) => {
                    self.missing = end.missing;
                    self.answer = None;
                }
                Some(Err(problem)) => {
                    self.answer = None;
                    return Err(problem);
                }
                None => {
                    self.answer = None;
                    return Err(Problem::new("XX000", "the answer ended early"));
                }
            }
        }
    }

    /// The next row, where it is here already.
    pub(super) fn at_hand(&mut self) -> Option<Vec<Cell>> {
        let row = self.ready.pop_front()?;
        self.taken += 1;
        Some(row)
    }
}
