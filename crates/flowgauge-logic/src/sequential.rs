//! Tests that may be looked at after every observation, and stopped at any of them.
//!
//! Owns the always-valid statistics of the randomised holdout (`mean`, `betting`, `quantile`), the choice among many
//! of them ([`e_bh`]), the online detector (`watch`) and a metric watched by it (`course`). Each keeps a state of fixed or bounded size that can be
//! written down and read back. Refuses tests with a fixed sample size: those are wrong the second time they are looked at.

mod betting;
mod course;
mod mean;
mod quantile;
mod watch;

pub use betting::{Betting, PairedBetting};
pub use course::{Course, Heard, POINTS_PER_WEEK, Stage};
pub use mean::{Arm, FEWEST, Interval, Msprt, TwoArms, half_width};
pub use quantile::{band, histogram_interval, order_statistics};
pub use watch::{Alarm, Direction, Watch, WatchSettings};

/// e-BH (Wang and Ramdas 2022): which hypotheses to reject so that the false discovery rate is at most `alpha`, under any
/// dependence. Returns their places, in order.
#[must_use]
pub fn e_bh(e_values: &[f64], alpha: f64) -> Vec<usize> {
    let m = e_values.len() as f64;
    let mut order: Vec<usize> = (0..e_values.len()).collect();
    order.sort_by(|&a, &b| e_values[b].total_cmp(&e_values[a]).then(a.cmp(&b)));
    let rejected = order
        .iter()
        .enumerate()
        .filter(|(k, i)| e_values[**i] >= m / (alpha * (*k as f64 + 1.0)))
        .map(|(k, _)| k + 1)
        .next_back()
        .unwrap_or(0);
    let mut places = order.get(..rejected).unwrap_or_default().to_vec();
    places.sort_unstable();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_k_largest_e_values_are_rejected_where_the_kth_reaches_m_over_alpha_k() {
        // m = 4, alpha 0.1: limits 40, 20, 13.3, 10.
        assert_eq!(e_bh(&[39.0, 1.0, 25.0, 0.0], 0.1), [0, 2]);
        assert_eq!(e_bh(&[39.0, 1.0, 2.0, 0.0], 0.1), [0_usize; 0]);
        assert_eq!(e_bh(&[], 0.1), [0_usize; 0]);
    }
}
