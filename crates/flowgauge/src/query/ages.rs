//! How old answers from memory were when they were given again: whether answers could be kept longer, or too long.
//!
//! From a bounded sample of the hits. Refuses to guess: a hit that does not say its age is counted apart.

use crate::logic::call::{CacheOutcome, Call};
use crate::logic::quantile::exact;
use crate::logic::rollup::{Dim, Filter, Spreads};
use crate::logic::unit::Micros;
use crate::logic::window::Window;
use crate::query::sample::sample;
use crate::store::{Part, Reader, RollupQuery, Step, StoreError};
use serde::{Deserialize, Serialize};

/// Edges of the bins as people count time, s.
const EDGES: [u64; 16] = [
    0, 1, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 172_800, 604_800,
    2_592_000,
];

/// Ages of answers when they were given again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ages {
    /// The window, widened to whole minutes.
    #[schema(value_type = Object)]
    pub window: Window,
    /// Hits in it.
    pub hits: u64,
    /// Hits that were looked at: all of them, or some of every part of the window.
    pub read: u64,
    /// Those of them that say an age.
    pub known: u64,
    /// From the youngest to the oldest, without those empty at either end.
    pub bins: Vec<AgeBin>,
    /// Half were no older, s; `null` where no age is known.
    pub p50_s: Option<f64>,
    /// 95 % were no older, s.
    pub p95_s: Option<f64>,
}

/// Hits of an age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AgeBin {
    /// At least so old, s.
    pub from_s: u64,
    /// Younger than this, s; `null` where there is no end.
    pub to_s: Option<u64>,
    /// How many of those that say an age.
    pub n: u64,
}

/// Ages of the hits of a window.
///
/// # Errors
/// When the store cannot be read.
pub fn ages(reader: &Reader, window: Window, filter: &Filter) -> Result<Ages, StoreError> {
    let window = window.whole_minutes();
    let mut filter = filter.clone();
    let from_memory = [CacheOutcome::HitExact, CacheOutcome::HitSemantic];
    filter.terms.push((Dim::Cache, from_memory.map(|outcome| outcome.word().to_owned()).to_vec()));
    let all = reader.rollups_of(
        &RollupQuery { window, filter: filter.clone(), group_by: Vec::new(), step: Step::Whole },
        Spreads::NONE,
    )?;
    let hits: u64 = all.iter().map(|group| group.rollup.requests()).sum();
    let rows =
        if hits == 0 { Vec::new() } else { sample(reader, &filter, &[window], Part::CacheAge)? };
    Ok(told(window, hits, &rows))
}

fn told(window: Window, hits: u64, rows: &[Call]) -> Ages {
    let known: Vec<Micros> = rows.iter().filter_map(|call| call.control.cache_age).collect();
    let mut seconds: Vec<f64> = known.iter().map(|age| age.as_millis_f64() / 1e3).collect();
    let ends = EDGES.iter().skip(1).map(|edge| Some(*edge)).chain([None]);
    let inside = |from: u64, to: Option<u64>| {
        let of = |age: &&Micros| {
            let whole = age.0 / 1_000_000;
            from <= whole && to.is_none_or(|to| whole < to)
        };
        known.iter().filter(of).count() as u64
    };
    let mut bins: Vec<AgeBin> = EDGES
        .iter()
        .zip(ends)
        .map(|(from, to)| AgeBin { from_s: *from, to_s: to, n: inside(*from, to) })
        .skip_while(|bin| bin.n == 0)
        .collect();
    while bins.last().is_some_and(|bin| bin.n == 0) {
        bins.pop();
    }
    Ages {
        window,
        hits,
        read: (rows.len() as u64).min(hits),
        known: known.len() as u64,
        bins,
        p50_s: exact(&mut seconds, 0.5),
        p95_s: exact(&mut seconds, 0.95),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::call::Door;
    use crate::logic::id::CallId;
    use crate::logic::unit::UnixMicros;

    #[test]
    fn ages_are_counted_in_whole_bins_and_unknown_ones_in_none() {
        let at = UnixMicros(0);
        let aged = |seconds: Option<u64>| {
            let mut call = Call::begun(CallId([0; 16]), at, at, Door::Gateway);
            call.control.cache_age = seconds.map(|s| Micros(s * 1_000_000));
            call
        };
        let rows = [Some(1), Some(4), Some(5), Some(70), None].map(aged);
        let told = told(Window { from: at, to: at }, 9, &rows);
        assert_eq!((told.hits, told.read, told.known), (9, 5, 4));
        let counts: Vec<(u64, u64)> = told.bins.iter().map(|bin| (bin.from_s, bin.n)).collect();
        assert_eq!(counts, [(1, 2), (5, 1), (15, 0), (60, 1)]);
        // Between the third and the fourth of four: 5 + 0.85 × 65 (Hyndman and Fan 1996, type 7).
        assert!((told.p95_s.unwrap() - 60.25).abs() < 1e-9);
    }

    #[test]
    fn without_a_known_age_nothing_is_told_of_ages() {
        let at = UnixMicros(0);
        let told = told(Window { from: at, to: at }, 3, &[]);
        assert_eq!((told.bins.len(), told.p50_s), (0, None));
    }
}
