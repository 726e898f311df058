//! What stored calls would cost at the prices in force now, and which of them would change.
//!
//! Reads raw rows, page by page. Refuses to change any: costs are frozen when a call is stored.

use crate::logic::call::{Call, Text};
use crate::logic::price::{PriceBook, Repriced};
use crate::logic::rollup::Filter;
use crate::logic::unit::NanoUsd;
use crate::logic::window::Window;
use crate::store::{CallQuery, Reader, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rows held at once: about 2 MB.
const PAGE: usize = 2_000;

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
    each_page(reader, window, filter, |page| {
        for call in page {
            calls += 1;
            if let Some(new) = book.reprice(call) {
                let model = call.model().cloned();
                let change = models.entry(model.clone()).or_default();
                change.model = model;
                change.add(call, &new);
            }
        }
    })?;
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

fn each_page(
    reader: &Reader,
    window: Window,
    filter: &Filter,
    mut take: impl FnMut(&[Call]),
) -> Result<(), StoreError> {
    let mut query = CallQuery::newest(window, PAGE);
    query.filter = filter.clone();
    loop {
        let page = reader.calls(&query)?;
        take(&page);
        match page.last() {
            Some(last) if page.len() == PAGE => query.after = Some((last.time.start, last.id)),
            _ => return Ok(()),
        }
    }
}
