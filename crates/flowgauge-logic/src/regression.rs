//! Did latency, tokens, cost or quality get worse between two periods?
//!
//! Owns the comparison of two series of window values: what is tested and how, the verdict, and when a verdict is
//! worth an alert. A test answers with an effect and its interval, never with a p-value alone; only an adverse change
//! of at least the minimum effect is a regression. Refuses history (change points), streams and holdouts.

pub mod adjust;
mod bias;
mod block;
pub mod bootstrap;
mod calibration;
mod clock;
mod comparison;
#[cfg(test)]
mod contract;
pub mod dependence;
pub(crate) mod distribution;
pub(crate) mod generator;
mod input;
pub mod kayenta;
mod metric;
pub mod mix;
pub mod moments;
pub mod quantile;
pub mod rank;
mod settings;
mod spread;
pub mod student;
mod tested;

pub use comparison::{Comparison, Direction, Report, Verdict, compare, compare_all};
pub use input::{Fault, Input};
pub use metric::Metric;
pub use settings::{Adjustment, Method, Points, Settings};
