//! Rows that may still meet their other witness: bounded in number and in time.

use super::Sight;
use crate::call::Call;
use crate::fingerprint::fingerprint;
use crate::id::CallId;
use crate::unit::UnixMicros;
use std::collections::{HashMap, HashSet, VecDeque};

/// Rows remembered at most, about 60 MiB: two and a half hours at a million calls a day that are
/// seen twice. Beyond it the oldest is forgotten, and counts as it is.
const MAX_SIGHTS: usize = 262_144;
/// How long a row waits for its other witness: as long as a delivery is recognised as a duplicate.
const WAIT: i64 = UnixMicros::DAY;
/// Rows with one response id looked at for one arrival. Real ids have two or three; a mock that
/// always answers the same id has its partner among the newest.
const MAX_LOOKS: usize = 512;

/// Spans around one another that tell of one answer: frameworks on frameworks, three in practice.
const MAX_DEPTH: usize = 16;

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
        self.groups.values_mut().for_each(link);
    }

    /// Start of the first of the remembered rows, µs.
    #[must_use]
    pub fn first_start(&self) -> Option<i64> {
        self.groups.values().flatten().map(|n| n.sight.start).min()
    }

    /// Notes about remembered rows what was decided since it was taken.
    pub fn revise(&mut self, decided: &HashMap<CallId, Option<CallId>>) {
        for node in self.groups.values_mut().flatten() {
            if let Some(into) = decided.get(&node.sight.id) {
                node.sight.merged = *into;
            }
        }
    }

    /// The remembered rows.
    #[must_use]
    pub fn ids(&self) -> HashSet<CallId> {
        self.groups.values().flatten().map(|n| n.sight.id).collect()
    }

    /// Follows a remembered row that others changed.
    pub fn follow(&mut self, call: &Call) {
        let Some(response) = call.link.response_id.as_deref() else { return };
        let Some(group) = self.groups.get_mut(&fingerprint(&[response.as_bytes()])) else { return };
        let Some(node) = group.iter_mut().find(|n| n.sight.id == call.id) else { return };
        node.sight.merged = call.link.merged_into;
        link(group);
    }

    /// Takes a new row and says what follows.
    pub fn arrive(&mut self, sight: Sight, at: UnixMicros) -> Vec<Decision> {
        self.forget(at);
        let mut new = Node { sight, used: Vec::new() };
        let mut out = Vec::new();
        let group = self.groups.get_mut(&new.sight.response);
        if let Some(group) = group.filter(|_| new.sight.merged.is_none()) {
            if new.sight.gateway {
                gateway_arrives(group, &mut new, &mut out);
            } else {
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
        self.forget(at);
    }

    /// Forgets rows that have waited long enough, and the oldest where there are too many.
    fn forget(&mut self, at: UnixMicros) {
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

/// Notes which instrumentations have found each row of the gateway.
fn link(group: &mut VecDeque<Node>) {
    let mut found: HashMap<CallId, Vec<u64>> = HashMap::new();
    for node in group.iter().filter(|n| !n.sight.gateway) {
        if let Some(into) = node.sight.merged {
            found.entry(into).or_default().push(node.sight.scope);
        }
    }
    for node in group.iter_mut().filter(|n| n.sight.gateway) {
        node.used = found.remove(&node.sight.id).unwrap_or_default();
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

/// A span around another for the same answer is one call with it: the inner counts, or the row of the
/// gateway that one of them has found.
fn sdk_arrives(group: &mut VecDeque<Node>, new: &mut Node, out: &mut Vec<Decision>) {
    let family = Family::of(group, &new.sight);
    if let Some(child) = family.child {
        new.sight.merged = Some(child.0);
        out.push(Decision {
            into: child.0,
            into_place: child.1,
            ..decide(&new.sight, &new.sight, false)
        });
    } else if let Some(gateway) = family.gateway {
        join(group, &mut new.sight, gateway, out);
    }
    for node in group.iter_mut().filter(|n| family.parents.contains(&n.sight.id)) {
        node.sight.merged = Some(new.sight.id);
        out.push(decide(&node.sight, &new.sight, false));
    }
    // A span above has found the gateway's row: those below, which were not known to be of its call
    // until now, count in its place too.
    if let Some(gateway) = family.gateway.filter(|_| family.child.is_some()) {
        for id in family.innermost {
            let Some(i) = group.iter().position(|n| n.sight.id == id) else { continue };
            let Some(mut node) = group.remove(i) else { continue };
            join(group, &mut node.sight, gateway, out);
            group.insert(i, node);
        }
    }
    if new.sight.merged.is_some() {
        return;
    }
    let scope = new.sight.scope;
    let free =
        |n: &&mut Node| n.sight.gateway && n.sight.merged.is_none() && !n.used.contains(&scope);
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

/// A row counts in the place of a row of the gateway that its family has found.
fn join(group: &mut VecDeque<Node>, row: &mut Sight, gateway: CallId, out: &mut Vec<Decision>) {
    let Some(found) = group.iter_mut().find(|n| n.sight.id == gateway) else { return };
    found.used.push(row.scope);
    row.merged = Some(gateway);
    out.push(decide(row, &found.sight, false));
}

/// Spans around and inside a new one that tell of the same answer.
#[derive(Debug, Default)]
struct Family {
    /// The nearest inside it, and where its row is.
    child: Option<(CallId, i64)>,
    /// Those directly around it that count.
    parents: Vec<CallId>,
    /// The innermost ones that count.
    innermost: Vec<CallId>,
    /// The gateway's row that one directly around it has found.
    gateway: Option<CallId>,
}

impl Family {
    fn of(group: &VecDeque<Node>, new: &Sight) -> Self {
        let mut out = Self::default();
        for node in group.iter().rev().take(MAX_LOOKS).filter(|n| !n.sight.gateway) {
            let relative = &node.sight;
            if new.is_parent_of(relative) {
                out.child.get_or_insert((relative.id, relative.place));
                out.innermost.extend(counted(group, relative));
            } else if relative.is_parent_of(new) {
                match relative.merged {
                    None => out.parents.push(relative.id),
                    Some(into) if is_gateway(group, into) => out.gateway = Some(into),
                    Some(_) => {}
                }
            }
        }
        out
    }
}

fn is_gateway(group: &VecDeque<Node>, id: CallId) -> bool {
    group.iter().any(|n| n.sight.gateway && n.sight.id == id)
}

/// The span inside this one that counts for it, where no row of the gateway does.
fn counted(group: &VecDeque<Node>, from: &Sight) -> Option<CallId> {
    let mut at = from;
    // Nothing is merged into itself by way of others, but what is stored is not trusted to be so.
    for _ in 0..MAX_DEPTH {
        let Some(into) = at.merged else { return Some(at.id) };
        at = &group.iter().find(|n| !n.sight.gateway && n.sight.id == into)?.sight;
    }
    None
}
