//! Whose spending is added up, read from the dimensions of a call.

use crate::call::{Call, Text};

/// The subject of calls that do not say whose they are: they share one account, so that leaving a
/// header out is no way around a budget.
pub const NOBODY: &str = "(none)";
/// The subject of a budget for everybody together.
const EVERYBODY: &str = "all";

/// Whose spending is added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Per {
    /// That of all together.
    All,
    /// One account for each value of this.
    Each(Trait),
}

/// A dimension of a call that is known before it is forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trait {
    /// flowgauge key.
    Key,
    /// End user, as a keyed hash.
    User,
    /// Session, as a keyed hash.
    Session,
    /// Tenant.
    Tenant,
    /// Application.
    App,
    /// Deployment environment.
    Environment,
    /// Purpose.
    Intent,
    /// Route.
    Endpoint,
    /// Model asked for.
    Model,
    /// Provider.
    Provider,
    /// Where the call comes from; no configuration names it, but what flowgauge does itself has a budget.
    Source,
    /// A free label.
    Tag(Text),
}

/// The words that may follow `per`.
const PER: [&str; 5] = ["key", "user", "session", "tenant", "app"];
/// The words that may stand in `match`. Users and sessions are kept as hashes, so they cannot.
const MATCH: [&str; 8] =
    ["key", "tenant", "app", "environment", "intent", "endpoint", "model", "provider"];

impl Per {
    /// Reads `all`, a dimension or `tag:NAME`.
    ///
    /// # Errors
    /// With the text and what would be accepted.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == EVERYBODY {
            return Ok(Self::All);
        }
        Trait::among(text, &PER).map(Self::Each).ok_or_else(|| {
            format!("{text:?} is nobody; there are all, {}, tag:NAME", PER.join(", "))
        })
    }

    /// As it is written.
    #[must_use]
    pub fn word(&self) -> Text {
        match self {
            Self::All => Text::const_new(EVERYBODY),
            Self::Each(what) => what.word(),
        }
    }

    /// Whose account a call counts on.
    #[must_use]
    pub fn subject(&self, call: &Call) -> Text {
        match self {
            Self::All => Text::const_new(EVERYBODY),
            Self::Each(what) => Text::from(what.of(call).unwrap_or(NOBODY)),
        }
    }
}

impl Trait {
    /// Reads a dimension that a `match` may name.
    ///
    /// # Errors
    /// With the text and what would be accepted.
    pub fn parse_match(text: &str) -> Result<Self, String> {
        Self::among(text, &MATCH).ok_or_else(|| {
            format!("{text:?} cannot be matched; there are {}, tag:NAME", MATCH.join(", "))
        })
    }

    fn among(text: &str, words: &[&str]) -> Option<Self> {
        if let Some(name) = text.strip_prefix("tag:") {
            return (!name.is_empty()).then(|| Self::Tag(Text::from(name)));
        }
        let all = [
            Self::Key,
            Self::User,
            Self::Session,
            Self::Tenant,
            Self::App,
            Self::Environment,
            Self::Intent,
            Self::Endpoint,
            Self::Model,
            Self::Provider,
        ];
        words.contains(&text).then(|| all.into_iter().find(|t| t.word() == text)).flatten()
    }

    /// As it is written.
    #[must_use]
    pub fn word(&self) -> Text {
        let word = match self {
            Self::Key => "key",
            Self::User => "user",
            Self::Session => "session",
            Self::Tenant => "tenant",
            Self::App => "app",
            Self::Environment => "environment",
            Self::Intent => "intent",
            Self::Endpoint => "endpoint",
            Self::Model => "model",
            Self::Provider => "provider",
            Self::Source => "source",
            Self::Tag(name) => return Text::from(format!("tag:{name}")),
        };
        Text::const_new(word)
    }

    /// Its value in a call.
    #[must_use]
    pub fn of<'a>(&self, call: &'a Call) -> Option<&'a str> {
        let value = match self {
            Self::Source => return Some(call.origin.source.word()),
            Self::Key => &call.who.key_id,
            Self::User => &call.who.user_key,
            Self::Session => &call.who.session_key,
            Self::Tenant => &call.who.tenant,
            Self::App => &call.origin.service,
            Self::Environment => &call.origin.environment,
            Self::Intent => &call.what.intent,
            Self::Endpoint => &call.what.endpoint,
            Self::Model => &call.what.model_requested,
            Self::Provider => &call.what.provider,
            Self::Tag(name) => {
                let found = call.who.labels.iter().find(|(n, _)| n == name);
                return found.map(|(_, value)| value.as_str());
            }
        };
        value.as_deref()
    }
}
