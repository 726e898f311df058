//! Which open episodes are not told about because another one, or a mechanism that is off, says it
//! all (alerting 14.6).
//!
//! Owns the automatic relations between rules and the explicit ones. An inhibitor is firing or
//! recovering; it may be silenced, but not be outside its own hours or behind a mechanism that is off:
//! then nobody would be told. Nothing inhibits itself, not even in a circle.

use super::facts::{Labels, Mechanism};
use super::law::Worse;
use super::metric::Metric;
use super::plan::{Entry, Scene};
use super::rule::Severity;
use crate::call::Text;
use crate::rollup::Dim;
use crate::unit::Micros;
use facet::Facet;
use std::collections::HashMap;

mod facet;
#[cfg(test)]
mod tests;

/// After the cache was cleared the hit rate says nothing for so long (alerting 12.1).
const AFTER_CACHE_CLEAR: Micros = Micros::from_millis(30 * 60_000);

/// For every entry the rules and mechanisms that inhibit it.
pub(super) fn inhibited(scene: &Scene<'_>, entries: &[Entry<'_>]) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> =
        entries.iter().map(|entry| mechanisms(scene, entry).collect()).collect();
    let speaks = |at: usize| {
        let entry = entries.get(at)?;
        let times = &entry.rule.active_times;
        let may = times.is_empty() || (scene.may_notify)(times, scene.now, scene.zone);
        let off = found.get(at).is_none_or(|off| !off.is_empty());
        (may && !off && entry.episode.ended.is_none()).then_some(entry)
    };
    let speakers: Vec<(usize, &Entry<'_>)> =
        (0..entries.len()).filter_map(|at| Some((at, speaks(at)?))).collect();
    if speakers.is_empty() {
        return found;
    }
    let mut edges = automatic(entries, &speakers);
    explicit(entries, &speakers, &mut edges);
    break_circles(entries, &mut edges);
    for (names, inhibitors) in found.iter_mut().zip(&edges) {
        let rules =
            inhibitors.iter().filter_map(|at| Some(entries.get(*at)?.rule.name.to_string()));
        names.extend(rules);
        names.sort_unstable();
        names.dedup();
    }
    found
}

/// For every entry the entries that inhibit it.
type Edges = Vec<Vec<usize>>;

/// Mechanisms behind everything the condition looks at that are off.
fn mechanisms<'a>(scene: &'a Scene<'_>, entry: &'a Entry<'_>) -> impl Iterator<Item = String> + 'a {
    let leaves = facet::leaves(&entry.rule.condition);
    let all = |of: &dyn Fn(&facet::Leaf<'_>) -> bool| !leaves.is_empty() && leaves.iter().all(of);
    let open = entry.episode.ended.is_none();
    let off = open && all(&|leaf| leaf.mechanism().is_some_and(|m| (scene.off)(m)));
    let of_cache = |leaf: &facet::Leaf<'_>| {
        matches!(leaf.metric(), Some(Metric::CacheHitRate | Metric::CacheMissRate))
    };
    let fresh = scene.cache_cleared.is_some_and(|at| scene.now.since(at) < AFTER_CACHE_CLEAR);
    let cleared = open && fresh && all(&of_cache);
    let first = leaves.iter().find_map(facet::Leaf::mechanism).filter(|_| off);
    let off = first.map(|mechanism| format!("{} is off", word(mechanism)));
    off.into_iter().chain(cleared.then(|| "the cache was cleared".to_owned()))
}

const fn word(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::ResponseCaching => "response_caching",
        Mechanism::TokenSaving => "token_saving",
    }
}

/// An open episode that may inhibit others: its place, its rule, what it is about.
type Candidate<'a> = (usize, &'a Text, &'a Facet);

/// Open episodes that can be looked up by their labels: once for all rules with the same label names.
struct Candidates<'a> {
    by_names: HashMap<Vec<Text>, HashMap<Labels, Vec<Candidate<'a>>>>,
}

impl<'a> Candidates<'a> {
    fn new(of: impl Iterator<Item = Candidate<'a>>) -> Self {
        let mut by_names: HashMap<_, HashMap<_, Vec<_>>> = HashMap::new();
        for candidate in of {
            let labels = &candidate.2.labels;
            let names: Vec<Text> = labels.iter().map(|(name, _)| name.clone()).collect();
            let same = by_names.entry(names).or_default().entry(labels.clone());
            same.or_default().push(candidate);
        }
        Self { by_names }
    }

    /// Those of other rules whose labels the target has too, and whose population holds the target's.
    fn around(&self, rule: &Text, target: &Facet) -> Vec<(usize, &'a Facet)> {
        let found = self
            .by_names
            .iter()
            .filter_map(|(names, instances)| instances.get(&target.narrowed_to(names)?));
        let others =
            found.flatten().filter(|(_, name, wider)| *name != rule && wider.holds(target));
        others.map(|(at, _, wider)| (*at, *wider)).collect()
    }
}

/// The stricter threshold over the weaker; a provider that is down over the latency of its models.
fn automatic(entries: &[Entry<'_>], speakers: &[(usize, &Entry<'_>)]) -> Edges {
    let facets: Vec<Option<Facet>> = entries.iter().map(Facet::of).collect();
    let known = || {
        let facet = |(at, entry): &(usize, &'_ Entry<'_>)| {
            Some((*at, facets.get(*at)?.as_ref()?, entry.rule.severity))
        };
        speakers.iter().filter_map(facet)
    };
    let name = |at: usize| entries.get(at).map(|entry| &entry.rule.name);
    let mut scales: HashMap<&facet::Scale, Vec<Candidate<'_>>> = HashMap::new();
    let mut down = Vec::new();
    for (at, facet, severity) in known() {
        let Some(rule) = name(at) else { continue };
        scales.entry(&facet.scale).or_default().push((at, rule, facet));
        if severity == Severity::Critical && facet.is_provider_down() {
            down.push((at, rule, facet));
        }
    }
    let scales: HashMap<_, Candidates<'_>> =
        scales.into_iter().map(|(key, of)| (key, Candidates::new(of.into_iter()))).collect();
    let down = Candidates::new(down.into_iter());
    let inhibitors = |(entry, facet): (&Entry<'_>, &Option<Facet>)| {
        let (None, Some(facet)) = (entry.episode.ended, facet) else { return Vec::new() };
        let same = scales.get(&facet.scale).map(|of| of.around(&entry.rule.name, facet));
        let stricter = same.into_iter().flatten().filter(|(_, other)| other.is_stricter(facet));
        let of_model = facet.scale.metric.timing().is_some() && facet.has(Dim::Model);
        let provider = of_model.then(|| down.around(&entry.rule.name, facet));
        stricter.chain(provider.into_iter().flatten()).map(|(at, _)| at).collect()
    };
    entries.iter().zip(&facets).map(inhibitors).collect()
}

/// `inhibits:`, where labels that both have agree.
fn explicit(entries: &[Entry<'_>], speakers: &[(usize, &Entry<'_>)], edges: &mut Edges) {
    for (at, source) in speakers.iter().filter(|(_, entry)| !entry.rule.inhibits.is_empty()) {
        for (target, inhibitors) in entries.iter().zip(edges.iter_mut()) {
            let named = source.rule.inhibits.contains(&target.rule.name)
                && source.rule.name != target.rule.name
                && target.episode.ended.is_none();
            if named && agree(&source.episode.labels, &target.episode.labels) {
                inhibitors.push(*at);
            }
        }
    }
}

fn agree(a: &Labels, b: &Labels) -> bool {
    a.iter().all(|(name, value)| b.iter().all(|(n, v)| n != name || v == value))
}

/// Sees to it that every inhibited episode hangs off one that is told: of a circle the gravest, else
/// the oldest, is.
fn break_circles(entries: &[Entry<'_>], edges: &mut Edges) {
    let mut onto: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
    for (target, inhibitors) in edges.iter().enumerate() {
        for source in inhibitors {
            if let Some(targets) = onto.get_mut(*source) {
                targets.push(target);
            }
        }
    }
    let mut told = vec![false; edges.len()];
    let spread = |from: usize, told: &mut Vec<bool>| {
        let mut todo = vec![from];
        while let Some(at) = todo.pop() {
            let Some(seen) = told.get_mut(at).filter(|seen| !**seen) else { continue };
            *seen = true;
            todo.extend(onto.get(at).into_iter().flatten());
        }
    };
    let free = edges.iter().enumerate().filter(|(_, inhibitors)| inhibitors.is_empty());
    for at in free.map(|(at, _)| at).collect::<Vec<_>>() {
        spread(at, &mut told);
    }
    let mut rest: Vec<(usize, &Entry<'_>)> =
        entries.iter().enumerate().filter(|(at, _)| told.get(*at) == Some(&false)).collect();
    rest.sort_by(|(_, a), (_, b)| {
        let grave = b.rule.severity.cmp(&a.rule.severity);
        grave.then(a.episode.fired.cmp(&b.episode.fired)).then(a.rule.name.cmp(&b.rule.name))
    });
    for (at, _) in rest {
        if told.get(at) == Some(&false) {
            if let Some(inhibitors) = edges.get_mut(at) {
                inhibitors.clear();
            }
            spread(at, &mut told);
        }
    }
}

/// Which of two thresholds is stricter.
fn stricter(worse: Worse, one: f64, other: f64) -> bool {
    match worse {
        Worse::Higher => one > other,
        Worse::Lower => one < other,
    }
}
