//! Which ticks are due, and what of a gap is our own absence (alerting 6.1, 9; decision D20).

use super::{CATCH_UP, signed};
use crate::logic::unit::{Micros, UnixMicros};

/// The last tick at or before a moment.
#[must_use]
pub(super) fn tick_at(now: UnixMicros, tick: Micros) -> UnixMicros {
    let tick = signed(tick).max(1);
    UnixMicros(now.0.div_euclid(tick).saturating_mul(tick))
}

/// Ticks after `last` up to `now`, oldest first: all of them, but for what is older than a day. After
/// a step back of the wall clock there are none until time has caught up.
#[must_use]
pub fn due_ticks(last: Option<UnixMicros>, now: UnixMicros, tick: Micros) -> Vec<UnixMicros> {
    let newest = tick_at(now, tick);
    let Some(last) = last else { return vec![newest] };
    let step = signed(tick).max(1);
    let oldest = tick_at(UnixMicros(now.0.saturating_sub(signed(CATCH_UP))), tick);
    let mut at = UnixMicros(tick_at(last, tick).0.saturating_add(step)).max(oldest);
    let mut due = Vec::new();
    while at <= newest {
        due.push(at);
        at = UnixMicros(at.0.saturating_add(step));
    }
    due
}
