//! What is different about the slow ones: values of dimensions that are over-represented among them,
//! beyond what they always are.
//!
//! A long answer is always slow. Blamed is only a value whose share of slow calls rose more than that
//! of all others since the reference (a difference of differences). Refuses to claim anything of a
//! window that is not slower than its reference: its callers ask that first.

use super::finding::{Interval, whole};
use super::test_of_difference::{Difference, LEAST, benjamini_hochberg, ratio_interval};
use crate::call::Text;
use crate::quantile::exact;
use std::collections::BTreeMap;

/// A value is blamed where its share of slow calls rose this much more than that of the others: twice
/// what all calls had in the reference.
pub const EXCESS: f64 = 0.10;
/// The share of the reference's calls that counts as slow.
const SLOW: f64 = 0.05;

/// One call as far as this question goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its figure: µs, tokens or nano-dollars.
    pub value: f64,
    /// Its values, by dimension.
    pub traits: Vec<(&'static str, Text)>,
}

/// A value of a dimension and how it stands among the slow.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Dimension, e.g. `instance`.
    pub dimension: &'static str,
    /// Its value.
    pub value: Text,
    /// Calls with it now.
    pub n: u64,
    /// Slow ones of them.
    pub slow: u64,
    /// Risk of being slow with it against without, now.
    pub risk: f64,
    /// 95 % interval of that.
    pub risk_interval: Option<Interval>,
    /// How much more its share of slow calls rose since the reference than that of all others, 0–1.
    pub excess: f64,
    /// 95 % interval of that.
    pub excess_interval: Option<Interval>,
    /// The excess in standard errors; orders the values.
    pub z: f64,
    /// Probability of such an excess by chance, corrected for how many values were looked at.
    pub p: f64,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Different {
    /// Slow is above this.
    pub limit: f64,
    /// Slow calls now.
    pub slow: u64,
    /// Calls now.
    pub n: u64,
    /// Values, the least likely by chance first.
    pub values: Vec<Value>,
}

/// Calls and slow calls, before and now.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    before: (u64, u64),
    now: (u64, u64),
}

impl Different {
    /// Compares calls with those of a reference; nothing where there are too few of either.
    #[must_use]
    pub fn between(before: &[Sample], now: &[Sample]) -> Option<Self> {
        if (before.len() as u64) < LEAST || (now.len() as u64) < LEAST {
            return None;
        }
        let mut values: Vec<f64> = before.iter().map(|s| s.value).collect();
        let limit = exact(&mut values, 1.0 - SLOW)?;
        let mut table: BTreeMap<(&'static str, &Text), Counts> = BTreeMap::new();
        let mut all = Counts::default();
        for (is_now, sample) in
            before.iter().map(|s| (false, s)).chain(now.iter().map(|s| (true, s)))
        {
            let add = |c: &mut Counts| {
                let side = if is_now { &mut c.now } else { &mut c.before };
                side.0 += u64::from(sample.value > limit);
                side.1 += 1;
            };
            add(&mut all);
            for (dimension, value) in &sample.traits {
                add(table.entry((dimension, value)).or_default());
            }
        }
        let found = table.iter().filter(|(_, c)| c.now.1 >= LEAST && c.now.1 < all.now.1);
        let mut values: Vec<Value> =
            found.filter_map(|((dimension, value), c)| judge(dimension, value, *c, all)).collect();
        let adjusted = benjamini_hochberg(&values.iter().map(|v| v.p).collect::<Vec<_>>());
        values.iter_mut().zip(adjusted).for_each(|(v, p)| v.p = p);
        values.sort_by(|a, b| b.z.total_cmp(&a.z).then_with(|| a.n.cmp(&b.n)));
        Some(Self { limit, slow: all.now.0, n: all.now.1, values })
    }

    /// The value to blame, where there is one.
    #[must_use]
    pub fn blamed(&self, alpha: f64) -> Option<&Value> {
        self.values.iter().find(|v| {
            let sure = v.excess_interval.is_some_and(|i| i.low > 0.0);
            v.p <= alpha && v.excess >= EXCESS && sure && v.slow >= LEAST.min(self.slow)
        })
    }
}

fn judge(dimension: &'static str, value: &Text, with: Counts, all: Counts) -> Option<Value> {
    // Half a call more of each kind (Haldane 1955): no share is known to be zero.
    let rate = |(slow, n): (u64, u64)| (whole(slow) + 0.5) / (whole(n) + 1.0);
    let less = |a: (u64, u64), b: (u64, u64)| (a.0.saturating_sub(b.0), a.1.saturating_sub(b.1));
    let rest = Counts { before: less(all.before, with.before), now: less(all.now, with.now) };
    // A value that is new is expected to be as slow as calls were in all.
    let usual = |c: Counts| if c.before.1 > 0 { c.before } else { all.before };
    let (before, before_rest) = (usual(with), usual(rest));
    let risk = rate(with.now) / rate(rest.now);
    let risk_error = part(with.now) + part(rest.now);
    let excess = (rate(with.now) - rate(before)) - (rate(rest.now) - rate(before_rest));
    let error: f64 = [with.now, before, rest.now, before_rest]
        .into_iter()
        .map(|c| rate(c) * (1.0 - rate(c)) / whole(c.1.max(1)))
        .sum();
    let test = Difference::normal(excess, error.sqrt())?;
    Some(Value {
        dimension,
        value: value.clone(),
        n: with.now.1,
        slow: with.now.0,
        risk,
        risk_interval: ratio_interval(risk, risk_error.sqrt()),
        excess,
        excess_interval: Some(test.interval()),
        z: test.difference / test.error,
        p: test.p,
    })
}

/// Variance of the logarithm of a share (Katz et al. 1978).
fn part((slow, n): (u64, u64)) -> f64 {
    1.0 / (whole(slow) + 0.5) - 1.0 / (whole(n) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(n: u32, slow: impl Fn(u32) -> bool) -> Vec<Sample> {
        let one = |i: u32| {
            let long = i.is_multiple_of(4);
            let jitter = f64::from(i.wrapping_mul(2_654_435_761) % 1_000);
            let usual = if long { 2_000.0 } else { 800.0 } + jitter;
            let value = if slow(i) { usual * 3.0 } else { usual };
            let traits = vec![
                ("intent", Text::from(if long { "analyze" } else { "ask" })),
                ("instance", Text::from(format!("i{}", i % 5))),
            ];
            Sample { value, traits }
        };
        (0..n).map(one).collect()
    }

    #[test]
    fn kinds_that_are_always_slow_are_not_blamed() {
        let different =
            Different::between(&samples(4_000, |_| false), &samples(4_000, |_| false)).unwrap();
        let analyze = different.values.iter().find(|v| v.value == "analyze").unwrap();
        assert!(analyze.risk > 20.0, "always slow: {analyze:?}");
        assert_eq!(different.blamed(0.01), None);
    }

    #[test]
    fn the_one_slow_instance_is_blamed() {
        let slow = samples(4_000, |i| i % 5 == 3);
        let different = Different::between(&samples(4_000, |_| false), &slow).unwrap();
        let blamed = different.blamed(0.01).unwrap();
        assert_eq!((blamed.dimension, blamed.value.as_str()), ("instance", "i3"));
        assert!(blamed.excess_interval.unwrap().low > EXCESS, "{blamed:?}");
    }
}
