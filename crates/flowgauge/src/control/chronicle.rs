//! What changed beside the settings: prices, rules, and the program itself, each by comparison with what was seen before; and
//! what people noted.
//!
//! Owns what was seen last and the lines that follow from it. Refuses to stop anything: a line that cannot be written is
//! lost and said. What is there at the very first start is no change.

use crate::logic::unit::UnixMicros;
use crate::serve::clock::Clock;
use crate::store::{ControlStore, StoreError};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names told of one change; a whole new price list has hundreds.
const MOST_NAMES: usize = 20;

/// What stands for something too long to be told begins so.
pub const DIGEST: &str = "digest:";

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Prices of models.
    Prices,
    /// Alert rules.
    Rules,
    /// The version of flowgauge.
    Program,
    /// What a person noted, at the time it was noted for.
    Note,
}

impl Kind {
    /// The word in answers and options.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Prices => "prices",
            Self::Rules => "rules",
            Self::Program => "program",
            Self::Note => "note",
        }
    }
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chronicled {
    /// When it was seen.
    pub at: UnixMicros,
    /// What changed.
    pub kind: Kind,
    /// What about it, in words.
    pub what: String,
    /// By whom or by what: `start`, `reload`, `api`, a person.
    pub by: String,
}

/// The chronicle.
#[derive(Debug)]
pub struct Chronicle {
    store: Arc<ControlStore>,
    clock: Clock,
    /// One look at a time: each is compared with the one before.
    looking: Mutex<()>,
}

impl Chronicle {
    pub(super) fn new(store: Arc<ControlStore>, clock: Clock) -> Self {
        Self { store, clock, looking: Mutex::new(()) }
    }

    /// What is there now, as names with what each stands for. Blocks on the store.
    pub fn saw(&self, kind: Kind, now: &BTreeMap<String, String>, by: &str) {
        if let Err(error) = self.compare(kind, now, by) {
            tracing::warn!(%error, kind = kind.word(), "a change is missing in the history");
        }
    }

    fn compare(
        &self,
        kind: Kind,
        now: &BTreeMap<String, String>,
        by: &str,
    ) -> Result<(), StoreError> {
        let _one = self.looking.lock();
        let name = format!("seen.{}", kind.word());
        let before: Option<BTreeMap<String, String>> = self.store.note(&name)?;
        if before.as_ref() == Some(now) {
            return Ok(());
        }
        if let Some(what) = before.and_then(|before| difference(&before, now)) {
            let at = self.clock.now();
            self.store.chronicled(&Chronicled { at, kind, what, by: by.to_owned() })?;
        }
        self.store.put_note(&name, now)
    }

    /// Adds what a person noted. Blocks on the store.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn note(&self, at: UnixMicros, text: String, author: String) -> Result<(), StoreError> {
        self.store.chronicled(&Chronicled { at, kind: Kind::Note, what: text, by: author })
    }

    /// All lines in the order they were written. Blocks on the store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn all(&self) -> Result<Vec<Chronicled>, StoreError> {
        self.store.chronicle()
    }
}

/// In words; nothing where it is the same.
fn difference(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Option<String> {
    let changed = |name: &&String| before.get(*name).is_some_and(|b| now.get(*name) != Some(b));
    let sets: [(&str, Vec<&String>); 3] = [
        ("new", now.keys().filter(|n| !before.contains_key(*n)).collect()),
        ("gone", before.keys().filter(|n| !now.contains_key(*n)).collect()),
        ("changed", now.keys().filter(changed).collect()),
    ];
    let told = |(word, names): &(&str, Vec<&String>)| {
        let shown: Vec<String> =
            names.iter().take(MOST_NAMES).map(|n| one(n, before, now)).collect();
        let more = names.len().saturating_sub(MOST_NAMES);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        (!names.is_empty()).then(|| format!("{word}: {}{more}", shown.join(", ")))
    };
    let parts: Vec<String> = sets.iter().filter_map(told).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// A name, with what it stood for and stands for where that is short enough to be read.
fn one(name: &str, before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> String {
    const READABLE: usize = 80;
    // A digest says nothing to anybody.
    let told = |text: &&String| text.len() <= READABLE && !text.starts_with(DIGEST);
    match (before.get(name).filter(told), now.get(name).filter(told)) {
        (Some(b), Some(n)) => {
            format!("{name} {b} -> {n}")
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn the_first_look_is_no_change_and_each_later_one_tells_what_is_new_gone_and_other() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(ControlStore::open(dir.path()).unwrap());
        let (clock, hand) = Clock::frozen(UnixMicros(5));
        let chronicle = Chronicle::new(Arc::clone(&store), clock.clone());
        chronicle.saw(Kind::Prices, &of(&[("a", "1"), ("b", "2")]), "start");
        assert_eq!(chronicle.all().unwrap(), []);
        hand.advance(crate::logic::unit::Micros(2));
        // As after a restart.
        let chronicle = Chronicle::new(store, clock);
        chronicle.saw(Kind::Prices, &of(&[("b", "3"), ("c", "4")]), "reload");
        chronicle.saw(Kind::Prices, &of(&[("b", "3"), ("c", "4")]), "reload");
        chronicle.saw(Kind::Rules, &of(&[]), "start");
        let all = chronicle.all().unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].at, all[0].by.as_str()), (UnixMicros(7), "reload"));
        assert_eq!(all[0].what, "new: c; gone: a; changed: b 2 -> 3");
    }
}
