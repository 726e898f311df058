//! Many packed distributions added up without unpacking each: their buckets are few and close together.

use crate::bytes::{Damage, Take};
use crate::packed;
use flowgauge_logic::quantile::{BUCKETS, Histogram};
use flowgauge_logic::rollup::Dist;
use std::ops::Range;

/// Buckets of one octave: room is made in steps of them.
const STEP: usize = 128;

/// The sum of packed distributions, a count for each bucket from the lowest to the highest met.
#[derive(Debug, Clone, Default)]
pub struct DistSum {
    sum: u64,
    /// Bucket of the first count.
    first: usize,
    counts: Vec<u64>,
}

impl DistSum {
    /// Adds one, as [`super::dist_bytes`] writes it. Where it is none, says so and is of no use any more.
    #[must_use]
    pub fn add(&mut self, bytes: &[u8]) -> bool {
        self.added(bytes).is_ok()
    }

    /// Adds one that is not packed.
    pub(crate) fn add_dist(&mut self, dist: &Dist) {
        self.sum = self.sum.saturating_add(dist.sum);
        for (bucket, count) in dist.histogram.buckets() {
            self.add_bucket(usize::from(*bucket), *count).unwrap_or_default();
        }
    }

    /// Adds one of which count and sum alone matter, as [`Dist::counted`] stands for it.
    pub(crate) fn add_counted(&mut self, count: u64, sum: u64) {
        self.sum = self.sum.saturating_add(sum);
        if count > 0 {
            self.add_bucket(0, count).unwrap_or_default();
        }
    }

    #[inline]
    fn add_bucket(&mut self, bucket: usize, count: u64) -> Result<(), Damage> {
        let place = bucket.wrapping_sub(self.first);
        let place = if place < self.counts.len() { place } else { self.room_for(bucket)? };
        if let Some(c) = self.counts.get_mut(place) {
            *c = c.saturating_add(count);
        }
        Ok(())
    }

    pub(crate) fn added(&mut self, bytes: &[u8]) -> Result<(), Damage> {
        let mut from = Take::new(bytes);
        self.sum = self.sum.saturating_add(from.u64()?);
        let n = from.count()?;
        let mut bucket = 0usize;
        for i in 0..n {
            let step: u16 = from.narrow()?;
            let count = from.u64()?;
            if count == 0 || (step == 0 && i > 0) {
                return Err(Damage("has unsorted buckets"));
            }
            bucket += usize::from(step);
            self.add_bucket(bucket, count)?;
        }
        if from.left() > 0 { Err(Damage("has bytes after its end")) } else { Ok(()) }
    }

    /// Makes room for a bucket and says at which place it is.
    #[cold]
    fn room_for(&mut self, bucket: usize) -> Result<usize, Damage> {
        if bucket >= BUCKETS {
            return Err(Damage("has a bucket out of range"));
        }
        let Range { start, end } = self.span();
        let low = bucket / STEP * STEP;
        let (from, to) =
            if start == end { (low, low + STEP) } else { (start.min(low), end.max(low + STEP)) };
        let mut counts = vec![0; to - from];
        if let Some(room) = counts.get_mut(start.saturating_sub(from)..) {
            room.iter_mut().zip(&self.counts).for_each(|(to, from)| *to = *from);
        }
        (self.first, self.counts) = (from, counts);
        Ok(bucket - from)
    }

    fn span(&self) -> Range<usize> {
        self.first..self.first + self.counts.len()
    }

    /// The sum as a distribution.
    #[must_use]
    pub fn dist(&self) -> Dist {
        let met = self.span().zip(&self.counts).filter(|(_, count)| **count > 0);
        let buckets =
            met.filter_map(|(bucket, count)| Some((u16::try_from(bucket).ok()?, *count))).collect();
        // In order and none empty, so that there always is a histogram.
        Dist { histogram: Histogram::from_sorted(buckets).unwrap_or_default(), sum: self.sum }
    }

    /// As [`super::dist_bytes`] writes it.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.counts.len() * 2);
        packed::put_dist(&mut out, &self.dist());
        out
    }

    /// Bytes it holds.
    #[must_use]
    pub const fn heap(&self) -> usize {
        self.counts.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pull::{dist_bytes, dist_of};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_merged_histogram(
            parts in prop::collection::vec(
                prop::collection::vec(prop_oneof![0u64..5_000, any::<u64>()], 0..20), 0..8),
        ) {
            let (mut slow, mut fast) = (Dist::default(), DistSum::default());
            for part in &parts {
                let mut dist = Dist::default();
                part.iter().for_each(|v| dist.record(*v));
                slow.histogram.merge(&dist.histogram);
                slow.sum = slow.sum.saturating_add(dist.sum);
                prop_assert!(fast.add(&dist_bytes(&dist)));
            }
            prop_assert_eq!(fast.dist(), slow.clone());
            prop_assert_eq!(fast.bytes(), dist_bytes(&slow));
        }

        #[test]
        fn it_takes_just_what_is_a_histogram(bytes in prop::collection::vec(0u8..4, 0..12)) {
            let known = dist_of(&bytes).filter(|d| {
                d.histogram.buckets().iter().all(|b| usize::from(b.0) < BUCKETS)
            });
            let mut sum = DistSum::default();
            prop_assert_eq!(sum.add(&bytes), known.is_some());
            if let Some(known) = known {
                prop_assert_eq!(sum.dist(), known);
            }
        }
    }
}
