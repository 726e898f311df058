//! How times were spread over time: counts of calls by step of time and by quarter octave of their duration.
//!
//! Refuses to guess: a step without a row had no calls.

use crate::logic::quantile::Histogram;
use crate::logic::rollup::{Rollup, Spreads};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::store::{Gap, Reader, RollupQuery, Step, StoreError};
use serde::{Deserialize, Serialize};

/// Which times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Start to the last byte of successful requests.
    Latency,
    /// Start to the first content of streamed ones.
    FirstToken,
}

/// Counts over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Heat {
    /// The window, widened to whole minutes.
    #[schema(value_type = Object)]
    pub window: Window,
    /// Length of a step in minutes; `null` where time is not cut.
    pub step_minutes: Option<u32>,
    /// Lower edges of the bins in ms, and the upper edge of the last one.
    pub edges_ms: Vec<f64>,
    /// One per step with calls.
    pub rows: Vec<HeatRow>,
    /// Stretches in which calls were lost.
    #[schema(value_type = Vec<Object>)]
    pub gaps: Vec<Gap>,
}

/// One step of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HeatRow {
    /// Its first moment.
    #[schema(value_type = i64)]
    pub from: UnixMicros,
    /// Calls, one count per bin.
    pub counts: Vec<u64>,
}

/// Counts of a question that groups by nothing.
///
/// # Errors
/// When the store cannot be read.
pub fn heat(reader: &Reader, times: Times, query: &RollupQuery) -> Result<Heat, StoreError> {
    let window = query.window.whole_minutes();
    let spreads = match times {
        Times::Latency => Spreads::LATENCY,
        Times::FirstToken => Spreads::TTFT,
    };
    let groups = reader.rollups_of(query, spreads)?;
    let steps: Vec<(UnixMicros, Vec<(i32, u64)>)> =
        groups.iter().map(|g| (g.from, histogram(times, &g.rollup).quarter_octaves())).collect();
    let all = || steps.iter().flat_map(|(_, bins)| bins.iter().map(|(step, _)| *step));
    let (edges_ms, rows) = match (all().min(), all().max()) {
        (Some(first), Some(last)) => {
            let edges = (first..=last + 1).map(|step| Histogram::quarter_octave(step) / 1_000.0);
            (edges.collect(), steps.iter().filter_map(|step| row(step, first..=last)).collect())
        }
        _ => (Vec::new(), Vec::new()),
    };
    let step_minutes = match query.step {
        Step::Whole => None,
        Step::Minutes(minutes) => Some(minutes),
    };
    Ok(Heat { window, step_minutes, edges_ms, rows, gaps: reader.gaps(window)? })
}

fn row(
    (from, bins): &(UnixMicros, Vec<(i32, u64)>),
    range: std::ops::RangeInclusive<i32>,
) -> Option<HeatRow> {
    let of = |step| bins.iter().find(|(at, _)| *at == step).map_or(0, |(_, n)| *n);
    (!bins.is_empty()).then(|| HeatRow { from: *from, counts: range.map(of).collect() })
}

fn histogram(times: Times, rollup: &Rollup) -> &Histogram {
    match times {
        Times::Latency => &rollup.latency.histogram,
        Times::FirstToken => &rollup.ttft.histogram,
    }
}
