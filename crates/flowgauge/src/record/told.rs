//! What the writer tells listeners once it is durable: submitted rows, and rows that were merged.
//!
//! Refuses to wait for a listener: a slow one misses some, and is told how many.

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

impl Told {
    /// Tells of rows before their merges, so that a listener never meets a merged row as a new call.
    pub(super) fn committed(&self, calls: Vec<Call>, merges: Vec<Merge>) {
        if self.live.receiver_count() > 0 {
            let into: HashMap<_, _> = merges.iter().map(|m| (m.row, m.into)).collect();
            for mut call in calls {
                if let Some(into) = into.get(&call.id) {
                    call.link.merged_into = Some(*into);
                    call.what.leaf = false;
                }
                // An error means that the last listener left just now.
                drop(self.live.send(Arc::new(call)));
            }
        }
        if !merges.is_empty() && self.merges.receiver_count() > 0 {
            drop(self.merges.send(merges.into()));
        }
    }
}
