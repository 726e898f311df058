//! Upstreams as the request path needs them: parsed once, so that forwarding only joins strings.

use crate::config::{App, AppDialect, Gateway, Provider, StreamSettings, Timeouts};
use crate::logic::call::{Protocol, Text};
use crate::logic::unit::Micros;
use crate::receive::egress::{Egress, EgressError, Outbound};
use http::header::{self, HeaderMap};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri, Version};
use std::time::Duration;

use super::credential::{Credential, forget_caller};
use super::operation::Operation;

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
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Name in the configuration.
    pub(super) name: Text,
    /// What it is.
    pub(super) kind: Kind,
    /// Limits on waiting.
    pub(super) timeouts: Timeouts,
    /// How usage of its streams is found out.
    pub(super) streams: Streams,
    /// Its client.
    pub(super) egress: Egress,
    scheme: Scheme,
    authority: Authority,
    /// Path put before the request's; empty or `/…` without a slash at its end.
    base: String,
    credential: Option<Credential>,
}

/// How usage of streams is found out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Streams {
    /// Whether those that do not ask are made to.
    pub(super) inject_usage: bool,
    /// How long abandoned ones are read on.
    pub(super) drain_window: Micros,
}

impl Streams {
    /// As the gateway does it where nothing else is said.
    pub(super) const fn of(gateway: &Gateway) -> Self {
        Self { inject_usage: gateway.inject_usage, drain_window: gateway.drain_window }
    }

    /// With another's word where it has one.
    pub(super) fn with(self, other: StreamSettings) -> Self {
        Self {
            inject_usage: other.inject_usage.unwrap_or(self.inject_usage),
            drain_window: other.drain_window.unwrap_or(self.drain_window),
        }
    }
}

/// What an upstream is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Speaks a provider's protocol under `/v1`.
    Provider,
    /// An application on its own paths.
    App { prefix: String, strip: String, dialect: AppDialect },
}

impl Target {
    pub(super) fn provider(p: &Provider, streams: Streams) -> Result<Self, TargetError> {
        let streams = streams.with(p.streams);
        let mut target = Self::at(&p.name, &p.base_url, p.timeouts, Kind::Provider, streams)?;
        if let Some(rest) = target.base.strip_suffix("/v1") {
            target.base = rest.to_owned();
        }
        target.credential = match &p.api_key {
            Some(key) => Some(Credential::of(&p.name, key)?),
            None => None,
        };
        Ok(target)
    }

    pub(super) fn app(a: &App, streams: Streams) -> Result<Self, TargetError> {
        let kind =
            Kind::App { prefix: a.prefix.clone(), strip: a.strip.clone(), dialect: a.dialect };
        Self::at(&a.name, &a.upstream, a.timeouts, kind, streams)
    }

    fn at(
        name: &str,
        url: &str,
        timeouts: Timeouts,
        kind: Kind,
        streams: Streams,
    ) -> Result<Self, TargetError> {
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
            streams,
            egress: Egress::new(Duration::from_micros(timeouts.connect.0))?,
            scheme,
            authority,
            base: path.trim_end_matches('/').to_owned(),
            credential: None,
        })
    }

    /// The same with another's word on its streams.
    pub(super) fn with(&self, streams: StreamSettings) -> Self {
        Self { streams: self.streams.with(streams), ..self.clone() }
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
        if let Some(credential) = &self.credential {
            credential.replace(headers, protocol);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use http::HeaderValue;

    fn provider(url: &str) -> Result<Target, TargetError> {
        let provider = Provider {
            name: "p".into(),
            base_url: url.into(),
            api_key: Some(Secret::new("sk-real")),
            timeouts: Timeouts::default(),
            retry: None,
            streams: StreamSettings::default(),
        };
        Target::provider(&provider, Streams::of(&Gateway::default()))
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
    fn an_application_owns_its_prefix_and_no_longer_word() {
        let app = App {
            name: "reader".into(),
            prefix: "/api/chat".into(),
            upstream: "http://h".into(),
            strip: "/api/".into(),
            dialect: AppDialect::FlowReader,
            timeouts: Timeouts::default(),
        };
        let app = Target::app(&app, Streams::of(&Gateway::default())).unwrap();
        assert!(app.owns("/api/chat") && app.owns("/api/chat/stream"));
        assert!(!app.owns("/api/chatter"));
    }
}
