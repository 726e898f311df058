//! Whom to tell: the `channels:` of rule files, and those every rule may name without declaring.
//!
//! Refuses secrets written as themselves: `env:NAME` and `file:PATH` only.

use super::fields::{Fields, item_texts, known_keys};
use crate::config::Secret;
use crate::config::alerts::{Channel, ChannelKind};
use crate::config::check::alerts::mailbox;
use crate::config::problem::{Place, Problem};
use crate::config::read::{self, Findings};
use crate::config::tree::{Entry, Value};
use crate::logic::call::Text;
use crate::logic::nearest::nearest;

/// Kinds of channels and the keys each has.
const KINDS: &[(&str, &[&str])] = &[
    ("slack", &["webhook", "channel", "username", "icon_emoji", "legacy"]),
    ("slack_bot", &["token", "channel", "api_url"]),
    ("email", &["to"]),
    ("pagerduty", &["routing_key", "url"]),
    ("webhook", &["url", "secrets", "allow_internal"]),
    ("alertmanager_webhook", &["url"]),
    ("alertmanager", &["urls"]),
];
/// Keys every channel has.
const COMMON: &[&str] = &["type", "fallback", "per_second"];
/// Slack's own API.
const SLACK_API: &str = "https://slack.com/api";
/// PagerDuty's service region of the United States.
const PAGERDUTY: &str = "https://events.pagerduty.com";
/// Longest secret file that is read: the longest key of any kind has a few hundred bytes.
const MAX_SECRET: usize = 16 << 10;

/// How variables of the environment are looked up.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A declared channel, and where.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) channel: Channel,
    pub(super) place: Place,
    /// Where each name of `fallback` is written.
    pub(super) fallback: Vec<Place>,
}

/// `slack`, `email` and `pagerduty`, which need no declaration; and what is odd about them.
pub(super) fn predeclared(env: Env<'_>, warnings: &mut Vec<String>) -> Vec<Channel> {
    let set = |name: &str| env(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
    let secret = |name: &str| set(name).map(|v| Secret::new(&v));
    let mut to = Vec::new();
    for address in set("ADMIN_EMAIL").iter().flat_map(|v| v.split(',')) {
        match mailbox(address.trim()) {
            Ok(address) => to.push(address),
            Err(why) => warnings.push(format!("ADMIN_EMAIL: {why}")),
        }
    }
    let kinds = [
        (
            "slack",
            ChannelKind::Slack {
                webhook: secret("SLACK_WEBHOOK_URL"),
                legacy: false,
                channel: None,
                username: None,
                icon_emoji: None,
            },
        ),
        ("email", ChannelKind::Email { to }),
        (
            "pagerduty",
            ChannelKind::PagerDuty {
                routing_key: secret("PAGERDUTY_ROUTING_KEY")
                    .or_else(|| secret("PAGERDUTY_API_KEY")),
                url: PAGERDUTY.to_owned(),
            },
        ),
    ];
    let channel = |(name, kind)| Channel {
        name: Text::from(name),
        kind,
        fallback: Vec::new(),
        per_second: None,
    };
    kinds.map(channel).into()
}

/// One entry of `channels:`.
pub(super) fn declared(f: &mut Findings, entry: &Entry, env: Env<'_>) -> Option<Declared> {
    if !super::is_name(&entry.key) {
        let why = format!("{:?} is no name of a channel", entry.key);
        f.add(Problem::new(entry.place.clone(), why).hint("letters, digits, `_`, `-` and `.`"));
        return None;
    }
    let Value::Map(keys) = &entry.node.value else {
        let why = format!("the channel `{}` is a section", entry.key);
        f.add(Problem::new(entry.node.place.clone(), why).hint("begin with `type: slack`"));
        return None;
    };
    let fields = Fields { own: &entry.node, defaults: None };
    let Some((word, place)) = fields.text(f, "type") else {
        let why = format!("`type` of the channel `{}` is missing", entry.key);
        f.add(Problem::new(entry.place.clone(), why).hint(format!("there are {}", words())));
        return None;
    };
    let Some((_, own)) = KINDS.iter().find(|(kind, _)| *kind == word) else {
        let hint = match nearest(word, KINDS.iter().map(|(kind, _)| *kind)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", words()),
        };
        f.add(Problem::new(place.clone(), format!("{word:?} is no kind of channel")).hint(hint));
        return None;
    };
    let allowed: Vec<&str> = COMMON.iter().chain(*own).copied().collect();
    known_keys(f, keys, &allowed, &format!("the channel `{}`", entry.key));
    let fallback = item_texts(f, fields.get("fallback"), "fallback");
    let (names, places) = fallback.into_iter().map(|(t, p)| (Text::from(t), p.clone())).unzip();
    let per_second = fields.parsed(f, "per_second", None, |t| pace(t).map(Some));
    let kind = Reading { f, fields, env, at: &entry.place }.kind(word);
    let channel =
        Channel { name: Text::from(entry.key.as_str()), kind: kind?, fallback: names, per_second };
    Some(Declared { channel, place: entry.place.clone(), fallback: places })
}

fn words() -> String {
    KINDS.iter().map(|(kind, _)| *kind).collect::<Vec<_>>().join(", ")
}

fn pace(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|n| n.is_finite() && *n > 0.0);
    number.ok_or_else(|| format!("{text:?} is no number of messages a second above zero"))
}

struct Reading<'f, 'a> {
    f: &'f mut Findings,
    fields: Fields<'a>,
    env: Env<'f>,
    at: &'a Place,
}

impl Reading<'_, '_> {
    fn kind(mut self, word: &str) -> Option<ChannelKind> {
        Some(match word {
            "slack" => ChannelKind::Slack {
                webhook: self.route("webhook"),
                legacy: self.fields.parsed(self.f, "legacy", false, read::boolean),
                channel: self.owned("channel"),
                username: self.owned("username"),
                icon_emoji: self.owned("icon_emoji"),
            },
            "slack_bot" => ChannelKind::SlackBot {
                token: self.route("token"),
                channel: self.needed("channel")?,
                api_url: self.fields.parsed(self.f, "api_url", SLACK_API.to_owned(), read::url),
            },
            "email" => ChannelKind::Email { to: self.recipients() },
            "pagerduty" => ChannelKind::PagerDuty {
                routing_key: self.route("routing_key"),
                url: self.fields.parsed(self.f, "url", PAGERDUTY.to_owned(), read::url),
            },
            "webhook" => ChannelKind::Webhook {
                url: self.url()?,
                secrets: self.secrets(),
                allow_internal: self.fields.parsed(self.f, "allow_internal", false, read::boolean),
            },
            "alertmanager_webhook" => ChannelKind::AlertmanagerWebhook { url: self.url()? },
            _ => ChannelKind::Alertmanager { urls: self.urls() },
        })
    }

    fn owned(&mut self, key: &str) -> Option<String> {
        self.fields.text(self.f, key).map(|(t, _)| t.to_owned()).filter(|t| !t.is_empty())
    }

    fn needed(&mut self, key: &str) -> Option<String> {
        let found = self.owned(key);
        if found.is_none() {
            self.f.add(Problem::new(self.at.clone(), format!("`{key}` is missing here")));
        }
        found
    }

    /// A secret without which the channel leads nowhere. A variable that is not set leaves it
    /// without a route, as the predeclared ones are; `alert check` warns of that.
    fn route(&mut self, key: &str) -> Option<Secret> {
        let (text, place) = self.fields.text(self.f, key)?;
        if let Some(name) = text.strip_prefix("env:") {
            return (self.env)(name.trim())
                .map(|v| Secret::new(v.trim()))
                .filter(|s| !s.reveal().is_empty());
        }
        self.secret(text, place)
    }

    fn secret(&mut self, text: &str, place: &Place) -> Option<Secret> {
        match resolve(text, self.env) {
            Ok(secret) => Some(secret),
            Err(why) => {
                let mut problem = Problem::new(place.clone(), why);
                problem.hide_line = true;
                self.f.add(problem);
                None
            }
        }
    }

    fn secrets(&mut self) -> Vec<Secret> {
        let texts = item_texts(self.f, self.fields.get("secrets"), "secrets");
        let mut found = Vec::new();
        for (text, place) in texts {
            let Some(secret) = self.secret(text, place) else { continue };
            if !["whsec_", "whsk_"].iter().any(|kind| secret.reveal().starts_with(kind)) {
                let why = "a signing secret begins with whsec_ (shared) or whsk_ (Ed25519), as Standard Webhooks writes it";
                let mut problem = Problem::new(place.clone(), why);
                problem.hide_line = true;
                self.f.add(problem);
            }
            found.push(secret);
        }
        found
    }

    /// An address written out, or behind `env:` or `file:` where it is secret itself.
    fn url(&mut self) -> Option<String> {
        let text = self.needed("url")?;
        let place = self.fields.get("url").map_or_else(|| self.at.clone(), |n| n.place.clone());
        let is_reference = text.starts_with("env:") || text.starts_with("file:");
        let text =
            if is_reference { self.secret(&text, &place)?.reveal().to_owned() } else { text };
        let base = text.split('?').next().unwrap_or(&text);
        if let Err(why) = read::url(base) {
            let mut problem = Problem::new(place, why);
            if is_reference {
                "the address behind the reference is no URL".clone_into(&mut problem.message);
            }
            problem.hide_line = true;
            self.f.add(problem);
            return None;
        }
        Some(text)
    }

    fn urls(&mut self) -> Vec<String> {
        let texts = item_texts(self.f, self.fields.get("urls"), "urls");
        if texts.is_empty() {
            let problem = Problem::new(self.at.clone(), "`urls` is missing here");
            self.f.add(problem.hint("write for example urls: [http://alertmanager:9093]"));
        }
        let mut found = Vec::new();
        for (text, place) in texts {
            match read::url(text) {
                Ok(url) => found.push(url),
                Err(why) => self.f.add(Problem::new(place.clone(), why)),
            }
        }
        found
    }

    fn recipients(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        for (text, place) in item_texts(self.f, self.fields.get("to"), "to") {
            let list = match text.strip_prefix("env:") {
                Some(name) => (self.env)(name.trim()).unwrap_or_default(),
                None => text.to_owned(),
            };
            for address in list.split(',').map(str::trim).filter(|a| !a.is_empty()) {
                match mailbox(address) {
                    Ok(address) => found.push(address),
                    Err(why) => self.f.add(Problem::new(place.clone(), why)),
                }
            }
        }
        found
    }
}

fn resolve(reference: &str, env: Env<'_>) -> Result<Secret, String> {
    if let Some(name) = reference.strip_prefix("env:") {
        let value = env(name.trim()).filter(|v| !v.trim().is_empty());
        let value = value.ok_or_else(|| format!("the environment variable {name:?} is not set"))?;
        return Ok(Secret::new(value.trim()));
    }
    if let Some(path) = reference.strip_prefix("file:") {
        let text = std::fs::read_to_string(path.trim())
            .map_err(|e| format!("the secret file {path:?} cannot be read: {e}"))?;
        if text.trim().is_empty() || text.len() > MAX_SECRET {
            return Err(format!("the secret file {path:?} holds no secret"));
        }
        return Ok(Secret::new(text.trim()));
    }
    Err("a secret is given as env:NAME or file:PATH, never as itself".to_owned())
}
