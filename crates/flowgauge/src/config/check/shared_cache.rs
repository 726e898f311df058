//! Where several flowgauges share answers.

use super::super::SharedCache;
use super::super::read::{self, Findings};
use super::super::tree::{Node, Value};
use super::Secrets;
use crate::logic::unit::Micros;

/// How long a request may wait for it: it must be quicker than the answers it saves, and a network takes a millisecond.
const WITHIN: std::ops::RangeInclusive<u64> = 1_000..=1_000_000;
/// Longest namespace, characters: it is in every key.
const NAMESPACE: usize = 64;

pub(super) fn shared_cache(
    f: &mut Findings,
    root: &Node,
    secrets: &dyn Secrets,
) -> Option<SharedCache> {
    let node = root.at("shared_cache").filter(|n| n.value != Value::Null)?;
    let within = f.value(node, "within", SharedCache::WITHIN, within);
    let namespace = f.value(node, "namespace", "default".to_owned(), namespace);
    let url = super::alerts::secret(f, node, "url", secrets);
    // Without an address there is none: nothing is shared.
    Some(SharedCache { url: url?, namespace, within })
}

fn within(text: &str) -> Result<Micros, String> {
    let length = read::length(text)?;
    let within = WITHIN.contains(&length.0).then_some(length);
    within.ok_or_else(|| format!("{text:?} is not between 1ms and 1s"))
}

fn namespace(text: &str) -> Result<String, String> {
    let sound = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = !text.is_empty() && text.len() <= NAMESPACE && text.chars().all(sound);
    fits.then(|| text.to_owned())
        .ok_or_else(|| format!("{text:?} is not 1 to {NAMESPACE} letters, digits, - and _"))
}
