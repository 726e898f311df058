//! API keys: how one is made, recognised and revoked.
//!
//! A key is 256 random bits with the prefix `fg_` and a checksum, so that secret scanners find it
//! and a typing mistake is told from a wrong key. Only its keyed hash is kept; it is shown once.
//! Refuses disk on the request path: keys in force are held in memory.

pub mod scram;
pub mod sessions;

use super::clock::Clock;
use crate::logic::unit::UnixMicros;
use crate::store::{KeyRow, Proof, State, StoreError};
use arc_swap::ArcSwap;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq};

/// Finds a key in text.
const PREFIX: &str = "fg_";
/// 256 bits, so that a fast hash at rest is enough: nobody tries them all.
const RANDOM_BYTES: usize = 32;
/// 32 bits of checksum: enough to tell a typing mistake.
const CHECKSUM_BYTES: usize = 4;
/// Length of an id in hexadecimal digits: 48 bits tell an installation's few keys apart.
const ID_BYTES: usize = 6;
/// Keys in force at once; each check compares with all of them in constant time.
const MAX_KEYS: usize = 1_000;

/// What a key may do.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Send requests through the gateway; read nothing.
    Gateway,
    /// Read.
    Viewer,
    /// Read, import, operate.
    Operator,
    /// All, keys too.
    Admin,
}

impl Scope {
    /// All of them, least first.
    pub const ALL: [Self; 4] = [Self::Gateway, Self::Viewer, Self::Operator, Self::Admin];

    /// The word used in JSON and commands.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The scope of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.word() == word)
    }

    /// Whether a key of this scope may send through the gateway. A viewer's may not: reading
    /// figures must not spend money.
    #[must_use]
    pub const fn may_send(self) -> bool {
        matches!(self, Self::Gateway | Self::Operator | Self::Admin)
    }
}

/// A key that was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Public id of the key.
    pub id: Arc<str>,
    /// What people call it.
    pub name: Arc<str>,
    /// What it may do.
    pub scope: Scope,
}

/// A key just made. The only time its text exists here.
#[derive(Clone)]
pub struct Made {
    /// The key itself.
    pub text: String,
    /// What is kept of it.
    pub row: KeyRow,
}

impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Made").field("id", &self.row.id).finish_non_exhaustive()
    }
}

/// Why no key was made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// `state.db` refused.
    #[error(transparent)]
    State(#[from] StoreError),
    /// The machine gives no randomness.
    #[error("the operating system gave no random bytes: {0}")]
    Random(String),
    /// Too many.
    #[error("there are {MAX_KEYS} keys in force already; revoke one first")]
    TooMany,
}

struct InForce {
    hash: [u8; 32],
    proof: Option<Proof>,
    holder: Holder,
    expires: Option<UnixMicros>,
}

/// The keys of an installation.
pub struct KeyRing {
    state: Arc<State>,
    clock: Clock,
    pepper: [u8; 32],
    salt: [u8; 32],
    in_force: ArcSwap<Vec<InForce>>,
    /// One change at a time, so that a reload cannot bring back a key just revoked.
    change: parking_lot::Mutex<()>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing").field("in_force", &self.in_force.load().len()).finish()
    }
}

impl KeyRing {
    /// Reads the keys in force.
    ///
    /// # Errors
    /// When `state.db` refuses or there is no randomness for the first secret.
    pub fn open(state: Arc<State>, clock: Clock) -> Result<Self, KeyError> {
        let pepper = state.secret("api-key-hash", random()?)?;
        let salt = state.secret("api-key-salt", random()?)?;
        let in_force = ArcSwap::from_pointee(Vec::new());
        let ring =
            Self { state, clock, pepper, salt, in_force, change: parking_lot::Mutex::new(()) };
        ring.reload()?;
        Ok(ring)
    }

    /// Whether no key is in force.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let now = self.clock.now();
        !self.in_force.load().iter().any(|k| k.expires.is_none_or(|end| now < end))
    }

    /// Who holds a presented key; nobody where it is malformed, unknown, expired or revoked.
    ///
    /// Takes the same time for every well-formed key: all hashes are compared.
    #[must_use]
    pub fn holder(&self, presented: &str) -> Option<Holder> {
        if !well_formed(presented) {
            return None;
        }
        let hash = self.hash(presented);
        let mut found = None;
        for key in self.in_force.load().iter() {
            if bool::from(equal(&key.hash, &hash)) {
                found = Some((key.holder.clone(), key.expires));
            }
        }
        let now = self.clock.now();
        found.filter(|(_, end)| end.is_none_or(|end| now < end)).map(|(holder, _)| holder)
    }

    /// What clients salt a key with before they prove it. Keys are random already: one for all will do.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// Whose key was proven over these messages, and our signature of them (RFC 5802 3).
    #[must_use]
    pub fn proven(&self, messages: &[u8], proof: &[u8; 32]) -> Option<(Holder, [u8; 32])> {
        let mut found = None;
        for key in self.in_force.load().iter() {
            let Some(kept) = &key.proof else { continue };
            if scram::is_proof(kept, messages, proof) {
                let signature = keyed_hash(&kept.server, messages);
                found = Some((key.holder.clone(), key.expires, signature));
            }
        }
        let now = self.clock.now();
        found
            .filter(|(_, end, _)| end.is_none_or(|end| now < end))
            .map(|(holder, _, signature)| (holder, signature))
    }

    /// Whether the key of this id is still in force.
    #[must_use]
    pub fn holds(&self, id: &str) -> bool {
        self.holder_of(id).is_some()
    }

    /// Who holds the key of this id, while it is in force.
    #[must_use]
    pub fn holder_of(&self, id: &str) -> Option<Holder> {
        let now = self.clock.now();
        let keys = self.in_force.load();
        let found = keys.iter().find(|k| &*k.holder.id == id)?;
        found.expires.is_none_or(|end| now < end).then(|| found.holder.clone())
    }

    /// Makes a key.
    ///
    /// # Errors
    /// When there are too many, no randomness, or `state.db` refuses.
    pub fn make(
        &self,
        name: &str,
        scope: Scope,
        expires: Option<UnixMicros>,
    ) -> Result<Made, KeyError> {
        let _one_at_a_time = self.change.lock();
        if self.in_force.load().len() >= MAX_KEYS {
            return Err(KeyError::TooMany);
        }
        let text = text_of(&random()?);
        let row = KeyRow {
            id: format!("key_{}", hex(random::<ID_BYTES>()?.as_slice())),
            name: name.to_owned(),
            scope: scope.word().to_owned(),
            hash: self.hash(&text),
            proof: Some(scram::proof_of(&text, &self.salt)),
            created: self.clock.now(),
            expires,
            revoked: None,
        };
        self.state.add_key(&row)?;
        self.reload()?;
        Ok(Made { text, row })
    }

    /// Revokes a key at once. False where none of this id is in force.
    ///
    /// # Errors
    /// When `state.db` refuses.
    pub fn revoke(&self, id: &str) -> Result<bool, KeyError> {
        let _one_at_a_time = self.change.lock();
        let revoked = self.state.revoke_key(id, self.clock.now())?;
        self.reload()?;
        Ok(revoked)
    }

    /// Every key ever made, without secrets.
    ///
    /// # Errors
    /// When `state.db` refuses.
    pub fn list(&self) -> Result<Vec<KeyRow>, KeyError> {
        Ok(self.state.keys()?)
    }

    fn reload(&self) -> Result<(), KeyError> {
        let mut in_force = Vec::new();
        for row in self.state.keys()? {
            let Some(scope) = Scope::from_word(&row.scope) else { continue };
            if row.revoked.is_none() {
                let holder = Holder { id: row.id.into(), name: row.name.into(), scope };
                let (hash, proof, expires) = (row.hash, row.proof, row.expires);
                in_force.push(InForce { hash, proof, holder, expires });
            }
        }
        self.in_force.store(Arc::new(in_force));
        Ok(())
    }

    fn hash(&self, text: &str) -> [u8; 32] {
        keyed_hash(&self.pepper, text.as_bytes())
    }
}

fn equal(a: &[u8; 32], b: &[u8; 32]) -> Choice {
    a.as_slice().ct_eq(b.as_slice())
}

fn keyed_hash(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    keyed_hash_of(key, text)
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn keyed_hash_of(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// Random bytes of the operating system.
///
/// # Errors
/// When it gives none.
pub fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| KeyError::Random(e.to_string()))?;
    Ok(bytes)
}

fn text_of(secret: &[u8; RANDOM_BYTES]) -> String {
    let body = hex(secret);
    let check = checksum(&body);
    format!("{PREFIX}{body}{check}")
}

fn checksum(body: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(body.as_bytes()).into();
    hex(digest.get(..CHECKSUM_BYTES).unwrap_or_default())
}

/// Whether a text is shaped like a key, its checksum included.
#[must_use]
pub fn well_formed(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(PREFIX) else { return false };
    let Some((body, check)) = rest.split_at_checked(2 * RANDOM_BYTES) else { return false };
    rest.len() == 2 * (RANDOM_BYTES + CHECKSUM_BYTES) && checksum(body) == check
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ring(dir: &std::path::Path, clock: Clock) -> KeyRing {
        KeyRing::open(Arc::new(State::open(dir).unwrap()), clock).unwrap()
    }

    #[test]
    fn a_key_works_until_it_is_revoked_and_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let keys = ring(dir.path(), Clock::real());
        assert!(keys.is_empty());
        let made = keys.make("ci", Scope::Viewer, None).unwrap();
        let again = ring(dir.path(), Clock::real());
        assert_eq!(again.holder(&made.text).map(|h| h.scope), Some(Scope::Viewer));
        assert!(again.revoke(&made.row.id).unwrap());
        assert_eq!(again.holder(&made.text), None);
        assert!(again.is_empty());
    }

    #[test]
    fn what_is_stored_is_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let keys = ring(dir.path(), Clock::real());
        let made = keys.make("ci", Scope::Admin, None).unwrap();
        let stored = hex(&made.row.hash);
        assert_eq!(keys.holder(&stored), None);
        assert_eq!(keys.holder(&format!("{PREFIX}{stored}{}", checksum(&stored))), None);
        assert!(!format!("{:?} {made:?}", keys.list().unwrap()).contains(&made.text));
    }

    #[test]
    fn a_key_ends_when_it_expires() {
        let dir = tempfile::tempdir().unwrap();
        let (clock, hand) = Clock::frozen(UnixMicros(1_000));
        let keys = ring(dir.path(), clock);
        let made = keys.make("ci", Scope::Operator, Some(UnixMicros(2_000))).unwrap();
        assert!(keys.holder(&made.text).is_some());
        hand.advance(crate::logic::unit::Micros(1_000));
        assert!(keys.holder(&made.text).is_none() && keys.is_empty());
    }

    proptest! {
        #[test]
        fn one_changed_character_is_no_key(secret: [u8; 32], at in 0usize..72, with in "[0-9a-f]") {
            let text = text_of(&secret);
            prop_assert!(well_formed(&text));
            let at = PREFIX.len() + at;
            let mut other = text.clone();
            other.replace_range(at..=at, &with);
            prop_assert_eq!(well_formed(&other), other == text);
        }

        #[test]
        fn any_text_is_judged_without_panic(text in "\\PC*") {
            prop_assert!(!well_formed(&text));
        }
    }
}
