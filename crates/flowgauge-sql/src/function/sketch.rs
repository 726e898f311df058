//! Values of one group: all of them while they are few, then a log-linear histogram.
//!
//! The histogram has 128 sub-buckets an octave, as that of rollups has (decision D5): its middle values
//! are wrong by at most 1/256. Buckets are the upper bits of the number itself, so it takes values of
//! any sign and size.

use flowgauge_logic::quantile::exact;

/// Up to so many values a percentile is exact, by linear interpolation (`catalogue.md` D3).
pub(super) const EXACT: usize = 10_000;
/// Bits of a double below the 7 that name a sub-bucket.
const BELOW: u32 = 52 - 7;
/// First byte of a sketch that holds values.
const VALUES: u8 = 0;
/// First byte of a sketch that holds counts.
const COUNTS: u8 = 1;

/// What is known of a group's values.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sketch {
    /// All of them.
    Values(Vec<f64>),
    /// How many fall into which bucket.
    Counts(Counts),
}

/// Counts of a stretch of neighbouring buckets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Counts {
    first: i32,
    counts: Vec<u64>,
    least: f64,
    most: f64,
    n: u64,
}

impl Default for Sketch {
    fn default() -> Self {
        Self::Values(Vec::new())
    }
}

impl Sketch {
    /// Adds a value. What is no number says nothing.
    pub(super) fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        match self {
            Self::Counts(counts) => counts.add(value, 1),
            Self::Values(values) if values.len() < EXACT => values.push(value),
            Self::Values(_) => self.counts().add(value, 1),
        }
    }

    /// Adds what another holds.
    pub(super) fn merge(&mut self, other: Self) {
        match other {
            Self::Values(values) => {
                let room = matches!(self, Self::Values(mine) if mine.len() + values.len() <= EXACT);
                match self {
                    Self::Values(mine) if room => mine.extend(values),
                    _ => {
                        let counts = self.counts();
                        values.into_iter().for_each(|v| counts.add(v, 1));
                    }
                }
            }
            Self::Counts(theirs) => self.counts().merge(&theirs),
        }
    }

    fn counts(&mut self) -> &mut Counts {
        if let Self::Values(values) = self {
            let mut counts = Counts::default();
            values.iter().for_each(|v| counts.add(*v, 1));
            *self = Self::Counts(counts);
        }
        match self {
            Self::Counts(counts) => counts,
            Self::Values(_) => unreachable!("it was made counts above"),
        }
    }

    /// Quantiles, each nothing where there is no value.
    pub(super) fn quantiles(&mut self, wanted: &[f64]) -> Vec<Option<f64>> {
        match self {
            Self::Values(values) => wanted.iter().map(|q| exact(values, *q)).collect(),
            Self::Counts(counts) => wanted.iter().map(|q| counts.quantile(*q)).collect(),
        }
    }

    /// Bytes it takes on the heap.
    pub(super) const fn size(&self) -> usize {
        match self {
            Self::Values(values) => values.capacity() * 8,
            Self::Counts(counts) => counts.counts.capacity() * 8,
        }
    }

    /// As bytes, for another part of the plan.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Values(values) => {
                let mut out = Vec::with_capacity(1 + values.len() * 8);
                out.push(VALUES);
                values.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
                out
            }
            Self::Counts(c) => {
                let mut out = vec![COUNTS];
                out.extend_from_slice(&c.first.to_le_bytes());
                out.extend_from_slice(&c.least.to_le_bytes());
                out.extend_from_slice(&c.most.to_le_bytes());
                c.counts.iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
                out
            }
        }
    }

    /// From [`Sketch::to_bytes`]; nothing where they are not such.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        if *kind == VALUES {
            let (values, []) = rest.as_chunks::<8>() else { return None };
            return Some(Self::Values(values.iter().map(|b| f64::from_le_bytes(*b)).collect()));
        }
        let (first, rest) = rest.split_first_chunk::<4>()?;
        let (least, rest) = rest.split_first_chunk::<8>()?;
        let (most, rest) = rest.split_first_chunk::<8>()?;
        let (counts, []) = rest.as_chunks::<8>() else { return None };
        let counts: Vec<u64> = counts.iter().map(|b| u64::from_le_bytes(*b)).collect();
        Some(Self::Counts(Counts {
            first: i32::from_le_bytes(*first),
            n: counts.iter().fold(0, |n, c| n.saturating_add(*c)),
            counts,
            least: f64::from_le_bytes(*least),
            most: f64::from_le_bytes(*most),
        }))
    }
}

impl Counts {
    fn add(&mut self, value: f64, times: u64) {
        let bucket = bucket_of(value);
        if self.n == 0 {
            (self.first, self.least, self.most) = (bucket, value, value);
        }
        (self.least, self.most) = (self.least.min(value), self.most.max(value));
        self.n = self.n.saturating_add(times);
        *self.at(bucket) += times;
    }

    fn at(&mut self, bucket: i32) -> &mut u64 {
        if bucket < self.first {
            let more = usize::try_from(self.first - bucket).unwrap_or(0);
            self.counts.splice(0..0, std::iter::repeat_n(0, more));
            self.first = bucket;
        }
        let i = usize::try_from(bucket - self.first).unwrap_or(0);
        if i >= self.counts.len() {
            self.counts.resize(i + 1, 0);
        }
        &mut self.counts[i]
    }

    fn merge(&mut self, other: &Self) {
        if other.n == 0 {
            return;
        }
        if self.n == 0 {
            self.clone_from(other);
            return;
        }
        (self.least, self.most) = (self.least.min(other.least), self.most.max(other.most));
        self.n = self.n.saturating_add(other.n);
        for (i, count) in other.counts.iter().enumerate().filter(|(_, c)| **c > 0) {
            let bucket = other.first.saturating_add(i32::try_from(i).unwrap_or(0));
            *self.at(bucket) += count;
        }
    }

    /// The value at rank q·(n − 1), as of sorted values; the middle of its bucket.
    fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.n.checked_sub(1)?;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank; counts stay far below 2^53"
        )]
        let rank = (q * last as f64).round() as u64;
        let mut passed = 0;
        for (i, count) in self.counts.iter().enumerate() {
            passed += count;
            if passed > rank {
                let bucket = self.first.saturating_add(i32::try_from(i).unwrap_or(0));
                return Some(middle_of(bucket).clamp(self.least, self.most));
            }
        }
        Some(self.most)
    }
}

/// Upper bits of a number, in the order of numbers.
fn bucket_of(value: f64) -> i32 {
    // 19 bits are left: it always fits.
    let upper = i32::try_from(value.abs().to_bits() >> BELOW).unwrap_or(i32::MAX);
    if value.is_sign_negative() && upper > 0 { -upper } else { upper }
}

fn middle_of(bucket: i32) -> f64 {
    let upper = u64::from(bucket.unsigned_abs());
    if upper == 0 {
        return 0.0;
    }
    let (from, to) = (f64::from_bits(upper << BELOW), f64::from_bits((upper + 1) << BELOW));
    let middle = from.midpoint(to);
    if bucket < 0 { -middle } else { middle }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> Sketch {
        let mut sketch = Sketch::default();
        values.iter().for_each(|v| sketch.add(*v));
        sketch
    }

    #[test]
    fn few_values_are_interpolated_at_q_times_n_minus_1() {
        // numpy.percentile([1, 2, 3, 4], [50, 95]) = [2.5, 3.85]
        let got = of(&[4.0, 1.0, 3.0, 2.0]).quantiles(&[0.5, 0.95]);
        assert_eq!(got.len(), 2);
        assert!((got[0].unwrap() - 2.5).abs() < 1e-12);
        assert!((got[1].unwrap() - 3.85).abs() < 1e-12);
    }

    #[test]
    fn of_no_value_nothing_is_known() {
        assert_eq!(Sketch::default().quantiles(&[0.5]), [None]);
        assert_eq!(of(&[f64::NAN, f64::INFINITY]).quantiles(&[0.5]), [None]);
    }

    proptest! {
        #[test]
        fn many_values_are_within_half_a_percent(
            seed in proptest::collection::vec(-1e6..1e6f64, 40..60), q in 0.0..=1.0f64,
        ) {
            let values: Vec<f64> =
                (0..EXACT + 500).map(|i| seed[i % seed.len()] + i as f64 * 0.001).collect();
            let mut sketch = of(&values);
            prop_assert!(matches!(sketch, Sketch::Counts(_)));
            let got = sketch.quantiles(&[q])[0].unwrap();
            let mut sorted = values;
            sorted.sort_by(f64::total_cmp);
            let last = (sorted.len() - 1) as f64;
            let want = *sorted.iter().enumerate().find(|(i, _)| *i as f64 >= (q * last).round()).unwrap().1;
            prop_assert!((got - want).abs() <= want.abs() / 256.0 + 1e-9, "{got} for {want}");
        }

        #[test]
        fn merged_in_any_order_they_say_the_same(
            a in proptest::collection::vec(-1e3..1e3f64, 0..50),
            b in proptest::collection::vec(-1e3..1e3f64, 0..50), many: bool,
        ) {
            let (mut a, b) = (of(&a), of(&b));
            if many {
                a.counts();
            }
            let mut ab = a.clone();
            ab.merge(b.clone());
            let mut ba = b;
            ba.merge(a);
            prop_assert_eq!(ab.quantiles(&[0.0, 0.3, 1.0]), ba.quantiles(&[0.0, 0.3, 1.0]));
        }

        #[test]
        fn bytes_come_back_or_are_refused(values in proptest::collection::vec(-1e3..1e3f64, 0..50), many: bool, junk: Vec<u8>) {
            let mut sketch = of(&values);
            if many {
                sketch.counts();
            }
            prop_assert_eq!(Sketch::from_bytes(&sketch.to_bytes()), Some(sketch));
            drop(Sketch::from_bytes(&junk));
        }
    }
}
