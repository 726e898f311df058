//! Ids of calls, made without a system call.

use crate::logic::id::CallId;
use crate::logic::unit::UnixMicros;
use std::sync::atomic::{AtomicU64, Ordering};

/// Step of the sequence: odd, so that all 2^64 values come before one repeats (Weyl sequence).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Hands out ids that differ within a process by their sequence and between processes by their
/// random start.
#[derive(Debug)]
pub(super) struct Ids {
    next: AtomicU64,
    process: [u8; 2],
}

impl Ids {
    /// Ids beginning at a random place.
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut process = [0; 2];
        getrandom::fill(&mut process)?;
        Ok(Self { next: AtomicU64::new(getrandom::u64()?), process })
    }

    /// The id of a call received at `now`.
    pub(super) fn next(&self, now: UnixMicros) -> CallId {
        let [a, b, c, d, e, f, g, h] = self.draw().to_be_bytes();
        // Bytes 0 and 2 lose bits to version and variant, so the sequence stays out of them.
        let [p, q] = self.process;
        CallId::new(now, [p, a, q, b, c, d, e, f, g, h])
    }

    /// A number by chance, for spreading what would else happen together.
    pub(super) fn chance(&self) -> u32 {
        let [a, b, c, d, ..] = self.draw().to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// The next number of the sequence, mixed by a bijection (SplitMix64): different inputs, different
    /// outputs.
    fn draw(&self) -> u64 {
        let mut x = self.next.fetch_add(STEP, Ordering::Relaxed);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_of_one_moment_all_differ() {
        let ids = Ids::new().unwrap();
        let seen: HashSet<_> = (0..10_000).map(|_| ids.next(UnixMicros(1_000_000))).collect();
        assert_eq!(seen.len(), 10_000);
    }
}
