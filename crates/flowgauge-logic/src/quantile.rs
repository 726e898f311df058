//! The one definition of a percentile, and the mergeable histogram behind it (decision D5).
//!
//! A log-linear histogram of integers: 128 sub-buckets an octave, values below 256 exact. Reported
//! values are bucket middles, so the relative error is at most 1/256 < 0.5 %. Merging adds counts:
//! it is exact, commutative and associative. A percentile is never an average of percentiles.

use serde::{Deserialize, Serialize};

/// Sub-buckets per octave, as a power of two.
const SUB_BITS: u32 = 7;
/// Values below this are their own bucket.
const EXACT: u64 = 1 << (SUB_BITS + 1);

/// Steps of an octave that people tell apart.
const QUARTERS: f64 = 4.0;

/// How many buckets there are: every value falls into one below this.
pub const BUCKETS: usize = bucket_of(u64::MAX) as usize + 1;

/// The bucket a value falls into.
#[must_use]
pub const fn bucket_of(value: u64) -> u16 {
    if value < EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        return value as u16;
    }
    let octave = 63 - value.leading_zeros();
    let shift = octave - SUB_BITS;
    // value >> shift lies in 128..256.
    let sub = (value >> shift) - (1 << SUB_BITS);
    #[expect(clippy::cast_possible_truncation, reason = "at most 57 * 128 + 127")]
    let index = ((shift + 1) as u64 * (1 << SUB_BITS) + sub) as u16;
    index
}

/// Smallest value of a bucket and the number of values it spans.
#[must_use]
pub const fn bucket_range(bucket: u16) -> (u64, u64) {
    let b = bucket as u64;
    if b < EXACT {
        return (b, 1);
    }
    let shift = (b >> SUB_BITS) - 1;
    let sub = b & ((1 << SUB_BITS) - 1);
    (((1 << SUB_BITS) + sub) << shift, 1 << shift)
}

/// Counts per bucket, sorted by bucket; only buckets that hold something are stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    buckets: Vec<(u16, u64)>,
}

impl Histogram {
    /// From `(bucket, count)` pairs read back from disk; they must be sorted and without zeros.
    ///
    /// Returns nothing where they are not, so that a damaged blob is never a wrong percentile.
    #[must_use]
    pub fn from_sorted(buckets: Vec<(u16, u64)>) -> Option<Self> {
        let ordered = buckets.windows(2).all(|w| matches!(w, [a, b] if a.0 < b.0));
        (ordered && buckets.iter().all(|b| b.1 > 0)).then_some(Self { buckets })
    }

    /// The `(bucket, count)` pairs, sorted.
    #[must_use]
    pub fn buckets(&self) -> &[(u16, u64)] {
        &self.buckets
    }

    /// Adds one value.
    pub fn record(&mut self, value: u64) {
        self.add(bucket_of(value), 1);
    }

    fn add(&mut self, bucket: u16, count: u64) {
        match self.buckets.binary_search_by_key(&bucket, |b| b.0) {
            Ok(i) => {
                if let Some(b) = self.buckets.get_mut(i) {
                    b.1 = b.1.saturating_add(count);
                }
            }
            Err(i) => self.buckets.insert(i, (bucket, count)),
        }
    }

    /// Adds everything another histogram holds.
    pub fn merge(&mut self, other: &Self) {
        if self.buckets.is_empty() {
            self.buckets.clone_from(&other.buckets);
            return;
        }
        if self.add_where_known(other) {
            return;
        }
        let mut out = Vec::with_capacity(self.buckets.len().max(other.buckets.len()));
        let (mut a, mut b) = (self.buckets.iter().peekable(), other.buckets.iter().peekable());
        loop {
            let next = match (a.peek(), b.peek()) {
                (None, None) => break,
                (Some(_), None) => a.next().copied(),
                (None, Some(_)) => b.next().copied(),
                (Some(x), Some(y)) if x.0 < y.0 => a.next().copied(),
                (Some(x), Some(y)) if x.0 > y.0 => b.next().copied(),
                (Some(x), Some(y)) => {
                    let both = Some((x.0, x.1.saturating_add(y.1)));
                    a.next();
                    b.next();
                    both
                }
            };
            out.extend(next);
        }
        self.buckets = out;
    }

    /// Adds in place where every bucket of `other` is known here, which is the usual case when many
    /// minutes are summed; else changes nothing and says so.
    fn add_where_known(&mut self, other: &Self) -> bool {
        let mut mine = self.buckets.iter();
        if !other.buckets.iter().all(|theirs| mine.any(|m| m.0 == theirs.0)) {
            return false;
        }
        let mut mine = self.buckets.iter_mut();
        for (bucket, count) in &other.buckets {
            if let Some(m) = mine.find(|m| m.0 == *bucket) {
                m.1 = m.1.saturating_add(*count);
            }
        }
        true
    }

    /// Takes away what another histogram holds and was added before: the inverse of `merge`.
    pub fn unmerge(&mut self, other: &Self) {
        let mut theirs = other.buckets.iter().peekable();
        self.buckets.retain_mut(|mine| {
            while theirs.next_if(|t| t.0 < mine.0).is_some() {}
            if let Some(t) = theirs.next_if(|t| t.0 == mine.0) {
                mine.1 = mine.1.saturating_sub(t.1);
            }
            mine.1 > 0
        });
    }

    /// Counts in steps of a quarter octave (19 %), as people can read them: step and count, holes left out.
    #[must_use]
    pub fn quarter_octaves(&self) -> Vec<(i32, u64)> {
        let mut out: Vec<(i32, u64)> = Vec::new();
        for (bucket, count) in &self.buckets {
            #[expect(clippy::cast_precision_loss, reason = "an edge, told to within a bucket")]
            let low = bucket_range(*bucket).0.max(1) as f64;
            #[expect(clippy::cast_possible_truncation, reason = "a logarithm of a u64 is below 64")]
            let step = (low.log2() * QUARTERS).floor() as i32;
            match out.last_mut() {
                Some((last, sum)) if *last == step => *sum = sum.saturating_add(*count),
                _ => out.push((step, *count)),
            }
        }
        out
    }

    /// Lower edge of a step of [`Self::quarter_octaves`].
    #[must_use]
    pub fn quarter_octave(step: i32) -> f64 {
        (f64::from(step) / QUARTERS).exp2()
    }

    /// How many values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |n, b| n.saturating_add(b.1))
    }

    /// How many values are above a limit, by bucket: exact where the limit is a bucket edge.
    #[must_use]
    pub fn count_above(&self, limit: u64) -> u64 {
        let edge = bucket_of(limit);
        self.buckets.iter().filter(|b| b.0 > edge).fold(0, |n, b| n.saturating_add(b.1))
    }

    /// [`Self::count_above`] of many limits, ascending, in one pass.
    #[must_use]
    pub fn counts_above(&self, ascending: &[u64]) -> Vec<u64> {
        let mut counts = vec![0; ascending.len()];
        let mut higher = self.buckets.iter().rev().peekable();
        let mut above = 0u64;
        for (count, limit) in counts.iter_mut().zip(ascending).rev() {
            let edge = bucket_of(*limit);
            while let Some((_, n)) = higher.next_if(|bucket| bucket.0 > edge) {
                above = above.saturating_add(*n);
            }
            *count = above;
        }
        counts
    }

    /// The value at quantile `q` in 0..=1: linear interpolation at rank `q·(n − 1)`, as
    /// `numpy.percentile` defines it by default, on bucket middles. Nothing where empty.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let n = self.count();
        if n == 0 || !(0.0..=1.0).contains(&q) {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "ranks stay far below 2^53")]
        let rank = q * (n - 1) as f64;
        let below = rank.floor();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 ≤ rank ≤ n − 1"
        )]
        let i = below as u64;
        let low = self.value_at(i)?;
        let high = self.value_at((i + 1).min(n - 1))?;
        Some(low + (high - low) * (rank - below))
    }

    /// The middle of the bucket that holds the value of rank `i`, counted from 0.
    fn value_at(&self, i: u64) -> Option<f64> {
        let mut seen = 0u64;
        for (bucket, count) in &self.buckets {
            seen = seen.saturating_add(*count);
            if seen > i {
                let (low, span) = bucket_range(*bucket);
                #[expect(clippy::cast_precision_loss, reason = "a statistic, not money")]
                return Some(low as f64 + (span - 1) as f64 / 2.0);
            }
        }
        None
    }
}

/// The exact percentile of raw values: linear interpolation at rank `q·(n − 1)`. Sorts `values`.
#[must_use]
pub fn exact(values: &mut [f64], q: f64) -> Option<f64> {
    if values.is_empty() || !(0.0..=1.0).contains(&q) {
        return None;
    }
    values.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "lengths stay far below 2^53")]
    let rank = q * (values.len() - 1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ≤ rank < len")]
    let i = rank.floor() as usize;
    let low = values.get(i)?;
    let high = values.get(i + 1).unwrap_or(low);
    Some(low + (high - low) * (rank - rank.floor()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_values_are_exact_and_edges_are_contiguous() {
        assert_eq!((bucket_of(0), bucket_of(255), bucket_of(256)), (0, 255, 256));
        for b in 0..7_000u16 {
            let (low, span) = bucket_range(b);
            assert_eq!(bucket_of(low), b);
            assert_eq!(bucket_of(low + (span - 1)), b);
            assert_eq!(bucket_range(b + 1).0, low + span, "bucket {b} leaves a hole");
        }
    }

    #[test]
    fn the_largest_integer_has_a_bucket() {
        let (low, span) = bucket_range(bucket_of(u64::MAX));
        assert!(u64::MAX - low < span);
    }

    #[test]
    fn quantiles_of_one_to_a_hundred_match_numpy() {
        let mut h = Histogram::default();
        (1..=100).for_each(|v| h.record(v));
        // numpy.percentile(range(1, 101), [50, 95, 99]) = [50.5, 95.05, 99.01]
        for (q, want) in [(0.5, 50.5), (0.95, 95.05), (0.99, 99.01)] {
            assert!((h.quantile(q).unwrap() - want).abs() < 1e-9);
        }
    }

    #[test]
    fn steps_for_people_hold_every_value_once_between_their_edges() {
        let mut h = Histogram::default();
        [0, 1, 700, 1_000, 1_001, 1_190, 4_000_000].iter().for_each(|v| h.record(*v));
        let steps = h.quarter_octaves();
        assert_eq!(steps.iter().map(|(_, n)| n).sum::<u64>(), 7);
        let of = |value: f64| {
            let within = |s: i32| {
                (Histogram::quarter_octave(s)..Histogram::quarter_octave(s + 1)).contains(&value)
            };
            steps.iter().find(|(step, _)| within(*step)).map(|(_, n)| *n)
        };
        assert_eq!((of(1.0), of(1_000.0), of(700.0), of(500.0)), (Some(2), Some(2), Some(1), None));
        // 1024 is an octave's begin.
        assert_eq!(of(1_190.0), Some(1));
    }

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
        assert_eq!(exact(&mut [], 0.5), None);
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_half_a_percent(
            values in prop::collection::vec(1u64..10_000_000_000, 1..400), q in 0.0f64..=1.0
        ) {
            let mut h = Histogram::default();
            values.iter().for_each(|v| h.record(*v));
            let mut raw: Vec<f64> = values.iter().map(|v| *v as f64).collect();
            let want = exact(&mut raw, q).unwrap();
            let got = h.quantile(q).unwrap();
            prop_assert!((got - want).abs() <= 0.005 * want, "{got} for {want}");
        }

        #[test]
        fn merging_equals_recording_everything_once(
            a in prop::collection::vec(any::<u64>(), 0..200),
            b in prop::collection::vec(any::<u64>(), 0..200)
        ) {
            let fill = |values: &[u64]| {
                let mut h = Histogram::default();
                values.iter().for_each(|v| h.record(*v));
                h
            };
            let mut merged = fill(&a);
            merged.merge(&fill(&b));
            let mut other = fill(&b);
            other.merge(&fill(&a));
            let all: Vec<u64> = a.into_iter().chain(b).collect();
            prop_assert_eq!(&merged, &fill(&all));
            prop_assert_eq!(merged, other);
        }
    }
}
