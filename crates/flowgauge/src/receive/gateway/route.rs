//! Which upstream serves a request. First match wins (decision D22).

use crate::config;
use crate::logic::call::Protocol;
use crate::receive::estimate::TokenizerError;
use std::sync::Arc;

use super::target::{Streams, Target, TargetError};
use super::way::Way;

/// Why the gateway cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// An upstream is unusable.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A tokenizer file is unusable.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// There is none.
    #[error("gateway.providers is empty; name at least one provider")]
    NoProvider,
    /// A route leads nowhere.
    #[error("a route names the provider `{0}`, which gateway.providers does not hold")]
    UnknownProvider(String),
    /// No randomness for ids.
    #[error("the system gives no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// The path is one an upstream could read as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DotSegments;

/// All upstreams and the way to them.
#[derive(Debug)]
pub(super) struct Routes {
    apps: Vec<Arc<Way>>,
    rules: Vec<Rule>,
    anthropic: Option<Arc<Way>>,
    default: Arc<Way>,
}

#[derive(Debug)]
struct Rule {
    path: Option<String>,
    model: Option<String>,
    way: Arc<Way>,
}

impl Routes {
    pub(super) fn new(config: &config::Config) -> Result<Self, GatewayError> {
        let streams = Streams::of(&config.gateway);
        let mut providers = Vec::new();
        for p in &config.gateway.providers {
            providers.push((Arc::new(Target::provider(p, streams)?), p.retry));
        }
        let named = |name: &str| providers.iter().find(|(t, _)| t.name == name).cloned();
        let mut rules = Vec::new();
        for r in &config.gateway.routes {
            let way = Way::of_route(r, named).map_err(GatewayError::UnknownProvider)?;
            rules.push(Rule { path: r.path.clone(), model: r.model.clone(), way });
        }
        let mut apps = Vec::new();
        for a in &config.apps {
            apps.push(Way::to(Arc::new(Target::app(a, streams)?), None));
        }
        let anthropic = named("anthropic").map(|(target, retry)| Way::to(target, retry));
        let (first, retry) = providers.first().cloned().ok_or(GatewayError::NoProvider)?;
        Ok(Self { apps, rules, anthropic, default: Way::to(first, retry) })
    }

    /// The application a path belongs to.
    pub(super) fn app(&self, path: &str) -> Option<&Arc<Way>> {
        self.apps.iter().find(|a| a.target().owns(path))
    }

    /// The way of a path and, where the body named one, a model.
    pub(super) fn choose(&self, path: &str, model: Option<&str>) -> &Arc<Way> {
        if let Some(app) = self.app(path) {
            return app;
        }
        for rule in &self.rules {
            if rule.matches(path, model) {
                return &rule.way;
            }
        }
        match &self.anthropic {
            Some(anthropic) if is_messages(path) => anthropic,
            _ => &self.default,
        }
    }
}

impl Rule {
    fn matches(&self, path: &str, model: Option<&str>) -> bool {
        let path_fits = self.path.as_deref().is_none_or(|p| path.starts_with(p));
        let model_fits = self.model.as_deref().is_none_or(|pattern| {
            model.is_some_and(|m| match pattern.strip_suffix('*') {
                Some(start) => m.starts_with(start),
                None => m == pattern,
            })
        });
        path_fits && model_fits
    }
}

fn is_messages(path: &str) -> bool {
    path == "/v1/messages" || path.starts_with("/v1/messages/")
}

/// The family in whose shape flowgauge's own answers on a path are written.
pub(super) fn family(path: &str) -> Protocol {
    if is_messages(path) { Protocol::Messages } else { Protocol::Chat }
}

/// Refuses `.` and `..` segments, plain or escaped: with them a path could leave the configured base.
pub(super) fn refuse_dot_segments(path: &str) -> Result<(), DotSegments> {
    for segment in path.split('/') {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        if plain == "." || plain == ".." {
            return Err(DotSegments);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Route, StreamSettings};
    use crate::logic::unit::Micros;

    fn routes(rules: Vec<Route>) -> Routes {
        let mut config = Config::default();
        config.gateway.routes = rules;
        Routes::new(&config).unwrap()
    }

    #[test]
    fn messages_go_to_anthropic_and_the_rest_to_the_first() {
        let r = routes(Vec::new());
        assert_eq!(r.choose("/v1/messages", None).target().name, "anthropic");
        assert_eq!(r.choose("/v1/messages/count_tokens", None).target().name, "anthropic");
        assert_eq!(r.choose("/v1/chat/completions", Some("gpt-4o")).target().name, "openai");
    }

    #[test]
    fn a_model_pattern_wins_over_the_default() {
        let r = routes(vec![Route {
            path: None,
            model: Some("claude-*".into()),
            provider: "anthropic".into(),
            ..Route::default()
        }]);
        assert_eq!(r.choose("/v1/chat/completions", Some("claude-x")).target().name, "anthropic");
        assert_eq!(r.choose("/v1/chat/completions", Some("gpt-4o")).target().name, "openai");
        assert_eq!(r.choose("/v1/models", None).target().name, "openai");
    }

    #[test]
    fn a_route_s_word_goes_before_its_provider_s_and_that_before_the_gateway_s() {
        let mut config = Config::default();
        let own = |inject, drain_ms: Option<u64>| StreamSettings {
            inject_usage: inject,
            drain_window: drain_ms.map(Micros::from_millis),
        };
        config.gateway.providers[0].streams = own(Some(false), Some(10));
        config.gateway.routes = vec![Route {
            model: Some("gpt-*".into()),
            provider: "openai".into(),
            streams: own(None, Some(60_000)),
            ..Route::default()
        }];
        let routes = Routes::new(&config).unwrap();
        let streams = |model| {
            let s = routes.choose("/v1/chat/completions", Some(model)).target().streams;
            (s.inject_usage, s.drain_window.0 / 1_000)
        };
        assert_eq!(streams("gpt-4o"), (false, 60_000));
        assert_eq!(streams("o3"), (false, 10));
        let elsewhere = routes.choose("/v1/messages", None).target().streams;
        assert!(elsewhere.inject_usage && elsewhere.drain_window == Micros::from_millis(200));
    }

    #[test]
    fn a_route_to_nowhere_is_refused() {
        let mut config = Config::default();
        config.gateway.routes = vec![Route { provider: "nobody".into(), ..Route::default() }];
        assert!(matches!(Routes::new(&config), Err(GatewayError::UnknownProvider(_))));
    }

    #[test]
    fn dot_segments_are_refused_however_written() {
        assert_eq!(refuse_dot_segments("/v1/../admin"), Err(DotSegments));
        assert_eq!(refuse_dot_segments("/v1/%2E%2e/admin"), Err(DotSegments));
        assert_eq!(refuse_dot_segments("/v1/models/gpt-4.1"), Ok(()));
    }
}
