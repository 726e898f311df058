//! The variables of a message, formatted (alerting 11).

use super::super::condition::{Condition, Written};
use super::super::episode::Episode;
use super::super::facts::Labels;
use super::super::language::print_duration;
use super::super::notice::Figures;
use super::super::rule::Rule;
use super::super::sample::Evidence;
use super::UNKNOWN;
use super::figure::{Against, Figure};
use super::shown::{in_unit, shown, trimmed, unit_of, with_unit};
use crate::call::Text;
use crate::unit::{Micros, UnixMicros};
use std::collections::BTreeMap;

/// Every variable, formatted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vars {
    /// `{{value}}`: in the unit written, without it; against a budget or capacity its percent.
    pub value: String,
    /// `{{raw}}`: the metric in its own unit.
    pub raw: String,
    /// `{{reference}}`: what the threshold is made of.
    pub reference: String,
    /// `{{threshold}}`: as `value`.
    pub threshold: String,
    /// `{{unit}}` of value and threshold.
    pub unit: String,
    /// `{{ratio}}`: value / reference, else value / threshold.
    pub ratio: String,
    /// `{{percentage}}`: how far from the reference, without a sign.
    pub percentage: String,
    /// `{{metric}}`.
    pub metric: String,
    /// `{{condition}}`.
    pub condition: String,
    /// `{{severity}}`.
    pub severity: String,
    /// `{{alert}}`: name of the rule.
    pub alert: String,
    /// `{{for}}`.
    pub hold: String,
    /// `{{window}}`.
    pub window: String,
    /// `{{n}}`: samples.
    pub n: String,
    /// `{{exceed}}`: how many beyond the threshold.
    pub exceed: String,
    /// `{{peak}}`: the worst of the episode, as `value`.
    pub peak: String,
    /// `{{started_at}}`.
    pub started_at: String,
    /// `{{duration}}` of the episode.
    pub duration: String,
    /// `{{episode}}`: its id.
    pub episode: String,
    /// `{{url}}` of the episode.
    pub url: String,
    /// `{{runbook}}`.
    pub runbook: String,
    /// `{{direction}}`: `+` above the reference, `-` below it.
    pub direction: String,
    /// `{{labels.X}}`: those of the instance and of the rule.
    pub labels: BTreeMap<Text, Text>,
    /// Value and unit, for titles and tables: `2612ms`.
    pub value_with_unit: String,
    /// Threshold and unit: `2500ms`.
    pub threshold_with_unit: String,
}

/// What a message knows besides the figures.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// When it is.
    pub at: UnixMicros,
    /// The episode, where there is one.
    pub episode: Option<&'a Episode>,
    /// Its page.
    pub url: Option<&'a str>,
}

impl Vars {
    /// The value of a variable of [`super::NAMES`].
    pub(super) fn get(&self, name: &str) -> &str {
        match name {
            "value" => &self.value,
            "raw" => &self.raw,
            "reference" => &self.reference,
            "threshold" => &self.threshold,
            "unit" => &self.unit,
            "ratio" => &self.ratio,
            "percentage" => &self.percentage,
            "metric" => &self.metric,
            "condition" => &self.condition,
            "severity" => &self.severity,
            "alert" => &self.alert,
            "for" => &self.hold,
            "window" => &self.window,
            "n" => &self.n,
            "exceed" => &self.exceed,
            "peak" => &self.peak,
            "started_at" => &self.started_at,
            "duration" => &self.duration,
            "episode" => &self.episode,
            "url" => &self.url,
            "runbook" => &self.runbook,
            "direction" => &self.direction,
            _ => UNKNOWN,
        }
    }

    /// The value of a label.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or(UNKNOWN, |value| value.as_str())
    }
}

/// The variables of one message. For what is over, `evidence` is that of the last violating tick.
#[must_use]
pub fn vars(rule: &Rule, labels: &Labels, evidence: &Evidence, now: &Moment<'_>) -> Vars {
    let mut vars = Vars {
        condition: rule.text.clone(),
        severity: rule.severity.word().to_owned(),
        alert: rule.name.to_string(),
        hold: hold(&rule.condition),
        window: if evidence.window_us > 0 {
            print_duration(Micros(evidence.window_us))
        } else {
            UNKNOWN.to_owned()
        },
        n: evidence.n.to_string(),
        exceed: evidence.exceed.map_or_else(|| UNKNOWN.to_owned(), |n| n.to_string()),
        runbook: rule.runbook.clone().unwrap_or_default(),
        url: now.url.unwrap_or_default().to_owned(),
        labels: rule.labels.clone(),
        ..Vars::default()
    };
    vars.labels.extend(labels.iter().cloned());
    arc(&mut vars, now);
    figure(&mut vars, rule, evidence, now);
    vars
}

fn hold(condition: &Condition) -> String {
    match condition {
        Condition::When { hold, .. } => print_duration(hold.length),
        Condition::Schedule(_) => print_duration(Micros(0)),
    }
}

/// What belongs to the episode.
fn arc(vars: &mut Vars, now: &Moment<'_>) {
    let Some(episode) = now.episode else {
        vars.started_at = seconds(now.at);
        vars.duration = print_duration(Micros(0));
        vars.episode = UNKNOWN.to_owned();
        return;
    };
    let until = episode.ended.map_or(now.at, |(at, _)| at);
    vars.started_at = seconds(episode.fired);
    vars.duration = print_duration(whole_seconds(until.since(episode.fired)));
    vars.episode = episode.id.to_string();
}

/// RFC 3339 in UTC, whole seconds: an alert is never more exact than its tick.
fn seconds(at: UnixMicros) -> String {
    chrono::DateTime::from_timestamp_micros(at.0).map_or_else(
        || UNKNOWN.to_owned(),
        |t| t.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
    )
}

const fn whole_seconds(length: Micros) -> Micros {
    Micros(length.0 - length.0 % 1_000_000)
}

/// What belongs to value and threshold.
fn figure(vars: &mut Vars, rule: &Rule, evidence: &Evidence, now: &Moment<'_>) {
    let Some(figure) = Figure::of(&rule.condition) else {
        let unknown = [
            &mut vars.value,
            &mut vars.raw,
            &mut vars.reference,
            &mut vars.threshold,
            &mut vars.ratio,
            &mut vars.percentage,
            &mut vars.peak,
            &mut vars.value_with_unit,
            &mut vars.threshold_with_unit,
        ];
        unknown.into_iter().for_each(|text| UNKNOWN.clone_into(text));
        return;
    };
    let of = |value: Option<f64>| figure.text(value, evidence.reference);
    vars.metric = if figure.against == Against::Burn {
        "burn_rate".to_owned()
    } else {
        figure.metric.word().to_owned()
    };
    vars.value = of(evidence.value);
    vars.threshold = of(evidence.threshold);
    vars.peak = of(now.episode.and_then(|e| e.peak));
    let unit = figure.unit_shown();
    unit.sign().clone_into(&mut vars.unit);
    vars.value_with_unit = with_unit(&vars.value, unit);
    vars.threshold_with_unit = with_unit(&vars.threshold, unit);
    vars.raw = figure.raw(evidence.value);
    vars.reference = evidence.reference.map_or_else(|| UNKNOWN.to_owned(), |r| figure.own(r));
    deviation(vars, &figure, evidence);
}

impl Figure<'_> {
    /// A burn rate has no unit; a bare number that of its metric.
    fn unit_shown(&self) -> Written {
        match self.against {
            Against::Burn => Written::Bare,
            _ => unit_of(self.metric, self.unit),
        }
    }

    /// A value as the message shows it, without its unit.
    fn text(&self, value: Option<f64>, reference: Option<f64>) -> String {
        let Some(value) = self.number(value, reference) else { return UNKNOWN.to_owned() };
        match self.against {
            Against::Burn => trimmed(value, 2),
            // One decimal, as every percent.
            Against::Limit => trimmed(value, 1),
            Against::Threshold | Against::Past(_) | Against::Change => {
                shown(self.metric, value, self.unit)
            }
        }
    }

    /// A value as the message counts it: against a limit its percent, else in base units.
    fn number(&self, value: Option<f64>, reference: Option<f64>) -> Option<f64> {
        let value = value.filter(|v| v.is_finite())?;
        if self.against != Against::Limit {
            return Some(value);
        }
        let percent = 100.0 * value / reference?;
        percent.is_finite().then_some(percent)
    }

    /// The value in the metric's own unit; a change and a burn rate as they are.
    fn raw(&self, value: Option<f64>) -> String {
        match (value, &self.against) {
            (None, _) => UNKNOWN.to_owned(),
            (value, Against::Burn | Against::Change) => self.text(value, None),
            (Some(value), _) => self.own(value),
        }
    }

    fn own(&self, value: f64) -> String {
        match self.against {
            Against::Burn => trimmed(value, 2),
            _ => shown(self.metric, value, self.metric.display()),
        }
    }
}

/// How far the value is from what it is put against.
fn deviation(vars: &mut Vars, figure: &Figure<'_>, evidence: &Evidence) {
    let base = evidence.reference.or(evidence.threshold);
    let ratio = match (evidence.value, base) {
        (Some(value), Some(base)) => Some(value / base).filter(|r| r.is_finite()),
        _ => None,
    };
    let change = match figure.against {
        // The value is the change.
        Against::Change => evidence.value.filter(|v| v.is_finite()),
        _ => ratio.map(|r| r - 1.0),
    };
    let unknown = || UNKNOWN.to_owned();
    vars.ratio = match figure.against {
        Against::Change => change.map_or_else(unknown, |c| trimmed(1.0 + c, 2)),
        _ => ratio.map_or_else(unknown, |r| trimmed(r, 2)),
    };
    vars.percentage = match figure.against {
        // "91.3% used" is the share of the budget itself.
        Against::Limit => vars.value.clone(),
        _ => change.map_or_else(unknown, |c| trimmed((c * 100.0).abs(), 1)),
    };
    vars.direction = change.map_or_else(String::new, |c| {
        let sign = if c < 0.0 { "-" } else { "+" };
        sign.to_owned()
    });
}

/// `now: 1312ms`, the end of a message about what is over; nothing where it is not known.
#[must_use]
pub fn now_text(rule: &Rule, evidence: &Evidence) -> Option<String> {
    let figure = Figure::of(&rule.condition)?;
    evidence.value?;
    let text = figure.text(evidence.value, evidence.reference);
    (text != UNKNOWN).then(|| with_unit(&text, figure.unit_shown()))
}

/// Value and threshold as numbers, for machines: in the unit of the message.
#[must_use]
pub fn figures(rule: &Rule, evidence: &Evidence) -> Option<Figures> {
    let figure = Figure::of(&rule.condition)?;
    let unit = figure.unit_shown();
    let edge = |value: Option<f64>| {
        let number = figure.number(value, evidence.reference)?;
        Some(match figure.against {
            Against::Limit | Against::Burn => number,
            _ => in_unit(number, unit),
        })
    };
    Some(Figures {
        value: edge(evidence.value),
        threshold: edge(evidence.threshold),
        unit: unit.sign().into(),
    })
}
