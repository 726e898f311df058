//! A condition, compiled: a tree of predicates ready to be decided.
//!
//! Owns how the tree of a condition becomes readers and thresholds, and how truths are joined.

use super::burning::{Burn, Regressed};
use super::compare::{Compare, Decided};
use super::forecast::{Forecast, Missing};
use super::guess::Guess;
use super::read::Reader;
use super::refer::{Limit, Refer, named};
use super::span::Span;
use super::tick::Tick;
use crate::alert::condition::{
    Bound, Cmp, Comparison, Expr, Guards, Operand, Predicate, Reference, Series, Written,
};
use crate::alert::facts::Selection;
use crate::alert::guard::z_of;
use crate::alert::metric::Metric;
use crate::alert::rule::Slo;
use crate::call::Text;
use crate::unit::Micros;

/// A tree of predicates.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// All of them.
    All(Vec<Self>),
    /// Any of them.
    Any(Vec<Self>),
    /// Not this one.
    Not(Box<Self>),
    /// A predicate.
    Leaf(Box<Leaf>),
}

/// A predicate and the budget it names.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    /// Which predicate.
    pub what: What,
    /// The budget named in it.
    pub budget: Option<Text>,
}

/// One thing that is true, false or unknown.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// A comparison.
    Compare(Compare),
    /// Whether no data came.
    Missing(Missing),
    /// A burn rate.
    Burn(Burn),
    /// What the regression detector says.
    Regressed(Regressed),
    /// A forecast.
    Forecast(Forecast),
}

/// What of a rule its predicates depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    /// How long it must hold.
    pub hold: Micros,
    /// Fewest samples, where the rule says so.
    pub min_samples: Option<u64>,
    /// Confidence, where the rule says so.
    pub confidence: Option<f64>,
    /// As Prometheus evaluates: no growth, no fewest samples, no calls in flight.
    pub plain: bool,
    /// Objectives by name.
    pub slos: &'a [Slo],
}

impl Node {
    pub(super) fn of(expr: &Expr, setting: Setting<'_>) -> Self {
        let all = |parts: &[Expr]| parts.iter().map(|p| Self::of(p, setting)).collect();
        match expr {
            Expr::And(parts) => Self::All(all(parts)),
            Expr::Or(parts) => Self::Any(all(parts)),
            Expr::Not(inner) => Self::Not(Box::new(Self::of(inner, setting))),
            Expr::Is(predicate) => Self::Leaf(Box::new(leaf(predicate, setting))),
        }
    }

    /// Whether it holds, and the figures that decided. Every predicate is looked at: one that fails
    /// beats everything.
    pub(super) fn decide(&self, tick: &Tick<'_>) -> Result<Decided, String> {
        match self {
            Self::Leaf(leaf) => leaf.decide(tick),
            Self::Not(inner) => {
                let decided = inner.decide(tick)?;
                Ok(Decided { truth: decided.truth.not(), ..decided })
            }
            Self::All(parts) => join(parts, tick, |sum, next| {
                // The first predicate is what the rule is about.
                sum.truth = sum.truth.and(next.truth);
            }),
            Self::Any(parts) => join(parts, tick, |sum, next| {
                if next.truth.is_true() && !sum.truth.is_true() {
                    sum.evidence = next.evidence;
                }
                sum.truth = sum.truth.or(next.truth);
            }),
        }
    }

    /// Every predicate, in the order written.
    pub(super) fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Leaf)) {
        match self {
            Self::Leaf(leaf) => visit(leaf),
            Self::Not(inner) => inner.each(visit),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|p| p.each(visit)),
        }
    }
}

fn join(
    parts: &[Node],
    tick: &Tick<'_>,
    add: impl Fn(&mut Decided, Decided),
) -> Result<Decided, String> {
    let mut joined: Option<Decided> = None;
    for part in parts {
        let next = part.decide(tick)?;
        match &mut joined {
            Some(sum) => add(sum, next),
            None => joined = Some(next),
        }
    }
    joined.ok_or_else(|| "the condition is empty".to_owned())
}

impl Leaf {
    fn decide(&self, tick: &Tick<'_>) -> Result<Decided, String> {
        let tick = &Tick { budget: self.budget.as_deref(), ..*tick };
        match &self.what {
            What::Compare(compare) => compare.decide(tick),
            What::Missing(missing) => missing.decide(tick),
            What::Burn(burn) => burn.decide(tick),
            What::Regressed(regressed) => Ok(regressed.decide(tick)),
            What::Forecast(forecast) => forecast.decide(tick),
        }
    }

    /// The comparison in it.
    pub(super) const fn compare(&self) -> Option<&Compare> {
        match &self.what {
            What::Compare(compare) => Some(compare),
            What::Forecast(forecast) => Some(&forecast.compare),
            What::Missing(_) | What::Burn(_) | What::Regressed(_) => None,
        }
    }

    /// The series it is about.
    pub(super) const fn reader(&self) -> Option<&Reader> {
        match &self.what {
            What::Compare(compare) => Some(&compare.reader),
            What::Forecast(forecast) => Some(&forecast.compare.reader),
            What::Missing(missing) => Some(&missing.reader),
            What::Burn(_) | What::Regressed(_) => None,
        }
    }
}

fn leaf(predicate: &Predicate, setting: Setting<'_>) -> Leaf {
    let mut budget = None;
    let what = match predicate {
        Predicate::Compare(comparison) => {
            budget = budget_named(&comparison.bound, Some(&comparison.operand));
            What::Compare(compare(comparison, setting))
        }
        Predicate::Forecast { of, ahead, cmp, bound } => {
            budget = budget_named(bound, None);
            let guards = Guards::default();
            let (operand, cmp, bound) = (Operand::Of(of.clone()), *cmp, bound.clone());
            let comparison = Comparison { operand, cmp, bound, guards };
            What::Forecast(Forecast { compare: compare(&comparison, setting), ahead: *ahead })
        }
        Predicate::NoData { from, length } => {
            let reader = reader(from, Guards::default(), Setting { plain: true, ..setting });
            What::Missing(Missing { reader, length: Some(*length) })
        }
        Predicate::Absent(series) => {
            let reader = reader(series, Guards::default(), Setting { plain: true, ..setting });
            What::Missing(Missing { reader, length: None })
        }
        Predicate::BurnRate { slo, factor, long, short } => {
            let found = setting.slos.iter().find(|s| s.name == *slo);
            What::Burn(Burn {
                name: slo.clone(),
                slo: found.cloned(),
                selection: Burn::selection(found),
                factor: *factor,
                long: *long,
                short: *short,
            })
        }
        Predicate::Regression { of, beyond, .. } => {
            What::Regressed(Regressed { metric: of.metric, beyond: *beyond })
        }
    };
    Leaf { what, budget }
}

fn compare(comparison: &Comparison, setting: Setting<'_>) -> Compare {
    let Comparison { operand, cmp, bound, guards } = comparison;
    let series = operand.series();
    let metric = series.metric;
    let other = |of: &Series| {
        let mut of = of.clone();
        // Split as the operand is, so that each label set is compared with its own.
        if of.by.is_empty() && of.metric.has_labels() {
            of.by.clone_from(&series.by);
        }
        reader(&of, Guards::default(), setting)
    };
    let change = match operand {
        Operand::Of(_) => None,
        Operand::Change { kind, against, .. } => Some((*kind, Refer::of(against, metric, other))),
    };
    let limit = Limit::of(bound, |r| Refer::of(r, metric, other));
    let own_past = limit.refer().is_some_and(Refer::is_own_past) || change.is_some();
    let confidence = guards.confidence.or(setting.confidence);
    Compare {
        reader: reader(series, *guards, setting),
        change,
        cmp: *cmp,
        mechanism: if own_past { metric.mechanism_of_change() } else { metric.mechanism() },
        unit: written(bound, metric),
        limit,
        z: confidence.map(z_of),
        by_counts: !setting.plain && !matches!(cmp, Cmp::Equal | Cmp::NotEqual),
        place: Guess::default(),
    }
}

fn reader(series: &Series, guards: Guards, setting: Setting<'_>) -> Reader {
    let metric = series.metric;
    let min = guards.min_samples.or(setting.min_samples).unwrap_or(metric.min_samples());
    let quality = (metric == Metric::QualityRegression)
        .then(|| Series { metric: Metric::QualityScore, ..series.clone() });
    Reader {
        selection: Selection { selector: series.selector.clone(), by: series.by.clone() },
        span: Span::of(series, setting.hold, setting.plain),
        min: if setting.plain { 0 } else { min },
        quality,
        series: series.clone(),
    }
}

/// The budget that a bound or a change names.
fn budget_named(bound: &Bound, operand: Option<&Operand>) -> Option<Text> {
    let of_bound = match bound {
        Bound::Quantity(_) => None,
        Bound::PercentOf { of, .. } => named(of),
        Bound::Reference { reference, .. } => named(reference),
    };
    let against: Option<&Reference> = match operand {
        Some(Operand::Change { against, .. }) => Some(against),
        Some(Operand::Of(_)) | None => None,
    };
    of_bound.or_else(|| against.and_then(named))
}

/// The unit a threshold is shown in: as written, else the metric's own.
const fn written(bound: &Bound, metric: Metric) -> Written {
    match bound {
        Bound::Quantity(quantity) => quantity.unit,
        Bound::PercentOf { .. } | Bound::Reference { .. } => metric.display(),
    }
}
