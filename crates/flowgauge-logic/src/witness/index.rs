//! Rows that may still meet their other witness: bounded in number and in time.

use super::Sight;
use crate::id::CallId;
use crate::unit::UnixMicros;
use std::collections::{HashMap, VecDeque};

/// Rows remembered at most, about 60 MiB: two and a half hours at a million calls a day that are
/// seen twice. Beyond it the oldest is forgotten, and counts as it is.
const MAX_SIGHTS: usize = 262_144;
/// How long a row waits for its other witness: as long as a delivery is recognised as a duplicate.
const WAIT: i64 = UnixMicros::DAY;
/// Rows with one response id looked at for one arrival. Real ids have two or three; a mock that
/// always answers the same id has its partner among the newest.
const MAX_LOOKS: usize = 512;

/// One row counts in another's place from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The row that counts no more.
    pub row: CallId,
    /// Where the store keeps it.
    pub row_place: i64,
    /// The row that counts.
    pub into: CallId,
    /// Where the store keeps it.
    pub into_place: i64,
    /// Whether `row` lends context to `into`.
    pub lends: bool,
}

#[derive(Debug)]
struct Node {
    sight: Sight,
    /// Instrumentations that have found this row of the gateway.
    used: Vec<u64>,
}

/// Rows by response id.
#[derive(Debug, Default)]
pub struct Witnesses {
    groups: HashMap<u64, VecDeque<Node>>,
    order: VecDeque<(i64, u64, CallId)>,
}

impl Witnesses {
    /// Takes a row whose decisions were made before; [`Witnesses::link`] follows the last of them.
    pub fn restore(&mut self, sight: Sight, at: UnixMicros) {
        self.keep(Node { sight, used: Vec::new() }, at);
    }

    /// Notes which rows of the gateway were found already.
    pub fn link(&mut self) {
        for group in self.groups.values_mut() {
            let mut found: HashMap<CallId, Vec<u64>> = HashMap::new();
            for node in group.iter() {
                if let Some(into) = node.sight.merged {
                    found.entry(into).or_default().push(node.sight.scope);
                }
            }
            for node in group.iter_mut().filter(|n| n.sight.gateway && !found.is_empty()) {
                node.used.extend(found.get(&node.sight.id).into_iter().flatten());
            }
        }
    }

    /// Notes a decision made elsewhere about a remembered row.
    pub fn merged(&mut self, sights: &HashMap<CallId, CallId>) {
        for node in self.groups.values_mut().flatten() {
            if let Some(into) = sights.get(&node.sight.id) {
                node.sight.merged = Some(*into);
            }
        }
    }

    /// Takes a new row and says what follows.
    pub fn arrive(&mut self, sight: Sight, at: UnixMicros) -> Vec<Decision> {
        let mut new = Node { sight, used: Vec::new() };
        let mut out = Vec::new();
        if let Some(group) = self.groups.get_mut(&new.sight.response) {
            if new.sight.gateway {
                gateway_arrives(group, &mut new, &mut out);
            } else if new.sight.merged.is_none() {
                sdk_arrives(group, &mut new, &mut out);
            }
        }
        self.keep(new, at);
        out
    }

    fn keep(&mut self, node: Node, at: UnixMicros) {
        let key = (at.0, node.sight.response, node.sight.id);
        let response = node.sight.response;
        // Most answers have one row: room for more is made when they come.
        let group = self.groups.entry(response).or_insert_with(|| VecDeque::with_capacity(1));
        group.push_back(node);
        self.order.push_back(key);
        let oldest = at.0.saturating_sub(WAIT);
        while let Some((then, response, id)) = self.order.front().copied() {
            if then >= oldest && self.order.len() <= MAX_SIGHTS {
                return;
            }
            self.order.pop_front();
            if let Some(group) = self.groups.get_mut(&response) {
                // Oldest first, so that it is found at once.
                if let Some(i) = group.iter().position(|n| n.sight.id == id) {
                    group.remove(i);
                }
                if group.is_empty() {
                    self.groups.remove(&response);
                }
            }
        }
    }
}

fn decide(row: &Sight, into: &Sight, lends: bool) -> Decision {
    Decision { row: row.id, row_place: row.place, into: into.id, into_place: into.place, lends }
}

/// Every instrumentation that saw the call finds the gateway's row, one row each.
fn gateway_arrives(group: &mut VecDeque<Node>, new: &mut Node, out: &mut Vec<Decision>) {
    loop {
        let free = |n: &&mut Node| {
            n.sight.merged.is_none() && !n.sight.gateway && !new.used.contains(&n.sight.scope)
        };
        let near = group.iter_mut().rev().take(MAX_LOOKS).filter(free);
        let best = near
            .filter_map(|n| Some((new.sight.distance(&n.sight)?, n)))
            .min_by_key(|(distance, _)| *distance);
        let Some((_, found)) = best else { return };
        found.sight.merged = Some(new.sight.id);
        new.used.push(found.sight.scope);
        out.push(decide(&found.sight, &new.sight, true));
    }
}

fn sdk_arrives(group: &mut VecDeque<Node>, new: &mut Node, out: &mut Vec<Decision>) {
    // A span of a framework around the span of the provider's library is one call: the inner counts.
    for relative in group.iter_mut().rev().take(MAX_LOOKS).filter(|n| !n.sight.gateway) {
        let outer = relative.sight.is_parent_of(&new.sight);
        let inner = new.sight.is_parent_of(&relative.sight);
        if !outer && !inner {
            continue;
        }
        if let Some(counted) = relative.sight.merged.filter(|_| outer) {
            new.sight.merged = Some(counted);
            let into = Decision { into: counted, ..decide(&new.sight, &relative.sight, false) };
            out.push(into);
            return;
        }
        if inner {
            new.sight.merged = Some(relative.sight.id);
            out.push(decide(&new.sight, &relative.sight, false));
            return;
        }
        relative.sight.merged = Some(new.sight.id);
        out.push(decide(&relative.sight, &new.sight, false));
        break;
    }
    let scope = new.sight.scope;
    let free = |n: &&mut Node| n.sight.gateway && !n.used.contains(&scope);
    let near = group.iter_mut().rev().take(MAX_LOOKS).filter(free);
    let best = near
        .filter_map(|n| Some((new.sight.distance(&n.sight)?, n)))
        .min_by_key(|(distance, _)| *distance);
    if let Some((_, found)) = best {
        found.used.push(scope);
        new.sight.merged = Some(found.sight.id);
        out.push(decide(&new.sight, &found.sight, true));
    }
}
