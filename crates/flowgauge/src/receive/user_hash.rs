//! Turns names of users and sessions into keyed hashes, the only form in which they are kept.
//!
//! Refuses to keep the key anywhere but in memory: whoever builds it brings the key.

use crate::logic::call::Text;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::fmt::Write as _;

/// 96 bits: no two of a billion users collide in practice, and the hexadecimal form (24 bytes) is
/// the longest that [`Text`] holds without an allocation.
const HASH_BYTES: usize = 12;

/// HMAC-SHA256 under the installation's key. Cheap to clone.
#[derive(Clone)]
pub struct UserHasher(Hmac<Sha256>);

impl fmt::Debug for UserHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserHasher([secret])")
    }
}

impl UserHasher {
    /// A hasher under `key`.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        // HMAC pads a short key with zeros to the block of its hash, 64 bytes for SHA-256.
        let mut block = [0; 64];
        for (slot, byte) in block.iter_mut().zip(key) {
            *slot = *byte;
        }
        Self(Hmac::new(&block.into()))
    }

    /// The hash of a name.
    #[must_use]
    pub fn hash(&self, name: &str) -> Text {
        let mut mac = self.0.clone();
        mac.update(name.as_bytes());
        let digest = mac.finalize().into_bytes();
        let mut text = Text::default();
        for byte in digest.iter().take(HASH_BYTES) {
            // Writing to a text in memory cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_hashes_alike_under_one_key_and_differently_under_another() {
        let one = UserHasher::new(&[1; 32]);
        assert_eq!(one.hash("ada"), one.hash("ada"));
        assert_ne!(one.hash("ada"), one.hash("bob"));
        assert_ne!(one.hash("ada"), UserHasher::new(&[2; 32]).hash("ada"));
        assert_eq!(one.hash("ada").len(), 2 * HASH_BYTES);
    }

    #[test]
    fn the_key_is_never_printed() {
        assert_eq!(format!("{:?}", UserHasher::new(&[7; 32])), "UserHasher([secret])");
    }
}
