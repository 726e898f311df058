//! What stored calls would cost at the prices in force now, and which of them would change.
//!
//! Reads raw rows, page by page. Refuses to change any: costs are frozen when a call is stored.

use crate::logic::call::{Call, Door, Text};
use crate::logic::id::CallId;
use crate::logic::price::{PriceBook, Repriced};
use crate::logic::rollup::Filter;
use crate::logic::unit::{NanoUsd, UnixMicros};
use crate::logic::window::Window;
use crate::store::{CallQuery, Reader, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Rows held at once: about 2 MB.
const PAGE: usize = 2_000;

/// How long after an application's call another may begin that was made for it, microseconds: a
/// quarter of an hour, longer than the answers of applications take.
const LONGEST_OUTER: i64 = 15 * UnixMicros::MINUTE;

/// The changes of one model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelChange {
    /// The model.
    #[schema(value_type = Option<String>)]
    pub model: Option<Text>,
    /// Calls whose cost would change.
    pub changed: u64,
    /// Calls among them that had no cost and would get one.
    pub newly_priced: u64,
    /// Calls among them that would lose theirs.
    pub no_longer_priced: u64,
    /// Known cost of the changed calls as stored, nano-dollars.
    #[schema(value_type = i64)]
    pub before_nanos: NanoUsd,
    /// Known cost of them at the prices in force, nano-dollars.
    #[schema(value_type = i64)]
    pub after_nanos: NanoUsd,
}

/// Stored calls at the prices in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Preview {
    /// First moment, RFC 3339.
    pub from: String,
    /// The end.
    pub to: String,
    /// Version of the prices in force.
    pub version: String,
    /// Model calls looked at.
    pub calls: u64,
    /// By model, the largest change first.
    pub models: Vec<ModelChange>,
}

/// Compares stored costs with those at `book`.
///
/// # Errors
/// When the store cannot be read.
pub fn preview(
    reader: &Reader,
    window: Window,
    filter: &Filter,
    book: &PriceBook,
) -> Result<Preview, StoreError> {
    let mut calls = 0;
    let mut models: BTreeMap<Option<Text>, ModelChange> = BTreeMap::new();
    let mut pages = Pages::new(window, filter.clone());
    while let Some(page) = pages.next(reader, book)? {
        calls += page.calls;
        for (call, new) in &page.changes {
            let model = call.model().cloned();
            let change = models.entry(model.clone()).or_default();
            change.model = model;
            change.add(call, new);
        }
    }
    let mut models: Vec<ModelChange> = models.into_values().collect();
    models.sort_by_key(|m| std::cmp::Reverse(m.after_nanos.0.abs_diff(m.before_nanos.0)));
    let (from, to) = (window.from.to_rfc3339(), window.to.to_rfc3339());
    Ok(Preview { from, to, version: book.version().to_owned(), calls, models })
}

impl ModelChange {
    fn add(&mut self, call: &Call, new: &Repriced) {
        self.changed += 1;
        let (before, after) = (call.cost.nanos, new.cost.nanos);
        self.newly_priced += u64::from(before.is_none() && after.is_some());
        self.no_longer_priced += u64::from(before.is_some() && after.is_none());
        if let Some(before) = before {
            self.before_nanos = self.before_nanos.saturating_add(before);
        }
        if let Some(after) = after {
            self.after_nanos = self.after_nanos.saturating_add(after);
        }
    }
}

/// Some stored calls, and those among them whose cost would change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// Model calls looked at.
    pub calls: u64,
    /// Calls as stored, and their new costs.
    pub changes: Vec<(Call, Repriced)>,
}

/// Stored calls page by page, newest first, so that memory does not grow with the window.
#[derive(Debug)]
pub struct Pages {
    wanted: CallQuery,
    read: CallQuery,
    /// Calls that others were made for, until they are met: they start first, so they come last.
    outer: BTreeSet<CallId>,
    done: bool,
}

impl Pages {
    /// The calls of a window.
    #[must_use]
    pub fn new(window: Window, filter: Filter) -> Self {
        let mut wanted = CallQuery::newest(window, PAGE);
        wanted.filter = filter;
        let to = UnixMicros(window.to.0.saturating_add(LONGEST_OUTER));
        let mut read = CallQuery::newest(Window { from: window.from, to }, PAGE);
        read.with_spans = true;
        Self { wanted, read, outer: BTreeSet::new(), done: false }
    }

    /// The next page at the prices of `book`; nothing after the last.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn next(&mut self, reader: &Reader, book: &PriceBook) -> Result<Option<Page>, StoreError> {
        if self.done {
            return Ok(None);
        }
        let rows = reader.calls(&self.read)?;
        self.read.after = rows.last().map(|last| (last.time.start, last.id));
        self.done = rows.len() < PAGE;
        let mut page = Page::default();
        for call in rows {
            if let Some(outer) = outer_of(&call) {
                self.outer.insert(outer);
            }
            let inner = self.inner(reader, &call)?;
            if self.wanted.wants(&call) {
                page.calls += 1;
                if let Some(new) = book.reprice_with(&call, &inner) {
                    page.changes.push((call, new));
                }
            }
        }
        Ok(Some(page))
    }

    /// The calls made for this one.
    fn inner(&mut self, reader: &Reader, call: &Call) -> Result<Vec<Call>, StoreError> {
        let Some(trace) = call.link.trace_id.filter(|_| self.outer.remove(&call.id)) else {
            return Ok(Vec::new());
        };
        let mut rows = reader.find_by_trace(trace)?;
        rows.retain(|row| outer_of(row) == Some(call.id));
        Ok(rows)
    }
}

/// The call of an application for which the gateway saw this one made. A row of another door is
/// another sight of the same call.
fn outer_of(call: &Call) -> Option<CallId> {
    call.link.merged_into.filter(|_| call.origin.door == Door::Gateway)
}
