//! How alerting stands, as the API, the commands and the page show it: replaced after every tick.

use crate::config::alerts::{Channel, Smtp};
use crate::logic::alert::episode::Episode;
use crate::logic::alert::instance::{Instance, InstanceKey};
use crate::logic::alert::rule::Rule;
use crate::logic::call::Text;
use crate::logic::unit::UnixMicros;
use std::sync::Arc;

/// One look at everything.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The last tick.
    pub at: Option<UnixMicros>,
    /// Rules and their instances, in the order of the files.
    pub rules: Vec<SeenRule>,
    /// Channels, declared and predeclared.
    pub channels: Vec<SeenChannel>,
    /// Episodes without an end.
    pub open: Vec<Arc<Episode>>,
    /// Ticks that came late or were left out since start.
    pub missed_ticks: u64,
    /// What was wrong with the rule files at the last reload; the rules before it stay in force.
    pub load_error: Option<String>,
    /// What is odd but loads.
    pub warnings: Vec<String>,
}

/// One channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenChannel {
    /// The name rules use.
    pub name: Text,
    /// What is at the other end, in the word of rule files.
    pub kind: &'static str,
    /// Whether it has an address.
    pub routed: bool,
    /// Told instead when it refuses for good.
    pub fallback: Vec<Text>,
}

impl SeenChannel {
    /// Of a declared channel.
    #[must_use]
    pub fn of(channel: &Channel, smtp: Option<&Smtp>) -> Self {
        Self {
            name: channel.name.clone(),
            kind: channel.kind.word(),
            routed: channel.kind.has_route(smtp),
            fallback: channel.fallback.clone(),
        }
    }
}

/// One rule and its instances.
#[derive(Debug, Clone)]
pub struct SeenRule {
    /// The rule.
    pub rule: Arc<Rule>,
    /// Why it is not evaluated: `disabled`, `needs budget`, …
    pub idle: Option<String>,
    /// Its instances.
    pub instances: Vec<SeenInstance>,
    /// Which label sets those are: another number once one came or went.
    pub shape: u64,
    /// How long its last evaluation took, ns.
    pub took_ns: u64,
}

/// One instance.
#[derive(Debug, Clone)]
pub struct SeenInstance {
    /// Which.
    pub key: InstanceKey,
    /// How it stands.
    pub instance: Instance,
    /// Ids of silences that cover it.
    pub silenced_by: Vec<String>,
    /// Rules or mechanisms that inhibit it.
    pub inhibited_by: Vec<String>,
}
