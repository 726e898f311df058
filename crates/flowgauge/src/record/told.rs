//! What the writer tells listeners once it is durable: submitted rows, and rows that were merged.
//!
//! Refuses to wait for a listener: a slow one misses some, and is told how many.

use super::Heard;
use crate::logic::call::Call;
use crate::store::Merge;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::broadcast;

/// The writer's end of both channels.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) live: broadcast::Sender<Arc<Call>>,
    pub(super) merges: broadcast::Sender<Arc<[Merge]>>,
}

/// What a commit brought, for those who listen on the writer's thread.
#[derive(Debug, Default)]
pub(super) struct Commit {
    calls: Vec<Call>,
    merges: Vec<Merge>,
}

impl Commit {
    /// Rows before merges, as [`Told::committed`] says.
    pub(super) fn tell(&self, listener: &dyn Heard) {
        if !self.calls.is_empty() {
            listener.ended(&self.calls);
        }
        if !self.merges.is_empty() {
            listener.merged(&self.merges);
        }
    }
}

impl Told {
    /// Tells of rows before their merges, so that a listener never meets a merged row as a new call.
    pub(super) fn committed(&self, mut calls: Vec<Call>, merges: Vec<Merge>) -> Commit {
        let into: HashMap<_, _> = merges.iter().map(|m| (m.row, m.into)).collect();
        for call in &mut calls {
            if let Some(into) = into.get(&call.id) {
                call.link.merged_into = Some(*into);
                call.what.leaf = false;
            }
        }
        if self.live.receiver_count() > 0 {
            // An error means that the last listener left just now.
            calls.iter().for_each(|call| drop(self.live.send(Arc::new(call.clone()))));
        }
        if !merges.is_empty() && self.merges.receiver_count() > 0 {
            drop(self.merges.send(merges.clone().into()));
        }
        Commit { calls, merges }
    }
}
