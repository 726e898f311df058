//! Finished calls kept while the store takes none: bounded, oldest dropped first.

use crate::logic::call::Call;
use std::collections::VecDeque;

/// Calls kept at most: five seconds of a busy gateway.
const MAX_ROWS: usize = 100_000;
/// Their size at most.
const MAX_BYTES: usize = 64 << 20;

#[derive(Debug)]
pub(super) struct Ring {
    calls: VecDeque<Call>,
    bytes: usize,
    max_rows: usize,
}

impl Default for Ring {
    fn default() -> Self {
        Self { calls: VecDeque::new(), bytes: 0, max_rows: MAX_ROWS }
    }
}

/// Memory of a call, texts beyond their inline part left out but the largest.
fn size_of(call: &Call) -> usize {
    size_of_val(call) + call.raw.as_ref().map_or(0, |r| r.len())
}

impl Ring {
    #[cfg(test)]
    pub(super) fn with_room(max_rows: usize) -> Self {
        Self { max_rows, ..Self::default() }
    }

    /// Adds calls; returns those that fell out.
    pub(super) fn push(&mut self, calls: impl IntoIterator<Item = Call>) -> Vec<Call> {
        let mut out = Vec::new();
        for call in calls {
            self.bytes += size_of(&call);
            self.calls.push_back(call);
            while self.calls.len() > self.max_rows || self.bytes > MAX_BYTES {
                let Some(oldest) = self.calls.pop_front() else { break };
                self.bytes -= size_of(&oldest);
                out.push(oldest);
            }
        }
        out
    }

    /// Everything, oldest first.
    pub(super) fn drain(&mut self) -> Vec<Call> {
        self.bytes = 0;
        self.calls.drain(..).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }
}
