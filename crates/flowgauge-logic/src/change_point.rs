//! Change points: since when is a history of numbers different, and how sure is that.
//!
//! Owns the detector for stored history: seasons out (`season`), ranks to scores (`scores`), the best split and its
//! likelihood ratio (`split`), how likely that is by chance (`null`), and the division of a history into stretches
//! (`segments`). Also the slope of a history (`slope`). Refuses to alert: a change point annotates.
//!
//! The level is that of the whole series: with probability 1 − level a history without change yields no point at all,
//! whether its noise is skewed, heavy-tailed, autocorrelated or seasonal.

mod null;
#[expect(
    clippy::approx_constant,
    reason = "simulated numbers that happen to begin like known ones"
)]
mod null_table;
pub(crate) mod scores;
pub(crate) mod season;
mod segments;
mod slope;
mod split;

pub use slope::{Slope, slope};
pub use split::Split;

/// The fewest points a side that a change may rest on, whatever the settings say: two cannot outvote one outlier.
pub const FEWEST: usize = 3;

/// How change points are looked for. One setting serves all kinds of noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The chance that a history without change yields any point.
    pub level: f64,
    /// Fewest points on each side of a change; at least [`FEWEST`].
    pub min_segment: usize,
    /// Points per season: 24 for hourly points with a day cycle, 168 for hour of week, 1 for none.
    /// `None` finds out whether the history has a day or week cycle.
    pub period: Option<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { level: 0.05, min_segment: FEWEST, period: None }
    }
}

/// A place where a history changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// Index of the first point after the change.
    pub at: usize,
    /// How likely a change this clear is by chance, the choice of its place included.
    pub p_value: f64,
    /// Median of the stretch before, season removed.
    pub before: f64,
    /// Median of the stretch after, season removed.
    pub after: f64,
    /// Logarithm of the likelihood ratio of two levels against one, when it was found.
    pub evidence: f64,
}

/// The change points of a history, in order of time.
///
/// Values that are not finite (missing points) are left out; places are those of the series as given.
#[must_use]
pub fn change_points(values: &[f64], settings: &Settings) -> Vec<ChangePoint> {
    segments::find(values, settings)
}

/// The change points of a history that has grown since `published` was found in its beginning.
///
/// What was published stays where it is, unless a place between its neighbours now has twice the evidence it was published
/// with. New points pay for being looked for again and again, so a history looked at after every point does
/// not collect false ones.
#[must_use]
pub fn update(published: &[ChangePoint], values: &[f64], settings: &Settings) -> Vec<ChangePoint> {
    segments::update(published, values, settings)
}

/// The best split of a series in two and its statistic, without a decision: for the null table and for measurements.
#[must_use]
pub fn statistic(values: &[f64], period: usize, min_segment: usize) -> Option<Split> {
    let period = period.max(1);
    let phases: Vec<usize> = (0..values.len()).map(|t| t % period).collect();
    split::best_split(&scores::normal_scores(values), &phases, period, min_segment)
}

/// How likely this statistic is in a series without change.
#[must_use]
pub fn p_value(split: &Split) -> f64 {
    null::p_value(split)
}
