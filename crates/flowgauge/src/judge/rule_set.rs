//! All rules of all files, checked together.

use crate::config::alerts::Channel;
use crate::logic::alert::rule::{Rule, Slo};

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
