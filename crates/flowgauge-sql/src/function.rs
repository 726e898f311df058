//! Functions the engine does not have: percentiles on our histogram, histograms of rollups, minutes, money.

mod distribution;
mod percentile;
mod scalar;
mod share;
mod sketch;
mod trunc;

use datafusion::prelude::SessionContext;
use std::sync::Arc;

pub(crate) use scalar::{MINUTE, minute_of};

/// Makes all of them known.
pub(crate) fn register(context: &SessionContext) {
    context.register_udaf(percentile::one());
    context.register_udaf(percentile::several());
    context.register_udaf(distribution::hist_merge());
    context.register_udf(trunc::function());
    for function in distribution::scalars().into_iter().chain(scalar::all()) {
        context.register_udf(function);
    }
}

/// Computes several quantiles of one column once.
#[must_use]
pub(crate) fn rule() -> Arc<dyn datafusion::optimizer::OptimizerRule + Send + Sync> {
    Arc::new(share::SharePercentiles)
}
