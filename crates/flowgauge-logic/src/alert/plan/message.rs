//! The message of a step: its texts filled in, its figures, where people go from it.

use super::{Entry, Scene, Settings};
use crate::alert::condition::Condition;
use crate::alert::episode::EpisodeId;
use crate::alert::facts::Labels;
use crate::alert::notice::{Kind, Message};
use crate::alert::rule::{Rule, Severity};
use crate::alert::sample::Evidence;
use crate::alert::template::{self, Moment, Template, Vars};
use crate::call::Text;
use crate::fingerprint::fingerprint as hash;
use crate::unit::UnixMicros;
use std::collections::BTreeMap;

/// Stable name of an instance for receivers: rule and label set, 16 hexadecimal digits.
#[must_use]
pub fn fingerprint(rule: &str, labels: &Labels) -> Text {
    let mut parts: Vec<&[u8]> = vec![rule.as_bytes()];
    for (name, value) in labels {
        parts.extend([name.as_bytes(), value.as_bytes()]);
    }
    Text::from(format!("{:016x}", hash(&parts)))
}

/// The message of an episode's step. Of what is over it shows the last violating figures.
pub(super) fn of(scene: &Scene<'_>, entry: &Entry<'_>, kind: Kind) -> Message {
    let (rule, episode) = (entry.rule, &*entry.episode);
    let evidence = &episode.last_violation;
    let (url, ack_url) = links(scene, episode.id);
    let moment = Moment { at: scene.now, episode: Some(episode), url: url.as_deref() };
    let vars = template::vars(rule, &episode.labels, evidence, &moment);
    let over = episode.ended.is_some();
    let figures = entry.instance.map(|instance| &instance.evidence);
    let now = figures.filter(|_| over).and_then(|now| template::now_text(rule, now));
    let at = match (kind, episode.ended, &episode.acked) {
        (Kind::Fired, _, _) => episode.fired,
        (Kind::Acknowledged, _, Some(ack)) => ack.at,
        (_, Some((at, _)), _) => at,
        _ => scene.now,
    };
    Message {
        severity: episode.severity,
        now,
        figures: template::figures(rule, evidence),
        n: evidence.n,
        exceed: evidence.exceed,
        sentence: evidence.sentence.clone(),
        episode_url: url.clone(),
        ack_url: ack_url.filter(|_| !over && episode.acked.is_none()),
        started: episode.fired,
        ended: episode.ended.map(|(_, reason)| reason),
        late: scene.late || (kind == Kind::Fired && episode.late),
        ..of_rule(scene.settings, rule, &episode.labels, (kind, at), vars)
    }
}

/// The message of something that is no episode: a report, a drill.
pub(super) fn of_event(settings: &Settings, rule: &Rule, kind: Kind, at: UnixMicros) -> Message {
    let moment = Moment { at, episode: None, url: None };
    let vars = template::vars(rule, &Vec::new(), &Evidence::default(), &moment);
    of_rule(settings, rule, &Vec::new(), (kind, at), vars)
}

/// The message of a change.
pub(super) fn of_change(settings: &Settings, what: &str, at: UnixMicros) -> Message {
    let rule = Text::const_new("flowgauge_change");
    Message {
        fingerprint: fingerprint(&rule, &Vec::new()),
        rule,
        text: what.to_owned(),
        ..bare(settings, (Kind::Change, at))
    }
}

/// The message of a job: how it ended, or the report it made.
pub(super) fn of_job(settings: &Settings, job: &str, text: &str, at: UnixMicros) -> Message {
    let rule = Text::from(job);
    Message {
        fingerprint: fingerprint(&rule, &Vec::new()),
        rule,
        text: text.to_owned(),
        ..bare(settings, (Kind::Scheduled, at))
    }
}

fn of_rule(
    settings: &Settings,
    rule: &Rule,
    labels: &Labels,
    step: (Kind, UnixMicros),
    vars: Vars,
) -> Message {
    let mut all: BTreeMap<Text, Text> =
        rule.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    all.extend(labels.iter().cloned());
    let figureless = matches!(rule.condition, Condition::Schedule(_));
    let shown = |text: &str| if figureless { String::new() } else { text.to_owned() };
    Message {
        rule: rule.name.clone(),
        severity: rule.severity,
        text: filled(&rule.message, &vars),
        value: shown(&vars.value_with_unit),
        threshold: shown(&vars.threshold_with_unit),
        metric: Text::from(vars.metric.as_str()),
        condition: rule.text.clone(),
        labels: all.into_iter().collect(),
        annotations: annotations(rule, &vars),
        runbook: rule.runbook.clone(),
        fingerprint: fingerprint(&rule.name, labels),
        ..bare(settings, step)
    }
}

/// What every message has.
fn bare(settings: &Settings, (kind, at): (Kind, UnixMicros)) -> Message {
    Message {
        kind,
        application: settings.application.clone(),
        environment: settings.environment.clone(),
        rule: Text::default(),
        severity: Severity::Info,
        text: String::new(),
        value: String::new(),
        threshold: String::new(),
        now: None,
        figures: None,
        metric: Text::default(),
        condition: String::new(),
        labels: Vec::new(),
        annotations: BTreeMap::new(),
        started: at,
        at,
        ended: None,
        n: 0,
        exceed: None,
        sentence: None,
        runbook: None,
        recommended: Vec::new(),
        episode_url: None,
        ack_url: None,
        dashboard_url: settings.dashboard_url.clone(),
        late: false,
        items: Vec::new(),
        fingerprint: Text::default(),
    }
}

fn annotations(rule: &Rule, vars: &Vars) -> BTreeMap<Text, String> {
    let mut all: BTreeMap<Text, String> =
        rule.annotations.iter().map(|(name, text)| (name.clone(), filled(text, vars))).collect();
    if let Some(owner) = &rule.owner {
        all.entry(Text::const_new("owner")).or_insert_with(|| owner.to_string());
    }
    all
}

/// A text with its variables. Templates are checked when rules are loaded; one that cannot be read
/// is told as it stands rather than not at all.
fn filled(text: &str, vars: &Vars) -> String {
    Template::parse(text).map_or_else(|_| text.to_owned(), |template| template.render(vars))
}

/// The page of an episode and the signed address that acknowledges it.
fn links(scene: &Scene<'_>, episode: EpisodeId) -> (Option<String>, Option<String>) {
    let base = scene.settings.public_url.as_deref().map(|url| url.trim_end_matches('/'));
    let page = base.map(|base| format!("{base}/alerts/{episode}"));
    (page, (scene.ack_link)(episode))
}
