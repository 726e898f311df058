//! Which series a call belongs to, and how a question selects series.

use super::or_empty;
use crate::call::{CacheOutcome, Call, Protocol, Source, Text};
use serde::{Deserialize, Serialize};

/// A dimension that rollups keep. Users and sessions are not among them: ask raw rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dim {
    /// Observed, import, probe or replay.
    Source,
    /// Application.
    Service,
    /// Deployment environment.
    Environment,
    /// Version of the application.
    Version,
    /// Route as the application knows it.
    Endpoint,
    /// Purpose.
    Intent,
    /// The model that answered, else the one asked for.
    Model,
    /// Who served it.
    Provider,
    /// Shape of request and answer.
    Protocol,
    /// What the response cache said.
    Cache,
    /// Experiment arm.
    Arm,
    /// Tenant.
    Tenant,
    /// Whether it was the client's own retry: `true` or `false`.
    Retry,
}

impl Dim {
    /// All of them, in the order of a series key.
    pub const ALL: &'static [Self] = &[
        Self::Source,
        Self::Service,
        Self::Environment,
        Self::Version,
        Self::Endpoint,
        Self::Intent,
        Self::Model,
        Self::Provider,
        Self::Protocol,
        Self::Cache,
        Self::Arm,
        Self::Tenant,
        Self::Retry,
    ];

    /// The word used in SQL, JSON and commands.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Service => "service",
            Self::Environment => "environment",
            Self::Version => "version",
            Self::Endpoint => "endpoint",
            Self::Intent => "intent",
            Self::Model => "model",
            Self::Provider => "provider",
            Self::Protocol => "protocol",
            Self::Cache => "cache",
            Self::Arm => "arm",
            Self::Tenant => "tenant",
            Self::Retry => "retry",
        }
    }

    /// The dimension of a word; the names of the SQL columns are accepted too.
    ///
    /// # Errors
    /// Names the word and what would have been accepted.
    pub fn from_word(word: &str) -> Result<Self, BadDim> {
        let word = match word {
            "intent_type" => "intent",
            "model_used" => "model",
            "cache_outcome" => "cache",
            "client_retry" => "retry",
            "app" => "service",
            w => w,
        };
        Self::ALL.iter().copied().find(|d| d.word() == word).ok_or_else(|| BadDim(word.to_owned()))
    }
}

/// No dimension of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no dimension {0:?}; there are source, service, environment, version, endpoint, intent, model, \
     provider, protocol, cache, arm, tenant, retry"
)]
pub struct BadDim(pub String);

/// The values of every dimension for one series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeriesKey {
    /// Real traffic or made on purpose.
    pub source: Source,
    /// Shape of request and answer.
    pub protocol: Protocol,
    /// What the response cache said.
    pub cache: CacheOutcome,
    /// Whether the calls are the client's own retries.
    pub retry: bool,
    /// Application.
    pub service: Text,
    /// Environment.
    pub environment: Text,
    /// Version of the application.
    pub version: Text,
    /// Route.
    pub endpoint: Text,
    /// Purpose.
    pub intent: Text,
    /// Model.
    pub model: Text,
    /// Provider.
    pub provider: Text,
    /// Experiment arm.
    pub arm: Text,
    /// Tenant.
    pub tenant: Text,
}

impl SeriesKey {
    /// The series of a call.
    #[must_use]
    pub fn of(call: &Call) -> Self {
        Self {
            source: call.origin.source,
            protocol: call.what.protocol,
            cache: call.control.cache,
            retry: call.outcome.client_retry > 0,
            service: or_empty(call.origin.service.as_ref()),
            environment: or_empty(call.origin.environment.as_ref()),
            version: or_empty(call.origin.version.as_ref()),
            endpoint: or_empty(call.what.endpoint.as_ref()),
            intent: or_empty(call.what.intent.as_ref()),
            model: or_empty(call.model()),
            provider: or_empty(call.what.provider.as_ref()),
            arm: or_empty(call.control.arm.as_ref()),
            tenant: or_empty(call.who.tenant.as_ref()),
        }
    }

    /// The series that stands for all others of the same source once there are too many.
    #[must_use]
    pub fn folded(&self) -> Self {
        let other = Text::const_new("(other)");
        Self {
            service: other.clone(),
            environment: other.clone(),
            version: other.clone(),
            endpoint: other.clone(),
            intent: other.clone(),
            model: other.clone(),
            provider: other.clone(),
            arm: other.clone(),
            tenant: other,
            ..*self
        }
    }

    /// The value of one dimension; what is not known is the empty text.
    #[must_use]
    pub fn get(&self, dim: Dim) -> &str {
        match dim {
            Dim::Source => self.source.word(),
            Dim::Service => &self.service,
            Dim::Environment => &self.environment,
            Dim::Version => &self.version,
            Dim::Endpoint => &self.endpoint,
            Dim::Intent => &self.intent,
            Dim::Model => &self.model,
            Dim::Provider => &self.provider,
            Dim::Protocol => self.protocol.word(),
            Dim::Cache => self.cache.word(),
            Dim::Arm => &self.arm,
            Dim::Tenant => &self.tenant,
            Dim::Retry => {
                if self.retry {
                    "true"
                } else {
                    "false"
                }
            }
        }
    }
}

/// Which series a question is about: for each named dimension, the values that pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// All must hold; within one dimension any value passes.
    pub terms: Vec<(Dim, Vec<String>)>,
}

impl Filter {
    /// From `dim=value` texts; several texts of one dimension are alternatives.
    ///
    /// # Errors
    /// A text without `=` or with an unknown dimension.
    pub fn parse<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, BadDim> {
        let mut terms: Vec<(Dim, Vec<String>)> = Vec::new();
        for text in texts {
            let text = text.as_ref();
            let (name, value) = text.split_once('=').ok_or_else(|| BadDim(text.to_owned()))?;
            let dim = Dim::from_word(name.trim())?;
            let value = value.trim().to_owned();
            match terms.iter_mut().find(|(d, _)| *d == dim) {
                Some((_, values)) => values.push(value),
                None => terms.push((dim, vec![value])),
            }
        }
        Ok(Self { terms })
    }

    /// Whether a series passes. Without a term on `source`, only real traffic does.
    #[must_use]
    pub fn accepts(&self, key: &SeriesKey) -> bool {
        let names_source = self.terms.iter().any(|(d, _)| *d == Dim::Source);
        (names_source || key.source.is_real())
            && self.terms.iter().all(|(d, values)| values.iter().any(|v| v == key.get(*d)))
    }
}
