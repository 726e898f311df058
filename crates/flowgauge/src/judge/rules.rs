//! Rule files: from text as people write it to checked rules, or every fault with its place.
//!
//! Owns the accepted forms, all keys, and what holds over several files (names, channels,
//! objectives). Refuses to know what a condition means: `logic::alert::language` does.

pub mod borrowed;
mod channels;
pub(super) mod fields;
mod format;
mod forms;
mod mapping;
mod parts;
pub mod prometheus;
mod rule;
mod scalar;
mod slos;
mod times;
mod whole;

use super::RuleSet;
use crate::config::Config;
use crate::config::alerts::RuleSource;
use crate::config::problem::{Place, Problem, Problems};
use std::fs;

pub use format::format;

/// The guide's eight rules, as it prints them.
const GUIDE: &str = include_str!("../../../../rules/guide.yaml");
/// The limits the guide states without printing a rule.
const REGRESSION: &str = include_str!("../../../../rules/regression.yaml");
const DERIVED: &str = include_str!("../../../../rules/derived.yaml");
/// Objectives and their burn rates.
const SLO: &str = include_str!("../../../../rules/slo.yaml");
/// Largest rule file: ten thousand rules of the longer kind.
const MAX_FILE: u64 = 16 << 20;

/// What rules may refer to.
pub struct World<'a> {
    /// Budgets and the mail server come from here.
    pub config: &'a Config,
    /// Variables of the environment, for addresses and secrets of channels.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

impl std::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

/// A file and its text.
#[derive(Debug)]
struct File {
    name: String,
    text: String,
    shipped: bool,
}

/// Reads and checks all rule files together.
///
/// # Errors
/// The faults of every file that has any, in the order of the files.
pub fn load(sources: &[RuleSource], world: &World<'_>) -> Result<RuleSet, Vec<Problems>> {
    let (mut files, mut refused) = (Vec::new(), Vec::new());
    for source in sources {
        match open(source) {
            Ok(file) => files.push(file),
            Err(problems) => refused.push(problems),
        }
    }
    match whole::load(&files, world) {
        Ok(set) if refused.is_empty() => Ok(set),
        Ok(_) => Err(refused),
        Err(mut problems) => {
            refused.append(&mut problems);
            Err(refused)
        }
    }
}

/// Reads and checks one file's text.
///
/// # Errors
/// Its faults, in the order of the file.
pub fn load_text(name: &str, text: &str, world: &World<'_>) -> Result<RuleSet, Problems> {
    let file = File { name: name.to_owned(), text: text.to_owned(), shipped: false };
    whole::load(std::slice::from_ref(&file), world).map_err(|mut problems| {
        let none = || Problems { file: name.to_owned(), text: String::new(), list: Vec::new() };
        problems.pop().unwrap_or_else(none)
    })
}

/// Reads and checks several files that are texts already, by name.
///
/// # Errors
/// The faults of every file that has any, in the order given.
pub fn load_texts(
    files: impl Iterator<Item = (String, String)>,
    world: &World<'_>,
) -> Result<RuleSet, Vec<Problems>> {
    let files: Vec<File> = files.map(|(name, text)| File { name, text, shipped: false }).collect();
    whole::load(&files, world)
}

/// Name and text of a source, and whether it is shipped.
///
/// # Errors
/// The file cannot be read.
pub fn text_of(source: &RuleSource) -> Result<(String, String, bool), Problems> {
    open(source).map(|File { name, text, shipped }| (name, text, shipped))
}

fn open(source: &RuleSource) -> Result<File, Problems> {
    let shipped = |name: &str, text: &str| {
        Ok(File { name: name.to_owned(), text: text.to_owned(), shipped: true })
    };
    let path = match source {
        RuleSource::Guide => return shipped("builtin:guide", GUIDE),
        RuleSource::Derived => return shipped("builtin:derived", DERIVED),
        RuleSource::Regression => return shipped("builtin:regression", REGRESSION),
        RuleSource::Slo => return shipped("builtin:slo", SLO),
        RuleSource::File(path) => path,
    };
    let name = path.display().to_string();
    let size = fs::metadata(path).map(|m| m.len());
    let text = match size {
        Ok(size) if size > MAX_FILE => Err(format!("it has {size} bytes; {MAX_FILE} are read")),
        Ok(_) => fs::read_to_string(path).map_err(|e| e.to_string()),
        Err(e) => Err(e.to_string()),
    };
    match text {
        Ok(text) => Ok(File { name, text, shipped: false }),
        Err(why) => {
            let problem =
                Problem::new(Place::Whole, format!("the rule file cannot be read: {why}"));
            let list = vec![problem.hint("name it in alerts.rules, or remove it there")];
            Err(Problems { file: name, text: String::new(), list })
        }
    }
}

/// Letters, digits, `_`, `-` and `.`, not beginning with a digit.
fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

#[cfg(test)]
mod tests;
