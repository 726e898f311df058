//! Two settings as JSON, and what differs, setting by setting.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Levels at which a setting is named: section, part, name. What lies deeper is one value: a mode, a list, a rule.
const LEVELS: usize = 3;

/// One setting and its value before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// As a JSON pointer, e.g. `/prune/context_tokens`.
    pub path: String,
    /// What it was.
    pub before: Value,
    /// What it is.
    pub after: Value,
}

impl Assignment {
    /// Writes the value after.
    pub(super) fn write(&self, settings: &mut Value) {
        let mut place = settings;
        for name in self.path.split('/').skip(1) {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            let Value::Object(map) = place else { return };
            place = map.entry(name.to_owned()).or_insert(Value::Null);
        }
        *place = self.after.clone();
    }
}

/// What differs, in the order of the paths.
pub(super) fn between(before: &Value, after: &Value) -> Vec<Assignment> {
    let mut found = Vec::new();
    walk(before, after, "", LEVELS, &mut found);
    found
}

fn walk(before: &Value, after: &Value, path: &str, levels: usize, found: &mut Vec<Assignment>) {
    if before == after {
        return;
    }
    if let (Value::Object(old), Value::Object(new)) = (before, after)
        && levels > 0
        && old.keys().eq(new.keys())
    {
        for ((name, old), new) in old.iter().zip(new.values()) {
            walk(old, new, &format!("{path}/{name}"), levels - 1, found);
        }
        return;
    }
    found.push(Assignment { path: path.to_owned(), before: before.clone(), after: after.clone() });
}
