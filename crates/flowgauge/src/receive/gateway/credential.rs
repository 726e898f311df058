//! Who a request says it comes from: the configured credential in the place of the caller's, and nothing
//! of the caller's for a provider it does not speak to.

use crate::config::Secret;
use crate::logic::call::Protocol;
use http::Uri;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;

use super::target::TargetError;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// What else identifies a caller at a provider: its account, and credentials of other clouds.
const ACCOUNTS: [&str; 5] = [
    "openai-organization",
    "openai-project",
    "x-goog-api-key",
    "x-amz-security-token",
    "ocp-apim-subscription-key",
];
/// Names under which providers take a key in the query.
const KEYS: [&str; 5] = ["key", "api_key", "api-key", "access_token", "token"];

/// A configured key, in both forms in which providers take it.
#[derive(Debug, Clone)]
pub(super) struct Credential {
    bearer: HeaderValue,
    plain: HeaderValue,
}

impl Credential {
    /// From a key of a provider's configuration.
    pub(super) fn of(name: &str, key: &Secret) -> Result<Self, TargetError> {
        let sensitive = |text: &str| {
            let mut value = HeaderValue::from_str(text)
                .map_err(|_| TargetError::Key { name: name.to_owned() })?;
            value.set_sensitive(true);
            Ok::<_, TargetError>(value)
        };
        let bearer = sensitive(&format!("Bearer {}", key.reveal()))?;
        Ok(Self { bearer, plain: sensitive(key.reveal())? })
    }

    /// Takes the place of every credential of the caller.
    pub(super) fn replace(&self, headers: &mut HeaderMap, protocol: Protocol) {
        let as_api_key = protocol == Protocol::Messages || headers.contains_key(&X_API_KEY);
        remove_credentials(headers);
        if as_api_key {
            headers.insert(X_API_KEY, self.plain.clone());
        } else {
            headers.insert(header::AUTHORIZATION, self.bearer.clone());
        }
    }
}

fn remove_credentials(headers: &mut HeaderMap) {
    for name in [header::AUTHORIZATION, X_API_KEY, API_KEY] {
        headers.remove(name);
    }
}

/// Takes out what identifies the caller at its own provider: credentials, accounts, and keys in the
/// query.
pub(super) fn forget_caller(parts: &mut Parts) -> Result<(), http::Error> {
    remove_credentials(&mut parts.headers);
    for name in ACCOUNTS {
        parts.headers.remove(name);
    }
    let Some(query) = parts.uri.query() else { return Ok(()) };
    let secret = |pair: &&str| KEYS.contains(&pair.split('=').next().unwrap_or(pair));
    if !query.split('&').any(|pair| secret(&pair)) {
        return Ok(());
    }
    let kept: Vec<&str> = query.split('&').filter(|pair| !secret(pair)).collect();
    let mark = if kept.is_empty() { "" } else { "?" };
    let path = format!("{}{mark}{}", parts.uri.path(), kept.join("&"));
    parts.uri = Uri::builder().path_and_query(path).build()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    #[test]
    fn what_identifies_the_caller_elsewhere_does_not_reach_another_provider() {
        let (mut parts, ()) = Request::post("/v1/chat/completions?beta=true&key=sk-mine&x=1")
            .header("authorization", "Bearer mine")
            .header("api-key", "mine")
            .header("openai-organization", "org-mine")
            .header("anthropic-version", "2023-06-01")
            .body(())
            .unwrap()
            .into_parts();
        forget_caller(&mut parts).unwrap();
        assert_eq!(parts.uri.to_string(), "/v1/chat/completions?beta=true&x=1");
        let left: Vec<_> = parts.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["anthropic-version"]);
    }
}
