//! For what the level was measured: outside of that a verdict is still given, but says so.
//!
//! Measured with `examples/compare_calibration` (1,000 to 2,000 pairs a cell): 7 to 168 points a side, AR(1) up to .6, 95 %.

use super::settings::{Method, Settings};

/// Fewest points a side that were simulated.
const FEWEST: usize = 7;
/// Most that were: a baseline of four weeks of hours fits, ten times over.
const MOST: usize = 10_000;
/// Estimates of the strongest dependence simulated, .6, reach up to here.
const DEPENDENT: f64 = 0.7;
/// The confidence simulated.
const CONFIDENCE: f64 = 0.95;

/// Why the level of a test is not what was measured; `None` where it is.
pub(super) fn doubt(settings: &Settings, sizes: (usize, usize), phi: f64) -> Option<String> {
    let (fewer, more) = (sizes.0.min(sizes.1), sizes.0.max(sizes.1));
    let text = match settings.method {
        Method::Student | Method::Welch => {
            "the level of a t-test holds for points that do not depend on each other".to_owned()
        }
        Method::MovingBlockBootstrap if fewer < FEWEST => {
            format!("{fewer} points on a side; the level was measured from {FEWEST} on")
        }
        Method::MovingBlockBootstrap if more > MOST => {
            format!("{more} points on a side; the level was measured up to {MOST}")
        }
        Method::MovingBlockBootstrap if phi > DEPENDENT => format!(
            "neighbouring points depend on each other by {phi:.2}; the level was measured up to .6, which estimates tell as \
             up to {DEPENDENT}"
        ),
        Method::MovingBlockBootstrap if (settings.confidence - CONFIDENCE).abs() > 1e-9 => {
            format!("confidence {}; the level was measured at {CONFIDENCE}", settings.confidence)
        }
        Method::MovingBlockBootstrap => return None,
    };
    Some(text)
}
