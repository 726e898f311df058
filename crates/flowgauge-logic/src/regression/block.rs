//! The default method: the difference of means, measured by its error as it is for points that depend on their neighbours,
//! with the shape a moving-block bootstrap gives it.

use super::bootstrap::stretch;
use super::clock::Ready;
use super::spread::spread;
use super::tested::Tested;

/// What it found, the effective size of the smaller side, and how far neighbours depend on each other.
pub(super) fn tested(ready: &Ready, alpha: f64) -> Option<(Tested, f64, f64)> {
    let found = spread(&ready.base, &ready.current, ready.cycle)?;
    let stretch = stretch(&found.base.residuals, &found.current.residuals, alpha);
    let tested = Tested {
        base: found.base.mean,
        current: found.current.mean,
        base_variance: found.base.variance,
        current_variance: found.current.variance,
        df: found.df,
        stretch,
    };
    Some((tested, found.base.effective.min(found.current.effective), found.phi))
}
