//! One rule: every key of it, checked, with what the file's `defaults:` say behind it.

use super::fields::{Fields, item_texts, known_keys, word};
use super::parts::{Part, Parts};
use super::{mapping, times};
use crate::config::problem::{Place, Problem};
use crate::config::read::{self, Findings};
use crate::config::tree::{Node, Value};
use crate::logic::alert::condition::Condition;
use crate::logic::alert::language::{self, Context, Fault};
use crate::logic::alert::rule::{Clear, Policy, Rule, Semantics, Severity};
use crate::logic::alert::template::Template;
use crate::logic::call::Text;
use crate::logic::unit::Micros;
use std::collections::BTreeMap;

mod condition;

/// Keys of a rule.
pub(super) const KEYS: &[&str] = &[
    "alert",
    "condition",
    "severity",
    "channels",
    "message",
    "for",
    "keep",
    "clear",
    "labels",
    "annotations",
    "owner",
    "runbook",
    "by",
    "window",
    "min_samples",
    "confidence",
    "on_no_data",
    "no_data",
    "on_error",
    "max_hold",
    "repeat",
    "min_interval",
    "group_by",
    "inhibits",
    "actions",
    "requires",
    "active_times",
    "enabled",
    "derived",
    "debug",
];
/// Keys of `defaults:`; what makes a rule that rule is not among them.
const DEFAULT_KEYS: &[&str] = &[
    "severity",
    "channels",
    "for",
    "keep",
    "labels",
    "annotations",
    "owner",
    "runbook",
    "by",
    "window",
    "min_samples",
    "confidence",
    "on_no_data",
    "no_data",
    "on_error",
    "max_hold",
    "repeat",
    "min_interval",
    "group_by",
    "actions",
    "requires",
    "active_times",
    "enabled",
    "debug",
];
/// A firing instance without data says so after half an hour (alerting 8.1).
const MAX_HOLD: Micros = Micros::from_millis(30 * 60_000);
/// Longest message: Slack's advised length of a text.
const MAX_MESSAGE: usize = 4_000;

/// What stands around a rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) context: Context<'a>,
    pub(super) parts: &'a Parts<'a>,
    pub(super) shipped: bool,
}

/// A rule and where its parts are written.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) rule: Rule,
    /// Of its name.
    pub(super) place: Place,
    /// Of each of its channels.
    pub(super) channels: Vec<Place>,
}

/// The keys of `defaults:`.
pub(super) fn check_defaults(f: &mut Findings, defaults: Option<&Node>) {
    let Some(node) = defaults else { return };
    match &node.value {
        Value::Null => {}
        Value::Map(entries) => known_keys(f, entries, DEFAULT_KEYS, "`defaults`"),
        Value::Text(_) | Value::List(_) => {
            f.add(Problem::new(node.place.clone(), "`defaults` is a section of keys of rules"));
        }
    }
}

/// Reads one rule; nothing where it is refused, its faults being noted.
pub(super) fn read(f: &mut Findings, part: &Part<'_>, around: &Around<'_>) -> Option<Read> {
    let Value::Map(entries) = &part.node.value else {
        let problem = Problem::new(part.node.place.clone(), "a rule is a section of keys");
        f.add(problem.hint("begin it with `- alert: name`"));
        return None;
    };
    let before = f.0.len();
    known_keys(f, entries, KEYS, "the rule");
    let fields = Fields { own: part.node, defaults: around.parts.defaults };
    let (name, place) = name(f, part, fields)?;
    let condition = condition::condition(f, part, fields, &around.context);
    let severity = severity(f, part, fields);
    let message = message(f, part, fields);
    let channels = channels(f, part, fields);
    let clear = clear(f, part, fields, around);
    let (condition, severity, message, channels) = (condition?, severity?, message?, channels?);
    let text = language::print(&condition);
    let mut rule = blank(name, condition, text, severity, message);
    rule.channels = channels.iter().map(|(name, _)| name.clone()).collect();
    rule.clear = clear;
    rule.shipped = around.shipped;
    rule.semantics = around.parts.semantics;
    rule.interval = around.parts.interval;
    holding(f, fields, &mut rule);
    telling(f, fields, &mut rule);
    acting(f, fields, &mut rule);
    rule.labels = texts(f, fields, "labels");
    let annotations = texts(f, fields, "annotations");
    rule.annotations = annotations.into_iter().map(|(k, v)| (k, v.to_string())).collect();
    let channels = channels.into_iter().map(|(_, place)| place).collect();
    (f.0.len() == before).then_some(Read { rule, place, channels })
}

fn blank(
    name: Text,
    condition: Condition,
    text: String,
    severity: Severity,
    message: String,
) -> Rule {
    Rule {
        name,
        condition,
        text,
        severity,
        channels: Vec::new(),
        message,
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

/// A fault of a text inside a scalar, at its own line and column.
fn inside(part: &Part<'_>, node: &Node, fault: Fault) -> Problem {
    let place = part.piece.inside(node, fault.span.start);
    let problem = Problem::new(place, fault.message);
    match fault.hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

fn missing(f: &mut Findings, part: &Part<'_>, key: &str, hint: &str) {
    let name = match part.node.child("alert").map(|n| &n.value) {
        Some(Value::Text(name)) => format!("the rule {name:?}"),
        _ => "this rule".to_owned(),
    };
    let problem = Problem::new(part.node.place.clone(), format!("`{key}` is missing in {name}"));
    f.add(problem.hint(hint));
}

fn name(f: &mut Findings, part: &Part<'_>, fields: Fields<'_>) -> Option<(Text, Place)> {
    let own = Fields { defaults: None, ..fields };
    let Some((text, place)) = own.text(f, "alert") else {
        missing(f, part, "alert", "add `alert: name`");
        return None;
    };
    if !super::is_name(text) {
        let problem = Problem::new(place.clone(), format!("{text:?} is no name of a rule"));
        f.add(problem.hint("letters, digits, `_`, `-` and `.`, beginning with a letter or `_`"));
        return None;
    }
    Some((Text::from(text), place.clone()))
}

fn severity(f: &mut Findings, part: &Part<'_>, fields: Fields<'_>) -> Option<Severity> {
    if fields.get("severity").is_none() {
        missing(f, part, "severity", "add `severity: critical`, `warning` or `info`");
    }
    let words = Severity::ALL.map(|s| (s.word(), s));
    fields.parsed(f, "severity", None, |t| word(t, "severity", &words).map(Some))
}

fn message(f: &mut Findings, part: &Part<'_>, fields: Fields<'_>) -> Option<String> {
    let Some(node) = Fields { defaults: None, ..fields }.get("message") else {
        missing(f, part, "message", "add for example `message: \"P95 latency: {{value}}ms\"`");
        return None;
    };
    let Value::Text(text) = &node.value else {
        f.add(Problem::new(node.place.clone(), "`message` is a text"));
        return None;
    };
    if text.chars().count() > MAX_MESSAGE {
        let why = format!("`message` is longer than {MAX_MESSAGE} characters");
        f.add(Problem::new(node.place.clone(), why).hint("link a runbook instead"));
    }
    if let Err(fault) = Template::parse(text) {
        f.add(inside(part, node, fault));
    }
    Some(text.clone())
}

fn channels(f: &mut Findings, part: &Part<'_>, fields: Fields<'_>) -> Option<Vec<(Text, Place)>> {
    let Some(node) = fields.get("channels") else {
        missing(f, part, "channels", "add for example `channels: [slack]`");
        return None;
    };
    let mut found: Vec<(Text, Place)> = Vec::new();
    for (name, place) in item_texts(f, Some(node), "channels") {
        if found.iter().any(|(other, _)| other == name) {
            f.add(Problem::new(place.clone(), format!("{name:?} is in the list already")));
        }
        found.push((Text::from(name), place.clone()));
    }
    Some(found)
}

fn clear(f: &mut Findings, part: &Part<'_>, fields: Fields<'_>, around: &Around<'_>) -> Clear {
    let Some(node) = Fields { defaults: None, ..fields }.get("clear") else {
        return match around.parts.semantics {
            Semantics::Flowgauge => Clear::Slack,
            Semantics::Prometheus => Clear::Same,
        };
    };
    let read = match &node.value {
        Value::Text(text) if text.trim() == "same" => return Clear::Same,
        Value::Text(text) => language::read_expr(text, &around.context)
            .map_err(|faults| faults.into_iter().map(|w| inside(part, node, w)).collect()),
        _ => mapping::expr(node).map_err(|p| vec![p]).and_then(|expr| {
            let faults = language::check_expr(&expr, &around.context);
            let problems = faults.into_iter().map(|w| inside(part, node, w));
            let problems: Vec<Problem> = problems.collect();
            if problems.is_empty() { Ok(expr) } else { Err(problems) }
        }),
    };
    match read {
        Ok(expr) => Clear::When(expr),
        Err(problems) => {
            f.0.extend(problems);
            Clear::Same
        }
    }
}

fn length(text: &str) -> Result<Micros, String> {
    language::duration(text).map_err(|fault| fault.to_string())
}

/// Keys about what is unknown, and about when an episode ends.
fn holding(f: &mut Findings, fields: Fields<'_>, rule: &mut Rule) {
    rule.keep = fields.parsed(f, "keep", None, |t| length(t).map(Some));
    if rule.semantics == Semantics::Prometheus {
        rule.keep.get_or_insert(Micros(0));
        as_prometheus(f, fields, rule);
    }
    rule.max_hold = fields.parsed(f, "max_hold", MAX_HOLD, length);
    rule.min_samples = fields.parsed(f, "min_samples", None, |t| count(t).map(Some));
    rule.confidence = fields.parsed(f, "confidence", None, |t| confidence(t).map(Some));
    if let (Some(_), Some(second)) = (fields.get("on_no_data"), fields.get("no_data")) {
        let problem = Problem::new(second.place.clone(), "`no_data` is `on_no_data`, given twice");
        f.add(problem.hint("leave one of them out"));
    }
    for key in ["on_no_data", "no_data"] {
        rule.on_no_data = fields.parsed(f, key, rule.on_no_data, policy);
    }
    rule.on_error = fields.parsed(f, "on_error", Policy::Hold, policy);
}

/// What Prometheus does not know is refused rather than left out in silence.
fn as_prometheus(f: &mut Findings, fields: Fields<'_>, rule: &Rule) {
    let mut refuse = |key: &str, why: &str, hint: &str| {
        if let Some(node) = fields.get(key) {
            f.add(Problem::new(node.place.clone(), why.to_owned()).hint(hint.to_owned()));
        }
    };
    for key in ["on_no_data", "no_data", "on_error", "max_hold", "min_samples", "confidence"] {
        let why = format!("`{key}` means nothing with `semantics: prometheus`");
        refuse(key, &why, "leave it out, or leave the semantics out");
    }
    if rule.clear != Clear::Same {
        let why = "with `semantics: prometheus` an alert ends when its condition does";
        refuse("clear", why, "leave `clear` out");
    }
    if matches!(&rule.condition, Condition::When { hold, .. } if hold.tolerance.is_some()) {
        let why = "`(k of n)` means nothing with `semantics: prometheus`";
        let key = if fields.get("for").is_some() { "for" } else { "condition" };
        refuse(key, why, "write the time alone: for 5m");
    }
}

fn policy(text: &str) -> Result<Policy, String> {
    let words = [
        ("hold", Policy::Hold),
        ("ok", Policy::Ok),
        ("fire", Policy::Fire),
        ("alert", Policy::Fire),
    ];
    word(text, "policy", &words)
}

fn count(text: &str) -> Result<u64, String> {
    let number = text.parse::<u64>().ok().filter(|n| *n > 0);
    number.ok_or_else(|| format!("{text:?} is no number of samples above zero"))
}

fn confidence(text: &str) -> Result<f64, String> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok().map(|n| n / 100.0),
        None => text.parse::<f64>().ok(),
    };
    let number = number.filter(|n| (0.5..1.0).contains(n));
    number.ok_or_else(|| format!("{text:?} is no confidence; write for example 95%"))
}

/// Keys about whom to tell and how often.
fn telling(f: &mut Findings, fields: Fields<'_>, rule: &mut Rule) {
    rule.repeat = fields.parsed(f, "repeat", None, |t| repeat(t).map(Some));
    rule.min_interval = fields.parsed(f, "min_interval", Micros(0), length);
    if fields.get("group_by").is_some() {
        let labels = item_texts(f, fields.get("group_by"), "group_by");
        rule.group_by = labels.into_iter().map(|(label, _)| Text::from(label)).collect();
    }
    rule.active_times = times::active_times(f, fields.get("active_times"));
    rule.owner = fields.text(f, "owner").map(|(t, _)| Text::from(t));
    rule.runbook = fields.text(f, "runbook").map(|(t, _)| t.to_owned());
    rule.enabled = fields.parsed(f, "enabled", true, read::boolean);
    rule.derived = fields.parsed(f, "derived", false, read::boolean);
    rule.debug = fields.parsed(f, "debug", false, read::boolean);
    for (target, place) in item_texts(f, fields.get("inhibits"), "inhibits") {
        if rule.name == target {
            f.add(Problem::new(place.clone(), "a rule cannot inhibit itself"));
        }
        rule.inhibits.push(Text::from(target));
    }
}

/// `never`, or how long.
fn repeat(text: &str) -> Result<Micros, String> {
    if text == "never" { Ok(Micros(0)) } else { length(text) }
}

/// Keys about what is done; carrying it out is for others.
fn acting(f: &mut Findings, fields: Fields<'_>, rule: &mut Rule) {
    // `set(a, b)` in a YAML list of one line is two items.
    let mut open: Option<(String, Place)> = None;
    for (text, place) in item_texts(f, fields.get("actions"), "actions") {
        let (text, place) = match open.take() {
            Some((begun, place)) => (format!("{begun}, {text}"), place),
            None => (text.to_owned(), place.clone()),
        };
        if text.contains('(') && !text.contains(')') {
            open = Some((text, place));
        } else if is_action(&text) {
            rule.actions.push(Text::from(text));
        } else {
            open = Some((text, place));
            break;
        }
    }
    if let Some((text, place)) = open {
        let problem = Problem::new(place, format!("{text:?} is no action"));
        f.add(
            problem.hint("there are rollback(NAME), rollback(all), set(NAME, VALUE), notify_only"),
        );
    }
    let words = ["holdout_evidence", "severity>=critical"];
    let words = words.map(|w| (w, w));
    let requires = fields.parsed(f, "requires", None, |t| {
        word(&t.replace(' ', ""), "requirement", &words).map(Some)
    });
    rule.requires = requires.map(Text::from);
}

fn is_action(text: &str) -> bool {
    let inner = |verb: &str| text.strip_prefix(verb)?.strip_prefix('(')?.strip_suffix(')');
    text == "notify_only"
        || inner("rollback").is_some_and(super::is_name)
        || inner("set")
            .and_then(|t| t.split_once(','))
            .is_some_and(|(name, value)| super::is_name(name.trim()) && !value.trim().is_empty())
}

/// A section of texts; the rule's own win over the defaults.
fn texts(f: &mut Findings, fields: Fields<'_>, key: &str) -> BTreeMap<Text, Text> {
    let mut found = BTreeMap::new();
    let layers = [fields.defaults, Some(fields.own)];
    for node in layers.into_iter().flatten().filter_map(|n| n.child(key)) {
        match &node.value {
            Value::Null => {}
            Value::Map(entries) => {
                for entry in entries {
                    let Value::Text(text) = &entry.node.value else {
                        let why = format!("`{key}.{}` is a text", entry.key);
                        f.add(Problem::new(entry.node.place.clone(), why));
                        continue;
                    };
                    found.insert(Text::from(entry.key.as_str()), Text::from(text.as_str()));
                }
            }
            Value::Text(_) | Value::List(_) => {
                f.add(Problem::new(node.place.clone(), format!("`{key}` is a section of texts")));
            }
        }
    }
    found
}
