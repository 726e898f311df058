//! Builds a baseline from a history that comes stretch by stretch.
//!
//! Refuses to learn from stretches inside what is left out, from holdout traffic (the caller does
//! not hand it in), and from a history that is too short to say what is usual.

use super::cell::{Cell, Point, Quality};
use super::{Baseline, LeftOut, Origin};
use crate::call::Text;
use crate::rollup::Rollup;
use crate::score::{Evaluator, ScoreSums};
use crate::unit::UnixMicros;
use crate::window::Window;
use std::collections::BTreeMap;

/// Cells kept apart; the traffic of the others is one cell. A baseline of four weeks by the hour with
/// so many cells stays below a few megabytes.
const MAX_CELLS: usize = 64;

/// Fewer points than a week of days say nothing of what is usual (regression 6.1).
pub(super) const MIN_POINTS: usize = 7;

/// Name of the cell that stands for all further ones.
const OTHER: Text = Text::const_new("(other)");

/// Endpoint, intent, model.
pub type Key = (Text, Text, Text);

/// Why there is no baseline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{points} stretches of {bucket_minutes} minutes with at least {min_samples} requests; a baseline \
     needs {MIN_POINTS}"
)]
pub struct TooLittle {
    /// Stretches that could be used.
    pub points: usize,
    /// Minutes of each.
    pub bucket_minutes: u32,
    /// Requests each needs.
    pub min_samples: u64,
}

/// A history on its way to a baseline.
#[derive(Debug, Clone)]
pub struct Builder {
    bucket_minutes: u32,
    min_samples: u64,
    left_out: Vec<LeftOut>,
    cells: BTreeMap<Key, Cell>,
    whole: Cell,
}

impl Builder {
    /// For points of so many minutes with so many requests at least; nothing is learned inside the
    /// stretches left out.
    #[must_use]
    pub fn new(bucket_minutes: u32, min_samples: u64, left_out: Vec<LeftOut>) -> Self {
        let (cells, whole) = (BTreeMap::new(), Cell::default());
        Self { bucket_minutes: bucket_minutes.max(1), min_samples, left_out, cells, whole }
    }

    /// Adds one stretch: its calls and scores, by endpoint, intent and model. Stretches come in order
    /// of time, each once.
    pub fn add(
        &mut self,
        at: UnixMicros,
        calls: &BTreeMap<Key, Rollup>,
        scores: &BTreeMap<Key, ScoreSums>,
    ) {
        if self.is_left_out(at) {
            return;
        }
        let (mut all, mut judged) = (Rollup::default(), Quality::default());
        for (key, rollup) in calls {
            let quality = scores.get(key).map(Quality::of).unwrap_or_default();
            let cell = self.cells.entry(key.clone()).or_default();
            cell.take(at, rollup, &quality, self.min_samples);
            all.merge(rollup);
            judged.merge(&quality);
        }
        if !all.is_empty() {
            self.whole.take(at, &all, &judged, self.min_samples);
        }
    }

    /// The points of everything so far.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.whole.points
    }

    /// The cells so far, the busiest first.
    #[must_use]
    pub fn cells(&self) -> Vec<Cell> {
        busiest(self.cells.clone())
    }

    /// The baseline, under a name.
    ///
    /// # Errors
    /// Too few stretches could be used.
    pub fn finish(
        self,
        name: Text,
        window: Window,
        (made, made_by): (UnixMicros, Text),
        evaluator: Option<Evaluator>,
    ) -> Result<Baseline, TooLittle> {
        let Self { bucket_minutes, min_samples, left_out, cells, whole } = self;
        if whole.points.len() < MIN_POINTS {
            let points = whole.points.len();
            return Err(TooLittle { points, bucket_minutes, min_samples });
        }
        let origin = Origin::Measured;
        let cells = busiest(cells);
        Ok(Baseline {
            name,
            window,
            made,
            made_by,
            origin,
            evaluator,
            bucket_minutes,
            whole,
            cells,
            left_out,
        })
    }

    fn is_left_out(&self, at: UnixMicros) -> bool {
        let length = i64::from(self.bucket_minutes).saturating_mul(UnixMicros::MINUTE);
        let to = at.0.saturating_add(length);
        self.left_out.iter().any(|l| l.window.from.0 < to && l.window.to.0 > at.0)
    }
}

impl Cell {
    /// Adds a stretch; one with too few requests counts in the sums and is no point.
    fn take(&mut self, at: UnixMicros, rollup: &Rollup, quality: &Quality, min_samples: u64) {
        self.rollup.merge(rollup);
        self.quality.merge(quality);
        if rollup.success > 0 && rollup.success >= min_samples {
            self.points.push(Point::of(at, rollup, quality));
        }
    }
}

/// The busiest cells by name, the rest as one.
fn busiest(cells: BTreeMap<Key, Cell>) -> Vec<Cell> {
    let named = |((endpoint, intent, model), cell)| Cell { endpoint, intent, model, ..cell };
    let mut all: Vec<Cell> = cells.into_iter().map(named).collect();
    all.sort_by_key(|cell| std::cmp::Reverse(cell.rollup.requests()));
    let rest = all.split_off(all.len().min(MAX_CELLS));
    if !rest.is_empty() {
        let mut other = Cell { endpoint: OTHER, intent: OTHER, model: OTHER, ..Cell::default() };
        rest.iter().for_each(|cell| other.merge(cell));
        all.push(other);
    }
    all
}
