//! A bounded sample of rows, spread over a window: for what rollups do not keep.
//!
//! Refuses to read on until it has enough: how much is read is settled by the window, not by how rare a row is.

use crate::logic::call::Call;
use crate::logic::rollup::Filter;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::store::{CallQuery, Part, Reader, StoreError};

/// Rows of a sample: a share of 5 % of them is known to a third of a percent.
pub(crate) const MAX_ROWS: usize = 20_000;
/// Windows of so many rows of any kind are looked through whole.
const LOOKED_THROUGH: u64 = 150_000;
/// Slices of a larger window, each read from its end: no hour of a day goes unseen.
const SLICES: i64 = 24;
/// Groups of rows looked through of each slice: one is cut by the slice's end, the next is whole.
const GROUPS: usize = 2;

/// All rows where they are few; else the newest of every slice.
pub(crate) fn sample(
    reader: &Reader,
    filter: &Filter,
    windows: &[Window],
    part: Part,
) -> Result<Vec<Call>, StoreError> {
    let query = |window: Window, limit: usize, groups: usize| CallQuery {
        filter: filter.clone(),
        part,
        groups,
        ..CallQuery::newest(window, limit)
    };
    let mut about = 0;
    for window in windows {
        about += reader.rows_about(*window)?;
    }
    // Without a filter it is known beforehand that they are not few; spans and probes may be a part of them.
    let open = filter.terms.is_empty() && about > 2 * MAX_ROWS as u64;
    if about <= LOOKED_THROUGH && !open {
        // Slices of few rows lie in one piece of a file, and each would look through all of it.
        let mut few = Vec::new();
        for window in windows {
            let room = MAX_ROWS + 1 - few.len().min(MAX_ROWS);
            few.extend(reader.calls(&query(*window, room, usize::MAX))?);
        }
        if few.len() <= MAX_ROWS {
            return Ok(few);
        }
    }
    let all: i64 = windows.iter().map(|w| w.to.0 - w.from.0).sum();
    let slice = (all / SLICES).max(UnixMicros::MINUTE);
    let of_slice = usize::try_from(SLICES).map_or(MAX_ROWS, |n| MAX_ROWS / n);
    let mut rows = Vec::new();
    for window in windows {
        let mut from = window.from;
        while from < window.to {
            let to = UnixMicros(from.0.saturating_add(slice)).min(window.to);
            rows.extend(reader.calls(&query(Window { from, to }, of_slice, GROUPS))?);
            from = to;
        }
    }
    Ok(rows)
}
