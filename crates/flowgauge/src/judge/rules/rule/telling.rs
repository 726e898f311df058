//! Keys of a rule about whom to tell and how often, and about what is done.

use super::super::fields::{Fields, item_texts, word};
use super::super::is_name;
use super::holding::length;
use crate::config::problem::{Place, Problem};
use crate::config::read::{self, Findings};
use crate::config::tree::Value;
use crate::logic::alert::rule::Rule;
use crate::logic::call::Text;
use crate::logic::unit::Micros;
use std::collections::BTreeMap;

/// Keys about whom to tell and how often.
pub(super) fn telling(f: &mut Findings, fields: Fields<'_>, rule: &mut Rule) {
    rule.repeat = fields.parsed(f, "repeat", None, |t| repeat(t).map(Some));
    rule.min_interval = fields.parsed(f, "min_interval", Micros(0), length);
    if fields.get("group_by").is_some() {
        let labels = item_texts(f, fields.get("group_by"), "group_by");
        rule.group_by = labels.into_iter().map(|(label, _)| Text::from(label)).collect();
    }
    rule.active_times = super::super::times::active_times(f, fields.get("active_times"));
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
pub(super) fn acting(f: &mut Findings, fields: Fields<'_>, rule: &mut Rule) {
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
        || inner("rollback").is_some_and(is_name)
        || inner("set")
            .and_then(|t| t.split_once(','))
            .is_some_and(|(name, value)| is_name(name.trim()) && !value.trim().is_empty())
}

/// A section of texts; the rule's own win over the defaults.
pub(super) fn texts(f: &mut Findings, fields: Fields<'_>, key: &str) -> BTreeMap<Text, Text> {
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
