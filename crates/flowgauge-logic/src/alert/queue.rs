//! Which waiting messages are sent next, joined how, and what follows from an attempt
//! (alerting 14.2–14.5).
//!
//! Owns order (first in, first out within a channel and group), pace, joining and giving up. Refuses
//! to send, to store, and to know what is at the other end of a channel beyond its [`Lane`].

use super::notice::Notice;
use crate::call::Text;
use crate::unit::UnixMicros;
use std::collections::BTreeMap;

mod after;
mod join;
mod lane;

#[cfg(test)]
mod tests;

pub use after::{After, Ended, Tried, after, fallback};
pub use lane::{Lane, Lanes};

/// More instances than this within a minute on one channel become a digest (alerting 14.5).
const MANY: usize = 20;

/// A row of the outbox that is neither delivered nor dead.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its number: order of planning.
    pub seq: i64,
    /// What is told, and where.
    pub notice: &'a Notice,
    /// Attempts so far.
    pub attempts: u32,
    /// Not tried before this, beyond what the notice says.
    pub next: UnixMicros,
    /// It is being sent right now: its group waits.
    pub sending: bool,
    /// It may have been delivered: an attempt ended without an answer, or in a crash. Such a row is
    /// sent again alone and under the same key.
    pub unsure: bool,
}

/// One message to be sent now.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The channel.
    pub channel: Text,
    /// What is sent. Its key is the same whenever the same rows are sent.
    pub notice: Notice,
    /// Rows it speaks for; what comes of the attempt comes of all of them.
    pub rows: Vec<i64>,
    /// Those of `rows` that are said by a later row of the same episode: merged once it is delivered.
    pub merged: Vec<i64>,
    /// The most attempts any of its rows has had.
    pub attempts: u32,
    /// Its one row may have been delivered before.
    pub unsure: bool,
}

/// What to do now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Next {
    /// To be sent, at most one per channel and group.
    pub batches: Vec<Batch>,
    /// Rows whose time is over: to the dead letters.
    pub expired: Vec<i64>,
    /// When to ask again, if nothing else happens before.
    pub wake: Option<UnixMicros>,
}

/// Chooses what to send. Tokens of the lanes are spent on what is returned.
///
/// Rows may come in any order; rows of a channel without a lane wait.
pub fn next(rows: &[Row<'_>], lanes: &mut Lanes, now: UnixMicros) -> Next {
    let mut next = Next::default();
    let mut channels: BTreeMap<&Text, BTreeMap<&Text, Vec<Row<'_>>>> = BTreeMap::new();
    for row in rows {
        if !row.sending && row.notice.expires <= now {
            next.expired.push(row.seq);
            continue;
        }
        let groups = channels.entry(&row.notice.channel).or_default();
        groups.entry(&row.notice.group).or_default().push(*row);
    }
    for (channel, mut groups) in channels {
        groups.values_mut().for_each(|rows| rows.sort_by_key(|row| row.seq));
        if let Some(lane) = lanes.get_mut(channel) {
            of_channel(groups.into_values().collect(), lane, now, &mut next);
        }
    }
    next
}

fn of_channel(groups: Vec<Vec<Row<'_>>>, lane: &mut Lane, now: UnixMicros, next: &mut Next) {
    if let Some(until) = lane.paused(now) {
        wake_at(next, until);
        return;
    }
    let mut ready: Vec<Vec<Row<'_>>> = Vec::new();
    for group in groups {
        match turn(&group, now) {
            Turn::Now => ready.push(group),
            Turn::At(at) => wake_at(next, at),
            Turn::Busy => {}
        }
    }
    // First in, first out over groups too; within one it is the rule.
    ready.sort_by_key(|group| group.first().map(|row| row.seq));
    for joined in join::messages(ready, lane, now) {
        if !lane.take(now, joined.instances) {
            wake_at(next, lane.free_at(now));
            break;
        }
        next.batches.push(joined.batch);
    }
}

/// When a group may be sent.
enum Turn {
    Now,
    At(UnixMicros),
    Busy,
}

/// A failed row holds its group back, so that order is kept; else the first row that is due takes
/// along what waits only for company.
fn turn(group: &[Row<'_>], now: UnixMicros) -> Turn {
    if group.iter().any(|row| row.sending) {
        return Turn::Busy;
    }
    let held = group.iter().filter(|row| row.attempts > 0).map(|row| row.next).max();
    if let Some(until) = held.filter(|until| *until > now) {
        return Turn::At(until);
    }
    let due = group.iter().map(|row| row.notice.due.max(row.next)).min();
    match due {
        Some(due) if due > now => Turn::At(due),
        Some(_) => Turn::Now,
        None => Turn::Busy,
    }
}

fn wake_at(next: &mut Next, at: UnixMicros) {
    next.wake = Some(next.wake.map_or(at, |before| before.min(at)));
}
