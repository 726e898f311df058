//! A selection made ready: which series it takes, and under which label set.
//!
//! Without a term on `source` only real traffic is taken, as everywhere.

use crate::logic::alert::condition::{MatchOp, Matcher};
use crate::logic::alert::facts::{Labels, Selection};
use crate::logic::call::{Source, Text};
use crate::logic::rollup::{Dim, Filter, SeriesKey};
use regex_lite::Regex;

/// A selection with its regular expressions compiled.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    by: Vec<Dim>,
    terms: Vec<Term>,
    names_source: bool,
}

#[derive(Debug, Clone)]
struct Term {
    dim: Dim,
    wants: Wants,
}

#[derive(Debug, Clone)]
enum Wants {
    Is(Text),
    IsNot(Text),
    Like(Regex),
    Unlike(Regex),
}

impl Chosen {
    /// Compiles a selection; an expression that cannot be read is named.
    pub(super) fn new(of: &Selection) -> Result<Self, String> {
        let terms = of.selector.iter().map(term).collect::<Result<Vec<_>, _>>()?;
        let names_source = terms.iter().any(|t| t.dim == Dim::Source);
        Ok(Self { by: of.by.clone(), terms, names_source })
    }

    /// Whether a series is taken.
    pub(super) fn takes(&self, key: &SeriesKey) -> bool {
        (self.names_source || key.source.is_real())
            && self.terms.iter().all(|t| t.passes(key.get(t.dim)))
    }

    /// The label set of a series: sorted by name, each name once.
    pub(super) fn labels(&self, key: &SeriesKey) -> Labels {
        self.labelled(|dim| Text::from(key.get(dim)))
    }

    /// Whether there is one answer and no more.
    pub(super) const fn is_whole(&self) -> bool {
        self.by.is_empty()
    }

    fn labelled(&self, value: impl Fn(Dim) -> Text) -> Labels {
        let mut labels: Labels =
            self.by.iter().map(|dim| (Text::const_new(dim.word()), value(*dim))).collect();
        labels.sort();
        labels.dedup_by(|a, b| a.0 == b.0);
        labels
    }

    /// The dimensions a stored answer must be grouped by, so that it can be narrowed and regrouped.
    pub(super) fn dims(&self) -> Vec<Dim> {
        let mut dims = self.by.clone();
        dims.extend(self.terms.iter().map(|t| t.dim));
        dims.sort_unstable();
        dims.dedup();
        dims
    }

    /// What of the selection the store can narrow by itself.
    pub(super) fn filter(&self) -> Filter {
        let mut filter = Filter::default();
        if self.names_source {
            let all = Source::ALL.iter().map(|s| s.word().to_owned()).collect();
            filter.terms.push((Dim::Source, all));
        }
        for term in &self.terms {
            if let Wants::Is(value) = &term.wants {
                filter.terms.push((term.dim, vec![value.to_string()]));
            }
        }
        filter
    }

    /// The label set of a stored group whose key has these dimensions, if it is taken.
    pub(super) fn regroup(&self, dims: &[Dim], key: &[Text]) -> Option<Labels> {
        let value = |dim: Dim| {
            let at = dims.iter().position(|d| *d == dim);
            at.and_then(|at| key.get(at)).cloned().unwrap_or_default()
        };
        let taken = self.terms.iter().all(|t| t.passes(&value(t.dim)));
        taken.then(|| self.labelled(value))
    }
}

fn term(matcher: &Matcher) -> Result<Term, String> {
    let regex = || {
        // Anchored, as Prometheus does: a part of a name is no name.
        Regex::new(&format!("^(?:{})$", matcher.value)).map_err(|why| {
            format!(
                "the pattern {:?} of {} cannot be read: {why}",
                matcher.value,
                matcher.dim.word()
            )
        })
    };
    let wants = match matcher.op {
        MatchOp::Equal => Wants::Is(matcher.value.clone()),
        MatchOp::NotEqual => Wants::IsNot(matcher.value.clone()),
        MatchOp::Matches => Wants::Like(regex()?),
        MatchOp::NotMatches => Wants::Unlike(regex()?),
    };
    Ok(Term { dim: matcher.dim, wants })
}

impl Term {
    fn passes(&self, value: &str) -> bool {
        match &self.wants {
            Wants::Is(want) => want == value,
            Wants::IsNot(not) => not != value,
            Wants::Like(regex) => regex.is_match(value),
            Wants::Unlike(regex) => !regex.is_match(value),
        }
    }
}
