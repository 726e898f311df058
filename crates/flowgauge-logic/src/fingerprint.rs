//! One 64-bit hash for what must be recognised again, possibly after a restart.
//!
//! Results are kept on disk: the function must not change. Refuses secrecy: it is no keyed hash.

/// 64 bits of all parts, which do not run into each other.
#[must_use]
pub fn fingerprint(parts: &[&[u8]]) -> u64 {
    let mut h = 0x9e37_79b9_7f4a_7c15_u64;
    for part in parts {
        h = mix(h ^ part.len() as u64, 0xa076_1d64_78bd_642f);
        for chunk in part.chunks(8) {
            let mut word = [0u8; 8];
            word.iter_mut().zip(chunk).for_each(|(w, c)| *w = *c);
            h = mix(h ^ u64::from_le_bytes(word), 0xe703_7ed1_a0b4_28db);
        }
    }
    mix(h, 0x8ebc_6af0_9c88_c6e3)
}

/// Both halves of the 128-bit product folded into one.
fn mix(a: u64, b: u64) -> u64 {
    let wide = u128::from(a ^ 0x2d35_8dcc_aa6c_78a5) * u128::from(b);
    let bytes = wide.to_le_bytes();
    let (low, high) = bytes.split_at(8);
    let half = |b: &[u8]| b.iter().rev().fold(0u64, |n, x| (n << 8) | u64::from(*x));
    half(low) ^ half(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(fingerprint(&[b"ab", b"c"]), fingerprint(&[b"a", b"bc"]));
        assert_eq!(fingerprint(&[b"a"]), fingerprint(&[b"a"]));
    }
}
