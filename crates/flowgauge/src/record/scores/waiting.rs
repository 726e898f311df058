//! Which scores wait for which call, in memory: a finished call costs three look-ups, however many
//! scores wait.

use crate::logic::call::{Call, Text};
use crate::logic::id::{CallId, TraceId};
use crate::logic::score::Reference;
use std::collections::{HashMap, HashSet, VecDeque};

/// Scores looked out for at once, about 20 MiB; older ones stay on disk and are looked for at the
/// next start.
pub(super) const MOST: usize = 100_000;
/// Rounds a score is looked for once its call may have come: a call is seen before it is stored,
/// and a busy disk takes seconds.
const TRIES: u8 = 5;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name {
    Call(CallId),
    Trace(TraceId),
    Response(Text),
}

#[derive(Debug)]
struct One {
    about: Reference,
    tries: u8,
}

/// Scores that wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    scores: HashMap<CallId, One>,
    names: HashMap<Name, HashSet<CallId>>,
    /// Those to be looked for; each at most once.
    due: VecDeque<CallId>,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// Looks out for the call of a score from now on. One that names no call is not looked for.
    pub(super) fn add(&mut self, id: CallId, about: Reference) {
        if about.is_empty() || self.scores.len() >= MOST {
            return;
        }
        for name in names_of(&about) {
            self.names.entry(name).or_default().insert(id);
        }
        self.scores.insert(id, One { about, tries: 0 });
        self.look_for(id);
    }

    /// A call has come: the scores that may mean it are due.
    pub(super) fn came(&mut self, call: &Call) {
        let link = &call.link;
        let names = [
            Some(Name::Call(call.id)),
            link.trace_id.map(Name::Trace),
            link.response_id.clone().map(Name::Response),
        ];
        let ids: Vec<CallId> = names
            .into_iter()
            .flatten()
            .filter_map(|name| self.names.get(&name))
            .flatten()
            .copied()
            .collect();
        ids.into_iter().for_each(|id| self.look_for(id));
    }

    /// Everything is due once more.
    pub(super) fn all_due(&mut self) {
        let ids: Vec<CallId> = self.scores.keys().copied().collect();
        ids.into_iter().for_each(|id| self.look_for(id));
    }

    fn look_for(&mut self, id: CallId) {
        if let Some(one) = self.scores.get_mut(&id) {
            if one.tries == 0 {
                self.due.push_back(id);
            }
            one.tries = TRIES;
        }
    }

    /// The next to be looked for, and no more than `most`. Those not found are due again until
    /// their tries are used up.
    pub(super) fn due(&mut self, most: usize) -> Vec<(CallId, Reference)> {
        let now: Vec<CallId> = self.due.drain(..most.min(self.due.len())).collect();
        let mut out = Vec::with_capacity(now.len());
        for id in now {
            let Some(one) = self.scores.get_mut(&id) else { continue };
            one.tries = one.tries.saturating_sub(1);
            if one.tries > 0 {
                self.due.push_back(id);
            }
            out.push((id, one.about.clone()));
        }
        out
    }

    /// It is attached.
    pub(super) fn remove(&mut self, id: CallId) {
        let Some(one) = self.scores.remove(&id) else { return };
        for name in names_of(&one.about) {
            if let Some(ids) = self.names.get_mut(&name) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.names.remove(&name);
                }
            }
        }
    }
}

fn names_of(about: &Reference) -> impl Iterator<Item = Name> + use<> {
    let names = [
        about.call.map(Name::Call),
        about.trace.map(Name::Trace),
        about.response.clone().map(Name::Response),
    ];
    names.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::call::Door;
    use crate::logic::unit::UnixMicros;

    fn id(n: u8) -> CallId {
        CallId([n; 16])
    }

    fn answer(text: &str) -> Reference {
        Reference { response: Some(Text::from(text)), ..Reference::default() }
    }

    fn due(waiting: &mut Waiting) -> Vec<CallId> {
        let mut ids: Vec<CallId> = waiting.due(10).into_iter().map(|(id, _)| id).collect();
        ids.sort();
        ids
    }

    fn settled(waiting: &mut Waiting) {
        for _ in 0..TRIES {
            due(waiting);
        }
        assert!(due(waiting).is_empty());
    }

    #[test]
    fn a_score_is_looked_for_when_it_comes_and_when_its_call_comes() {
        let mut waiting = Waiting::default();
        waiting.add(id(1), answer("a"));
        waiting.add(id(2), answer("a"));
        waiting.add(id(3), answer("b"));
        waiting.add(id(4), Reference::default());
        assert_eq!(due(&mut waiting), [id(1), id(2), id(3)]);
        settled(&mut waiting);

        let mut call = Call::begun(id(9), UnixMicros(0), UnixMicros(0), Door::Gateway);
        waiting.came(&call);
        assert!(due(&mut waiting).is_empty());
        call.link.response_id = Some(Text::from("a"));
        waiting.came(&call);
        waiting.came(&call);
        assert_eq!(due(&mut waiting), [id(1), id(2)]);
        waiting.remove(id(1));
        assert_eq!(due(&mut waiting), [id(2)], "not found yet, so once more");
        settled(&mut waiting);
        waiting.all_due();
        assert_eq!(due(&mut waiting), [id(2), id(3)]);
        waiting.remove(id(2));
        waiting.remove(id(3));
        assert!(waiting.is_empty() && waiting.names.is_empty());
    }
}
