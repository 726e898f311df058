//! Signed addresses: whoever got the message may acknowledge what it is about, and nothing else.
//!
//! A token is the episode's id and a keyed hash of it. It needs no end: it can only acknowledge, and
//! only while the episode is open.

use crate::logic::alert::episode::EpisodeId;
use crate::logic::id::CallId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of an id.
const ID_BYTES: usize = 16;
/// Bytes of the hash that are kept: 128 bits cannot be guessed, and the address stays short.
const MAC_BYTES: usize = 16;
/// Keeps these hashes apart from others under the same secret.
const PURPOSE: &[u8] = b"flowgauge acknowledge 1\0";

/// The secret that signs.
#[derive(Clone)]
pub(super) struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    pub(super) const fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// Token of an episode.
    pub(super) fn token(&self, id: EpisodeId) -> String {
        let mut bytes = Vec::with_capacity(ID_BYTES + MAC_BYTES);
        bytes.extend_from_slice(&id.0);
        let hash = self.mac(&id.0).finalize().into_bytes();
        bytes.extend(hash.iter().take(MAC_BYTES));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The episode of a token, where it was signed here.
    pub(super) fn check(&self, token: &str) -> Option<EpisodeId> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (id, hash) = bytes.split_at_checked(ID_BYTES)?;
        let id: [u8; ID_BYTES] = id.try_into().ok()?;
        if hash.len() != MAC_BYTES {
            return None;
        }
        // Takes the same time wherever the first wrong byte is.
        self.mac(&id).verify_truncated_left(hash).ok()?;
        Some(CallId(id))
    }

    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    fn mac(&self, id: &[u8; ID_BYTES]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any length");
        mac.update(PURPOSE);
        mac.update(id);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(n: u8) -> EpisodeId {
        CallId([n; ID_BYTES])
    }

    #[test]
    fn a_token_names_its_episode_under_its_own_secret_only() {
        let token = Secret::new([1; 32]).token(id(7));
        assert_eq!(Secret::new([1; 32]).check(&token), Some(id(7)));
        assert_eq!(Secret::new([2; 32]).check(&token), None);
        assert_eq!(token.len(), 43);
    }

    proptest! {
        #[test]
        fn any_other_text_is_refused(text in "[A-Za-z0-9_-]{0,60}", flip in 0usize..32) {
            let secret = Secret::new([1; 32]);
            prop_assert_eq!(secret.check(&text), None);
            let mut bytes = URL_SAFE_NO_PAD.decode(secret.token(id(7))).expect("own token");
            bytes[flip] ^= 1;
            prop_assert_eq!(secret.check(&URL_SAFE_NO_PAD.encode(bytes)), None);
        }
    }
}
