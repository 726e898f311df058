//! Which distributions of a rollup an answer needs whole. Most of a rollup's bytes are histograms, and most questions look at
//! none or one of them.

use super::{Dist, Distinct, Rollup};
use crate::quantile::Histogram;
use std::ops::BitOr;

/// Distributions, and users, that are wanted whole. Of other distributions count and sum stay right and quantiles are
/// not there; other users are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spreads(u8);

impl Spreads {
    /// Counts and sums alone.
    pub const NONE: Self = Self(0);
    /// Latency.
    pub const LATENCY: Self = Self(1);
    /// Time to first token.
    pub const TTFT: Self = Self(2);
    /// flowgauge's own share.
    pub const OVERHEAD: Self = Self(4);
    /// Time per output token.
    pub const TPOT: Self = Self(8);
    /// Input tokens.
    pub const INPUT: Self = Self(16);
    /// Output tokens.
    pub const OUTPUT: Self = Self(32);
    /// Who made the calls.
    pub const USERS: Self = Self(64);
    /// Everything.
    pub const ALL: Self = Self(127);
    /// The distributions in the order in which they are stored.
    pub const STORED: [Self; 6] =
        [Self::LATENCY, Self::TTFT, Self::OVERHEAD, Self::TPOT, Self::INPUT, Self::OUTPUT];

    /// Whether all of `other` are among them.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Spreads {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Dist {
    /// A distribution of which only count and sum are known: all its values stand in one bucket.
    #[must_use]
    pub fn counted(count: u64, sum: u64) -> Self {
        let buckets = if count > 0 { vec![(0, count)] } else { Vec::new() };
        Self { histogram: Histogram::from_sorted(buckets).unwrap_or_default(), sum }
    }
}

impl Rollup {
    /// The same with these distributions whole, of the others count and sum. Only rollups cut alike may be merged.
    #[must_use]
    pub fn cut_to(&self, wanted: Spreads) -> Self {
        let of = |one: Spreads, d: &Dist| {
            if wanted.has(one) { d.clone() } else { Dist::counted(d.count(), d.sum) }
        };
        Self {
            latency: of(Spreads::LATENCY, &self.latency),
            ttft: of(Spreads::TTFT, &self.ttft),
            overhead: of(Spreads::OVERHEAD, &self.overhead),
            tpot: of(Spreads::TPOT, &self.tpot),
            input: of(Spreads::INPUT, &self.input),
            output: of(Spreads::OUTPUT, &self.output),
            users: if wanted.has(Spreads::USERS) {
                self.users.clone()
            } else {
                Distinct::default()
            },
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_rollup_counts_and_sums_as_before_and_can_be_taken_away_again() {
        let mut whole = Rollup { success: 3, ..Rollup::default() };
        [100, 200, 4_000].iter().for_each(|v| whole.latency.record(*v));
        [7, 8].iter().for_each(|v| whole.output.record(*v));
        let cut = whole.cut_to(Spreads::OUTPUT);
        assert_eq!((cut.latency.count(), cut.latency.sum), (3, 4_300));
        assert_eq!((cut.latency.mean(), &cut.output), (whole.latency.mean(), &whole.output));
        assert_eq!(whole.cut_to(Spreads::ALL), whole);
        let mut sum = cut.clone();
        sum.merge(&cut);
        sum.unmerge(&cut);
        assert_eq!(sum, cut);
    }
}
