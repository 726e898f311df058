//! What may not be said (alerting 5): units that do not fit, references that are not configured,
//! thresholds that are never crossed. One judge for trees from text and trees from elsewhere.

use super::super::condition::{
    Cadence, Cmp, Comparison, Condition, Expr, Guards, Hold, Operand, Predicate, Reference,
    Schedule, Series,
};
use super::super::metric::{Metric, MetricWindow};
use super::parser::DEEPEST;
use super::print::{cmp_text, print_duration};
use super::{Context, Fault, schedule};
use crate::rollup::Dim;
use std::ops::Range;

mod bound;
mod burn;
mod series;

pub(super) use self::bound::plain_share;

/// Where the parts of a series stand.
#[derive(Debug, Default)]
pub(super) struct SeriesAt {
    pub(super) metric: Range<usize>,
    pub(super) labels: Vec<Range<usize>>,
    pub(super) calendar: Range<usize>,
    pub(super) over: Range<usize>,
    pub(super) by: Range<usize>,
}

/// Where the parts of a predicate stand; all empty for trees that were not read from text.
#[derive(Debug, Default)]
pub(super) struct At {
    pub(super) whole: Range<usize>,
    pub(super) series: SeriesAt,
    /// Of a metric that is a reference.
    pub(super) other: SeriesAt,
    /// What a change, regression or forecast is against.
    pub(super) against: Range<usize>,
    pub(super) cmp: Range<usize>,
    pub(super) bound: Range<usize>,
    pub(super) guards: Range<usize>,
}

/// Most ticks of `(k of n)`: as many as an instance remembers.
const MAX_TICKS: u32 = 64;

/// The faults of a condition that was not read from text.
pub(super) fn condition(condition: &Condition, context: &Context<'_>) -> Vec<Fault> {
    match condition {
        Condition::Schedule(schedule) => schedule_faults(schedule),
        Condition::When { expr, hold: length } => {
            let mut faults = whole_expr(expr, context);
            hold(length, &(0..0), &mut faults);
            faults
        }
    }
}

/// The faults of an expression that was not read from text.
pub(super) fn whole_expr(expr: &Expr, context: &Context<'_>) -> Vec<Fault> {
    let (mut faults, mut splits) = (Vec::new(), Splits::default());
    walk(expr, DEEPEST, context, &mut splits, &mut faults);
    splits.check(&mut faults);
    faults
}

fn walk(
    expr: &Expr,
    left: usize,
    context: &Context<'_>,
    splits: &mut Splits,
    faults: &mut Vec<Fault>,
) {
    let Some(left) = left.checked_sub(1) else {
        let message = format!("more than {DEEPEST} parts within each other");
        faults.push(Fault::new(0..0, message).hint("split it into several rules"));
        return;
    };
    match expr {
        Expr::And(parts) | Expr::Or(parts) => {
            if parts.len() < 2 {
                let word = if matches!(expr, Expr::And(_)) { "and" } else { "or" };
                let message =
                    format!("`{word}` joins {} parts; it takes at least two", parts.len());
                faults.push(Fault::new(0..0, message).hint("write the part alone"));
            }
            parts.iter().for_each(|part| walk(part, left, context, splits, faults));
        }
        Expr::Not(inner) => walk(inner, left, context, splits, faults),
        Expr::Is(inner) => {
            let at = At::default();
            predicate(inner, &at, context, faults);
            splits.add(inner, &at);
        }
    }
}

/// The label sets of the parts of one condition.
#[derive(Debug, Default)]
pub(super) struct Splits(Vec<(Vec<Dim>, Range<usize>)>);

impl Splits {
    /// Notes the labels of one predicate.
    pub(super) fn add(&mut self, predicate: &Predicate, at: &At) {
        let Some(series) = series_of(predicate) else { return };
        if !series.by.is_empty() {
            let mut labels = series.by.clone();
            labels.sort_unstable();
            self.0.push((labels, at.series.by.clone()));
        }
    }

    /// Parts split by different labels have no common instances.
    pub(super) fn check(self, faults: &mut Vec<Fault>) {
        let mut splits = self.0.into_iter();
        let Some((first, _)) = splits.next() else { return };
        if let Some((_, span)) = splits.find(|(labels, _)| *labels != first) {
            let words: Vec<&str> = first.iter().map(|d| d.word()).collect();
            let message = "the parts of a condition are split by different labels";
            let hint = format!("write `by ({})` here too, or make it two rules", words.join(", "));
            faults.push(Fault::new(span, message).hint(hint));
        }
    }
}

/// The series a predicate is about.
const fn series_of(predicate: &Predicate) -> Option<&Series> {
    match predicate {
        Predicate::Compare(comparison) => Some(comparison.operand.series()),
        Predicate::NoData { from: series, .. }
        | Predicate::Absent(series)
        | Predicate::Regression { of: series, .. }
        | Predicate::Forecast { of: series, .. } => Some(series),
        Predicate::BurnRate { .. } => None,
    }
}

/// `for` and `(k of n)`.
pub(super) fn hold(hold: &Hold, span: &Range<usize>, faults: &mut Vec<Fault>) {
    length_fault(hold.length, "`for`", span, faults);
    let Some(tolerance) = hold.tolerance else { return };
    let (k, n) = (tolerance.k, tolerance.n);
    if k == 0 || k > n || n > MAX_TICKS {
        let message = format!("`({k} of {n})` cannot be");
        let hint = format!("write at least 1 of at most {MAX_TICKS} ticks, e.g. `(4 of 5)`");
        faults.push(Fault::new(span.clone(), message).hint(hint));
    }
}

fn length_fault(
    length: crate::unit::Micros,
    what: &str,
    span: &Range<usize>,
    faults: &mut Vec<Fault>,
) {
    let longest = super::length::LONGEST;
    if length > longest {
        let message = format!(
            "{what} is {}; the most is {}",
            print_duration(length),
            print_duration(longest)
        );
        faults.push(Fault::new(span.clone(), message));
    }
}

fn schedule_faults(schedule: &Schedule) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |message: String, hint: &str| faults.push(Fault::new(0..0, message).hint(hint));
    match &schedule.every {
        Cadence::Weekly(day) if !(1..=7).contains(day) => {
            fault(format!("{day} is no day of the week"), "write 1 (Monday) to 7 (Sunday)");
        }
        Cadence::Monthly(day) if !(1..=31).contains(day) => {
            fault(format!("{day} is no day of the month"), "write 1 to 31");
        }
        Cadence::Cron(_) if schedule.at.is_some() => {
            fault("a cron expression has its time within".to_owned(), "leave `at` out");
        }
        _ => {}
    }
    if let Some(at) = schedule.at.filter(|at| *at >= 24 * 60) {
        fault(format!("{at} minutes are no time of day"), "write 0 (00:00) to 1439 (23:59)");
    }
    if let Cadence::Cron(pattern) = &schedule.every {
        faults.extend(schedule::cron_fault(pattern, 0..0));
    }
    faults
}

/// The faults of one predicate.
pub(super) fn predicate(
    predicate: &Predicate,
    at: &At,
    context: &Context<'_>,
    faults: &mut Vec<Fault>,
) {
    if let Some(of) = series_of(predicate) {
        series::check(of, &at.series, context, faults);
    }
    match predicate {
        Predicate::Compare(comparison) => compare(comparison, at, context, faults),
        Predicate::NoData { from, length } => {
            length_fault(*length, "`no data for`", &at.bound, faults);
            if length.0 == 0 {
                let fault = Fault::new(at.bound.clone(), "`no data for 0s` always holds");
                faults.push(fault.hint("write how long it may be quiet, e.g. `no data for 10m`"));
            }
            series::has_stream(from, "no data for", &at.series, faults);
        }
        Predicate::Absent(of) => series::has_stream(of, "absent", &at.series, faults),
        Predicate::BurnRate { .. } => burn::check(predicate, at, context, faults),
        Predicate::Regression { of, against, beyond, guards } => {
            regression(of, against.as_ref(), *beyond, at, faults);
            guard(*guards, of.metric, at, faults);
        }
        Predicate::Forecast { of, ahead, cmp, bound } => {
            series::has_forecast(of, *ahead, at, faults);
            equality(*cmp, of.metric, at, faults);
            bound::check(bound, &bound::Side::of(of), *cmp, at, context, faults);
        }
    }
}

fn compare(comparison: &Comparison, at: &At, context: &Context<'_>, faults: &mut Vec<Fault>) {
    let Comparison { operand, cmp, bound, guards } = comparison;
    let metric = operand.series().metric;
    let side = match operand {
        Operand::Of(series) => {
            equality(*cmp, metric, at, faults);
            bound::Side::of(series)
        }
        Operand::Change { kind, of, against } => {
            if matches!(cmp, Cmp::Equal | Cmp::NotEqual) {
                faults.push(inequality(*cmp, "a change", at));
            }
            bound::reference(against, of, &at.against, at, context, faults);
            bound::Side::change(*kind, of)
        }
    };
    bound::check(bound, &side, *cmp, at, context, faults);
    guard(*guards, metric, at, faults);
}

/// Rule 4: `==` on a measured number is luck.
fn equality(cmp: Cmp, metric: Metric, at: &At, faults: &mut Vec<Fault>) {
    if matches!(cmp, Cmp::Equal | Cmp::NotEqual) && !metric.is_integer() {
        faults.push(inequality(cmp, metric.word(), at));
    }
}

fn inequality(cmp: Cmp, what: &str, at: &At) -> Fault {
    let message =
        format!("`{}` on {what}, which is measured and hardly ever exactly equal", cmp_text(cmp));
    let hint = if cmp == Cmp::Equal { "write `>=` or `<=`" } else { "write `>` or `<`" };
    Fault::new(at.cmp.clone(), message).hint(hint)
}

fn guard(guards: Guards, metric: Metric, at: &At, faults: &mut Vec<Fault>) {
    let mut fault = |message: String, hint: &str| {
        faults.push(Fault::new(at.guards.clone(), message).hint(hint));
    };
    if let Some(confidence) = guards.confidence
        && !(0.5..1.0).contains(&confidence)
    {
        let message = format!("a confidence of {}%", confidence * 100.0);
        fault(message, "write at least 50% and less than 100%, e.g. `with 95% confidence`");
    }
    if guards.min_samples == Some(0) {
        fault("`min 0 samples` asks for nothing".to_owned(), "leave it out, or write at least 1");
    }
    if guards != Guards::default() && metric.min_samples() == 0 {
        let message = format!("{} is not taken from samples", metric.word());
        fault(message, "leave `with … confidence` and `min … samples` out");
    }
}

fn regression(
    of: &Series,
    against: Option<&Reference>,
    beyond: Option<(Cmp, f64)>,
    at: &At,
    faults: &mut Vec<Fault>,
) {
    if matches!(against, Some(Reference::Budget(_) | Reference::Target | Reference::Capacity)) {
        let message = "a regression is against an earlier time, not against a limit";
        faults.push(Fault::new(at.against.clone(), message).hint("write `vs baseline`"));
    } else if let Some(reference) = against {
        bound::reference(reference, of, &at.against, at, &Context::default(), faults);
    }
    if let Some((cmp, percent)) = beyond {
        if !matches!(cmp, Cmp::Above | Cmp::AtLeast) {
            let message = format!("`{}` on a regression", cmp_text(cmp));
            faults.push(
                Fault::new(at.cmp.clone(), message).hint("write `>`: a regression is a worsening"),
            );
        }
        if !(percent.is_finite() && percent >= 0.0) {
            let message = format!("a regression beyond {percent}%");
            faults.push(Fault::new(at.bound.clone(), message).hint("write a percent of 0 or more"));
        }
    }
}

/// Whether a metric is a figure of the moment, without a past.
pub(super) fn is_gauge(metric: Metric) -> bool {
    metric.window() == MetricWindow::Now || metric == Metric::TtlEffectiveness
}
