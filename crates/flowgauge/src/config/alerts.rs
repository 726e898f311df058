//! Alerting as configured: where rules are, whom to tell, and by which way.

use super::Secret;
use crate::logic::call::Text;
use crate::logic::unit::Micros;
use std::path::PathBuf;

/// Thirteen months: the month that is compared with that of the year before is there whole.
const DEFAULT_HISTORY: Micros = Micros::from_millis(400 * 24 * 3_600_000);

/// Once a month, over everything that is watched: as often as somebody will look into one for nothing.
const FALSE_ALARM_WEEKS: f64 = 4.0;

/// The section `alerts`.
#[derive(Debug, Clone, PartialEq)]
pub struct Alerts {
    /// Rule files, in order.
    pub rules: Vec<RuleSource>,
    /// Between two evaluations.
    pub tick: Micros,
    /// Imported series (OTLP) are looked at this much later.
    pub eval_delay: Micros,
    /// Name of the application in titles.
    pub application: Text,
    /// Environment in keys of receivers.
    pub environment: Text,
    /// "View Dashboard" in messages.
    pub dashboard_url: String,
    /// Where people reach this flowgauge; the main address where unset.
    pub public_url: Option<String>,
    /// Local time of schedules without their own, minutes after midnight.
    pub schedule_at: u16,
    /// Channels that hear of alerts others post; none = they are only shown.
    pub posted_to: Vec<Text>,
    /// Episodes, transitions and deliveries that are over stay so long.
    pub keep_history: Micros,
    /// The online detector raises at most one false alarm in so many weeks; nothing = it is off.
    pub false_alarm_weeks: Option<f64>,
    /// Outgoing mail.
    pub smtp: Option<Smtp>,
    /// The dead-man's switch.
    pub heartbeat: Option<Heartbeat>,
}

/// Where rules come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleSource {
    /// The guide's eight, shipped (`builtin:guide`).
    Guide,
    /// The ten limits the guide states without a rule, shipped (`builtin:derived`).
    Derived,
    /// What regression checks find, shipped (`builtin:regression`).
    Regression,
    /// Objectives and their burn rates, shipped (`builtin:slo`).
    Slo,
    /// A file.
    File(PathBuf),
}

/// Outgoing mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// Server.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// Account.
    pub user: Option<String>,
    /// Its password, or an access token with [`SmtpAuth::XOauth2`].
    pub password: Option<Secret>,
    /// How it is shown.
    pub auth: SmtpAuth,
    /// Sender.
    pub from: String,
    /// How this client names itself.
    pub ehlo: Option<String>,
    /// PEM file of certificates to trust besides the usual ones.
    pub ca_file: Option<PathBuf>,
}

/// How a mail connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// Upgraded before anything is said; refused where the server cannot (port 587).
    StartTls,
    /// From the first byte (port 465).
    Tls,
    /// Not at all: never with an account, for a relay on the same machine.
    None,
}

/// How an account is shown to a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpAuth {
    /// `AUTH PLAIN`.
    Plain,
    /// `AUTH LOGIN`.
    Login,
    /// `AUTH XOAUTH2`.
    XOauth2,
}

/// The dead-man's switch: somebody outside who notices when this stops coming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// Where to.
    pub url: String,
    /// How often.
    pub every: Micros,
}

/// A way to tell somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// The name rules use.
    pub name: Text,
    /// What is at the other end.
    pub kind: ChannelKind,
    /// Told instead when this one refuses for good.
    pub fallback: Vec<Text>,
    /// Most messages a second; the kind's own where unset.
    pub per_second: Option<f64>,
}

/// What is at the other end of a channel.
#[derive(Debug, Clone, PartialEq)]
pub enum ChannelKind {
    /// A Slack incoming webhook.
    Slack {
        /// Its address; none = shown as `no_route`.
        webhook: Option<Secret>,
        /// Sends `channel`, `username` and `icon_emoji`, which app webhooks ignore.
        legacy: bool,
        /// The guide's `#performance-alerts`.
        channel: Option<String>,
        /// The guide's `FlowReader Performance Monitor`.
        username: Option<String>,
        /// The guide's `:chart_with_upwards_trend:`.
        icon_emoji: Option<String>,
    },
    /// A Slack app that updates and threads its messages.
    SlackBot {
        /// Bot token.
        token: Option<Secret>,
        /// Channel id or name.
        channel: String,
        /// The API, `https://slack.com/api`.
        api_url: String,
    },
    /// Mail through [`Smtp`].
    Email {
        /// Recipients; empty = shown as `no_route`.
        to: Vec<String>,
    },
    /// PagerDuty Events API v2.
    PagerDuty {
        /// Integration key; none = shown as `no_route`.
        routing_key: Option<Secret>,
        /// `https://events.pagerduty.com`.
        url: String,
    },
    /// Standard Webhooks.
    Webhook {
        /// Where to.
        url: String,
        /// Signing secrets, `whsec_…` (shared) or `whsk_…` (Ed25519), the current one first.
        secrets: Vec<Secret>,
        /// Whether link-local and metadata addresses are allowed.
        allow_internal: bool,
    },
    /// Alertmanager's webhook format, version 4.
    AlertmanagerWebhook {
        /// Where to.
        url: String,
    },
    /// Alertmanagers that take over: every one is told.
    Alertmanager {
        /// Base addresses.
        urls: Vec<String>,
    },
}

impl ChannelKind {
    /// The word in rule files.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Slack { .. } => "slack",
            Self::SlackBot { .. } => "slack_bot",
            Self::Email { .. } => "email",
            Self::PagerDuty { .. } => "pagerduty",
            Self::Webhook { .. } => "webhook",
            Self::AlertmanagerWebhook { .. } => "alertmanager_webhook",
            Self::Alertmanager { .. } => "alertmanager",
        }
    }

    /// Whether anything can be sent there.
    #[must_use]
    pub fn has_route(&self, smtp: Option<&Smtp>) -> bool {
        match self {
            Self::Slack { webhook, .. } => webhook.is_some(),
            Self::SlackBot { token, .. } => token.is_some(),
            Self::Email { to } => !to.is_empty() && smtp.is_some(),
            Self::PagerDuty { routing_key, .. } => routing_key.is_some(),
            Self::Webhook { .. } | Self::AlertmanagerWebhook { .. } => true,
            Self::Alertmanager { urls } => !urls.is_empty(),
        }
    }
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            rules: vec![RuleSource::Guide, RuleSource::Derived, RuleSource::Regression],
            tick: Micros::from_millis(10_000),
            eval_delay: Micros::from_millis(30_000),
            application: Text::const_new("FlowReader"),
            environment: Text::const_new("default"),
            dashboard_url: "https://flowreader.app/admin/performance".to_owned(),
            public_url: None,
            schedule_at: 8 * 60,
            posted_to: Vec::new(),
            keep_history: DEFAULT_HISTORY,
            false_alarm_weeks: Some(FALSE_ALARM_WEEKS),
            smtp: None,
            heartbeat: None,
        }
    }
}
