//! Rules and their instances as JSON: what the API answers, the commands read and the page shows.

use super::figures;
use crate::judge::seen::{Seen, SeenChannel, SeenInstance, SeenRule};
use crate::logic::alert::condition::Condition;
use crate::logic::alert::episode::Episode;
use crate::logic::alert::facts::Labels;
use crate::logic::alert::instance::State;
use crate::logic::alert::rule::{Clear, Rule};
use crate::logic::alert::sample::Why;
use crate::logic::unit::{Micros, UnixMicros};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How alerting stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AlertsView {
    /// The last evaluation; `null` before the first.
    pub at: Option<String>,
    /// Instances that fire or recover.
    pub firing: usize,
    /// Instances whose condition holds, but not yet for long enough.
    pub pending: usize,
    /// Firing instances that are not told: silenced or inhibited.
    pub suppressed: usize,
    /// Evaluations that came late or were left out since start.
    pub missed_ticks: u64,
    /// Why the rule files were refused at the last reload; the rules before it stay in force.
    pub load_error: Option<String>,
    /// What is odd but loads.
    pub warnings: Vec<String>,
    /// In the order of the files.
    pub rules: Vec<RuleView>,
    /// Alerts that other systems posted here.
    pub external: Vec<ExternalView>,
}

/// A rule as written.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RuleFacts {
    /// Its name.
    pub name: String,
    /// critical, warning or info.
    pub severity: String,
    /// What it waits for, in canonical form.
    pub condition: String,
    /// The metric it is about, where it compares one.
    pub metric: Option<String>,
    /// How long its condition must hold, seconds.
    pub for_s: f64,
    /// Least time from the first clear tick to the end of an episode, seconds; `null` = the default.
    pub keep_s: Option<f64>,
    /// What ends an episode: slack, same or own.
    pub clear: String,
    /// Whom it tells.
    pub channels: Vec<String>,
    /// Its message, before variables are filled in.
    pub message: String,
    /// Who looks after it.
    pub owner: Option<String>,
    /// What to do when it fires.
    pub runbook: Option<String>,
    /// Labels of every instance.
    pub labels: BTreeMap<String, String>,
    /// Texts for people.
    pub annotations: BTreeMap<String, String>,
    /// Whether it is evaluated.
    pub enabled: bool,
    /// A shipped rule that the guide does not print.
    pub derived: bool,
    /// Shipped with flowgauge.
    pub shipped: bool,
}

/// A rule and how it stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RuleView {
    /// As written.
    #[serde(flatten)]
    pub rule: RuleFacts,
    /// State of its worst instance; `unknown` where there is none.
    pub state: String,
    /// Why it is not evaluated; `null` = it is.
    pub idle: Option<String>,
    /// How long its last evaluation took.
    pub took_us: u64,
    /// One per label set.
    pub instances: Vec<InstanceView>,
}

/// An instance of a rule.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct InstanceView {
    /// Its label set.
    pub labels: BTreeMap<String, String>,
    /// unknown, inactive, pending, firing or recovering.
    pub state: String,
    /// Since when.
    pub since: String,
    /// When it was evaluated last.
    pub evaluated: String,
    /// Seconds until it fires unless its condition ends; only while pending.
    pub fires_in_s: Option<f64>,
    /// Why the last evaluation is not known; `null` = it is.
    pub unknown: Option<String>,
    /// Why it could not be evaluated; `null` = it could.
    pub failed: Option<String>,
    /// The last figures.
    pub figures: FiguresView,
    /// The open episode.
    pub episode: Option<String>,
    /// Who acknowledged it.
    pub acked_by: Option<String>,
    /// Silences that cover it.
    pub silenced_by: Vec<String>,
    /// Rules or mechanisms that inhibit it.
    pub inhibited_by: Vec<String>,
}

/// Figures of an evaluation, in the unit of the condition. What is not known is `null`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FiguresView {
    /// What was compared.
    pub value: Option<f64>,
    /// With what.
    pub threshold: Option<f64>,
    /// Their unit, as in a condition.
    pub unit: Option<String>,
    /// The value in words.
    pub value_text: Option<String>,
    /// The threshold in words.
    pub threshold_text: Option<String>,
    /// Samples in the window.
    pub n: u64,
    /// How many were beyond the threshold, where that is what was counted.
    pub exceed: Option<u64>,
    /// Length of the window, seconds.
    pub window_s: f64,
    /// Read from histograms, right within 0.5 %.
    pub approx: bool,
    /// The decision in words.
    pub sentence: Option<String>,
}

/// An alert that another system posted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ExternalView {
    /// Which alert it is.
    pub labels: BTreeMap<String, String>,
    /// Texts for people.
    pub annotations: BTreeMap<String, String>,
    /// Since when.
    pub started: String,
    /// When it ends unless it is posted again.
    pub ends: String,
}

/// A channel and how it stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChannelView {
    /// The name rules use.
    pub name: String,
    /// What is at the other end; `null` where no rule file names it any more.
    pub kind: Option<String>,
    /// Whether it has an address.
    pub routed: bool,
    /// Told instead when it refuses for good.
    pub fallback: Vec<String>,
    /// When a message was delivered last.
    pub delivered: Option<String>,
    /// When it failed last.
    pub failed: Option<String>,
    /// What came back then.
    pub answer: Option<String>,
    /// Messages that wait.
    pub queued: u64,
    /// Messages refused for good or given up.
    pub dead: u64,
    /// Messages that had nowhere to go: the channel has no address.
    pub no_route: u64,
}

impl AlertsView {
    /// From what the engine shows.
    pub(super) fn of(seen: &Seen, external: Vec<ExternalView>) -> Self {
        let rules: Vec<RuleView> = seen.rules.iter().map(|r| RuleView::of(r, &seen.open)).collect();
        let instances = || seen.rules.iter().flat_map(|rule| &rule.instances);
        let open = || instances().filter(|i| i.instance.state.is_open());
        let pending = |i: &&SeenInstance| matches!(i.instance.state, State::Pending { .. });
        let suppressed =
            |i: &&SeenInstance| !(i.silenced_by.is_empty() && i.inhibited_by.is_empty());
        Self {
            at: seen.at.map(UnixMicros::to_rfc3339),
            firing: open().count(),
            pending: instances().filter(pending).count(),
            suppressed: open().filter(suppressed).count(),
            missed_ticks: seen.missed_ticks,
            load_error: seen.load_error.clone(),
            warnings: seen.warnings.clone(),
            rules,
            external,
        }
    }
}

impl RuleFacts {
    /// Of a rule.
    pub(super) fn of(rule: &Rule) -> Self {
        let hold = match &rule.condition {
            Condition::When { hold, .. } => hold.length,
            Condition::Schedule(_) => Micros(0),
        };
        let clear = match rule.clear {
            Clear::Slack => "slack",
            Clear::Same => "same",
            Clear::When(_) => "own",
        };
        let text = |(k, v): (&_, &_)| (ToString::to_string(k), ToString::to_string(v));
        Self {
            name: rule.name.to_string(),
            severity: rule.severity.word().to_owned(),
            condition: rule.text.clone(),
            metric: figures::metric(rule),
            for_s: seconds(hold),
            keep_s: rule.keep.map(seconds),
            clear: clear.to_owned(),
            channels: rule.channels.iter().map(ToString::to_string).collect(),
            message: rule.message.clone(),
            owner: rule.owner.as_ref().map(ToString::to_string),
            runbook: rule.runbook.clone(),
            labels: rule.labels.iter().map(text).collect(),
            annotations: rule.annotations.iter().map(|(k, v)| (k.to_string(), v.clone())).collect(),
            enabled: rule.enabled,
            derived: rule.derived,
            shipped: rule.shipped,
        }
    }
}

impl RuleView {
    fn of(seen: &SeenRule, open: &[std::sync::Arc<Episode>]) -> Self {
        let worst = seen.instances.iter().max_by_key(|i| weight(i.instance.state));
        Self {
            rule: RuleFacts::of(&seen.rule),
            state: worst.map_or("unknown", |i| i.instance.state.word()).to_owned(),
            idle: seen.idle.clone(),
            took_us: seen.took_ns / 1_000,
            instances: seen.instances.iter().map(|i| instance(&seen.rule, i, open)).collect(),
        }
    }
}

/// Which state is told of a rule with several.
const fn weight(state: State) -> u8 {
    match state {
        State::Unknown => 0,
        State::Inactive => 1,
        State::Pending { .. } => 2,
        State::Recovering { .. } => 3,
        State::Firing => 4,
    }
}

fn instance(rule: &Rule, seen: &SeenInstance, open: &[std::sync::Arc<Episode>]) -> InstanceView {
    let now = &seen.instance;
    let hold = match &rule.condition {
        Condition::When { hold, .. } => hold.length,
        Condition::Schedule(_) => Micros(0),
    };
    let fires_in_s = match now.state {
        State::Pending { elapsed } => Some(seconds(hold.saturating_sub(elapsed))),
        _ => None,
    };
    let episode = now.episode.and_then(|id| open.iter().find(|e| e.id == id));
    InstanceView {
        labels: label_map(&seen.key.labels),
        state: now.state.word().to_owned(),
        since: now.since.to_rfc3339(),
        evaluated: now.evaluated.to_rfc3339(),
        fires_in_s,
        unknown: now.unknown.map(|why| why_word(why).to_owned()),
        failed: now.failed.as_ref().map(|(why, _)| why.clone()),
        figures: figures::of(rule, &now.evidence),
        episode: now.episode.map(|id| id.to_string()),
        acked_by: episode.and_then(|e| e.acked.as_ref()).map(|ack| ack.by.to_string()),
        silenced_by: seen.silenced_by.clone(),
        inhibited_by: seen.inhibited_by.clone(),
    }
}

impl From<&crate::judge::desk::Posted> for ExternalView {
    fn from(posted: &crate::judge::desk::Posted) -> Self {
        Self {
            labels: posted.alert.labels.clone(),
            annotations: posted.alert.annotations.clone(),
            started: posted.alert.starts.to_rfc3339(),
            ends: posted.ends.to_rfc3339(),
        }
    }
}

impl ChannelView {
    /// A channel as declared.
    pub(super) fn of(seen: &SeenChannel) -> Self {
        Self {
            name: seen.name.to_string(),
            kind: Some(seen.kind.to_owned()),
            routed: seen.routed,
            fallback: seen.fallback.iter().map(ToString::to_string).collect(),
            ..Self::default()
        }
    }
}

/// Why it is not known, in the word of the API.
pub(super) const fn why_word(why: Why) -> &'static str {
    match why {
        Why::NoData => "no_data",
        Why::Thin => "thin",
        Why::OwnGap => "own_gap",
        Why::Disabled => "disabled",
        Why::WarmingUp => "warming_up",
        Why::NotConfigured => "not_configured",
    }
}

/// Labels by name.
pub(super) fn label_map(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
}

/// A length in seconds.
pub(super) fn seconds(length: Micros) -> f64 {
    length.as_millis_f64() / 1_000.0
}
