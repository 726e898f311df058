//! Upstreams as the request path needs them: parsed once, so that forwarding only joins strings.

use crate::config::{App, AppDialect, Provider, Secret, Timeouts};
use crate::logic::call::{Protocol, Text};
use crate::receive::egress::{Egress, EgressError, Outbound};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri, Version};
use std::time::Duration;

use super::operation::Operation;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// Accounts of a caller at a provider.
const ACCOUNTS: [&str; 2] = ["openai-organization", "openai-project"];
/// Names under which providers take a key in the query.
const KEYS: [&str; 5] = ["key", "api_key", "api-key", "access_token", "token"];

/// Why an upstream of the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The address is no address.
    #[error(
        "{name}: `{url}` is not a usable address; write http://host[:port][/path] or https://…"
    )]
    Url {
        /// Provider or app.
        name: String,
        /// As configured.
        url: String,
    },
    /// The key holds bytes no header may hold.
    #[error("{name}: its api_key holds characters that cannot be sent in a header")]
    Key {
        /// Provider or app.
        name: String,
    },
    /// No client.
    #[error(transparent)]
    Egress(#[from] EgressError),
}

/// One upstream.
#[derive(Debug)]
pub(super) struct Target {
    /// Name in the configuration.
    pub(super) name: Text,
    /// What it is.
    pub(super) kind: Kind,
    /// Limits on waiting.
    pub(super) timeouts: Timeouts,
    /// Its client.
    pub(super) egress: Egress,
    scheme: Scheme,
    authority: Authority,
    /// Path put before the request's; empty or `/…` without a slash at its end.
    base: String,
    credential: Option<Credential>,
}

/// What an upstream is.
#[derive(Debug)]
pub(super) enum Kind {
    /// Speaks a provider's protocol under `/v1`.
    Provider,
    /// An application on its own paths.
    App { prefix: String, strip: String, dialect: AppDialect },
}

#[derive(Debug)]
struct Credential {
    bearer: HeaderValue,
    plain: HeaderValue,
}

impl Target {
    pub(super) fn provider(p: &Provider) -> Result<Self, TargetError> {
        let mut target = Self::at(&p.name, &p.base_url, p.timeouts, Kind::Provider)?;
        if let Some(rest) = target.base.strip_suffix("/v1") {
            target.base = rest.to_owned();
        }
        target.credential = match &p.api_key {
            Some(key) => Some(credential(&p.name, key)?),
            None => None,
        };
        Ok(target)
    }

    pub(super) fn app(a: &App) -> Result<Self, TargetError> {
        let kind =
            Kind::App { prefix: a.prefix.clone(), strip: a.strip.clone(), dialect: a.dialect };
        Self::at(&a.name, &a.upstream, a.timeouts, kind)
    }

    fn at(name: &str, url: &str, timeouts: Timeouts, kind: Kind) -> Result<Self, TargetError> {
        let bad = || TargetError::Url { name: name.to_owned(), url: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(bad());
        };
        let usable = scheme == Scheme::HTTP || scheme == Scheme::HTTPS;
        // A user name in the address would be sent in the clear and logged.
        if !usable || authority.as_str().contains('@') {
            return Err(bad());
        }
        let path = parts.path_and_query.as_ref().map_or("", PathAndQuery::path);
        Ok(Self {
            name: Text::from(name),
            kind,
            timeouts,
            egress: Egress::new(Duration::from_micros(timeouts.connect.0))?,
            scheme,
            authority,
            base: path.trim_end_matches('/').to_owned(),
            credential: None,
        })
    }

    /// Whether a path belongs to this application.
    pub(super) fn owns(&self, path: &str) -> bool {
        let Kind::App { prefix, .. } = &self.kind else { return false };
        match path.strip_prefix(prefix.as_str()) {
            Some(rest) => rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'),
            None => false,
        }
    }

    /// What a request to this upstream asks for.
    pub(super) fn operation(&self, method: &Method, path: &str) -> Operation {
        match &self.kind {
            Kind::Provider => Operation::of_provider(method, path),
            Kind::App { strip, dialect, .. } => Operation::of_app(path, strip, *dialect),
        }
    }

    /// The address of a request here.
    pub(super) fn uri(&self, asked: &Uri) -> Result<Uri, http::Error> {
        let tail = asked.path_and_query().map_or("/", PathAndQuery::as_str);
        let path = if self.base.is_empty() {
            asked.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"))
        } else {
            PathAndQuery::from_maybe_shared(bytes::Bytes::from(format!("{}{tail}", self.base)))?
        };
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
    }

    /// A caller's request, addressed and authorised for this upstream. `foreign` says that the caller
    /// speaks to another provider, so that what identifies it there stays here.
    pub(super) fn request(
        &self,
        mut parts: Parts,
        body: Outbound,
        protocol: Protocol,
        foreign: bool,
    ) -> Result<Request<Outbound>, http::Error> {
        if foreign {
            forget_caller(&mut parts)?;
        }
        parts.uri = self.uri(&parts.uri)?;
        parts.version = Version::HTTP_11;
        self.authorize(&mut parts.headers, protocol);
        Ok(Request::from_parts(parts, body))
    }

    /// Puts the configured credential in the place of the caller's; cookies go to applications only.
    pub(super) fn authorize(&self, headers: &mut HeaderMap, protocol: Protocol) {
        if matches!(self.kind, Kind::Provider) {
            headers.remove(header::COOKIE);
        }
        let Some(credential) = &self.credential else { return };
        let as_api_key = protocol == Protocol::Messages || headers.contains_key(&X_API_KEY);
        remove_credentials(headers);
        if as_api_key {
            headers.insert(X_API_KEY, credential.plain.clone());
        } else {
            headers.insert(header::AUTHORIZATION, credential.bearer.clone());
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
fn forget_caller(parts: &mut Parts) -> Result<(), http::Error> {
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

fn credential(name: &str, key: &Secret) -> Result<Credential, TargetError> {
    let sensitive = |text: &str| {
        let mut value =
            HeaderValue::from_str(text).map_err(|_| TargetError::Key { name: name.to_owned() })?;
        value.set_sensitive(true);
        Ok::<_, TargetError>(value)
    };
    Ok(Credential {
        bearer: sensitive(&format!("Bearer {}", key.reveal()))?,
        plain: sensitive(key.reveal())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(url: &str) -> Result<Target, TargetError> {
        Target::provider(&Provider {
            name: "p".into(),
            base_url: url.into(),
            api_key: Some(Secret::new("sk-real")),
            timeouts: Timeouts::default(),
            retry: None,
        })
    }

    #[test]
    fn a_trailing_v1_is_understood_and_a_path_is_kept() {
        let asked = Uri::from_static("/v1/models?limit=2");
        for (base, want) in [
            ("http://h:1/v1", "http://h:1/v1/models?limit=2"),
            ("http://h:1/v1/", "http://h:1/v1/models?limit=2"),
            ("http://h:1", "http://h:1/v1/models?limit=2"),
            ("http://h:1/openai/v1", "http://h:1/openai/v1/models?limit=2"),
        ] {
            assert_eq!(provider(base).unwrap().uri(&asked).unwrap().to_string(), want);
        }
    }

    #[test]
    fn an_address_without_scheme_or_with_a_user_is_refused() {
        for bad in ["api.openai.com", "ftp://h/", "http://user@h/", "/v1"] {
            assert!(matches!(provider(bad), Err(TargetError::Url { .. })), "{bad}");
        }
    }

    #[test]
    fn the_configured_credential_replaces_every_one_of_the_caller() {
        let target = provider("http://h").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer mine"));
        headers.insert(header::COOKIE, HeaderValue::from_static("session=1"));
        target.authorize(&mut headers, Protocol::Chat);
        assert_eq!(headers.get(header::AUTHORIZATION).unwrap(), "Bearer sk-real");
        assert_eq!(headers.len(), 1);
        target.authorize(&mut headers, Protocol::Messages);
        assert_eq!(headers.get("x-api-key").unwrap(), "sk-real");
        assert_eq!(headers.len(), 1);
    }

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

    #[test]
    fn an_application_owns_its_prefix_and_no_longer_word() {
        let app = Target::app(&App {
            name: "reader".into(),
            prefix: "/api/chat".into(),
            upstream: "http://h".into(),
            strip: "/api/".into(),
            dialect: AppDialect::FlowReader,
            timeouts: Timeouts::default(),
        })
        .unwrap();
        assert!(app.owns("/api/chat") && app.owns("/api/chat/stream"));
        assert!(!app.owns("/api/chatter"));
    }
}
