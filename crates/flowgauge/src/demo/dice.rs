//! Seeded chance: everything random in the demo comes from here, so that a seed gives the same demo.
//!
//! Refuses entropy and clocks. Not fit for secrets.

use crate::logic::unit::Micros;

/// A stream of random numbers: xoshiro256++, seeded by splitmix64 as its authors recommend.
#[derive(Debug, Clone)]
pub struct Dice {
    state: [u64; 4],
}

impl Dice {
    /// Dice that always fall the same way for the same seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut x = seed;
        Self { state: std::array::from_fn(|_| splitmix(&mut x)) }
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let out = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        // From here on `c` and `d` are the new ones; the shift below wants the old `b`.
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        out
    }

    /// New dice that depend on these, for work that goes on beside them.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::new(self.bits())
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are what an f64 holds exactly")]
        let top = (self.bits() >> 11) as f64;
        top / 9_007_199_254_740_992.0
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A number below `n`; 0 where `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        // The bias of multiply-and-shift is n / 2^64: invisible at the sizes used here.
        let wide = u128::from(self.bits()) * u128::from(n);
        u64::try_from(wide >> 64).unwrap_or_default()
    }

    /// One of the items; nothing where there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let at = self.below(u64::try_from(items.len()).unwrap_or(u64::MAX));
        items.get(usize::try_from(at).unwrap_or(usize::MAX))
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Log-normal around a median: what latencies and lengths look like, with a tail to the right.
    pub fn around(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// Waiting time between independent events that come `per_second` on average.
    pub fn gap(&mut self, per_second: f64) -> Micros {
        micros(-(1.0 - self.unit()).ln() / per_second * 1e6)
    }
}

fn splitmix(x: &mut u64) -> u64 {
    *x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *x;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A computed number as a whole one; negative and not-a-number become 0.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an `as` cast saturates, which is what is wanted of made-up figures"
)]
pub fn whole(x: f64) -> u64 {
    x.round() as u64
}

/// A computed duration, given in microseconds.
#[must_use]
pub fn micros(us: f64) -> Micros {
    Micros(whole(us))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_another_seed_others() {
        let roll = |seed| {
            let mut dice = Dice::new(seed);
            std::array::from_fn::<u64, 8, _>(|_| dice.bits())
        };
        assert_eq!(roll(7), roll(7));
        assert_ne!(roll(7), roll(8));
    }

    #[test]
    fn the_first_numbers_are_those_of_the_reference_code() {
        // xoshiro256++ with the state 1, 2, 3, 4, as published with the algorithm.
        let mut dice = Dice { state: [1, 2, 3, 4] };
        let first = std::array::from_fn::<u64, 4, _>(|_| dice.bits());
        assert_eq!(first, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn numbers_stay_in_range_and_cover_it() {
        let mut dice = Dice::new(1);
        let mut seen = [0u32; 10];
        for _ in 0..1_000 {
            assert!((0.0..1.0).contains(&dice.unit()));
            let n = dice.below(10);
            seen[usize::try_from(n).unwrap()] += 1;
        }
        assert!(seen.iter().all(|n| *n > 50), "{seen:?}");
        assert_eq!(dice.below(0), 0);
    }

    #[test]
    fn half_of_a_log_normal_lies_below_its_median() {
        let mut dice = Dice::new(2);
        let below = (0..10_000).filter(|_| dice.around(800.0, 0.3) < 800.0).count();
        assert!((4_800..5_200).contains(&below), "{below}");
    }
}
