//! Token reduction by method (c): the last days against the promoted baseline, with the mix of now on both sides.

use crate::logic::baseline::{Baseline, Cell, Origin};
use crate::logic::call::Text;
use crate::logic::control::evidence::{Group, baseline_reduction};
use crate::logic::rollup::{Dim, Filter};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::store::{Reader, RollupQuery, Step, StoreError};
use serde::{Deserialize, Serialize};

/// Compared with the baseline: a whole week, so that every hour of it is in.
const DAYS: i64 = 7;

/// What method (c) says, or why it says nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AgainstBaseline {
    /// Name of the baseline.
    pub baseline: Option<String>,
    /// Share saved; below zero where more is used now.
    pub reduction: Option<f64>,
    /// Groups, endpoint by intent, that both sides have.
    pub groups: u64,
    /// Why there is no figure.
    pub reason: Option<String>,
}

impl AgainstBaseline {
    /// No figure.
    #[must_use]
    pub fn none(baseline: Option<String>, reason: impl Into<String>) -> Self {
        Self { baseline, reduction: None, groups: 0, reason: Some(reason.into()) }
    }
}

/// Compares the last seven days with a baseline.
///
/// # Errors
/// The store cannot be read.
pub fn against_baseline(
    reader: &Reader,
    baseline: &Baseline,
    now: UnixMicros,
) -> Result<AgainstBaseline, StoreError> {
    let name = Some(baseline.name.to_string());
    if baseline.origin != Origin::Measured {
        return Ok(AgainstBaseline::none(
            name,
            "the baseline was imported: it has points, and no requests by endpoint and intent",
        ));
    }
    let window = Window { from: UnixMicros(now.0 - DAYS * UnixMicros::DAY), to: now };
    let query = RollupQuery {
        window,
        filter: Filter::default(),
        group_by: vec![Dim::Endpoint, Dim::Intent],
        step: Step::Whole,
    };
    let mut groups = Vec::new();
    for group in reader.rollups(&query)? {
        let [endpoint, intent] = group.key.as_slice() else { continue };
        let current = Cell { rollup: group.rollup, ..Cell::default() }.figures();
        let then = baseline.of(|cell| same(cell, endpoint, intent)).figures();
        if let (Some(current_tokens), Some(before)) = (current.tokens, then.tokens) {
            let requests = current.requests;
            groups.push(Group { requests, current: current_tokens, baseline: before });
        }
    }
    let reduction = baseline_reduction(&groups);
    let none = || "no endpoint and intent of the last 7 days is in the baseline".to_owned();
    let reason = if reduction.is_none() { Some(none()) } else { None };
    Ok(AgainstBaseline { baseline: name, reduction, groups: groups.len() as u64, reason })
}

fn same(cell: &Cell, endpoint: &Text, intent: &Text) -> bool {
    cell.endpoint == *endpoint && cell.intent == *intent
}
