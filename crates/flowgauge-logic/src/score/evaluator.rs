//! Who judged, and whose word counts where several did.
//!
//! Refuses to mix: a figure is told by one evaluator in one version, and names it.

use crate::call::Text;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An evaluator in one version. What it says is compared with nobody else's word.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Evaluator {
    /// Its name; empty for ratings of users.
    pub name: Text,
    /// Its version; empty where none was named.
    pub version: Text,
}

impl fmt::Display for Evaluator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version.as_str() {
            "" => f.write_str(&self.name),
            version => write!(f, "{} {version}", self.name),
        }
    }
}

/// The evaluator whose word counts: of the preferred name where it judged at all, else of any; of
/// those the one with the most evaluations, then the first by name and version.
#[must_use]
pub fn of_record<'a>(
    judged: impl IntoIterator<Item = (&'a Evaluator, u64)>,
    preferred: Option<&str>,
) -> Option<&'a Evaluator> {
    let rank = |(who, n): &(&Evaluator, u64)| (preferred == Some(&*who.name), *n);
    let judged = judged.into_iter().filter(|(_, n)| *n > 0);
    let best = judged.reduce(|best, next| match rank(&next).cmp(&rank(&best)) {
        std::cmp::Ordering::Greater => next,
        std::cmp::Ordering::Equal if next.0 < best.0 => next,
        std::cmp::Ordering::Equal | std::cmp::Ordering::Less => best,
    });
    best.map(|(who, _)| who)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(name: &str, version: &str) -> Evaluator {
        Evaluator { name: Text::from(name), version: Text::from(version) }
    }

    #[test]
    fn the_preferred_evaluator_counts_before_the_busiest_and_the_busiest_before_others() {
        let (a, b, b2) = (who("accuracy", "1"), who("relevance", "1"), who("relevance", "2"));
        let judged = [(&b2, 40), (&a, 90), (&b, 40)];
        assert_eq!(of_record(judged, None), Some(&a));
        assert_eq!(of_record(judged, Some("relevance")), Some(&b), "the first of equals");
        assert_eq!(of_record(judged, Some("toxicity")), Some(&a), "it judged nothing");
        assert_eq!(of_record([(&a, 0)], Some("accuracy")), None);
        assert_eq!((a.to_string(), who("x", "").to_string()), ("accuracy 1".into(), "x".into()));
    }
}
