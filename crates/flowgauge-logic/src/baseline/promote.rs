//! Whether a baseline may become what later is compared with (A14, regression 1).

use super::{Baseline, Origin, Standing, Status};

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is the promoted one already.
    #[error("{0} is promoted already")]
    Already(String),
    /// Bad times would become what is usual.
    #[error("alert {0} is open: what is bad now would become what is usual; end it first")]
    AlertOpen(String),
    /// The same.
    #[error(
        "the last check found {0} regressed: promoting would hide it; repair it, or promote a baseline of a \\
         window before it"
    )]
    RegressionOpen(String),
}

/// Refuses a promotion, or nothing. `open` names alerts that fire now, `regressed` the metrics that the
/// last check found regressed, with the first moment that it looked at.
///
/// # Errors
/// Why it may not be promoted.
pub fn refuse(
    baseline: &Baseline,
    status: &Status,
    open: &[String],
    regressed: Option<(&str, crate::unit::UnixMicros)>,
) -> Result<(), Refusal> {
    if status.standing == Standing::Promoted {
        return Err(Refusal::Already(baseline.name.to_string()));
    }
    if let Some(rule) = open.first() {
        return Err(Refusal::AlertOpen(rule.clone()));
    }
    // A baseline that ends before the bad stretch began does not absorb it.
    let absorbs = |from: crate::unit::UnixMicros| match baseline.origin {
        Origin::Measured => baseline.window.to > from,
        Origin::Imported { .. } => true,
    };
    match regressed {
        Some((metric, from)) if absorbs(from) => Err(Refusal::RegressionOpen(metric.to_owned())),
        _ => Ok(()),
    }
}
