//! Who follows the state from outside: applications that poll the switches and say which generation they obey.
//!
//! Owns their names and what each acknowledged last. Refuses to remember forever: who has not been seen for a while is
//! gone, not behind, and there is room for so many only.

use crate::logic::unit::{Micros, UnixMicros};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokio::sync::watch;

/// Who is silent for longer is forgotten. Followers ask again at least every half minute, so this is ten missed turns.
const FORGOTTEN_AFTER: Micros = Micros::from_millis(300_000);
/// Followers remembered. Beyond any fleet that one flowgauge serves; more would be names made up by a loop.
const MAX_INSTANCES: usize = 1_000;
/// Longest name: host, process and application fit.
const MAX_NAME: usize = 128;

/// A follower.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// What it calls itself.
    pub name: String,
    /// The last generation it obeys; nothing where it has only asked so far.
    pub acknowledged: Option<u64>,
    /// When it was last seen, microseconds since 1970.
    pub seen: UnixMicros,
}

/// How all followers stand towards a generation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// Followers that are alive.
    pub all: usize,
    /// Of those, the ones that do not obey it yet.
    pub behind: Vec<Instance>,
    /// Followers that made room for others since the start.
    pub displaced: u64,
}

/// Why a name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an instance is named by 1 to {MAX_NAME} printable characters")]
pub struct BadName;

/// Followers.
#[derive(Debug, Default)]
pub struct Instances {
    known: Mutex<Known>,
    /// Told of every acknowledgement.
    news: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Known {
    by_name: BTreeMap<String, (Option<u64>, UnixMicros)>,
    displaced: u64,
}

impl Instances {
    /// `name` obeys `generation`. One that obeys an older one than before was started anew; the last word counts.
    ///
    /// # Errors
    /// The name is empty, too long or not printable.
    pub fn acknowledge(&self, name: &str, generation: u64, now: UnixMicros) -> Result<(), BadName> {
        self.seen(name, Some(generation), now)
    }

    /// `name` asked and obeys nothing new yet.
    ///
    /// # Errors
    /// The name is empty, too long or not printable.
    pub fn asked(&self, name: &str, now: UnixMicros) -> Result<(), BadName> {
        self.seen(name, None, now)
    }

    /// Told of every acknowledgement.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// All that are alive, by name.
    pub fn all(&self, now: UnixMicros) -> Vec<Instance> {
        let mut known = self.known.lock();
        known.forget(now);
        known.by_name.iter().map(Instance::from).collect()
    }

    /// How all stand towards a generation.
    pub fn standing(&self, generation: u64, now: UnixMicros) -> Followed {
        let mut known = self.known.lock();
        known.forget(now);
        let behind = known
            .by_name
            .iter()
            .filter(|(_, (acknowledged, _))| acknowledged.is_none_or(|a| a < generation))
            .map(Instance::from)
            .collect();
        Followed { all: known.by_name.len(), behind, displaced: known.displaced }
    }

    fn seen(&self, name: &str, generation: Option<u64>, now: UnixMicros) -> Result<(), BadName> {
        let length = name.chars().count();
        if length == 0 || length > MAX_NAME || name.chars().any(char::is_control) {
            return Err(BadName);
        }
        let mut known = self.known.lock();
        if !known.by_name.contains_key(name) {
            known.forget(now);
            known.make_room();
        }
        let entry = known.by_name.entry(name.to_owned()).or_insert((None, now));
        *entry = (generation.or(entry.0), now);
        drop(known);
        if generation.is_some() {
            self.news.send_replace(());
        }
        Ok(())
    }
}

impl From<(&String, &(Option<u64>, UnixMicros))> for Instance {
    fn from((name, (acknowledged, seen)): (&String, &(Option<u64>, UnixMicros))) -> Self {
        Self { name: name.clone(), acknowledged: *acknowledged, seen: *seen }
    }
}

impl Known {
    fn forget(&mut self, now: UnixMicros) {
        self.by_name.retain(|_, (_, seen)| now.since(*seen) <= FORGOTTEN_AFTER);
    }

    /// The one unseen for longest makes room.
    fn make_room(&mut self) {
        if self.by_name.len() < MAX_INSTANCES {
            return;
        }
        let oldest = self.by_name.iter().min_by_key(|(_, (_, seen))| *seen).map(|(n, _)| n.clone());
        if let Some(name) = oldest {
            self.by_name.remove(&name);
            self.displaced += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> UnixMicros {
        UnixMicros(seconds * 1_000_000)
    }

    #[test]
    fn who_has_not_acknowledged_the_generation_is_behind() {
        let followers = Instances::default();
        followers.acknowledge("a", 3, at(0)).unwrap();
        followers.acknowledge("b", 4, at(0)).unwrap();
        followers.asked("c", at(1)).unwrap();
        let standing = followers.standing(4, at(1));
        let behind: Vec<_> = standing.behind.iter().map(|i| (&*i.name, i.acknowledged)).collect();
        assert_eq!((standing.all, behind), (3, vec![("a", Some(3)), ("c", None)]));
        followers.acknowledge("a", 4, at(2)).unwrap();
        followers.acknowledge("c", 5, at(2)).unwrap();
        assert!(followers.standing(4, at(2)).behind.is_empty());
    }

    #[test]
    fn asking_keeps_what_was_acknowledged() {
        let followers = Instances::default();
        followers.acknowledge("a", 3, at(0)).unwrap();
        followers.asked("a", at(9)).unwrap();
        assert!(followers.standing(3, at(9)).behind.is_empty());
    }

    #[test]
    fn who_is_silent_for_five_minutes_is_gone_and_not_behind() {
        let followers = Instances::default();
        followers.acknowledge("a", 1, at(0)).unwrap();
        assert_eq!(followers.standing(2, at(300)).behind.len(), 1);
        assert_eq!(followers.standing(2, at(301)), Followed::default());
    }

    #[test]
    fn beyond_the_limit_the_one_unseen_for_longest_makes_room() {
        let followers = Instances::default();
        for n in 0..=MAX_INSTANCES {
            let seen = at(i64::from(u32::try_from(n).unwrap()) / 100);
            followers.acknowledge(&format!("i{n}"), 1, seen).unwrap();
        }
        let standing = followers.standing(2, at(20));
        assert_eq!((standing.all, standing.displaced), (MAX_INSTANCES, 1));
        assert!(!standing.behind.iter().any(|i| i.name == "i0"));
    }

    #[test]
    fn names_are_short_and_printable() {
        let followers = Instances::default();
        for name in ["", "a\nb", &"x".repeat(MAX_NAME + 1)] {
            assert_eq!(followers.acknowledge(name, 1, at(0)), Err(BadName));
        }
        assert_eq!(followers.standing(1, at(0)).all, 0);
    }
}
