//! What ways remember between two messages, and what of it the disk does not know yet. The worker keeps
//! that with what came of the message, so that a restart forgets neither a thread nor a recipient.

use crate::logic::alert::notice::Notice;
use crate::store::WayNote;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// Most notes kept: far more episodes than channels have open, at some 200 bytes each.
pub const MAX_NOTES: usize = 10_000;

/// Notes by key. A key begins with the episode's id, which is ordered by time: the oldest go first.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Notes>);

#[derive(Debug, Default)]
struct Notes {
    kept: BTreeMap<String, String>,
    changed: BTreeSet<String>,
}

impl Notes {
    fn put(&mut self, key: String, text: String) {
        self.changed.insert(key.clone());
        self.kept.insert(key, text);
        if self.kept.len() > MAX_NOTES
            && let Some((oldest, _)) = self.kept.pop_first()
        {
            self.changed.insert(oldest);
        }
    }
}

/// The key of what is remembered about an episode (or a step of it) and a channel.
pub(super) fn key(notice: &Notice, about: &str) -> String {
    format!("{} {about} {}", notice.episode, notice.channel)
}

impl Memory {
    /// As the disk has it.
    pub(super) fn of(notes: Vec<(String, String)>) -> Self {
        let notes = Notes { kept: notes.into_iter().collect(), changed: BTreeSet::new() };
        Self(Mutex::new(notes))
    }

    /// What was noted. A note of another version is none.
    pub(super) fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_str(self.0.lock().kept.get(key)?).ok()
    }

    pub(super) fn put<T: Serialize>(&self, key: String, note: &T) {
        if let Ok(text) = serde_json::to_string(note) {
            self.0.lock().put(key, text);
        }
    }

    pub(super) fn forget(&self, key: &str) {
        let mut notes = self.0.lock();
        if notes.kept.remove(key).is_some() {
            notes.changed.insert(key.to_owned());
        }
    }

    /// What the disk does not know yet. Whoever takes it keeps it, or gives its keys back.
    pub(super) fn changed(&self) -> Vec<WayNote> {
        let mut notes = self.0.lock();
        let changed = std::mem::take(&mut notes.changed);
        changed
            .into_iter()
            .map(|key| (notes.kept.get(&key).cloned(), key))
            .map(|(n, k)| (k, n))
            .collect()
    }

    /// These could not be kept.
    pub(super) fn unkept(&self, notes: &[WayNote]) {
        self.0.lock().changed.extend(notes.iter().map(|(key, _)| key.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_has_an_end_and_the_disk_hears_what_it_forgets() {
        let memory = Memory::default();
        for n in 0..=MAX_NOTES {
            memory.put(format!("{n:06}"), &n);
        }
        assert_eq!(memory.get::<usize>("000000"), None);
        assert_eq!(memory.get::<usize>("000001"), Some(1));
        let changed = memory.changed();
        assert_eq!(changed[0], ("000000".to_owned(), None));
        assert_eq!(changed.len(), MAX_NOTES + 1);
    }

    #[test]
    fn what_could_not_be_kept_is_handed_out_again() {
        let memory = Memory::of(vec![("b".into(), "2".into())]);
        memory.put("a".into(), &1);
        memory.forget("b");
        memory.forget("never there");
        let changed = memory.changed();
        assert_eq!(changed, [("a".to_owned(), Some("1".to_owned())), ("b".to_owned(), None)]);
        assert!(memory.changed().is_empty());
        memory.unkept(&changed);
        memory.put("a".into(), &3);
        assert_eq!(memory.changed()[0], ("a".to_owned(), Some("3".to_owned())));
    }
}
