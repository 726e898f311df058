//! Sessions of the page: a key exchanged for a cookie of bounded life.
//!
//! A session is 256 random bits that one browser knows. Only their hash is kept, and only in memory: a restart ends all.
//! What its holder may do is asked of the key at every request, so that a key revoked or expired ends its sessions with it.
//! Refuses to hold more than so many: the oldest makes room.

use super::{Holder, KeyError, hex, keyed_hash_of, random};
use crate::logic::unit::{Micros, UnixMicros};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// A working day: who leaves a browser open overnight logs in again.
pub const LIFE: Micros = Micros(12 * 3_600_000_000);
/// Browsers of one key at once; one more ends its oldest, so that nobody crowds out others.
const MAX_PER_KEY: usize = 32;
/// Of all keys at once: about half a megabyte.
const MAX: usize = 4_096;
/// What the token against forged requests is told apart by from other uses of the secret.
const CSRF: &[u8] = b"flowgauge csrf";

struct Open {
    key: Arc<str>,
    begun: UnixMicros,
    ends: UnixMicros,
}

/// A session just begun. The only time its secret exists here.
pub struct Begun {
    /// What the cookie holds.
    pub secret: String,
    /// From when on it is refused.
    pub ends: UnixMicros,
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").field("ends", &self.ends).finish_non_exhaustive()
    }
}

/// The sessions that are open.
#[derive(Default)]
pub struct Sessions {
    open: Mutex<HashMap<[u8; 32], Open>>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("open", &self.open.lock().len()).finish()
    }
}

impl Sessions {
    /// Begins a session of a key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn begin(&self, holder: &Holder, now: UnixMicros) -> Result<Begun, KeyError> {
        let secret = hex(&random::<32>()?);
        let ends = now.after(LIFE);
        let mut open = self.open.lock();
        open.retain(|_, one| now < one.ends);
        if open.values().filter(|one| one.key == holder.id).count() >= MAX_PER_KEY {
            end_oldest(&mut open, Some(&holder.id));
        } else if open.len() >= MAX {
            end_oldest(&mut open, None);
        }
        open.insert(hash(&secret), Open { key: Arc::clone(&holder.id), begun: now, ends });
        Ok(Begun { secret, ends })
    }

    /// The id of the key a session belongs to, and when it ends; nothing where it is not open.
    #[must_use]
    pub fn find(&self, secret: &str, now: UnixMicros) -> Option<(Arc<str>, UnixMicros)> {
        let open = self.open.lock();
        let one = open.get(&hash(secret)).filter(|one| now < one.ends)?;
        Some((Arc::clone(&one.key), one.ends))
    }

    /// Ends a session at once.
    pub fn end(&self, secret: &str) {
        self.open.lock().remove(&hash(secret));
    }
}

fn end_oldest(open: &mut HashMap<[u8; 32], Open>, key: Option<&str>) {
    let candidates = open.iter().filter(|(_, one)| key.is_none_or(|key| &*one.key == key));
    if let Some(oldest) = candidates.min_by_key(|(_, one)| one.begun).map(|(hash, _)| *hash) {
        open.remove(&oldest);
    }
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// What a change asked for with a cookie must carry beside it. It follows from the session's secret, which scripts of no
/// site can read, so nothing of it is kept.
#[must_use]
pub fn csrf(secret: &str) -> String {
    hex(&keyed_hash_of(secret.as_bytes(), CSRF))
}

/// Whether this is the session's token; takes the same time for every token of its length.
#[must_use]
pub fn is_csrf(secret: &str, presented: &[u8]) -> bool {
    csrf(secret).as_bytes().ct_eq(presented).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::keys::Scope;

    fn holder(id: &str) -> Holder {
        Holder { id: id.into(), name: id.into(), scope: Scope::Viewer }
    }

    fn at(minutes: i64) -> UnixMicros {
        UnixMicros(minutes * UnixMicros::MINUTE)
    }

    #[test]
    fn a_session_is_found_until_it_ends() {
        let sessions = Sessions::default();
        let begun = sessions.begin(&holder("a"), at(0)).unwrap();
        assert_eq!(begun.ends, at(720));
        assert_eq!(sessions.find(&begun.secret, at(719)).unwrap().0.as_ref(), "a");
        assert!(sessions.find(&begun.secret, at(720)).is_none());
        sessions.end(&begun.secret);
        assert!(sessions.find(&begun.secret, at(0)).is_none());
    }

    #[test]
    fn one_key_crowds_out_its_own_sessions_and_no_others() {
        let sessions = Sessions::default();
        let other = sessions.begin(&holder("b"), at(0)).unwrap();
        let first = sessions.begin(&holder("a"), at(1)).unwrap();
        for minute in 0..MAX_PER_KEY {
            let minute = i64::try_from(minute).unwrap() + 2;
            assert!(sessions.find(&first.secret, at(minute)).is_some(), "{minute}");
            sessions.begin(&holder("a"), at(minute)).unwrap();
        }
        assert!(sessions.find(&first.secret, at(40)).is_none());
        assert!(sessions.find(&other.secret, at(40)).is_some());
    }

    #[test]
    fn memory_is_bounded_over_all_keys() {
        let sessions = Sessions::default();
        for n in 0..=MAX {
            let key = holder(&(n / MAX_PER_KEY).to_string());
            sessions.begin(&key, at(i64::try_from(n).unwrap() / 100)).unwrap();
        }
        assert_eq!(sessions.open.lock().len(), MAX);
        sessions.begin(&holder("late"), at(100_000)).unwrap();
        assert_eq!(sessions.open.lock().len(), 1);
    }

    #[test]
    fn a_token_is_good_for_its_session_only_and_is_not_its_secret() {
        let sessions = Sessions::default();
        let [one, other] = [0, 0].map(|_| sessions.begin(&holder("a"), at(0)).unwrap().secret);
        assert!(is_csrf(&one, csrf(&one).as_bytes()));
        assert!(!is_csrf(&one, csrf(&other).as_bytes()) && !is_csrf(&one, one.as_bytes()));
        assert!(!is_csrf(&one, b""));
    }
}
