//! A rule, or one with another threshold, on its way through time.

use super::told::Told;
use super::{LISTED, SLOW, Span, signed};
use crate::judge::recent::AtTick;
use crate::judge::rule_set::RuleSet;
use crate::logic::alert::condition::{Bound, Condition, Expr, Predicate, Series};
use crate::logic::alert::evaluate::Compiled;
use crate::logic::alert::facts::Labels;
use crate::logic::alert::instance::Instance;
use crate::logic::alert::law::Law;
use crate::logic::alert::metric::MetricWindow;
use crate::logic::alert::rule::Rule;
use crate::logic::alert::sample::{Evidence, Sample, Verdict, Why};
use crate::logic::alert::step::{Moved, step};
use crate::logic::unit::{Micros, UnixMicros};
use std::collections::BTreeMap;

/// Windows up to this are answered from memory.
const SHORT: Micros = Micros::from_millis(30 * 60_000);

/// A rule on its way.
pub(super) struct Walk {
    /// Place of the rule, or of the one it is a neighbour of.
    pub(super) rule: usize,
    pub(super) compiled: Compiled,
    pub(super) every: Micros,
    pub(super) arcs: Vec<Arc>,
    pub(super) fired: u64,
    pub(super) evaluated: u64,
    pub(super) known: u64,
    pub(super) idle: Option<String>,
    law: Law,
    instances: BTreeMap<Labels, Instance>,
    /// It is the rule itself, so what it would tell is planned.
    is_told: bool,
}

/// From firing to the end.
pub(super) struct Arc {
    pub(super) fired: UnixMicros,
    pub(super) resolved: Option<UnixMicros>,
    pub(super) labels: Labels,
}

impl Walk {
    pub(super) fn new(at: usize, rule: Rule, rules: &RuleSet, span: Span) -> Self {
        let slow = matches!(&rule.condition, Condition::When { expr, .. } if is_slow(expr));
        let every = if slow { SLOW.max(span.tick) } else { span.tick };
        Self {
            rule: at,
            compiled: Compiled::new(&rule, &rules.slos, span.zone),
            law: Law::of(&rule, every, span.zone),
            every,
            instances: BTreeMap::new(),
            arcs: Vec::new(),
            fired: 0,
            evaluated: 0,
            known: 0,
            idle: None,
            is_told: false,
        }
    }

    /// One that tells.
    pub(super) fn told(self) -> Self {
        Self { is_told: true, ..self }
    }

    pub(super) fn is_due(&self, at: UnixMicros, tick: Micros) -> bool {
        at.0.rem_euclid(signed(self.every)) < signed(tick)
    }

    /// How an instance stands.
    pub(super) fn instance(&self, labels: &Labels) -> Option<&Instance> {
        self.instances.get(labels)
    }

    pub(super) fn turn(&mut self, facts: &AtTick<'_>, at: UnixMicros, told: &mut Told) {
        self.idle = self.compiled.idle(facts);
        if self.idle.is_some() {
            return;
        }
        let mut samples = self.compiled.evaluate(facts, at);
        let silent = self.instances.keys().filter(|key| !samples.iter().any(|(l, _)| l == *key));
        let silent: Vec<Labels> = silent.cloned().collect();
        let nothing =
            || Sample { verdict: Verdict::Unknown(Why::NoData), evidence: Evidence::default() };
        samples.extend(silent.into_iter().map(|labels| (labels, nothing())));
        for (labels, sample) in samples {
            self.evaluated += 1;
            self.known +=
                u64::from(!matches!(sample.verdict, Verdict::Unknown(_) | Verdict::Failed(_)));
            self.move_on(labels, &sample, at, told);
        }
    }

    fn move_on(&mut self, labels: Labels, sample: &Sample, at: UnixMicros, told: &mut Told) {
        let instance = self.instances.entry(labels.clone()).or_insert_with(|| Instance::new(at));
        let moved = step(&self.law, instance, sample, at).moved;
        if self.is_told {
            instance.episode = match moved {
                Moved::Fired { first_true, .. } => {
                    Some(told.open(self.rule, &labels, &sample.evidence, (first_true, at)))
                }
                Moved::Resolved { reason, episode } => {
                    told.close(episode, at, reason);
                    None
                }
                Moved::Stayed | Moved::Changed { .. } => {
                    told.update(instance.episode, sample, at);
                    instance.episode
                }
            };
        }
        match moved {
            Moved::Fired { .. } => {
                self.fired += 1;
                if self.arcs.len() < LISTED {
                    self.arcs.push(Arc { fired: at, resolved: None, labels });
                }
            }
            Moved::Resolved { .. } => {
                let open = |arc: &&mut Arc| arc.resolved.is_none() && arc.labels == labels;
                if let Some(arc) = self.arcs.iter_mut().rev().find(open) {
                    arc.resolved = Some(at);
                }
            }
            Moved::Stayed | Moved::Changed { .. } => {}
        }
    }
}

/// Whether anything of a condition is read from the store.
fn is_slow(expr: &Expr) -> bool {
    let long = |of: &Series| match (of.over, of.metric.window()) {
        (Some(over), _) | (None, MetricWindow::Last(over)) => over > SHORT,
        (None, MetricWindow::Short | MetricWindow::Now) => false,
        (None, _) => true,
    };
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(is_slow),
        Expr::Not(part) => is_slow(part),
        Expr::Is(Predicate::Compare(c)) => {
            long(c.operand.series()) || !matches!(c.bound, Bound::Quantity(_))
        }
        Expr::Is(Predicate::NoData { from, length }) => long(from) || *length > SHORT,
        Expr::Is(Predicate::Absent(of)) => long(of),
        Expr::Is(
            Predicate::BurnRate { .. } | Predicate::Regression { .. } | Predicate::Forecast { .. },
        ) => true,
    }
}
