//! Questions asked before in other words: found by likeness, served only when they are the same question.
//!
//! Owns the index of questions, one shelf for each scope (caller, model, system prompt, parameters, conversation so
//! far), and the report of what came near. Likeness only proposes; [`Meaning::same`] decides, whatever made the
//! vectors. Refuses to compare across scopes: there is no shelf on which two callers meet.

pub mod embed;
mod near;

#[cfg(test)]
mod tests;

use super::key::Key;
use super::meaning::{Difference, Meaning};
use embed::{Embedding, Signs};
use std::collections::{BTreeSet, HashMap};

/// Questions proposed by their signs, to be measured exactly (performance, 3.6).
const PROPOSED: usize = 64;
/// Near misses reported of one lookup.
const REPORTED: usize = 3;

/// What counts as like.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Likeness {
    /// Cosine from which a question is served, if it is the same.
    pub serve: f32,
    /// Cosine from which one that is not served is reported.
    pub report: f32,
}

impl Default for Likeness {
    /// The application's own threshold (catalogue E.2). What is reported begins where the built-in vectors put a
    /// question with its words in another order; encoders put it higher.
    fn default() -> Self {
        Self { serve: 0.95, report: 0.6 }
    }
}

/// A question that came near and is not served.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearMiss {
    /// The answer it would have been.
    pub key: Key,
    /// Cosine.
    pub similarity: f32,
    /// Why it is another question; nothing where it is the same and only the likeness was too small.
    pub difference: Option<Difference>,
}

/// What a lookup found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lookup {
    /// The answer to the same question, and its cosine.
    pub hit: Option<(Key, f32)>,
    /// The nearest that are not served, nearest first.
    pub near: Vec<NearMiss>,
}

#[derive(Debug)]
struct Row {
    vector: Embedding,
    meaning: Meaning,
    key: Key,
}

/// The questions of one scope. Signs lie apart, so that the first look reads nothing else.
#[derive(Debug, Default)]
struct Shelf {
    signs: Vec<Signs>,
    rows: Vec<Row>,
}

/// Where a question stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    scope: Key,
    row: usize,
    born: u64,
}

/// The questions whose answers are in memory.
#[derive(Debug)]
pub struct Index {
    shelves: HashMap<Key, Shelf>,
    places: HashMap<Key, Place>,
    /// Answers by age, oldest first.
    ages: BTreeSet<(u64, Key)>,
    turn: u64,
    max: usize,
}

impl Index {
    /// For at most `max` questions; beyond it the oldest goes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            shelves: HashMap::new(),
            places: HashMap::new(),
            ages: BTreeSet::new(),
            turn: 0,
            max,
        }
    }

    /// Remembers the question whose answer is kept under `key`.
    pub fn insert(&mut self, scope: Key, key: Key, vector: Embedding, meaning: Meaning) {
        self.remove(&key);
        while self.places.len() >= self.max {
            let Some((_, oldest)) = self.ages.first().copied() else { return };
            self.remove(&oldest);
        }
        self.turn += 1;
        let shelf = self.shelves.entry(scope).or_default();
        self.places.insert(key, Place { scope, row: shelf.rows.len(), born: self.turn });
        self.ages.insert((self.turn, key));
        shelf.signs.push(vector.signs());
        shelf.rows.push(Row { vector, meaning, key });
    }

    /// Forgets a question whose answer is gone.
    pub fn remove(&mut self, key: &Key) -> bool {
        let Some(place) = self.places.remove(key) else { return false };
        self.ages.remove(&(place.born, *key));
        let Some(shelf) = self.shelves.get_mut(&place.scope) else { return false };
        if place.row < shelf.rows.len() {
            shelf.rows.swap_remove(place.row);
            shelf.signs.swap_remove(place.row);
        }
        // The last row took its place.
        if let Some(moved) = shelf.rows.get(place.row).and_then(|r| self.places.get_mut(&r.key)) {
            moved.row = place.row;
        }
        if shelf.rows.is_empty() {
            self.shelves.remove(&place.scope);
        }
        true
    }

    /// Whether the question of an answer is remembered.
    #[must_use]
    pub fn holds(&self, key: &Key) -> bool {
        self.places.contains_key(key)
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self::new(self.max);
    }

    /// Questions remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Looks for the same question in the same scope.
    #[must_use]
    pub fn find(
        &self,
        scope: &Key,
        vector: &Embedding,
        meaning: &Meaning,
        like: Likeness,
    ) -> Lookup {
        let Some(shelf) = self.shelves.get(scope) else { return Lookup::default() };
        let least = like.report.min(like.serve);
        let mut measured: Vec<(f32, &Row)> =
            near::nearest(&shelf.signs, &vector.signs(), least, PROPOSED)
                .into_iter()
                .filter_map(|at| shelf.rows.get(at))
                .map(|row| (vector.cosine(&row.vector), row))
                .filter(|(similarity, _)| *similarity >= least)
                .collect();
        measured.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.key.cmp(&b.1.key)));
        let mut found = Lookup::default();
        for (similarity, row) in measured {
            let difference = meaning.same(&row.meaning).err();
            if difference.is_none() && similarity >= like.serve && found.hit.is_none() {
                found.hit = Some((row.key, similarity));
            } else if found.near.len() < REPORTED && similarity >= like.report {
                found.near.push(NearMiss { key: row.key, similarity, difference });
            }
        }
        found
    }
}
