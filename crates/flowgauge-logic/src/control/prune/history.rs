//! The oldest turns go, each whole, so that no tool result is parted from its call.

use super::{Because, Kept, Plan, Removed};
use crate::control::body::{Node, without_items};
use crate::control::conversation::Conversation;

impl Plan<'_> {
    /// Takes the oldest turns out until what is left before the last one fits.
    pub(super) fn history(&mut self, talk: &Conversation<'_>) -> Result<(), Kept> {
        let limit = self.settings.history_tokens.ok_or(Kept::NoContext)?;
        let turns = talk.old_turns();
        let mut sizes = Vec::with_capacity(turns.len());
        for turn in &turns {
            let messages = talk.messages.get(turn.clone()).unwrap_or_default();
            // Calls, results and pictures have no piece; their JSON stands for them.
            sizes.push(messages.iter().map(|m| (self.count)(m.node.raw())).sum::<u64>());
        }
        let all: u64 = sizes.iter().sum();
        self.before += all;
        let mut left = all;
        let mut gone = 0..0;
        for (place, (turn, size)) in turns.iter().zip(&sizes).enumerate() {
            if left <= limit {
                break;
            }
            if gone.is_empty() {
                gone.start = turn.start;
            }
            gone.end = turn.end;
            left -= size;
            self.removed.push(Removed { because: Because::OldTurn, tokens: *size, place });
        }
        if gone.is_empty() {
            return Err(Kept::Fits);
        }
        let items: Vec<Node<'_>> = talk.messages.iter().map(|m| m.node).collect();
        for span in without_items(&items, &|i| gone.contains(&i)) {
            self.edits.replace(span, String::new());
        }
        Ok(())
    }
}
