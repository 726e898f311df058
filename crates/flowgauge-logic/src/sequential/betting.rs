//! Bounded or binary data, tested by betting: wealth that grows where the mean is not what is claimed.
//!
//! Owns the wealth process `Π (1 + λᵢ(xᵢ − m))` with bets chosen from the past (Waudby-Smith and Ramdas 2024, their
//! approximate growth-optimal plug-in), exact for every distribution on [0, 1]. Refuses values outside [0, 1].

use serde::{Deserialize, Serialize};

/// The largest share of wealth staked on one observation, as in the source: at 1 a single value could ruin for good.
const STAKE: f64 = 0.5;
/// Mean and variance before the first observation count as one observation of ½ and ¼, as in the source.
const PRIOR_MEAN: f64 = 0.5;
const PRIOR_VARIANCE: f64 = 0.25;

/// Bets against "the mean is m": one gambler for larger means and one for smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Betting {
    mean: f64,
    n: u64,
    sum: f64,
    squares: f64,
    log_above: f64,
    log_below: f64,
}

impl Betting {
    /// Against a mean strictly between 0 and 1.
    #[must_use]
    pub fn new(mean: f64) -> Option<Self> {
        (mean > 0.0 && mean < 1.0).then_some(Self {
            mean,
            n: 0,
            sum: PRIOR_MEAN,
            squares: PRIOR_VARIANCE,
            log_above: 0.0,
            log_below: 0.0,
        })
    }

    /// Takes one value of [0, 1]; others are not counted and answered `false`.
    pub fn observe(&mut self, value: f64) -> bool {
        if !(0.0..=1.0).contains(&value) {
            return false;
        }
        let count = self.n as f64 + 1.0;
        let (guess, variance) = (self.sum / count, self.squares / count);
        let edge = guess - self.mean;
        let bet = edge / (variance + edge * edge);
        let above = bet.clamp(0.0, STAKE / self.mean);
        let below = bet.clamp(-STAKE / (1.0 - self.mean), 0.0);
        self.log_above += (above * (value - self.mean)).ln_1p();
        self.log_below += (below * (value - self.mean)).ln_1p();
        self.n += 1;
        self.sum += value;
        let now = self.sum / (self.n as f64 + 1.0);
        self.squares += (value - now) * (value - now);
        true
    }

    /// e-value of "the mean is larger than claimed".
    #[must_use]
    pub fn above(&self) -> f64 {
        self.log_above.min(f64::MAX.ln()).exp()
    }

    /// e-value of "the mean is smaller than claimed".
    #[must_use]
    pub fn below(&self) -> f64 {
        self.log_below.min(f64::MAX.ln()).exp()
    }

    /// e-value of "the mean is another": the average of both, which is again one.
    #[must_use]
    pub fn either(&self) -> f64 {
        self.above() / 2.0 + self.below() / 2.0
    }

    /// Observations taken.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.n
    }
}

/// Two arms of bounded data of unlike size: each value of the smaller arm is set against the mean of what the larger
/// one brought since, and the halved difference bets against ½.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedBetting {
    bets: Betting,
    large: (u64, f64),
    small: Option<f64>,
}

impl Default for PairedBetting {
    fn default() -> Self {
        let bets = Betting {
            mean: 0.5,
            n: 0,
            sum: PRIOR_MEAN,
            squares: PRIOR_VARIANCE,
            log_above: 0.0,
            log_below: 0.0,
        };
        Self { bets, large: (0, 0.0), small: None }
    }
}

impl PairedBetting {
    /// A value of the larger arm.
    pub fn large(&mut self, value: f64) -> bool {
        if !(0.0..=1.0).contains(&value) {
            return false;
        }
        self.large = (self.large.0 + 1, self.large.1 + value);
        self.settle();
        true
    }

    /// A value of the smaller arm. One that comes before the last has found its partner takes that one's place.
    pub fn small(&mut self, value: f64) -> bool {
        if !(0.0..=1.0).contains(&value) {
            return false;
        }
        self.small = Some(value);
        self.settle();
        true
    }

    fn settle(&mut self) {
        if let (Some(small), (count, sum)) = (self.small, self.large)
            && count > 0
        {
            self.bets.observe(f64::midpoint(small - sum / count as f64, 1.0));
            self.small = None;
            self.large = (0, 0.0);
        }
    }

    /// The bets so far: `above` speaks for a larger mean of the smaller arm.
    #[must_use]
    pub fn bets(&self) -> &Betting {
        &self.bets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wealth_grows_on_the_side_of_the_true_mean_and_never_on_the_other() {
        let mut bets = Betting::new(0.5).unwrap();
        for i in 0..200 {
            assert!(bets.observe(if i % 5 == 0 { 0.0 } else { 1.0 }));
        }
        assert!(bets.above() > 1e6 && bets.below() <= 1.0, "{bets:?}");
    }

    #[test]
    fn a_value_outside_the_unit_interval_is_refused() {
        let mut bets = Betting::new(0.5).unwrap();
        assert!(!bets.observe(1.2) && !bets.observe(f64::NAN));
        assert_eq!(bets.count(), 0);
    }

    #[test]
    fn the_expected_wealth_after_one_more_coin_is_the_wealth() {
        let mut bets = Betting::new(0.3).unwrap();
        for v in [1.0, 0.0, 1.0, 1.0] {
            bets.observe(v);
        }
        let (mut won, mut lost) = (bets, bets);
        won.observe(1.0);
        lost.observe(0.0);
        let expected = 0.3 * won.either() + 0.7 * lost.either();
        assert!((expected - bets.either()).abs() < 1e-12);
    }
}
