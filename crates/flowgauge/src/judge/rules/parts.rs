//! What a file consists of: rules, and the sections `channels`, `slos`, `defaults` beside them.

use super::fields::{Fields, word};
use super::forms::Piece;
use super::rule;
use crate::config::problem::{Place, Problem};
use crate::config::read::Findings;
use crate::config::tree::{Entry, Node, Value};
use crate::logic::alert::language;
use crate::logic::alert::rule::Semantics;
use crate::logic::nearest::nearest;
use crate::logic::unit::Micros;

/// Keys of a file beside its rules.
pub(super) const FILE_KEYS: &[&str] =
    &["alerts", "channels", "slos", "defaults", "semantics", "interval"];
/// Between two evaluations where a file asks for Prometheus' semantics and names none: its default.
const PROMETHEUS_INTERVAL: Micros = Micros::from_millis(60_000);

/// The parts of one file.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    pub(super) rules: Vec<Part<'a>>,
    pub(super) channels: Option<&'a Node>,
    pub(super) slos: Option<&'a Node>,
    pub(super) defaults: Option<&'a Node>,
    pub(super) semantics: Semantics,
    pub(super) interval: Option<Micros>,
}

/// A rule as written, and the piece it stands in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) piece: &'a Piece,
    pub(super) node: &'a Node,
}

/// Finds the parts.
pub(super) fn parts<'a>(pieces: &'a [Piece], f: &mut Findings) -> Parts<'a> {
    let mut parts = Parts::default();
    let mut seen: Vec<&str> = Vec::new();
    for piece in pieces {
        let Value::Map(entries) = &piece.root.value else {
            f.add(not_a_mapping(&piece.root));
            continue;
        };
        if entries.iter().any(|e| e.key == "alert") {
            parts.rules.push(Part { piece, node: &piece.root });
            continue;
        }
        for entry in entries {
            if entry.key != "alerts" && seen.contains(&entry.key.as_str()) {
                let why = format!("`{}` stands in this file already", entry.key);
                f.add(Problem::new(entry.place.clone(), why).hint("join the two"));
                continue;
            }
            seen.push(&entry.key);
            section(&mut parts, piece, entry, f);
        }
    }
    if parts.semantics == Semantics::Prometheus {
        parts.interval.get_or_insert(PROMETHEUS_INTERVAL);
    }
    parts
}

fn section<'a>(parts: &mut Parts<'a>, piece: &'a Piece, entry: &'a Entry, f: &mut Findings) {
    let node = &entry.node;
    let fields = Fields { own: &piece.root, defaults: None };
    match entry.key.as_str() {
        "alerts" => list(parts, piece, node, f),
        "channels" => parts.channels = Some(node),
        "slos" => parts.slos = Some(node),
        "defaults" => parts.defaults = Some(node),
        "semantics" => {
            let words =
                [("flowgauge", Semantics::Flowgauge), ("prometheus", Semantics::Prometheus)];
            let read = |t: &str| word(t, "semantics", &words);
            parts.semantics = fields.parsed(f, "semantics", Semantics::Flowgauge, read);
        }
        "interval" => {
            let read = |t: &str| language::duration(t).map(Some).map_err(|e| e.to_string());
            parts.interval = fields.parsed(f, "interval", None, read);
        }
        _ => f.add(stray(entry, piece.cut)),
    }
}

fn list<'a>(parts: &mut Parts<'a>, piece: &'a Piece, node: &'a Node, f: &mut Findings) {
    match &node.value {
        Value::Null => {}
        Value::List(items) => {
            parts.rules.extend(items.iter().map(|node| Part { piece, node }));
        }
        Value::Text(_) | Value::Map(_) => {
            let problem = Problem::new(node.place.clone(), "`alerts` is a list of rules");
            f.add(problem.hint("begin each rule with `- alert: name`"));
        }
    }
}

/// A key that belongs to no section of a file.
fn stray(entry: &Entry, cut: bool) -> Problem {
    let place: Place = entry.place.clone();
    let key = entry.key.as_str();
    if key == "groups" {
        let problem = Problem::new(place, "`groups` makes this a rule file of Prometheus");
        return problem.hint("`flowgauge alert import prometheus FILE` translates it");
    }
    if rule::KEYS.contains(&key) {
        let why = format!("`{key}` belongs to a rule, but no `alert` stands with it");
        let hint = if cut { "begin each rule with `alert: name`" } else { "add `alert: name`" };
        return Problem::new(place, why).hint(hint);
    }
    let known = FILE_KEYS.iter().chain(&["alert"]).copied();
    let problem = Problem::new(place, format!("unknown key `{key}`"));
    match nearest(key, known.clone()).or_else(|| nearest(key, rule::KEYS.iter().copied())) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(format!("known here: {}", known.collect::<Vec<_>>().join(", "))),
    }
}

fn not_a_mapping(root: &Node) -> Problem {
    let problem = Problem::new(root.place.clone(), "a rule file has rules");
    match root.value {
        Value::List(_) => problem.hint("write `alerts:` above the list"),
        _ => problem.hint("begin with `alert: name`, or with `alerts:` and a list"),
    }
}
