//! `config diff`: what is otherwise than it was after a change, in a backup, or in the file here.

use super::super::exit::{self, BAD_DATA, Done, FINDING, Failure};
use super::super::globals::Globals;
use super::super::remote::Remote;
use super::super::show::{self, Sheet, ShowArgs};
use super::backup::control_of;
use crate::keep::backup::{BackupSet, ControlPart, Part, set};
use crate::tell::page::control::whole::WholeSettings;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Options of `config diff`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge config diff --against running
  flowgauge config diff --from 12
  flowgauge config diff --from /var/backup/flowgauge --json

Exit codes:
  0   no difference
  1   differences
  64  no such change
  65  the backup is damaged
  69  no server answers
  77  not permitted")]
pub(crate) struct DiffArgs {
    /// The number of a change, for the settings after it, or a folder with a backup; the configuration here where
    /// left out
    #[arg(long, value_name = "CHANGE|DIR")]
    from: Option<String>,
    /// What to compare with
    #[arg(long, value_enum, default_value = "running")]
    against: Against,
    #[command(flatten)]
    show: ShowArgs,
}

/// What is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Against {
    /// The running server
    Running,
}

/// A difference.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
struct Difference {
    what: &'static str,
    key: String,
    from: Option<Value>,
    running: Option<Value>,
}

type Leaves = BTreeMap<String, Value>;

/// Runs it.
pub(super) fn run(args: &DiffArgs, globals: &Globals) -> Done {
    let Against::Running = args.against;
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    let found = match args.from.as_deref() {
        Some(from) if from.parse::<u64>().is_ok() => since_change(&remote, from)?,
        Some(dir) => since_backup(&remote, Path::new(dir))?,
        None => {
            let here = &loaded.config.told;
            let knobs = here.knobs.iter().map(|k| (k.key.clone(), Value::from(k.value.clone())));
            between("configuration", &knobs.collect(), &running(&remote)?.configuration)
        }
    };
    let mut sheet = Sheet { columns: vec!["what", "key", "from", "running"], rows: Vec::new() };
    let word = |v: &Option<Value>| v.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string);
    for d in &found {
        sheet.row([d.what, &d.key, &word(&d.from), &word(&d.running)]);
    }
    args.show.print(&sheet, &show::json(&found)?)?;
    Ok(if found.is_empty() { exit::OK } else { FINDING })
}

fn since_change(remote: &Remote, change: &str) -> Result<Vec<Difference>, Failure> {
    let path = "/api/v1/control/settings";
    let then: WholeSettings = remote.get(path, &[("change", change.to_owned())])?;
    let now: WholeSettings = remote.get(path, &[])?;
    Ok(between(
        "control",
        &leaves(&show::json(&then.settings)?),
        &leaves(&show::json(&now.settings)?),
    ))
}

fn since_backup(remote: &Remote, dir: &Path) -> Result<Vec<Difference>, Failure> {
    let whole = set::read(dir, None)?;
    let now = running(remote)?;
    let control = leaves(&show::json(&control_of(&whole)?.settings)?);
    let mut found = between("control", &control, &now.control);
    let configuration = configuration(whole.text(Part::Config)?)?;
    found.extend(between("configuration", &configuration, &now.configuration));
    found.extend(between("environment", &lines(whole.text(Part::Env)?), &now.environment));
    Ok(found)
}

/// What the server runs with.
struct Running {
    control: Leaves,
    configuration: Leaves,
    environment: Leaves,
}

fn running(remote: &Remote) -> Result<Running, Failure> {
    let set: BackupSet = remote.get("/api/v1/config/backup", &[])?;
    let text = |part| set.texts.iter().find(|t| t.part == part).map_or("", |t| t.text.as_str());
    // Through the type: a number read as text has other digits than the same one written from memory.
    let control: Option<ControlPart> = serde_json::from_str(text(Part::Control)).ok();
    let control = control.map(|part| show::json(&part.settings)).transpose()?;
    Ok(Running {
        control: control.as_ref().map(leaves).unwrap_or_default(),
        configuration: configuration(text(Part::Config))?,
        environment: lines(text(Part::Env)),
    })
}

fn configuration(text: &str) -> Result<Leaves, Failure> {
    let all: BTreeMap<String, Value> = serde_json::from_str(text)
        .map_err(|e| Failure::new(BAD_DATA, format!("the configuration told: {e}")))?;
    let value = |(key, knob): (String, Value)| Some((key, knob.get("value")?.clone()));
    Ok(all.into_iter().filter_map(value).collect())
}

fn lines(text: &str) -> Leaves {
    text.lines().filter_map(|l| l.split_once('=')).map(|(n, v)| (n.to_owned(), v.into())).collect()
}

/// Every value by its JSON pointer; a list is one value.
fn leaves(tree: &Value) -> Leaves {
    fn walk(tree: &Value, path: &str, out: &mut Leaves) {
        match tree {
            Value::Object(map) if !map.is_empty() => {
                map.iter().for_each(|(name, value)| walk(value, &format!("{path}/{name}"), out));
            }
            leaf => {
                out.insert(path.to_owned(), leaf.clone());
            }
        }
    }
    let mut out = Leaves::new();
    walk(tree, "", &mut out);
    out
}

fn between(what: &'static str, from: &Leaves, running: &Leaves) -> Vec<Difference> {
    let keys: BTreeSet<&String> = from.keys().chain(running.keys()).collect();
    keys.into_iter()
        .filter(|key| from.get(*key) != running.get(*key))
        .map(|key| Difference {
            what,
            key: key.clone(),
            from: from.get(key).cloned(),
            running: running.get(key).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_named_value_by_value_and_a_list_is_one() {
        let from = leaves(&json!({"a": {"b": 1, "c": [1, 2]}, "d": "x"}));
        let now = leaves(&json!({"a": {"b": 2, "c": [1]}, "d": "x", "e": {}}));
        let found = between("control", &from, &now);
        let keys: Vec<_> = found.iter().map(|d| d.key.as_str()).collect();
        assert_eq!(keys, ["/a/b", "/a/c", "/e"]);
        assert_eq!((&found[0].from, &found[2].from), (&Some(json!(1)), &None));
    }
}
