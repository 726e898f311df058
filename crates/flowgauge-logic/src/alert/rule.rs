//! One alert rule, checked: everything the engine needs and nothing of the file it came from.

use super::condition::{Condition, Expr};
use super::language;
use crate::call::Text;
use crate::unit::Micros;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its id, unique over all files.
    pub name: Text,
    /// What it waits for.
    pub condition: Condition,
    /// The condition as text, canonical: what `alert fmt` prints.
    pub text: String,
    /// How bad.
    pub severity: Severity,
    /// Names of channels, in the order of the rule.
    pub channels: Vec<Text>,
    /// Template of the message.
    pub message: String,
    /// Least time from the first clear tick to the resolve; the default where unset.
    pub keep: Option<Micros>,
    /// What ends an episode.
    pub clear: Clear,
    /// Labels added to every instance.
    pub labels: BTreeMap<Text, Text>,
    /// Texts for people.
    pub annotations: BTreeMap<Text, String>,
    /// Who looks after it.
    pub owner: Option<Text>,
    /// What to do when it fires.
    pub runbook: Option<String>,
    /// Fewest samples; the metric's own where unset.
    pub min_samples: Option<u64>,
    /// Small-sample confidence for the whole rule, as 0.95.
    pub confidence: Option<f64>,
    /// Where there is no data.
    pub on_no_data: Policy,
    /// Where it cannot be evaluated.
    pub on_error: Policy,
    /// A firing instance without data says so after this long.
    pub max_hold: Micros,
    /// Between two repeats of a firing episode; the severity's where unset.
    pub repeat: Option<Micros>,
    /// Least time between two notifications.
    pub min_interval: Micros,
    /// Labels whose values make a group; `alert` is the rule's name.
    pub group_by: Vec<Text>,
    /// Rules it inhibits besides the automatic ones.
    pub inhibits: Vec<Text>,
    /// What is done when it fires; carried out by the control part.
    pub actions: Vec<Text>,
    /// What an action needs: `holdout_evidence`, `severity>=critical`.
    pub requires: Option<Text>,
    /// When it may notify; empty = always.
    pub active_times: Vec<ActiveTime>,
    /// Whether it is evaluated.
    pub enabled: bool,
    /// A shipped rule that the guide does not print.
    pub derived: bool,
    /// Shipped with flowgauge: a missing budget is shown, not refused.
    pub shipped: bool,
    /// Keeps its last evaluations.
    pub debug: bool,
    /// Which semantics its file asks for.
    pub semantics: Semantics,
    /// Between two evaluations; the engine's tick where unset.
    pub interval: Option<Micros>,
}

/// A firing instance without data says so after this long, where the rule names no time (alerting 8.1).
pub const MAX_HOLD: Micros = Micros::from_millis(30 * 60_000);

impl Rule {
    /// A rule with nothing but defaults: it tells nobody anything yet.
    #[must_use]
    pub fn new(name: Text, condition: Condition, severity: Severity) -> Self {
        Self {
            name,
            text: language::print(&condition),
            condition,
            severity,
            channels: Vec::new(),
            message: String::new(),
            keep: None,
            clear: Clear::Slack,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            owner: None,
            runbook: None,
            min_samples: None,
            confidence: None,
            on_no_data: Policy::Hold,
            on_error: Policy::Hold,
            max_hold: MAX_HOLD,
            repeat: None,
            min_interval: Micros(0),
            group_by: vec![Text::const_new("alert")],
            inhibits: Vec::new(),
            actions: Vec::new(),
            requires: None,
            active_times: Vec::new(),
            enabled: true,
            derived: false,
            shipped: false,
            debug: false,
            semantics: Semantics::Flowgauge,
            interval: None,
        }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For information.
    Info,
    /// Somebody should look.
    Warning,
    /// Somebody must act now.
    Critical,
}

impl Severity {
    /// All of them, mildest first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The word used everywhere.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What an unknown or failed evaluation counts as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Nothing changes.
    #[default]
    Hold,
    /// As if it were clear.
    Ok,
    /// As if it were true.
    Fire,
}

/// What ends an episode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one per rule, read once and never moved in a loop")]
pub enum Clear {
    /// The threshold with the default slack (alerting 8.3).
    Slack,
    /// The condition is false.
    Same,
    /// A condition of its own.
    When(Expr),
}

/// How a rule is evaluated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Semantics {
    /// flowgauge's own.
    #[default]
    Flowgauge,
    /// As Prometheus does (alerting 18).
    Prometheus,
}

/// When a rule may notify: every list that is not empty must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveTime {
    /// Minutes after local midnight, from (inclusive) to (exclusive).
    pub times: Vec<(u16, u16)>,
    /// 1 = Monday … 7 = Sunday, from and to inclusive.
    pub weekdays: Vec<(u8, u8)>,
    /// From and to inclusive; negative counts from the end of the month.
    pub days_of_month: Vec<(i8, i8)>,
    /// From and to inclusive.
    pub months: Vec<(u8, u8)>,
    /// From and to inclusive.
    pub years: Vec<(i32, i32)>,
    /// Zone; the configured one where unset.
    pub location: Option<Tz>,
}

/// A service level objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slo {
    /// Its name in `burn_rate(name)`.
    pub name: Text,
    /// What counts.
    pub sli: Sli,
    /// The share that must be good, as 0.999.
    pub objective: f64,
    /// Over which period.
    pub period: SloPeriod,
}

/// What of all is good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sli {
    /// Calls that did not fail, of calls that count.
    Availability {
        /// Which calls.
        selector: Vec<super::condition::Matcher>,
    },
    /// Calls within a limit, calls in flight included.
    Faster {
        /// Which calls.
        selector: Vec<super::condition::Matcher>,
        /// Which timing.
        timing: super::facts::Timing,
        /// The limit.
        limit: Micros,
    },
    /// Scores at or above a limit on 0–1.
    Quality {
        /// Which calls.
        selector: Vec<super::condition::Matcher>,
        /// The limit.
        at_least: f64,
    },
    /// Money spent against a budget: burn = (cost ÷ window) ÷ (budget ÷ period).
    Spend {
        /// Which budget; that of the period where unset.
        budget: Option<Text>,
    },
}

/// A period of an objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SloPeriod {
    /// The last so many days.
    Rolling(u32),
    /// The calendar month.
    Month,
}
