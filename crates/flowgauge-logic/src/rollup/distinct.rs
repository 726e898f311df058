//! How many different users there were: exact while they are few, estimated beyond, and the same
//! whatever the order of merging.
//!
//! Keeps the smallest hashes (k minimum values). Up to `KEPT` users the count is exact, which a
//! sketch of registers never is; beyond, the standard error is 1/√(k − 2), 3.1 %. It is a plain
//! sorted list: equal sets are equal values, and an empty one costs nothing on disk.

use serde::{Deserialize, Serialize};

/// Hashes kept: 8 KiB at most, where one minute of one series really has so many users.
const KEPT: usize = 1_024;

/// A set of users, by hash.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Distinct {
    /// Ascending, each once, the smallest `KEPT` of all.
    hashes: Vec<u64>,
}

impl Distinct {
    /// Adds one, by name.
    pub fn add(&mut self, name: &str) {
        let hash = hash_of(name);
        let Err(at) = self.hashes.binary_search(&hash) else { return };
        if at < KEPT {
            self.hashes.insert(at, hash);
            self.hashes.truncate(KEPT);
        }
    }

    /// Adds all of another set.
    pub fn merge(&mut self, other: &Self) {
        if other.hashes.is_empty() {
            return;
        }
        self.hashes.extend_from_slice(&other.hashes);
        self.hashes.sort_unstable();
        self.hashes.dedup();
        self.hashes.truncate(KEPT);
    }

    /// Whether nobody was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// How many: exact below `KEPT`, an estimate from there on.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate; small counts are exact in f64")]
    pub fn count(&self) -> f64 {
        let n = self.hashes.len();
        match self.hashes.last() {
            Some(largest) if n >= KEPT => {
                let share = *largest as f64 / u64::MAX as f64;
                ((n - 1) as f64 / share).round()
            }
            _ => n as f64,
        }
    }

    /// What is kept, ascending, for writing down.
    #[must_use]
    pub fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// A set written down before; nothing where the list is too long or not ascending.
    #[must_use]
    pub fn from_sorted(hashes: Vec<u64>) -> Option<Self> {
        let ascending = hashes.is_sorted_by(|a, b| a < b);
        (ascending && hashes.len() <= KEPT).then_some(Self { hashes })
    }
}

/// 64 bits of a name. Kept on disk: the function must not change.
fn hash_of(name: &str) -> u64 {
    // FNV-1a, then the finaliser of SplitMix64, because the order of the results must be random.
    let mut h = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes() {
        h = (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^ (h >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(names: impl IntoIterator<Item = u32>) -> Distinct {
        let mut set = Distinct::default();
        names.into_iter().for_each(|n| set.add(&format!("user-{n}")));
        set
    }

    fn exactly(set: &Distinct, n: f64) -> bool {
        (set.count() - n).abs() < 1e-9
    }

    #[test]
    fn few_users_are_counted_exactly_and_each_once() {
        assert!(exactly(&of([]), 0.0));
        assert!(exactly(&of([1, 2, 1, 3, 2]), 3.0));
        assert!(exactly(&of(0..1_023), 1_023.0));
    }

    #[test]
    fn many_users_are_estimated_within_a_tenth() {
        for n in [2_000u32, 20_000, 200_000] {
            let (told, n) = (of(0..n).count(), f64::from(n));
            assert!((told - n).abs() < 0.1 * n, "{told} against {n}");
        }
    }

    #[test]
    fn a_list_that_is_not_ascending_is_no_set() {
        assert!(Distinct::from_sorted(vec![1, 2]).is_some());
        assert!(Distinct::from_sorted(vec![2, 1]).is_none());
        assert!(Distinct::from_sorted(vec![1, 1]).is_none());
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole_in_any_order(
            a in prop::collection::vec(0u32..3_000, 0..1_500),
            b in prop::collection::vec(0u32..3_000, 0..1_500),
        ) {
            let (mut ab, mut ba) = (of(a.clone()), of(b.clone()));
            ab.merge(&of(b.clone()));
            ba.merge(&of(a.clone()));
            prop_assert_eq!(&ab, &ba);
            prop_assert_eq!(ab, of(a.into_iter().chain(b)));
        }
    }
}
