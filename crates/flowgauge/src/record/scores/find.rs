//! From what a score says it is about to the row that counts.

use crate::logic::call::{Call, Source};
use crate::logic::id::CallId;
use crate::logic::rollup::{Dim, Filter};
use crate::logic::score::Reference;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::store::{CallQuery, Reader, StoreError};
use std::cmp::Reverse;

/// How far back a response or trace id is looked for: as late as a span may come.
const BACK: i64 = 7 * UnixMicros::DAY;
/// Newest rows looked through for response and trace ids: about a tenth of a second of reading.
const ROWS: usize = 20_000;
/// Rows that count in each other's place, one after the other: a span in a gateway call in an
/// application's route is two.
const HOPS: usize = 4;

/// The call of each reference, or nothing while it is not known.
pub(super) fn calls(
    reader: &Reader,
    abouts: &[&Reference],
    now: UnixMicros,
) -> Result<Vec<Option<Call>>, StoreError> {
    let mut found = Vec::with_capacity(abouts.len());
    for about in abouts {
        found.push(match about.call {
            Some(id) => reader.call(id)?,
            None => None,
        });
    }
    let open = |(about, call): (&&Reference, &Option<Call>)| {
        call.is_none() && (about.trace.is_some() || about.response.is_some())
    };
    if abouts.iter().zip(&found).any(open) {
        let rows = candidates(reader, now)?;
        for (about, slot) in abouts.iter().zip(&mut found) {
            if slot.is_none() {
                *slot = rows
                    .iter()
                    .filter(|row| about.may_mean(row))
                    .min_by_key(|row| rank(about, row))
                    .cloned();
            }
        }
    }
    found
        .into_iter()
        .map(|call| call.map(|c| counting(|id| reader.call(id), c)).transpose())
        .collect()
}

/// Rows that a response or trace id may name.
fn candidates(reader: &Reader, now: UnixMicros) -> Result<Vec<Call>, StoreError> {
    let window = Window { from: UnixMicros(now.0.saturating_sub(BACK)), to: UnixMicros(i64::MAX) };
    let mut query = CallQuery::newest(window, ROWS);
    query.with_spans = true;
    let any = Source::ALL.iter().map(|s| s.word().to_owned()).collect();
    query.filter = Filter { terms: vec![(Dim::Source, any)] };
    reader.calls(&query)
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
