//! How far evaluators agree about the calls of a window that several of them scored.

use crate::logic::agreement::{Coefficient, Difference};
use crate::logic::rollup::Filter;
use crate::logic::score::Evaluator;
use crate::logic::score::agreed::{LEAST_SHARED, Pair, agreed};
use crate::logic::window::Window;
use crate::store::{Reader, StoreError};
use serde::{Deserialize, Serialize};

/// Evaluations read at most, those of the latest calls: each is looked up by itself, and so many take
/// a tenth of a second. Beyond some thousands an interval hardly narrows.
const MOST_READ: usize = 50_000;

/// Who scored the same calls, and how far they agree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Agreement {
    /// Evaluations read, those of the latest calls.
    pub read: usize,
    /// Whether these are all of the window; at most 50,000 are read.
    pub all: bool,
    /// Shared calls below which nothing is said of a pair.
    pub least: usize,
    /// Each evaluator in each version, the busiest first; at most eight.
    pub evaluators: Vec<ScoredBy>,
    /// Evaluators beyond those.
    pub left_out: usize,
    /// Each two of them that scored a call in common, the pair with the most first.
    pub pairs: Vec<AgreedPair>,
}

/// One evaluator in one version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScoredBy {
    /// Its name.
    pub evaluator: String,
    /// Its version; empty where none is known.
    pub version: String,
    /// Calls it scored, of the evaluations read.
    pub calls: usize,
}

/// Two evaluators and the calls that both scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AgreedPair {
    /// The busier one, with its version.
    pub first: String,
    /// The other.
    pub second: String,
    /// Calls that both scored.
    pub n: usize,
    /// Mean of second − first, points of 0–100, with its 95 % interval; `null` below `least`.
    pub difference: Option<Estimate>,
    /// Spearman's rank correlation with its 95 % interval; `null` below `least`, and where one of them
    /// says the same of every call.
    pub rank: Option<Estimate>,
}

/// A figure with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Holds the evaluators of a window against each other.
///
/// # Errors
/// The store cannot be read.
pub fn agreement(
    reader: &Reader,
    window: Window,
    filter: &Filter,
) -> Result<Agreement, StoreError> {
    let verdicts = reader.verdicts(window.whole_minutes(), filter, MOST_READ)?;
    let told = agreed(&verdicts.rows);
    Ok(Agreement {
        read: verdicts.read,
        all: verdicts.all,
        least: LEAST_SHARED,
        evaluators: told.evaluators.into_iter().map(ScoredBy::from).collect(),
        left_out: told.left_out,
        pairs: told.pairs.into_iter().map(AgreedPair::from).collect(),
    })
}

impl From<(Evaluator, usize)> for ScoredBy {
    fn from((Evaluator { name, version }, calls): (Evaluator, usize)) -> Self {
        Self { evaluator: name.to_string(), version: version.to_string(), calls }
    }
}

impl From<Pair> for AgreedPair {
    fn from(pair: Pair) -> Self {
        let Pair { first, second, n, difference, rank } = pair;
        let (first, second) = (first.to_string(), second.to_string());
        let (difference, rank) = (difference.map(Estimate::from), rank.map(Estimate::from));
        Self { first, second, n, difference, rank }
    }
}

impl From<Difference> for Estimate {
    fn from(Difference { value, low, high, n: _ }: Difference) -> Self {
        Self { value, low, high }
    }
}

impl From<Coefficient> for Estimate {
    fn from(Coefficient { value, low, high, n: _ }: Coefficient) -> Self {
        Self { value, low, high }
    }
}
