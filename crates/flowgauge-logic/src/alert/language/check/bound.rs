//! The right side against the left: units that fit, references that exist, thresholds that can be
//! crossed.

use super::super::super::condition::{
    Bound, ChangeKind, Cmp, Offset, Quantity, Reference, Series, Written,
};
use super::super::super::facts::BudgetPeriod;
use super::super::super::metric::{Dimension, Metric};
use super::super::cursor::did_you_mean;
use super::super::print::{cmp_text, print_duration, quantity_text, reference_text};
use super::super::{Context, Fault};
use super::{At, is_gauge, length_fault, series};
use std::ops::Range;

/// The left side of a comparison, as far as the right side must fit it.
pub(super) struct Side<'a> {
    series: &'a Series,
    /// A change is a share, whatever the metric is.
    change: bool,
    dimension: Dimension,
    range: (Option<f64>, Option<f64>),
    name: String,
}

impl<'a> Side<'a> {
    pub(super) fn of(series: &'a Series) -> Self {
        let metric = series.metric;
        Self {
            series,
            change: false,
            dimension: metric.dimension(),
            range: metric.range(),
            name: metric.word().to_owned(),
        }
    }

    /// A metric that is never negative falls by at most all of it; others know no bounds.
    pub(super) fn change(kind: ChangeKind, series: &'a Series) -> Self {
        let bounded = series.metric.range().0.is_some();
        let (name, range) = match kind {
            ChangeKind::Increase => ("an increase", (bounded.then_some(-1.0), None)),
            ChangeKind::Decrease => ("a decrease", (None, bounded.then_some(1.0))),
            ChangeKind::Change => ("a change", (Some(0.0), None)),
        };
        let name = format!("{name} of {}", series.metric.word());
        Self { series, change: true, dimension: Dimension::Ratio, range, name }
    }
}

/// The faults of a right side.
pub(super) fn check(
    bound: &Bound,
    side: &Side<'_>,
    cmp: Cmp,
    at: &At,
    context: &Context<'_>,
    faults: &mut Vec<Fault>,
) {
    match bound {
        Bound::Quantity(quantity) => {
            match quantity_fault(*quantity, side) {
                Some(fault) => faults.push(Fault { span: at.bound.clone(), ..fault }),
                None => faults.extend(never(*quantity, side, cmp, at)),
            };
        }
        Bound::PercentOf { percent, of } => {
            if !(percent.is_finite() && *percent >= 0.0) {
                let message = format!("`{percent}% of {}`", reference_text(of));
                let fault = Fault::new(at.bound.clone(), message);
                faults.push(fault.hint("write a percent of 0 or more"));
            }
            if share_of_itself(side.series.metric, of) && !side.change {
                faults.extend(itself(*percent, of, side, at));
                return;
            }
            compared(of, side, at, context, faults);
        }
        Bound::Reference { reference, offset } => {
            compared(reference, side, at, context, faults);
            if let Some(offset) = offset {
                faults.extend(offset_fault(*offset, side, at));
            }
        }
    }
}

/// A change is compared with a percent and nothing else.
fn compared(
    of: &Reference,
    side: &Side<'_>,
    at: &At,
    context: &Context<'_>,
    faults: &mut Vec<Fault>,
) {
    if side.change {
        let message = format!(
            "{} is a share; it cannot be compared with `{}`",
            side.name,
            reference_text(of)
        );
        faults.push(Fault::new(at.bound.clone(), message).hint("write a percent, e.g. `> 15%`"));
        return;
    }
    reference(of, side.series, &at.bound, at, context, faults);
}

/// Whether a metric is a share of this reference already.
const fn share_of_itself(metric: Metric, of: &Reference) -> bool {
    matches!(
        (metric, of),
        (Metric::CacheMemoryUsage, Reference::Capacity)
            | (Metric::BudgetUtilization, Reference::Budget(None))
    )
}

/// `80% of capacity` of a share of the capacity reads as `80%` (alerting 3).
pub(in super::super) fn plain_share(
    bound: Bound,
    metric: Metric,
    at: &At,
    context: &Context<'_>,
    faults: &mut Vec<Fault>,
) -> Bound {
    let Bound::PercentOf { percent, of } = &bound else { return bound };
    if !share_of_itself(metric, of) {
        return bound;
    }
    if *of == Reference::Capacity {
        faults.extend(capacity_fault(Metric::CacheMemoryBytes, context).map(|f| Fault {
            span: at.bound.clone(),
            hint: Some(format!("write {percent}%")),
            ..f
        }));
    }
    Bound::Quantity(Quantity { number: *percent, unit: Written::Percent })
}

/// Reading text leaves the reference out; a tree must do so itself.
fn itself(percent: f64, of: &Reference, side: &Side<'_>, at: &At) -> Option<Fault> {
    let message = format!("{} is a share of the {} already", side.name, reference_text(of));
    Some(Fault::new(at.bound.clone(), message).hint(format!("write {percent}%")))
}

fn quantity_fault(quantity: Quantity, side: &Side<'_>) -> Option<Fault> {
    let text = quantity_text(quantity);
    let fault = |message: String| Fault::new(0..0, message);
    if !quantity.base().is_finite() {
        return Some(fault(format!("`{text}` is no number that can be compared")));
    }
    let Some(dimension) = quantity.unit.dimension() else {
        let fits = matches!(side.dimension, Dimension::Count | Dimension::Rating);
        return (!fits).then(|| {
            let message =
                format!("{} is {}, and `{text}` has no unit", side.name, side.dimension.words());
            fault(message).hint(with_unit(quantity.number, side))
        });
    };
    if dimension != side.dimension {
        let message = format!(
            "{} is {}, but `{text}` is {}",
            side.name,
            side.dimension.words(),
            dimension.words()
        );
        return Some(fault(message).hint(fitting(quantity, side)));
    }
    (quantity.unit == Written::Tokens && !side.series.metric.counts_tokens()).then(|| {
        fault(format!("{} does not count tokens", side.name))
            .hint(format!("write {}", quantity.number))
    })
}

/// What a bare number was probably meant to be.
fn with_unit(number: f64, side: &Side<'_>) -> String {
    match side.dimension {
        Dimension::Time => format!("write {number}ms or {}s", number / 1000.0),
        Dimension::Ratio if number > 0.0 && number < 1.0 => {
            let percent: f64 = format!("{number}e2").parse().unwrap_or(number * 100.0);
            format!("write {percent}%; shares are written in percent")
        }
        Dimension::Ratio => format!("write {number}%"),
        Dimension::Money => format!("write ${number}, {number} USD or {number} cents"),
        Dimension::Size => format!("write {number}MiB, {number}GiB or {number}B"),
        Dimension::Rate => format!("write {number}rpm or {number}rps"),
        Dimension::Count | Dimension::Rating => format!("write {number}"),
    }
}

/// What a number with the wrong unit was probably meant to be.
fn fitting(quantity: Quantity, side: &Side<'_>) -> String {
    let number = quantity.number;
    let metric = side.series.metric;
    match (quantity.unit, side.dimension) {
        (Written::Minutes, Dimension::Count) => {
            format!("m is minutes; for millions write {number}M")
        }
        (Written::Mega, Dimension::Time) => {
            format!("M is a million; for minutes write {number}m")
        }
        (Written::Kilo | Written::Mega | Written::Giga, Dimension::Size) => {
            let sign = quantity.unit.sign().to_uppercase();
            format!("write {number}{sign}B or {number}{sign}iB")
        }
        (Written::Kilo | Written::Mega | Written::Giga, Dimension::Money) => {
            format!("write ${}", number * quantity.unit.base())
        }
        (Written::Percent, _) if matches!(metric, Metric::DailyCost | Metric::MonthlyCost) => {
            format!("write `{number}% of budget`")
        }
        (Written::Percent, Dimension::Rating) => {
            "ratings are from 1 to 5: write for example 4 or 4/5".to_owned()
        }
        (Written::Percent, _) => {
            format!("write `{number}% of baseline`, or a unit: {}", side.dimension.units())
        }
        _ => format!("units that fit: {}", side.dimension.units()),
    }
}

/// Rule 8: a threshold that is never crossed.
fn never(quantity: Quantity, side: &Side<'_>, cmp: Cmp, at: &At) -> Option<Fault> {
    let limit = quantity.base();
    let (low, high) = side.range;
    let under = low.is_some_and(|l| limit < l);
    let at_low = low.is_some_and(|l| limit <= l);
    let over = high.is_some_and(|h| limit > h);
    let at_high = high.is_some_and(|h| limit >= h);
    let outcome = match cmp {
        Cmp::Above if at_high => "never",
        Cmp::AtLeast | Cmp::Equal if over => "never",
        Cmp::Below if at_low => "never",
        Cmp::AtMost | Cmp::Equal if under => "never",
        Cmp::Above | Cmp::AtLeast | Cmp::NotEqual if under => "always",
        Cmp::Below | Cmp::AtMost | Cmp::NotEqual if over => "always",
        _ => return None,
    };
    let threshold = format!("{} {}", cmp_text(cmp), quantity_text(quantity));
    let message = format!("{} is {outcome} {threshold}", side.name);
    Some(Fault::new(at.bound.clone(), message).hint(range_hint(side)))
}

fn range_hint(side: &Side<'_>) -> String {
    let text = |v: f64| {
        let number = if side.dimension == Dimension::Ratio { v * 100.0 } else { v };
        let sign = if side.dimension == Dimension::Ratio { "%" } else { "" };
        format!("{number}{sign}")
    };
    match side.range {
        (Some(low), Some(high)) => format!("it lies between {} and {}", text(low), text(high)),
        (Some(low), None) => format!("it is at least {}", text(low)),
        (None, Some(high)) => format!("it is at most {}", text(high)),
        (None, None) => "choose a threshold that it can cross".to_owned(),
    }
}

/// An offset is a percent of the reference or an amount of the same dimension.
fn offset_fault(offset: Offset, side: &Side<'_>, at: &At) -> Option<Fault> {
    let amount = offset.amount;
    let sign = if offset.minus { '-' } else { '+' };
    let fault = |message: String| Fault::new(at.bound.clone(), message);
    if amount.number.is_sign_negative() || !amount.base().is_finite() {
        let message = format!("`{sign} {}`", quantity_text(amount));
        return Some(fault(message).hint("write an amount of 0 or more"));
    }
    if amount.unit == Written::Percent {
        return None;
    }
    quantity_fault(amount, side).map(|fault| Fault { span: at.bound.clone(), ..fault })
}

/// The faults of a reference that bounds `of`.
pub(super) fn reference(
    reference: &Reference,
    of: &Series,
    span: &Range<usize>,
    at: &At,
    context: &Context<'_>,
    faults: &mut Vec<Fault>,
) {
    let metric = of.metric;
    let word = metric.word();
    let mut fault = |message: String, hint: &str| {
        faults.push(Fault::new(span.clone(), message).hint(hint));
    };
    match reference {
        Reference::Baseline(Some(name)) | Reference::Budget(Some(name))
            if name.trim().is_empty() =>
        {
            fault("a name is empty".to_owned(), "write a name, or leave the parentheses out");
        }
        Reference::Baseline(_) => {}
        Reference::Budget(name) => {
            faults.extend(budget_fault(name.as_deref(), metric, context).map(|f| f.at(span)));
        }
        Reference::Target if metric.target().is_none() => fault(
            format!("{word} has no target in the catalogue of KPIs"),
            "write the threshold itself",
        ),
        Reference::Target => {}
        Reference::Capacity => faults.extend(capacity_fault(metric, context).map(|f| f.at(span))),
        Reference::Previous(length) => {
            if length.0 == 0 {
                fault(
                    "`previous 0s` is the same window".to_owned(),
                    "write for example `previous 1h`",
                );
            }
            length_fault(*length, "`previous`", span, faults);
            faults.extend(past_fault(
                metric,
                &format!("previous {}", print_duration(*length)),
                span,
            ));
        }
        Reference::Yesterday | Reference::LastWeek => {
            faults.extend(past_fault(metric, &reference_text(reference), span));
        }
        Reference::Metric(other) => metric_fault(other, of, span, at, faults),
    }
}

impl Fault {
    fn at(self, span: &Range<usize>) -> Self {
        Self { span: span.clone(), ..self }
    }
}

fn past_fault(metric: Metric, what: &str, span: &Range<usize>) -> Option<Fault> {
    is_gauge(metric).then(|| {
        let message = format!("{} is a figure of the moment; it has no `{what}`", metric.word());
        Fault::new(span.clone(), message).hint("write the threshold itself")
    })
}

fn metric_fault(
    other: &Series,
    of: &Series,
    span: &Range<usize>,
    at: &At,
    faults: &mut Vec<Fault>,
) {
    series::labels(other, &at.other, faults);
    let (left, right) = (of.metric, other.metric);
    let mut fault = |message: String, hint: &str| {
        faults.push(Fault::new(span.clone(), message).hint(hint));
    };
    if left.dimension() != right.dimension() {
        let (a, b) = (left.dimension().words(), right.dimension().words());
        let message = format!("{} is {a}, but {} is {b}", left.word(), right.word());
        fault(message, "compare metrics of one kind");
    } else if left == right
        && of.selector == other.selector
        && of.calendar_day == other.calendar_day
    {
        fault(
            format!("{} is compared with itself", left.word()),
            "write `baseline` or `yesterday`",
        );
    }
    if other.over.is_some() || !other.by.is_empty() {
        let message = format!("{} on the right has a window or labels of its own", right.word());
        fault(message, "leave `over` and `by` out there: those of the left side count");
    }
}

/// Rule 7. A name can be checked even where nothing else is known.
fn budget_fault(name: Option<&str>, metric: Metric, context: &Context<'_>) -> Option<Fault> {
    let fault = |message: String| Some(Fault::new(0..0, message));
    let (period, word) = match metric {
        Metric::DailyCost => (BudgetPeriod::Day, "day"),
        Metric::MonthlyCost => (BudgetPeriod::Month, "month"),
        _ => {
            let message = format!("{} has no budget", metric.word());
            return fault(message).map(|f| {
                f.hint("budgets are for daily_cost and monthly_cost; write the threshold itself")
            });
        }
    };
    if context.shipped {
        return None;
    }
    let Some(name) = name else {
        let has = context.budgets.iter().any(|(_, p)| *p == period);
        let message =
            format!("{} needs a budget per {word}, and none is configured", metric.word());
        let hint = format!(
            "add one with `period: {word}` under `budgets:`, or write an amount, e.g. $1000"
        );
        return if has { None } else { fault(message).map(|f| f.hint(hint)) };
    };
    if context.budgets.iter().any(|(n, _)| n == name) {
        return None;
    }
    let near = did_you_mean(name, context.budgets.iter().map(|(n, _)| n.as_str()));
    let hint = near.unwrap_or_else(|| "add it under `budgets:`".to_owned());
    fault(format!("no budget is called \"{name}\"")).map(|f| f.hint(hint))
}

fn capacity_fault(metric: Metric, context: &Context<'_>) -> Option<Fault> {
    let fault = |message: String, hint: &str| Some(Fault::new(0..0, message).hint(hint));
    match metric {
        Metric::CacheMemoryBytes if context.capacity || context.shipped => None,
        Metric::CacheMemoryBytes => fault(
            "the response cache has no capacity configured".to_owned(),
            "write an amount, e.g. 512MiB",
        ),
        Metric::CacheMemoryUsage => fault(
            "cache_memory_usage is a share of the capacity already".to_owned(),
            "write a percent, e.g. 80%",
        ),
        _ => fault(
            format!("{} has no capacity", metric.word()),
            "capacity is for cache_memory_bytes; write the threshold itself",
        ),
    }
}
