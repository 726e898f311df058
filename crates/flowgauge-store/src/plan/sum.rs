//! Rollups added up for an answer: distributions bucket by bucket where there is room, which neither unpacks nor merges lists.

use crate::bytes::Damage;
use crate::packed::{DISTS, Peeked, dists, dists_mut};
use crate::pull::DistSum;
use flowgauge_logic::rollup::{Rollup, Spreads};

/// The sum of some rollups.
#[derive(Debug)]
pub(super) enum Sum {
    /// As rollups are.
    Sparse(Box<Rollup>),
    /// Counts and sums, users, and the distributions in stored order.
    Dense(Box<(Rollup, [DistSum; DISTS])>),
}

impl Sum {
    /// Nothing yet.
    pub(super) fn new(dense: bool) -> Self {
        if dense { Self::Dense(Box::default()) } else { Self::Sparse(Box::default()) }
    }

    /// Adds a rollup; of distributions that are not wanted count and sum.
    pub(super) fn add(&mut self, rollup: &Rollup, wanted: Spreads) {
        match self {
            Self::Sparse(sum) if wanted == Spreads::ALL => sum.merge(rollup),
            Self::Sparse(sum) => sum.merge(&rollup.cut_to(wanted)),
            Self::Dense(sum) => {
                let (sums, spread) = &mut **sum;
                sums.merge_sums(rollup);
                if wanted.has(Spreads::USERS) {
                    sums.users.merge(&rollup.users);
                }
                for ((to, dist), one) in spread.iter_mut().zip(dists(rollup)).zip(Spreads::STORED) {
                    if wanted.has(one) {
                        to.add_dist(dist);
                    } else {
                        to.add_counted(dist.count(), dist.sum);
                    }
                }
            }
        }
    }

    /// Adds one that is still packed.
    pub(super) fn add_packed(&mut self, packed: Peeked<'_>, wanted: Spreads) -> Result<(), Damage> {
        match self {
            Self::Sparse(sum) => sum.merge(&packed.unpack(wanted)?),
            Self::Dense(sum) => {
                let (sums, spread) = &mut **sum;
                sums.merge_sums(&packed.sums);
                if wanted.has(Spreads::USERS) {
                    sums.users.merge(&packed.users()?);
                }
                for ((to, dist), one) in spread.iter_mut().zip(&packed.dists).zip(Spreads::STORED) {
                    if wanted.has(one) {
                        to.added(dist.bytes)?;
                    } else {
                        to.add_counted(dist.count, dist.sum);
                    }
                }
            }
        }
        Ok(())
    }

    /// The sum as a rollup.
    pub(super) fn finish(self) -> Rollup {
        match self {
            Self::Sparse(sum) => *sum,
            Self::Dense(sum) => {
                let (mut r, spread) = *sum;
                let into = dists_mut(&mut r).into_iter();
                into.zip(&spread).for_each(|(to, from)| *to = from.dist());
                r
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packed::{peek_rollup, seal_rollup};
    use proptest::prelude::*;

    fn rollup((success, latencies, tokens, user): (u64, Vec<u64>, Vec<u64>, u8)) -> Rollup {
        let mut r = Rollup { success: success % 1_000, ..Rollup::default() };
        latencies.iter().for_each(|v| r.latency.record(*v));
        tokens.iter().for_each(|v| r.output.record(*v));
        r.users.add(&user.to_string());
        r
    }

    proptest! {
        #[test]
        fn dense_and_sparse_sums_of_rollups_from_memory_and_disk_are_one(
            made in prop::collection::vec(
                (any::<u64>(), prop::collection::vec(any::<u64>(), 0..20),
                 prop::collection::vec(0u64..5_000, 0..20), any::<u8>()), 1..8),
            wanted in 0usize..4,
        ) {
            let wanted = [Spreads::NONE, Spreads::LATENCY, Spreads::OUTPUT | Spreads::USERS, Spreads::ALL][wanted];
            let made: Vec<Rollup> = made.into_iter().map(rollup).collect();
            let mut whole = Rollup::default();
            made.iter().for_each(|r| whole.merge(&r.cut_to(wanted)));
            for dense in [false, true] {
                let mut sum = Sum::new(dense);
                for (i, r) in made.iter().enumerate() {
                    let place = (1, 2, 3);
                    if i % 2 == 0 {
                        sum.add(r, wanted);
                    } else {
                        let blob = seal_rollup(place, r);
                        sum.add_packed(peek_rollup(place, &blob).unwrap(), wanted).unwrap();
                    }
                }
                prop_assert_eq!(sum.finish(), whole.clone());
            }
        }
    }
}
