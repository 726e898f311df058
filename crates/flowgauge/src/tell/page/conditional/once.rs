//! Answers to requests that named themselves (`Idempotency-Key`), kept in memory for a day.
//!
//! Owns who is answered how: the same name and request get the first answer, the same name with another request is
//! refused. Refuses to grow: at the limit the oldest answer goes first. A restart forgets all.

use crate::logic::unit::UnixMicros;
use axum::body::Bytes;
use http::{HeaderValue, StatusCode};
use std::collections::BTreeMap;

/// A name counts so long: clients that retry do so within minutes, jobs within a day.
const LIFE: i64 = UnixMicros::DAY;
/// Names kept: people and deployments make tens of changes a day. With answers of a few kilobytes that is some megabytes.
const MAX_NAMES: usize = 1_000;
/// Longest answer kept: a rollback's is about 4 kB. Together with the names this bounds the memory at 64 MB.
pub(in super::super) const MAX_ANSWER: usize = 64 << 10;

/// Whose name for a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    /// The key they showed; empty without one.
    pub(super) whose: String,
    /// What they call it.
    pub(super) key: String,
}

/// Digest of method, address and body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked(pub(super) [u8; 32]);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) status: StatusCode,
    pub(super) kind: Option<HeaderValue>,
    pub(super) tag: Option<HeaderValue>,
    pub(super) body: Bytes,
}

/// What is known of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing: it is answered now.
    New,
    /// It is being answered.
    Running,
    /// It was answered.
    Answered(Kept),
    /// It stands for another request.
    Another,
    /// There is no room: all names are being answered.
    Full,
}

#[derive(Debug)]
struct Entry {
    asked: Asked,
    at: UnixMicros,
    kept: Option<Kept>,
}

/// All names.
#[derive(Debug, Default)]
pub(in super::super) struct Answered(BTreeMap<Name, Entry>);

impl Answered {
    /// What is known of a name; where nothing is, it counts as being answered from now on.
    pub(super) fn ask(&mut self, name: Name, asked: Asked, now: UnixMicros) -> Known {
        self.0.retain(|_, e| e.kept.is_none() || now.0 < e.at.0.saturating_add(LIFE));
        if let Some(entry) = self.0.get(&name) {
            return match &entry.kept {
                _ if entry.asked != asked => Known::Another,
                None => Known::Running,
                Some(kept) => Known::Answered(kept.clone()),
            };
        }
        if self.0.len() >= MAX_NAMES && !self.make_room() {
            return Known::Full;
        }
        self.0.insert(name, Entry { asked, at: now, kept: None });
        Known::New
    }

    /// Keeps the answer to a name.
    pub(super) fn keep(&mut self, name: &Name, kept: Kept, now: UnixMicros) {
        if let Some(entry) = self.0.get_mut(name) {
            entry.kept = Some(kept);
            entry.at = now;
        }
    }

    /// Forgets a name that has no answer.
    pub(super) fn forget_running(&mut self, name: &Name) {
        if self.0.get(name).is_some_and(|e| e.kept.is_none()) {
            self.0.remove(name);
        }
    }

    fn make_room(&mut self) -> bool {
        let answered = self.0.iter().filter(|(_, e)| e.kept.is_some());
        let Some(oldest) = answered.min_by_key(|(_, e)| e.at).map(|(n, _)| n.clone()) else {
            return false;
        };
        self.0.remove(&oldest).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(key: usize) -> Name {
        Name { whose: String::new(), key: key.to_string() }
    }

    fn kept(text: &'static str) -> Kept {
        let body = Bytes::from_static(text.as_bytes());
        Kept { status: StatusCode::OK, kind: None, tag: None, body }
    }

    #[test]
    fn a_name_gets_its_first_answer_for_a_day_and_stands_for_one_request() {
        let (mut all, one, other) = (Answered::default(), Asked([1; 32]), Asked([2; 32]));
        assert_eq!(all.ask(name(1), one, UnixMicros(0)), Known::New);
        assert_eq!(all.ask(name(1), one, UnixMicros(0)), Known::Running);
        all.keep(&name(1), kept("first"), UnixMicros(0));
        let late = UnixMicros(LIFE - 1);
        assert_eq!(all.ask(name(1), one, late), Known::Answered(kept("first")));
        assert_eq!(all.ask(name(1), other, late), Known::Another);
        let another = Name { whose: "fg_1".to_owned(), ..name(1) };
        assert_eq!(all.ask(another, other, late), Known::New, "of another key");
        assert_eq!(all.ask(name(1), other, UnixMicros(LIFE)), Known::New);
        all.forget_running(&name(1));
        assert_eq!(all.ask(name(1), one, UnixMicros(LIFE)), Known::New);
    }

    #[test]
    fn at_the_limit_the_oldest_answer_goes_and_what_is_being_answered_stays() {
        let (mut all, asked) = (Answered::default(), Asked([1; 32]));
        for n in 0..MAX_NAMES {
            assert_eq!(all.ask(name(n), asked, UnixMicros(0)), Known::New);
        }
        assert_eq!(all.ask(name(MAX_NAMES), asked, UnixMicros(0)), Known::Full);
        all.keep(&name(8), kept("b"), UnixMicros(2));
        all.keep(&name(7), kept("a"), UnixMicros(1));
        assert_eq!(all.ask(name(MAX_NAMES), asked, UnixMicros(3)), Known::New);
        assert_eq!(all.0.len(), MAX_NAMES);
        assert_eq!(all.ask(name(8), asked, UnixMicros(3)), Known::Answered(kept("b")));
    }
}
