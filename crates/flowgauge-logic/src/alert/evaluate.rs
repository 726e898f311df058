//! From a rule and what is known at a tick to one verdict per label set (alerting 4–8, 10–13).
//!
//! Owns a rule's compiled form and the order of verdicts: a failure beats everything, then unknown,
//! true, clear, false. Refuses to remember anything between ticks.

use self::compare::{Compare, Decided};
use self::node::{Leaf, Node, Setting, What};
use self::once::Once;
use self::read::{Answer, Reader};
use self::tick::Tick;
use self::truth::Truth;
use super::condition::{Condition, Expr};
use super::facts::{Facts, Labels, Mechanism, Selection, Timing};
use super::guard::MOST_GROWTH;
use super::rule::{Clear, Rule, Semantics, Slo};
use super::sample::{Evaluated, Evidence, Sample, Verdict, Why};
use super::slack;
use crate::rollup::Dim;
use crate::unit::{Micros, UnixMicros};
use chrono_tz::Tz;

mod burning;
mod compare;
mod forecast;
mod guess;
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
    /// Both conditions look at the same figures, as nearly all do: they are looked up once.
    looks_once: bool,
}

impl Compiled {
    /// Prepares a rule. An objective it names that is not among `slos` leaves it idle.
    #[must_use]
    pub fn new(rule: &Rule, slos: &[Slo], zone: Tz) -> Self {
        let mut compiled = Self {
            rule: rule.clone(),
            zone,
            fire: None,
            release: None,
            is_split: false,
            looks_once: false,
        };
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
        compiled.looks_once = compiled.over_one_look().is_some_and(|(_, fire, release)| {
            fire.reader == release.reader && fire.mechanism == release.mechanism
        });
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

    /// One verdict per label set, sorted by label set: see [`Self::evaluate_each`].
    #[must_use]
    pub fn evaluate(&self, facts: &dyn Facts, at: UnixMicros) -> Vec<Evaluated> {
        let mut all = Vec::new();
        self.evaluate_each(facts, at, &mut |labels, sample| all.push((labels.clone(), sample)));
        all
    }

    /// One verdict per label set, given in the order of the label sets. Without `by` exactly one;
    /// with `by` those that have data in the longest window they may take: an instance that is not
    /// among them has no data. A failure to learn the label sets is one verdict without labels.
    pub fn evaluate_each(
        &self,
        facts: &dyn Facts,
        at: UnixMicros,
        take: &mut dyn FnMut(&Labels, Sample),
    ) {
        let Some(fire) = &self.fire else { return };
        if !self.is_split {
            return take(NO_LABELS, self.judge(fire, &self.tick(facts, at, NO_LABELS, 0)));
        }
        let facts = &Once::new(facts);
        let answers = match self.answers(&self.tick(facts, at, NO_LABELS, 0)) {
            Ok(answers) => answers,
            Err(error) => return take(NO_LABELS, failed(error)),
        };
        match label_sets(&answers) {
            Ok(sets) => {
                for (place, labels) in sets.into_iter().enumerate() {
                    take(labels, self.judge(fire, &self.tick(facts, at, labels, place)));
                }
            }
            Err(error) => take(NO_LABELS, failed(error)),
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
        let judged = match self.over_one_look().filter(|_| self.looks_once) {
            Some(both) => judge_once(both, tick),
            None => self.judge_apart(fire, tick),
        };
        judged.unwrap_or_else(failed)
    }

    /// Each condition looks for itself.
    fn judge_apart(&self, fire: &Node, tick: &Tick<'_>) -> Result<Sample, String> {
        let decided = fire.decide(tick)?;
        let is_over = || match &self.release {
            None => Ok(true),
            Some((_, release)) => {
                release.decide(&quiet(tick)).map(|decided| decided.truth.is_true())
            }
        };
        sample(decided, is_over)
    }

    /// The predicate and both comparisons of a rule that has no more than that: it may do with one
    /// look.
    fn over_one_look(&self) -> Option<(&Leaf, &Compare, &Compare)> {
        let (Some(Node::Leaf(fire)), Some((_, Node::Leaf(release)))) = (&self.fire, &self.release)
        else {
            return None;
        };
        let (What::Compare(one), What::Compare(other)) = (&fire.what, &release.what) else {
            return None;
        };
        (fire.budget == release.budget).then_some((&**fire, one, other))
    }

    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Leaf)) {
        let nodes = self.fire.iter().chain(self.release.iter().map(|(_, node)| node));
        nodes.for_each(|node| node.each(visit));
    }

    /// Of the predicates that are split most finely: the answers their label sets are in.
    fn answers(&self, tick: &Tick<'_>) -> Result<Vec<Answer>, String> {
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
        let of_leaf = |(leaf, reader): (&Leaf, &Reader)| {
            let seen_in = match &leaf.what {
                What::Missing(missing) => missing.seen_in(tick.at),
                _ => None,
            };
            reader.answer(tick, seen_in)
        };
        let finest = |(_, reader): &(_, &Reader)| reader.selection.by.len() == finest.len();
        leaves.into_iter().filter(finest).map(of_leaf).collect()
    }
}

/// The label sets of some answers, sorted, each once.
fn label_sets(answers: &[Answer]) -> Result<Vec<&Labels>, String> {
    let mut sets: Vec<&Labels> = Vec::new();
    for answer in answers {
        let mut own = answer.label_sets();
        if !own.is_sorted() {
            own.sort_unstable();
        }
        if let Some(twice) = own.windows(2).find(|w| matches!(w, [a, b] if a == b)) {
            return Err(format!("two inputs have one label set: {:?}", twice.first()));
        }
        sets.append(&mut own);
    }
    if answers.len() > 1 {
        sets.sort_unstable();
        sets.dedup();
    }
    Ok(sets)
}

/// Both conditions over what is found once.
fn judge_once(
    (leaf, fire, release): (&Leaf, &Compare, &Compare),
    tick: &Tick<'_>,
) -> Result<Sample, String> {
    let tick = &Tick { budget: leaf.budget.as_deref(), ..*tick };
    let Some(found) = fire.look(tick)? else {
        return sample(Decided::unknown(Why::Disabled), || Ok(false));
    };
    let decided = fire.decide_on(tick, &found)?;
    sample(decided, || Ok(release.decide_on(&quiet(tick), &found)?.truth.is_true()))
}

/// Of what ends an episode nobody sees the figures.
const fn quiet<'a>(tick: &Tick<'a>) -> Tick<'a> {
    Tick { shown: false, ..*tick }
}

/// A verdict; whether it is over is asked only where the condition is false.
fn sample(
    decided: Decided,
    is_over: impl FnOnce() -> Result<bool, String>,
) -> Result<Sample, String> {
    let verdict = match decided.truth {
        Truth::Unknown(why) => Verdict::Unknown(why),
        Truth::True => Verdict::True,
        Truth::False if is_over()? => Verdict::Clear,
        Truth::False => Verdict::False,
    };
    Ok(Sample { verdict, evidence: decided.evidence })
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
    if let What::Regressed(regressed) = &leaf.what {
        return regressed.needs(tick);
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
