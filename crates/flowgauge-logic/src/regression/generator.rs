//! The random numbers of resampling: fixed by the input, so that equal input gives equal output everywhere.

/// SplitMix64 (Steele, Lea, Flood 2014): one word of state, passes BigCrush, the same on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Generator(u64);

/// The step of SplitMix64's state: 2⁶⁴ divided by the golden ratio.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Generator {
    /// Seeded by values, bit by bit.
    pub(crate) fn of<'a>(values: impl IntoIterator<Item = &'a f64>) -> Self {
        let mut generator = Self(0);
        for value in values {
            generator.0 ^= value.to_bits();
            generator.0 = generator.next();
        }
        generator
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`: the high word of the product (Lemire 2019). Its bias, below `bound` / 2⁶⁴, is no matter here.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.next()) * bound as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // The reference implementation's first outputs for the seed 1234567, as published by Vigna.
        let mut generator = Generator(1_234_567);
        assert_eq!(generator.next(), 6_457_827_717_110_365_317);
        assert_eq!(generator.next(), 3_203_168_211_198_807_973);
    }
}
