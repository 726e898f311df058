//! What is over long since goes: episodes, their history and deliveries, silences.

use super::{Engine, signed};
use crate::logic::unit::{Micros, UnixMicros};

/// Between two looks: what is kept for months is not missed for an hour, and a look that finds nothing
/// costs less than a tick.
const EVERY: Micros = Micros::from_millis(3_600_000);

impl Engine {
    /// Lets history go, once an hour. What cannot be deleted now is deleted the next time.
    pub(super) fn age(&mut self, at: UnixMicros) {
        if self.aged.is_some_and(|aged| at.since(aged) < EVERY) {
            return;
        }
        self.aged = Some(at);
        let before = UnixMicros(at.0.saturating_sub(signed(self.keep_history)));
        match self.desk.forget(before) {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "alerts of long ago were deleted"),
            Err(error) => tracing::warn!(%error, "alerts of long ago were not deleted"),
        }
    }
}
