//! The guide's arguments as this program's: options in any order, `--name=value` too, and an option wins over an
//! argument without a name.
//!
//! An option that the row does not know stands as it is: every option of the command works under the guide's name
//! too, and the command says what it does not know.

use super::row::{Manner, Means, Places, Row};
use std::collections::BTreeMap;

/// Arguments that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUse {
    /// An option without its value.
    #[error("{0} needs a value")]
    NoValue(String),
    /// A flag with a value.
    #[error("{0} takes no value")]
    TakesNone(String),
    /// An argument too many.
    #[error("{0:?} is one argument too many")]
    TooMany(String),
    /// A file that is not what the guide makes.
    #[error("{0}")]
    BadInput(String),
    /// A file is missing from the arguments.
    #[error("{0} is missing")]
    Missing(&'static str),
}

/// A command line of this program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Translated {
    /// Its words, the command first.
    pub words: Vec<String>,
    /// Values the plan needs, by the guide's option.
    pub kept: BTreeMap<&'static str, String>,
}

impl Translated {
    /// Whether one of these options is there.
    #[must_use]
    pub fn has(&self, options: &[&str]) -> bool {
        self.words.iter().any(|w| {
            let name = w.split_once('=').map_or(w.as_str(), |(name, _)| name);
            options.contains(&name)
        })
    }
}

/// Translates arguments that were given to a name of the guide.
///
/// # Errors
/// An option lacks its value, a flag has one, or there is an argument too many.
pub fn translate(row: &Row, given: &[String], terminal: bool) -> Result<Translated, BadUse> {
    let mut out = Translated { words: owned(row.command), ..Translated::default() };
    let mut places: Vec<&String> = Vec::new();
    let mut rest = given.iter();
    while let Some(word) = rest.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (word.as_str(), None),
        };
        match row.options.iter().find(|(option, _)| *option == name) {
            Some((_, Means::Words(_) | Means::Usual)) if value.is_some() => {
                return Err(BadUse::TakesNone(name.to_owned()));
            }
            Some((_, Means::Words(words))) => out.words.extend(owned(words)),
            Some((_, Means::Usual)) => {}
            Some((option, means)) => {
                let value = value.or_else(|| rest.next().cloned());
                let value = value.ok_or_else(|| BadUse::NoValue(name.to_owned()))?;
                match means {
                    Means::Value(own) => out.words.push(format!("{own}={value}")),
                    Means::Kept => drop(out.kept.insert(option, value)),
                    _ => out.words.push(value),
                }
            }
            None if matches!(row.places, Places::Options(_)) && !is_option(word) => {
                places.push(word);
            }
            None => out.words.push(word.clone()),
        }
    }
    place(row, &places, &mut out)?;
    for (unless, words) in row.usual {
        if !out.has(unless) {
            out.words.extend(owned(words));
        }
    }
    manner(row, terminal, &mut out);
    Ok(out)
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

fn is_option(word: &str) -> bool {
    word.starts_with('-') && word != "-"
}

fn place(row: &Row, given: &[&String], out: &mut Translated) -> Result<(), BadUse> {
    let Places::Options(options) = row.places else { return Ok(()) };
    if let Some(word) = given.get(options.len()) {
        return Err(BadUse::TooMany((*word).clone()));
    }
    for (option, value) in options.iter().zip(given) {
        if !out.has(&[option]) {
            out.words.push(format!("{option}={value}"));
        }
    }
    Ok(())
}

/// Whoever calls a name of the guide by a script cannot be asked: the name is the confirmation, and the reason.
fn manner(row: &Row, terminal: bool, out: &mut Translated) {
    let (yes, reason) = match row.manner {
        Manner::Reads => (false, None),
        Manner::Sure => (true, Some("--reason")),
        Manner::Yes => (true, None),
        Manner::Reason => (false, Some("--reason")),
        Manner::Why => (false, Some("--why")),
    };
    if yes && !terminal && !out.has(&["--yes", "-y", "--dry-run"]) {
        out.words.push("--yes".to_owned());
    }
    if let Some(option) = reason
        && !out.has(&[option])
    {
        out.words.push(format!("{option}=asked for as {}", row.base()));
    }
}
