//! The log of changes, of which the oldest may be folded into what they set, so that reading the state takes a bounded
//! time however long the log grows.
//!
//! Owns what may be folded: never a change whose end is to come, one that a later one takes back, what the kill switch
//! holds, nor what lies over any of these. Refuses a fold that gives another state than the log did.

use super::diff::Assignment;
use super::{Broken, Change, Settings, State, in_force};
use crate::unit::UnixMicros;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// What is set by changes that are folded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// The last change up to which they are; those that were kept apart are in the log beside it.
    pub upto: u64,
    /// How many of them ended by themselves.
    pub ended: u64,
    /// What they set, in the order in which it is written.
    pub set: Vec<Assignment>,
}

/// Nothing is folded.
static BEGINNING: Base = Base { upto: 0, ended: 0, set: Vec::new() };

/// A log: what is folded, and the changes that are not, the oldest first.
#[derive(Debug, Clone, Copy)]
pub struct Journal<'a> {
    base: &'a Base,
    changes: &'a [Change],
}

impl<'a> From<&'a [Change]> for Journal<'a> {
    fn from(changes: &'a [Change]) -> Self {
        Self { base: &BEGINNING, changes }
    }
}

impl<'a> From<&'a Vec<Change>> for Journal<'a> {
    fn from(changes: &'a Vec<Change>) -> Self {
        Self::from(changes.as_slice())
    }
}

impl<'a, const N: usize> From<&'a [Change; N]> for Journal<'a> {
    fn from(changes: &'a [Change; N]) -> Self {
        Self::from(changes.as_slice())
    }
}

impl<'a> Journal<'a> {
    /// Changes over what is folded.
    #[must_use]
    pub const fn over(base: &'a Base, changes: &'a [Change]) -> Self {
        Self { base, changes }
    }

    /// The changes that are not folded.
    #[must_use]
    pub const fn changes(&self) -> &'a [Change] {
        self.changes
    }

    /// The same with another log of changes over it.
    pub(super) const fn with(self, changes: &'a [Change]) -> Self {
        Self { base: self.base, changes }
    }

    /// Changes made after all that is folded.
    fn later(&self) -> &'a [Change] {
        let kept = self.changes.partition_point(|c| c.id <= self.base.upto);
        self.changes.get(kept..).unwrap_or_default()
    }

    /// The number of the next change.
    pub(super) fn next(&self) -> u64 {
        self.base.upto + self.later().len() as u64 + 1
    }

    /// Whether no number is missing, and what is taken back is there.
    fn check(&self) -> Result<(), Broken> {
        let kept = self.changes.len() - self.later().len();
        let kept = self.changes.get(..kept).unwrap_or_default();
        if let Some(pair) = kept.windows(2).find(|w| w[0].id >= w[1].id) {
            return Err(Broken::Order(pair[1].id));
        }
        for (wanted, change) in (self.base.upto + 1..).zip(self.later()) {
            let lost = |id: u64| {
                id >= change.id || id <= self.base.upto && !kept.iter().any(|k| k.id == id)
            };
            if change.id != wanted || change.undoes.is_some_and(lost) {
                return Err(Broken::Order(wanted));
            }
        }
        Ok(())
    }

    /// The settings in force, and how often they changed by themselves or by somebody.
    pub(super) fn fold(&self, now: UnixMicros) -> Result<(Settings, u64), Broken> {
        self.check()?;
        let broken = |e: serde_json::Error| Broken::Settings(e.to_string());
        let mut value = serde_json::to_value(Settings::default()).map_err(broken)?;
        self.base.set.iter().for_each(|assignment| assignment.write(&mut value));
        let force = in_force(self.changes, now);
        for change in self.changes.iter().filter(|c| force.contains(&c.id) && c.undoes.is_none()) {
            change.diff.iter().for_each(|assignment| assignment.write(&mut value));
        }
        let ended = self.changes.iter().filter(|c| c.expires.is_some_and(|e| e <= now));
        let generation = self.next() - 1 + self.base.ended + ended.count() as u64;
        Ok((serde_json::from_value(value).map_err(broken)?, generation))
    }

    /// The same log with all but the last `most` changes folded, and the changes that are then left of it; nothing
    /// where that would make it no shorter.
    #[must_use]
    pub fn folded(&self, now: UnixMicros, most: usize) -> Option<(Base, Vec<Change>)> {
        let cut = self.changes.len().checked_sub(most)?;
        let (old, recent) = self.changes.split_at_checked(cut)?;
        let keep = self.kept(old, recent, now);
        let force = in_force(self.changes, now);
        let mut base = self.base.clone();
        base.upto = old.last()?.id.max(base.upto);
        for change in old.iter().filter(|c| !keep.contains(&c.id)) {
            base.ended += u64::from(change.expires.is_some_and(|e| e <= now));
            if force.contains(&change.id) && change.undoes.is_none() {
                change.diff.iter().for_each(|a| add(&mut base.set, a));
            }
        }
        let left = self.changes.iter().enumerate();
        let left = left.filter(|(i, c)| *i >= cut || keep.contains(&c.id));
        let left: Vec<Change> = left.map(|(_, c)| c.clone()).collect();
        let same = State::at(*self, now) == State::at(Journal::over(&base, &left), now);
        (same && left.len() < self.changes.len()).then_some((base, left))
    }

    /// Which of the old changes stay as they are.
    fn kept(&self, old: &[Change], recent: &[Change], now: UnixMicros) -> BTreeSet<u64> {
        let force = in_force(self.changes, now);
        let mut keep: BTreeSet<u64> = recent.iter().filter_map(|c| c.undoes).collect();
        keep.extend(old.iter().filter(|c| c.expires.is_some_and(|e| e > now)).map(|c| c.id));
        // Who holds the switch, and since when, is asked in an emergency.
        let holds = |path: &str| {
            let sets = |c: &&Change| c.diff.iter().any(|a| a.path == path);
            old.iter().rev().filter(|c| force.contains(&c.id)).find(sets).map(|c| c.id)
        };
        keep.extend(["/kill/all", "/kill/only"].into_iter().filter_map(holds));
        loop {
            let before = keep.len();
            for change in old {
                let of = change.undoes.filter(|_| keep.contains(&change.id));
                let by = change.undoes.filter(|id| keep.contains(id)).map(|_| change.id);
                keep.extend(of.into_iter().chain(by));
                let over = |c: &Change| c.id < change.id && keep.contains(&c.id) && meet(c, change);
                if change.undoes.is_none() && old.iter().any(over) {
                    keep.insert(change.id);
                }
            }
            if keep.len() == before {
                return keep;
            }
        }
    }
}

/// Whether two changes set the same, or one a part of what the other sets.
fn meet(one: &Change, other: &Change) -> bool {
    one.diff
        .iter()
        .any(|a| other.diff.iter().any(|b| is_in(&a.path, &b.path) || is_in(&b.path, &a.path)))
}

/// Whether a path is another, or leads on from it.
fn is_in(path: &str, of: &str) -> bool {
    path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Adds what is set now; what it covers is not set any more.
fn add(set: &mut Vec<Assignment>, new: &Assignment) {
    set.retain(|a| !is_in(&a.path, &new.path));
    let (path, after) = (new.path.clone(), new.after.clone());
    set.push(Assignment { path, before: Value::Null, after });
}
