//! Commands of the operator's that flowgauge may run in an emergency.

use super::super::Hooks;
use super::super::problem::Problem;
use super::super::read::{self, Findings};
use super::super::tree::{Node, Value};
use super::items;
use crate::logic::unit::Micros;

/// How long a hook may run: longer than a restart of a service takes, shorter than a person waits.
const TIMEOUT: std::ops::RangeInclusive<u64> = 1_000_000..=600_000_000;

pub(super) fn hooks(f: &mut Findings, root: &Node) -> Hooks {
    let base = Hooks::default();
    let Some(node) = root.at("hooks").filter(|n| n.value != Value::Null) else { return base };
    Hooks {
        restart: words(f, node, "restart"),
        scale: words(f, node, "scale"),
        timeout: f.value(node, "timeout", base.timeout, timeout),
    }
}

/// An argument vector: the program, then its arguments, each as it stands. No shell reads them.
fn words(f: &mut Findings, node: &Node, key: &str) -> Vec<String> {
    let Some(list) = node.at(key).filter(|n| n.value != Value::Null) else { return Vec::new() };
    let mut found = Vec::new();
    for item in items(list) {
        match &item.value {
            Value::Text(text) if !text.contains('\0') => found.push(text.clone()),
            _ => f.add(Problem::new(item.place.clone(), "an argument is a text".to_owned())),
        }
    }
    found
}

fn timeout(text: &str) -> Result<Micros, String> {
    let length = read::length(text)?;
    let within = TIMEOUT.contains(&length.0).then_some(length);
    within.ok_or_else(|| format!("{text:?} is not between 1s and 10m"))
}
