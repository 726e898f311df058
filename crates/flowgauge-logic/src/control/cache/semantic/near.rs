//! The nearest among many by the signs of their vectors: one pass over 32 bytes a row.
//!
//! Two vectors at an angle θ differ in each sign with probability θ/π (Charikar 2002), so a bound on the cosine is a
//! bound on the number of signs that differ, up to chance.

use super::embed::{Signs, WIDTH};

/// Deviations by which more signs may differ than the angle says: at four, one of thirty thousand is missed.
const SLACK: f32 = 4.0;

/// Places of at most `most` rows that may have a cosine of at least `least`, fewest differing signs first.
pub(super) fn nearest(rows: &[Signs], to: &Signs, least: f32, most: usize) -> Vec<usize> {
    let mut limit = bound(least);
    let mut found: Vec<(u32, usize)> = Vec::with_capacity(2 * most);
    for (at, signs) in rows.iter().enumerate() {
        let off = differing(signs, to);
        if off > limit {
            continue;
        }
        found.push((off, at));
        if found.len() >= 2 * most {
            found.sort_unstable();
            found.truncate(most);
            // Later rows must be nearer than the last of those kept.
            limit = found.last().map_or(limit, |f| f.0.saturating_sub(1));
        }
    }
    found.sort_unstable();
    found.truncate(most);
    found.into_iter().map(|(_, at)| at).collect()
}

/// Signs that may differ at a cosine of `least`.
fn bound(least: f32) -> u32 {
    let share = least.clamp(-1.0, 1.0).acos() / std::f32::consts::PI;
    let width = WIDTH as f32;
    let most = width * share + SLACK * (width * share * (1.0 - share)).sqrt();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0..=256")]
    let most = most.clamp(0.0, width) as u32;
    most
}

/// Signs that differ. Four words are summed before their bytes are, which halves the work where the processor is not
/// known to count bits.
fn differing(a: &Signs, b: &Signs) -> u32 {
    const ODD: u64 = 0x5555_5555_5555_5555;
    const PAIRS: u64 = 0x3333_3333_3333_3333;
    const NIBBLES: u64 = 0x0f0f_0f0f_0f0f_0f0f;
    let mut nibbles = 0;
    for (x, y) in a.iter().zip(b) {
        let v = x ^ y;
        let v = v - ((v >> 1) & ODD);
        let v = (v & PAIRS) + ((v >> 2) & PAIRS);
        nibbles += (v + (v >> 4)) & NIBBLES;
    }
    // Each byte holds at most 4 · 8; their sum, at most 256, needs more than the top byte of one product.
    let pairs = (nibbles & 0x00ff_00ff_00ff_00ff) + ((nibbles >> 8) & 0x00ff_00ff_00ff_00ff);
    u32::try_from(pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn differing_signs_are_counted(a in any::<[u64; 4]>(), b in any::<[u64; 4]>()) {
            let by_one: u32 = a.iter().zip(&b).map(|(x, y)| (x ^ y).count_ones()).sum();
            prop_assert_eq!(differing(&a, &b), by_one);
        }

        #[test]
        fn the_nearest_are_found(rows in proptest::collection::vec(any::<[u64; 4]>(), 1..200), to in any::<[u64; 4]>()) {
            let mut all: Vec<(u32, usize)> = rows.iter().enumerate().map(|(i, r)| (differing(r, &to), i)).collect();
            all.sort_unstable();
            let want: Vec<u32> = all.iter().take(5).map(|a| a.0).collect();
            let got: Vec<u32> = nearest(&rows, &to, -1.0, 5).iter().map(|i| differing(&rows[*i], &to)).collect();
            prop_assert_eq!(got, want);
        }
    }

    #[test]
    fn all_signs_can_differ() {
        assert_eq!(differing(&[0; 4], &[u64::MAX; 4]), 256);
        assert_eq!(bound(-1.0), 256);
        assert_eq!(bound(1.0), 0);
    }
}
