//! Failed requests of a window, grouped by class: what fails, since when, where, with examples.
//!
//! Counts come from rollups and are exact; first and last sight and the examples come from raw rows.

use crate::logic::call::{Call, ErrorClass, Status};
use crate::logic::rollup::{Dim, Filter, Rollup};
use crate::logic::unit::Ratio;
use crate::logic::window::Window;
use crate::store::{CallQuery, Group, Reader, RollupQuery, Step, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rows read per status to find first and last sight: a bad half hour of a busy application fits,
/// and it still takes well under a second.
const MAX_ROWS: usize = 5_000;
/// Example ids per class: enough to see a pattern, few enough to read.
const MAX_EXAMPLES: usize = 5;
/// Models and endpoints named per class; the rest is in the class's own count.
const MAX_PLACES: usize = 10;

/// Statuses whose rows are failures or refusals; cancelled calls are counted, not grouped.
const FAILED: [Status; 4] =
    [Status::Error, Status::Truncated, Status::Interrupted, Status::Refused];

/// Word of the group of calls that were in flight when flowgauge died; they have no class.
const INTERRUPTED: &str = "interrupted";

/// Failures of a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// The window, widened to whole minutes.
    pub window: Window,
    /// All requests.
    pub requests: u64,
    /// Those that count in the error rate.
    pub failures: u64,
    /// Percent; `null` without requests.
    pub error_rate: Option<f64>,
    /// Requests whose client went away; no failure.
    pub cancelled: u64,
    /// Most frequent first.
    pub groups: Vec<ErrorGroup>,
    /// Whether there were more failed rows than were read: `first_seen` may then be too late.
    pub capped: bool,
}

/// Failures of one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorGroup {
    /// Class in one word.
    pub class: String,
    /// Whether it counts in the error rate.
    pub counts: bool,
    /// How many.
    pub count: u64,
    /// First in the window, RFC 3339.
    pub first_seen: Option<String>,
    /// Last in the window, RFC 3339.
    pub last_seen: Option<String>,
    /// Newest calls, by id.
    pub examples: Vec<String>,
    /// Codes as the providers name them, most frequent first, of the rows read.
    pub error_types: Vec<Place>,
    /// By model, most frequent first.
    pub by_model: Vec<Place>,
    /// By endpoint, most frequent first.
    pub by_endpoint: Vec<Place>,
}

/// A value and how many fell to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The value; empty where not known.
    pub name: String,
    /// How many.
    pub count: u64,
}

/// Failures of a window, grouped.
///
/// # Errors
/// When the store cannot be read.
pub fn report(reader: &Reader, window: Window, filter: &Filter) -> Result<ErrorReport, StoreError> {
    let window = window.whole_minutes();
    let groups = reader.rollups(&RollupQuery {
        window,
        filter: filter.clone(),
        group_by: vec![Dim::Model, Dim::Endpoint],
        step: Step::Whole,
    })?;
    let mut rows = Vec::new();
    let mut capped = false;
    for status in FAILED {
        let mut query = CallQuery::newest(window, MAX_ROWS);
        query.filter = filter.clone();
        query.status = Some(status);
        let found = reader.calls(&query)?;
        capped |= found.len() >= MAX_ROWS;
        rows.extend(found);
    }
    Ok(assemble(window, &groups, &rows, capped))
}

fn assemble(window: Window, groups: &[Group], rows: &[Call], capped: bool) -> ErrorReport {
    let mut whole = Rollup::default();
    groups.iter().for_each(|g| whole.merge(&g.rollup));
    let classes = ErrorClass::ALL.iter().filter(|c| **c != ErrorClass::None);
    let mut found: Vec<ErrorGroup> = classes
        .map(|class| {
            let code = usize::from(class.code());
            let count = |r: &Rollup| r.by_class.get(code).copied().unwrap_or_default();
            let of_class = rows.iter().filter(|c| c.outcome.class == *class);
            group(class.word(), class.counts_as_failure(), groups, count, of_class)
        })
        .collect();
    let interrupted = usize::from(Status::Interrupted.code());
    let count = |r: &Rollup| r.by_status.get(interrupted).copied().unwrap_or_default();
    let of_status = rows
        .iter()
        .filter(|c| c.outcome.status == Status::Interrupted && c.outcome.class == ErrorClass::None);
    found.push(group(INTERRUPTED, true, groups, count, of_status));
    found.retain(|g| g.count > 0);
    found.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.class.cmp(&b.class)));
    let cancelled = usize::from(Status::Cancelled.code());
    ErrorReport {
        window,
        requests: whole.requests(),
        failures: whole.failure,
        error_rate: Ratio::of(whole.failure, whole.success + whole.failure).map(Ratio::percent),
        cancelled: whole.by_status.get(cancelled).copied().unwrap_or_default(),
        groups: found,
        capped,
    }
}

fn group<'a>(
    class: &str,
    counts: bool,
    groups: &[Group],
    count: impl Fn(&Rollup) -> u64,
    rows: impl Iterator<Item = &'a Call>,
) -> ErrorGroup {
    let by = |position: usize| {
        let named = groups.iter().map(|g| {
            (g.key.get(position).map_or_else(String::new, ToString::to_string), count(&g.rollup))
        });
        places(named)
    };
    let mut rows: Vec<&Call> = rows.collect();
    rows.sort_by_key(|c| std::cmp::Reverse((c.time.start, c.id)));
    let types = rows.iter().filter_map(|c| c.outcome.error_type.as_ref());
    ErrorGroup {
        class: class.to_owned(),
        counts,
        count: groups.iter().map(|g| count(&g.rollup)).sum(),
        first_seen: rows.last().map(|c| c.time.start.to_rfc3339()),
        last_seen: rows.first().map(|c| c.time.start.to_rfc3339()),
        examples: rows.iter().take(MAX_EXAMPLES).map(|c| c.id.to_string()).collect(),
        error_types: places(types.map(|t| (t.to_string(), 1))),
        by_model: by(0),
        by_endpoint: by(1),
    }
}

/// Sums per name, most frequent first, names without any left out.
fn places(named: impl Iterator<Item = (String, u64)>) -> Vec<Place> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for (name, count) in named.filter(|(_, count)| *count > 0) {
        *sums.entry(name).or_default() += count;
    }
    let mut places: Vec<Place> =
        sums.into_iter().map(|(name, count)| Place { name, count }).collect();
    places.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    places.truncate(MAX_PLACES);
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::call::Door;
    use crate::logic::id::CallId;
    use crate::logic::unit::UnixMicros;

    fn failed(second: i64, class: ErrorClass, model: &str) -> Call {
        let at = UnixMicros(second * 1_000_000);
        let mut call = Call::begun(CallId::new(at, [9; 10]), at, at, Door::Gateway);
        call.what.leaf = true;
        call.what.model_used = Some(model.into());
        call.outcome.status = Status::Error;
        call.outcome.class = class;
        call.outcome.error_type = Some("overloaded".into());
        call
    }

    fn grouped(calls: &[Call]) -> Vec<Group> {
        calls
            .iter()
            .map(|call| {
                let mut rollup = Rollup::default();
                rollup.record(call);
                let model = call.model().cloned().unwrap_or_default();
                Group { from: UnixMicros(0), key: vec![model, "chat".into()], rollup }
            })
            .collect()
    }

    const HOUR: Window = Window { from: UnixMicros(0), to: UnixMicros(UnixMicros::HOUR) };

    #[test]
    fn failures_are_grouped_by_class_with_first_and_last_sight() {
        let calls = [
            failed(10, ErrorClass::Upstream5xx, "a"),
            failed(20, ErrorClass::Upstream5xx, "b"),
            failed(30, ErrorClass::Upstream5xx, "b"),
            failed(40, ErrorClass::Client4xx, "a"),
        ];
        let report = assemble(HOUR, &grouped(&calls), &calls, false);
        assert_eq!((report.requests, report.failures), (4, 3));
        let [server, wrong] = report.groups.as_slice() else { panic!("two classes") };
        assert_eq!((server.class.as_str(), server.count, server.counts), ("upstream_5xx", 3, true));
        assert_eq!(server.first_seen.as_deref(), Some("1970-01-01T00:00:10.000000Z"));
        assert_eq!(server.last_seen.as_deref(), Some("1970-01-01T00:00:30.000000Z"));
        assert_eq!(server.by_model.first(), Some(&Place { name: "b".into(), count: 2 }));
        assert_eq!(server.examples.len(), 3);
        assert_eq!((wrong.class.as_str(), wrong.counts), ("client_4xx", false));
    }

    #[test]
    fn a_window_without_requests_has_no_rate() {
        let report = assemble(HOUR, &[], &[], false);
        assert_eq!((report.error_rate, report.groups.len()), (None, 0));
    }

    #[test]
    fn calls_in_flight_at_a_crash_are_a_group_of_their_own() {
        let mut call = failed(5, ErrorClass::None, "a");
        call.outcome.status = Status::Interrupted;
        let report = assemble(HOUR, &grouped(std::slice::from_ref(&call)), &[call], false);
        assert_eq!(report.groups.first().map(|g| g.class.as_str()), Some("interrupted"));
    }
}
