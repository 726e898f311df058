//! Reads what a route or provider does after a failure: ask again, or ask another.

use super::problem::Problem;
use super::read::{self, Findings};
use super::tree::Node;
use super::{Fallback, check};
use crate::logic::retry::Policy;

/// Requests to one target; more would only make a client wait for an upstream that is down.
const MAX_ATTEMPTS: u16 = 10;
/// Targets after the first; each costs a client the waiting time of one more failure.
const MAX_FALLBACKS: usize = 8;

/// The `retry` section of a node; nothing where it has none.
pub(super) fn retry(f: &mut Findings, node: &Node) -> Option<Policy> {
    let section = node.at("retry")?;
    let base = Policy::default();
    let policy = Policy {
        attempts: f.value(section, "attempts", base.attempts, attempts),
        backoff: f.value(section, "backoff", base.backoff, read::length),
        max_backoff: f.value(section, "max_backoff", base.max_backoff, read::length),
    };
    if policy.backoff > policy.max_backoff {
        f.add(
            Problem::new(section.place.clone(), "backoff is longer than max_backoff")
                .hint("raise max_backoff, which bounds every pause"),
        );
    }
    Some(policy)
}

fn attempts(text: &str) -> Result<u16, String> {
    let number = text.parse::<u16>().ok().filter(|n| (1..=MAX_ATTEMPTS).contains(n));
    number.ok_or_else(|| {
        format!("{text:?} is no number from 1 to {MAX_ATTEMPTS}; the first request counts too")
    })
}

/// The `fallback` list of a route whose first provider is `first`. `providers` are the configured nodes.
pub(super) fn fallbacks(
    f: &mut Findings,
    route: &Node,
    first: &str,
    providers: &[Node],
    names: &[&str],
) -> Vec<Fallback> {
    let nodes = route.at("fallback").map_or(&[][..], check::items);
    if let Some(beyond) = nodes.get(MAX_FALLBACKS) {
        let message = format!("a route falls back to {MAX_FALLBACKS} targets at most");
        f.add(Problem::new(beyond.place.clone(), message).hint("leave out the least useful ones"));
    }
    nodes.iter().filter_map(|node| fallback(f, node, first, providers, names)).collect()
}

fn fallback(
    f: &mut Findings,
    node: &Node,
    first: &str,
    providers: &[Node],
    names: &[&str],
) -> Option<Fallback> {
    let (name, place) = f.required(node, "provider")?;
    let model = f.text(node, "model").map(|(t, _)| t.to_owned()).filter(|t| !t.is_empty());
    if !names.contains(&name) {
        check::no_such_provider(f, name, place, names);
        return None;
    }
    if name == first {
        if model.is_none() {
            f.add(
                Problem::new(place.clone(), format!("{name:?} is the route's provider already"))
                    .hint("name another model, or use `retry` to ask the same one again"),
            );
        }
    } else if !has_key(f, providers, name) {
        // The caller's credential is for the first provider and must not reach another one.
        f.add(
            Problem::new(place.clone(), format!("the provider {name:?} has no api_key"))
                .hint("a fallback authorises itself: give it api_key: env:NAME or file:PATH"),
        );
    }
    Some(Fallback { provider: name.to_owned(), model })
}

/// Whether a provider names a key, even where it is not resolved now.
fn has_key(f: &Findings, providers: &[Node], name: &str) -> bool {
    providers.iter().any(|node| {
        f.text(node, "name").is_some_and(|(n, _)| n == name)
            && f.text(node, "api_key").is_some_and(|(key, _)| !key.is_empty())
    })
}
