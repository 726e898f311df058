//! One rule: every key of it, checked, with what the file's `defaults:` say behind it.

use super::fields::{Fields, item_texts, known_keys, word};
use super::mapping;
use super::parts::{Part, Parts};
use crate::config::problem::{Place, Problem};
use crate::config::read::Findings;
use crate::config::tree::{Node, Value};
use crate::logic::alert::language::{self, Context, Fault};
use crate::logic::alert::rule::{Clear, Rule, Semantics, Severity};
use crate::logic::alert::template::Template;
use crate::logic::call::Text;
use holding::holding;
use telling::{acting, telling, texts};

mod condition;
mod holding;
mod telling;

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
/// What makes a rule that rule: no default can say it.
const OWN_KEYS: [&str; 6] = ["alert", "condition", "message", "clear", "inhibits", "derived"];
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
        Value::Map(entries) => {
            let keys: Vec<&str> =
                KEYS.iter().filter(|key| !OWN_KEYS.contains(key)).copied().collect();
            known_keys(f, entries, &keys, "`defaults`");
        }
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
    let mut rule = Rule::new(name, condition, severity);
    rule.message = message;
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
