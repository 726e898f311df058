//! Whether the caller may come in. The key is read here and goes no further.

use crate::logic::call::Text;
use http::header::{self, HeaderMap, HeaderName};
use std::net::SocketAddr;

use super::headers::bearer;
use super::keys::{CallerKeys, KeyInfo};
use super::refuse::Refusal;

const OWN_KEY: HeaderName = HeaderName::from_static("x-flowgauge-key");
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The owner of the key shown, if any. A key of ours in a provider's place is removed, so that it never
/// reaches the provider.
///
/// Without a key come callers from this machine, unless `require` says otherwise, and everybody where
/// no key exists (the bind beyond loopback was then allowed on purpose).
pub(super) fn authenticate(
    headers: &mut HeaderMap,
    peer: SocketAddr,
    require: bool,
    keys: &dyn CallerKeys,
) -> Result<Option<KeyInfo>, Refusal> {
    if let Some(shown) = headers.get(&OWN_KEY) {
        let owner = shown.to_str().ok().and_then(|token| keys.check(token));
        return owner.map(Some).ok_or(Refusal::KEY);
    }
    if let Some(owner) =
        headers.get(header::AUTHORIZATION).and_then(bearer).and_then(|t| keys.check(t))
    {
        headers.remove(header::AUTHORIZATION);
        return Ok(Some(owner));
    }
    let as_api_key = headers.get(&X_API_KEY).and_then(|v| v.to_str().ok());
    if let Some(owner) = as_api_key.and_then(|t| keys.check(t)) {
        headers.remove(&X_API_KEY);
        return Ok(Some(owner));
    }
    let wanted = require || (keys.any() && !peer.ip().to_canonical().is_loopback());
    if wanted { Err(Refusal::KEY) } else { Ok(None) }
}

/// The tenant and id a key stands for.
pub(super) fn identity(owner: Option<KeyInfo>) -> (Option<Text>, Option<Text>) {
    owner.map_or((None, None), |k| (k.tenant, Some(k.key_id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    struct One;
    impl CallerKeys for One {
        fn check(&self, token: &str) -> Option<KeyInfo> {
            let key = KeyInfo { key_id: Text::from("k1"), tenant: None };
            (token == "fg-good").then_some(key)
        }
        fn any(&self) -> bool {
            true
        }
    }

    fn ask(
        field: Option<(HeaderName, &'static str)>,
        peer: &str,
        require: bool,
    ) -> (bool, HeaderMap) {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = field {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let peer: SocketAddr = peer.parse().unwrap();
        (authenticate(&mut headers, peer, require, &One).is_ok(), headers)
    }

    #[test]
    fn only_this_machine_comes_without_a_key_and_only_unless_required() {
        assert!(ask(None, "127.0.0.1:1", false).0);
        assert!(ask(None, "[::ffff:127.0.0.1]:1", false).0);
        assert!(!ask(None, "127.0.0.1:1", true).0);
        assert!(!ask(None, "10.0.0.1:1", false).0);
    }

    #[test]
    fn a_key_of_ours_in_the_place_of_the_providers_opens_and_is_removed() {
        let (open, left) = ask(Some((header::AUTHORIZATION, "Bearer fg-good")), "10.0.0.1:1", true);
        assert!(open && left.is_empty());
        let (open, left) = ask(Some((X_API_KEY, "fg-good")), "10.0.0.1:1", true);
        assert!(open && left.is_empty());
    }

    #[test]
    fn a_providers_key_stays_and_a_wrong_key_of_ours_is_refused() {
        let (open, left) = ask(Some((header::AUTHORIZATION, "Bearer sk-x")), "127.0.0.1:1", false);
        assert!(open && left.len() == 1);
        assert!(!ask(Some((OWN_KEY, "fg-bad")), "127.0.0.1:1", false).0);
    }
}
