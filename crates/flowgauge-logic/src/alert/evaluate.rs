//! From a rule and what is known at a tick to one verdict per label set (alerting 4–8, 10–13).
//!
//! Owns a rule's compiled form and the order of verdicts: a failure beats everything, then unknown,
//! true, clear, false. Refuses to remember anything between ticks.

use self::node::{Leaf, Node, Setting, What};
use self::once::Once;
use self::read::Reader;
use self::tick::Tick;
use self::truth::Truth;
use super::condition::{Condition, Expr};
use super::facts::{Facts, Labels, Mechanism, Selection, Timing};
use super::guard::MOST_GROWTH;
use super::rule::{Clear, Rule, Semantics, Slo};
use super::sample::{Evaluated, Evidence, Sample, Verdict};
use super::slack;
use crate::rollup::Dim;
use crate::unit::{Micros, UnixMicros};
use chrono_tz::Tz;

mod burning;
mod compare;
mod forecast;
mod node;
mod once;
mod read;
mod refer;
mod span;
mod tick;
mod truth;

const NO_LABELS: &Labels = &Labels::new();

/// A rule, ready to be evaluated.
#[derive(Debug, Clone)]
pub struct Compiled {
    rule: Rule,
    zone: Tz,
    fire: Option<Node>,
    release: Option<(Expr, Node)>,
    is_split: bool,
}

impl Compiled {
    /// Prepares a rule. An objective it names that is not among `slos` leaves it idle.
    #[must_use]
    pub fn new(rule: &Rule, slos: &[Slo], zone: Tz) -> Self {
        let mut compiled =
            Self { rule: rule.clone(), zone, fire: None, release: None, is_split: false };
        let Condition::When { expr, hold } = &rule.condition else { return compiled };
        let setting = Setting {
            hold: hold.length,
            min_samples: rule.min_samples,
            confidence: rule.confidence,
            plain: rule.semantics == Semantics::Prometheus,
            slos,
        };
        let release = match &rule.clear {
            Clear::Same => None,
            Clear::When(expr) => Some(expr.clone()),
            Clear::Slack if setting.plain => None,
            Clear::Slack => Some(slack::release(expr)),
        };
        // Confidence is asked of a fault, not of its end.
        let calm = Setting { confidence: None, ..setting };
        compiled.fire = Some(Node::of(expr, setting));
        compiled.release = release.map(|expr| {
            let node = Node::of(&expr, calm);
            (expr, node)
        });
        let mut is_split = false;
        compiled.each(&mut |leaf| {
            is_split |= leaf.reader().is_some_and(|r| !r.selection.by.is_empty());
        });
        compiled.is_split = is_split;
        compiled
    }

    /// The rule.
    #[must_use]
    pub const fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The condition that ends an episode, slack applied; nothing where it is over as soon as its
    /// condition is false.
    #[must_use]
    pub fn clear(&self) -> Option<&Expr> {
        self.release.as_ref().map(|(expr, _)| expr)
    }

    /// Thresholds that must be counted exactly, those of the clear condition included: per selection
    /// and timing in µs, ascending, each once.
    #[must_use]
    pub fn thresholds(&self) -> Vec<(Selection, Timing, Vec<u64>)> {
        let mut wanted: Vec<(Selection, Timing, Vec<u64>)> = Vec::new();
        let mut want = |selection: &Selection, timing: Timing, values: &[u64]| match wanted
            .iter_mut()
            .find(|(s, t, _)| s == selection && *t == timing)
        {
            Some((_, _, all)) => all.extend_from_slice(values),
            None => wanted.push((selection.clone(), timing, values.to_vec())),
        };
        self.each(&mut |leaf| match (&leaf.what, leaf.compare()) {
            (What::Burn(burn), _) => {
                if let Some((timing, limit)) = burn.threshold() {
                    want(&burn.selection, timing, &[limit]);
                }
            }
            (_, Some(compare)) => {
                if let Some((_, timing)) = compare.timing() {
                    want(&compare.reader.selection, timing, &compare.edges());
                }
            }
            _ => {}
        });
        for (_, _, values) in &mut wanted {
            values.sort_unstable();
            values.dedup();
        }
        wanted
    }

    /// Every selection of calls, scores or ratings it reads.
    #[must_use]
    pub fn selections(&self) -> Vec<Selection> {
        let mut all: Vec<Selection> = Vec::new();
        let mut add = |selection: &Selection| {
            if !all.contains(selection) {
                all.push(selection.clone());
            }
        };
        self.each(&mut |leaf| match &leaf.what {
            What::Burn(burn) => add(&burn.selection),
            What::Regressed(_) => {}
            What::Compare(_) | What::Missing(_) | What::Forecast(_) => {
                readers(leaf).for_each(|r| add(&r.selection));
            }
        });
        all
    }

    /// How far back its windows of up to 30 minutes look, those they are compared with included:
    /// what must be kept in memory. Longer ones are read from minutes on disk.
    #[must_use]
    pub fn reach(&self) -> Micros {
        let mut most = Micros(0);
        let mut note = |length: Micros| {
            if length <= MOST_GROWTH {
                most = most.max(length);
            }
        };
        self.each(&mut |leaf| {
            if let What::Burn(burn) = &leaf.what {
                note(burn.short);
                note(burn.long);
            }
            if let What::Missing(missing) = &leaf.what {
                missing.length.into_iter().for_each(&mut note);
            }
            let back = leaf.compare().and_then(compare::Compare::back);
            for span in readers(leaf).filter_map(|r| r.span.reach()) {
                note(span);
                note(Micros(span.0.saturating_add(back.unwrap_or_default().0)));
            }
        });
        most
    }

    /// Why it is not evaluated, in a few words: what must be configured or switched on first.
    #[must_use]
    pub fn idle(&self, facts: &dyn Facts) -> Option<String> {
        if !self.rule.enabled {
            return Some("switched off".to_owned());
        }
        // Nothing that is asked here depends on the moment.
        let tick = self.tick(facts, UnixMicros(0), NO_LABELS, 0);
        let mut why = None;
        self.each(&mut |leaf| {
            if why.is_none() {
                why = needs(leaf, &Tick { budget: leaf.budget.as_deref(), ..tick });
            }
        });
        why
    }

    /// One verdict per label set. Without `by` exactly one; with `by` those that have data in the
    /// longest window they may take: an instance that is not among them has no data. A failure to
    /// learn the label sets is one verdict without labels.
    #[must_use]
    pub fn evaluate(&self, facts: &dyn Facts, at: UnixMicros) -> Vec<Evaluated> {
        let Some(fire) = &self.fire else { return Vec::new() };
        if !self.is_split {
            let sample = self.judge(fire, &self.tick(facts, at, NO_LABELS, 0));
            return vec![(Labels::new(), sample)];
        }
        let facts = &Once::new(facts);
        match self.label_sets(&self.tick(facts, at, NO_LABELS, 0)) {
            Ok(sets) => sets
                .into_iter()
                .enumerate()
                .map(|(place, labels)| {
                    let sample = self.judge(fire, &self.tick(facts, at, &labels, place));
                    (labels, sample)
                })
                .collect(),
            Err(error) => vec![(Labels::new(), failed(error))],
        }
    }

    const fn tick<'a>(
        &self,
        facts: &'a dyn Facts,
        at: UnixMicros,
        labels: &'a Labels,
        place: usize,
    ) -> Tick<'a> {
        Tick { facts, at, zone: self.zone, labels, place, budget: None, shown: true }
    }

    fn judge(&self, fire: &Node, tick: &Tick<'_>) -> Sample {
        let decided = match fire.decide(tick) {
            Ok(decided) => decided,
            Err(error) => return failed(error),
        };
        let verdict = match decided.truth {
            Truth::Unknown(why) => Verdict::Unknown(why),
            Truth::True => Verdict::True,
            Truth::False => match &self.release {
                None => Verdict::Clear,
                Some((_, release)) => match release.decide(&Tick { shown: false, ..*tick }) {
                    Ok(over) if over.truth.is_true() => Verdict::Clear,
                    Ok(_) => Verdict::False,
                    Err(error) => return failed(error),
                },
            },
        };
        Sample { verdict, evidence: decided.evidence }
    }

    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Leaf)) {
        let nodes = self.fire.iter().chain(self.release.iter().map(|(_, node)| node));
        nodes.for_each(|node| node.each(visit));
    }

    /// The label sets of the predicates that are split most finely, sorted.
    fn label_sets(&self, tick: &Tick<'_>) -> Result<Vec<Labels>, String> {
        let mut finest: &[Dim] = &[];
        let mut leaves: Vec<(&Leaf, &Reader)> = Vec::new();
        if let Some(fire) = &self.fire {
            fire.each(&mut |leaf| {
                if let Some(reader) = leaf.reader() {
                    let by = reader.selection.by.as_slice();
                    finest = if by.len() > finest.len() { by } else { finest };
                    leaves.push((leaf, reader));
                }
            });
        }
        let mut sets: Vec<Labels> = Vec::new();
        for (leaf, reader) in leaves {
            if reader.selection.by.len() != finest.len() {
                continue;
            }
            let seen_in = match &leaf.what {
                What::Missing(missing) => missing.seen_in(tick.at),
                _ => None,
            };
            let mut own = reader.label_sets(tick, seen_in)?;
            own.sort_unstable();
            if let Some(twice) = own.windows(2).find(|w| matches!(w, [a, b] if a == b)) {
                return Err(format!("two inputs have one label set: {:?}", twice.first()));
            }
            sets.append(&mut own);
        }
        sets.sort_unstable();
        sets.dedup();
        Ok(sets)
    }
}

fn failed(error: String) -> Sample {
    Sample { verdict: Verdict::Failed(error), evidence: Evidence::default() }
}

/// Its own series and the metrics it is compared with.
fn readers(leaf: &Leaf) -> impl Iterator<Item = &Reader> {
    leaf.reader().into_iter().chain(leaf.compare().into_iter().flat_map(compare::Compare::others))
}

fn needs(leaf: &Leaf, tick: &Tick<'_>) -> Option<String> {
    if let What::Burn(burn) = &leaf.what {
        return burn.needs(tick);
    }
    if let Some(compare) = leaf.compare() {
        if let Some(mechanism) = compare.mechanism.filter(|m| tick.facts.is_off(*m)) {
            return Some(off(mechanism).to_owned());
        }
        return compare.needs(tick);
    }
    None
}

const fn off(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::ResponseCaching => "response caching is off",
        Mechanism::TokenSaving => "saving tokens is off",
    }
}

#[cfg(test)]
mod tests;
