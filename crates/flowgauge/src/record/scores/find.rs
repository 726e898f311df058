//! From what a score says it is about to the row that counts.

use crate::logic::call::Call;
use crate::logic::id::CallId;
use crate::logic::score::Reference;
use crate::logic::unit::UnixMicros;
use crate::store::{Names, Reader, StoreError};
use std::cmp::Reverse;

/// Rows that count in each other's place, one after the other: a span in a gateway call in an
/// application's route is two.
const HOPS: usize = 4;

/// The call of each reference, or nothing while it is not known.
pub(super) fn calls(
    reader: &Reader,
    abouts: &[&Reference],
) -> Result<Vec<Option<Call>>, StoreError> {
    let mut found = Vec::with_capacity(abouts.len());
    for about in abouts {
        found.push(match about.call {
            Some(id) => reader.call(id)?,
            None => None,
        });
    }
    let open = || abouts.iter().zip(&found).filter(|(_, call)| call.is_none()).map(|(a, _)| a);
    let names = Names {
        responses: open().filter_map(|a| Some(a.response.as_ref()?.to_string())).collect(),
        traces: open().filter_map(|a| a.trace).collect(),
    };
    let rows = reader.find_named(&names)?;
    for (about, slot) in abouts.iter().zip(&mut found) {
        if slot.is_none() {
            let meant = rows.iter().filter(|row| about.may_mean(row));
            *slot = meant.min_by_key(|row| rank(about, row)).cloned();
        }
    }
    found
        .into_iter()
        .map(|call| call.map(|c| counting(|id| reader.call(id), c)).transpose())
        .collect()
}

/// The span itself, then the answer, then the first model call of the trace.
fn rank(
    about: &Reference,
    row: &Call,
) -> (Reverse<bool>, Reverse<bool>, Reverse<bool>, UnixMicros) {
    let span = about.span.is_some() && about.span == row.link.span_id;
    let response = about.response.is_some() && about.response == row.link.response_id;
    (Reverse(span), Reverse(response), Reverse(row.what.leaf), row.time.start)
}

/// The row that counts in its place.
pub(super) fn counting(
    look: impl Fn(CallId) -> Result<Option<Call>, StoreError>,
    mut call: Call,
) -> Result<Call, StoreError> {
    for _ in 0..HOPS {
        let Some(into) = call.link.merged_into else { break };
        match look(into)? {
            Some(other) => call = other,
            None => break,
        }
    }
    Ok(call)
}
