//! Lays file, environment and command line over each other (file < environment < command line),
//! checks the result and remembers where each value came from.

use super::check::{self, Secrets};
use super::problem::{Place, Problem, Problems};
use super::tree::{self, Node, Value};
use super::{Config, Secret, Switches, Told, schema, variables};
use crate::logic::control::rollout::Environment;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Begins the names of environment variables that set configuration: `FLOWGAUGE__STORE__SEAL_AGE`.
pub const ENV_PREFIX: &str = "FLOWGAUGE__";

/// What a configuration is made of.
#[derive(Debug, Default)]
pub struct Sources {
    /// Name and text of the file.
    pub file: Option<(String, String)>,
    /// Environment variables; those without the prefix serve `env:` references only.
    pub environment: Vec<(String, String)>,
    /// `path = text`, and the option that said so.
    pub sets: Vec<(String, String, String)>,
    /// Whether secrets are needed. Commands that only read leave references alone.
    pub with_secrets: bool,
}

/// A checked configuration and its origins.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    file: String,
    root: Node,
}

/// One value with its origin.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Explained {
    /// Path of the key.
    pub key: String,
    /// The value in force.
    pub value: String,
    /// The value if nobody set it.
    pub default: String,
    /// `file:line:column`, variable, option, or `default`.
    pub origin: String,
    /// What it does.
    pub about: String,
    /// Whether it says where something is and not how it is done.
    #[serde(skip)]
    pub is_place: bool,
}

/// Reads and checks everything.
///
/// # Errors
/// Every problem of file, environment and options together.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    let (file, text) = sources.file.clone().unwrap_or_default();
    let mut list = Vec::new();
    let mut root = tree::parse_file(&text).unwrap_or_else(|problem| {
        list.push(problem);
        Node::empty()
    });
    let unreadable = !list.is_empty();
    for (name, value) in &sources.environment {
        let Some(rest) = name.strip_prefix(ENV_PREFIX) else { continue };
        let path = rest.replace("__", ".").to_lowercase();
        let place = Place::Env(name.clone());
        list.extend(tree::overlay(&mut root, &path, value, &place).err());
    }
    for (path, value, option) in &sources.sets {
        let place = Place::Option(option.clone());
        list.extend(tree::overlay(&mut root, path, value, &place).err());
    }
    let secrets = References { sources };
    let (mut config, found) = check::check(&root, &secrets);
    let variable = |name: &str| sources.environment.iter().find(|(n, _)| n == name);
    let read = Environment::read(|name| variable(name).map(|(_, value)| value.clone()));
    config.switches = Switches { environment: read.0, misread: read.1 };
    if !unreadable {
        list.extend(found);
    }
    if list.is_empty() {
        let mut loaded = Loaded { config, file, root };
        let variables = Arc::new(variables::told(&sources.environment));
        loaded.config.told = Told { knobs: loaded.explain(None).into(), variables };
        return Ok(loaded);
    }
    list.sort_by_key(order);
    Err(Problems { file, text, list })
}

/// File problems by place, then the others as found.
fn order(problem: &Problem) -> (usize, usize) {
    match problem.place {
        Place::Whole => (0, 0),
        Place::File { line, column } => (line, column),
        Place::Env(_) | Place::Option(_) | Place::Default => (usize::MAX, 0),
    }
}

struct References<'a> {
    sources: &'a Sources,
}

impl Secrets for References<'_> {
    fn resolve(&self, reference: &str) -> Result<Option<Secret>, String> {
        if let Some(name) = reference.strip_prefix("env:") {
            if !self.sources.with_secrets {
                return Ok(None);
            }
            let found = self.sources.environment.iter().find(|(n, _)| n == name.trim());
            let value = found.map(|(_, v)| v.trim()).filter(|v| !v.is_empty());
            return value
                .map(|v| Some(Secret::from_reference(v, reference)))
                .ok_or_else(|| format!("the environment variable {name:?} is not set"));
        }
        if let Some(path) = reference.strip_prefix("file:") {
            if !self.sources.with_secrets {
                return Ok(None);
            }
            let text = fs::read_to_string(Path::new(path.trim()))
                .map_err(|e| format!("the secret file {path:?} cannot be read: {e}"))?;
            return Ok(Some(Secret::from_reference(text.trim(), reference)));
        }
        Err("a secret is given as env:NAME or file:PATH, never as itself".to_owned())
    }
}

/// How the names of knobs end whose value is a secret.
const SECRET: [&str; 4] = [".api_key", ".password", ".access_key", ".secret_key"];

impl Loaded {
    /// Every knob that is set or has a default, or those at and below `key`.
    #[must_use]
    pub fn explain(&self, key: Option<&str>) -> Vec<Explained> {
        let key = key.unwrap_or("");
        let mut paths = Vec::new();
        expand(&self.root, &mut paths);
        paths.iter().filter(|p| is_within(p, key)).filter_map(|p| self.one(p)).collect()
    }

    fn one(&self, path: &str) -> Option<Explained> {
        let knob = schema::find(path)?;
        let node = self.root.at(path.trim_end_matches("[]")).filter(|n| n.value != Value::Null);
        let secret = SECRET.iter().any(|name| path.ends_with(name));
        let value = match node.map(|n| &n.value) {
            Some(Value::Text(text)) if secret => format!("[secret from {text}]"),
            Some(Value::Text(text)) => text.clone(),
            Some(Value::List(items)) => texts(items),
            _ => knob.default.to_owned(),
        };
        let place = node.map_or(&Place::Default, |n| &n.place);
        let origin = match place {
            // An option is named without its text: the value is shown next to it.
            Place::Option(option) => format!("option {option}"),
            place => Problems::origin(&self.file, place),
        };
        Some(Explained {
            key: path.to_owned(),
            value,
            default: knob.default.to_owned(),
            origin,
            about: knob.about.to_owned(),
            is_place: knob.is_place,
        })
    }
}

/// The items of a list of texts.
fn texts(items: &[Node]) -> String {
    let text = |n: &Node| match &n.value {
        Value::Text(text) => Some(text.clone()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    };
    items.iter().filter_map(text).collect::<Vec<_>>().join(", ")
}

fn is_within(path: &str, key: &str) -> bool {
    key.is_empty()
        || path == key
        || path.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'))
}

/// The paths of all knobs, with one path per item of a list that is there.
fn expand(root: &Node, out: &mut Vec<String>) {
    for knob in schema::KNOBS {
        expand_lists(root, knob.path, out);
    }
}

/// The path of one knob, its first list unfolded; what is left is unfolded in turn.
fn expand_lists(root: &Node, path: &str, out: &mut Vec<String>) {
    let Some((list, rest)) = path.split_once("[].") else {
        out.push(path.to_owned());
        return;
    };
    let Some(Value::List(items)) = root.at(list).map(|n| &n.value) else { return };
    for index in 0..items.len() {
        expand_lists(root, &format!("{list}.{index}.{rest}"), out);
    }
}

/// A file with every knob at its default, lists shown by an item that is commented out.
#[must_use]
pub fn example() -> String {
    let mut out = String::from("# flowgauge.yaml: every knob with its default.\n");
    let mut open: Vec<&str> = Vec::new();
    for knob in schema::KNOBS {
        let keys: Vec<&str> = knob.path.split('.').collect();
        let Some((last, sections)) = keys.split_last() else { continue };
        let mut commented = false;
        for (depth, key) in sections.iter().enumerate() {
            let list = key.ends_with("[]");
            // A list and all below it: its only item would be made of nothing.
            commented |= list;
            if open.get(depth) != Some(key) {
                open.truncate(depth);
                open.push(key);
                let mark = if commented { "# " } else { "" };
                let indent = example_indent(sections, depth);
                out.push_str(&format!("{mark}{indent}{}:\n", key.trim_end_matches("[]")));
                if list {
                    out.push_str(&format!("{mark}{indent}  -\n"));
                }
            }
        }
        open.truncate(sections.len());
        let mark = if commented || knob.default.is_empty() { "# " } else { "" };
        let indent = example_indent(sections, sections.len());
        let value = if knob.default.is_empty() { "…" } else { knob.default };
        let written = match last.strip_suffix("[]") {
            Some(list) => format!("{list}: [{value}]"),
            None => format!("{last}: {value}"),
        };
        out.push_str(&format!("{mark}{indent}{written}  # {}\n", knob.about));
    }
    out
}

/// Two spaces per section, and two more below the dash of a list.
fn example_indent(sections: &[&str], depth: usize) -> String {
    let lists = sections.iter().take(depth).filter(|k| k.ends_with("[]")).count();
    "  ".repeat(depth + lists)
}
