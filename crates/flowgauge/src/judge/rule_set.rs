//! All rules of all files, checked together.

use crate::config::alerts::Channel;
use crate::logic::alert::condition::Condition;
use crate::logic::alert::rule::{Rule, Slo};
use crate::logic::unit::Micros;

/// Rules, channels and objectives of all rule files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleSet {
    /// In the order of the files.
    pub rules: Vec<Rule>,
    /// Declared and predeclared (`slack`, `email`, `pagerduty`).
    pub channels: Vec<Channel>,
    /// Objectives.
    pub slos: Vec<Slo>,
    /// What is odd but loads, for people: channels without an address, names nothing uses.
    pub warnings: Vec<String>,
}

/// Short windows grow to this at most (alerting 7).
const LONGEST_WINDOW: Micros = Micros::from_millis(30 * 60_000);

impl RuleSet {
    /// How far back calls must be kept in memory: the longest window that is answered from there,
    /// and the longest `for`, over which ticks may have to be made up for.
    #[must_use]
    pub fn reach(&self) -> Micros {
        let hold = |condition: &Condition| match condition {
            Condition::When { hold, .. } => hold.length.0,
            Condition::Schedule(_) => 0,
        };
        let longest = self.rules.iter().map(|rule| hold(&rule.condition)).max().unwrap_or(0);
        Micros(LONGEST_WINDOW.0.saturating_add(longest))
    }
}
