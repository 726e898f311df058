//! The left side alone: labels, selectors, windows.

use super::super::super::condition::{MatchOp, Matcher, Series};
use super::super::super::metric::{Metric, MetricWindow};
use super::super::cursor::did_you_mean;
use super::super::print::print_duration;
use super::super::{Context, Fault};
use super::{At, SeriesAt, is_gauge, length_fault};
use crate::call::{CacheOutcome, Protocol, Source};
use crate::rollup::Dim;
use crate::unit::Micros;
use std::ops::Range;

/// One day; sums are counted in complete days.
const DAY: Micros = Micros(86_400_000_000);

/// The faults of a series.
pub(super) fn check(
    series: &Series,
    at: &SeriesAt,
    context: &Context<'_>,
    faults: &mut Vec<Fault>,
) {
    let metric = series.metric;
    labels(series, at, faults);
    window(series, at, faults);
    if metric == Metric::BudgetUtilization && context.budgets.is_empty() && !context.shipped {
        let fault = Fault::new(
            at.metric.clone(),
            "budget_utilization needs a budget, and none is configured",
        );
        faults.push(fault.hint("add one under `budgets:`"));
    }
}

/// The faults of selector and labels; of references too.
pub(super) fn labels(series: &Series, at: &SeriesAt, faults: &mut Vec<Fault>) {
    let word = series.metric.word();
    if !series.metric.has_labels() && !(series.selector.is_empty() && series.by.is_empty()) {
        let message = format!("{word} is one figure for the whole gateway; it has no labels");
        let first = at.labels.first().unwrap_or(&at.by).clone();
        faults.push(Fault::new(first, message).hint("leave the selector and `by` out"));
    }
    for (i, matcher) in series.selector.iter().enumerate() {
        let span = at.labels.get(i).cloned().unwrap_or(0..0);
        faults.extend(matcher_fault(matcher, span));
    }
    for (i, dim) in series.by.iter().enumerate() {
        if series.by.iter().take(i).any(|d| d == dim) {
            let fault = Fault::new(at.by.clone(), format!("{} stands twice in `by`", dim.word()));
            faults.push(fault.hint("leave one of them out"));
        }
    }
    if series.calendar_day && series.metric != Metric::DailyTokens {
        let message = format!("calendar=\"day\" is for daily_tokens, not for {word}");
        faults.push(Fault::new(at.calendar.clone(), message).hint("leave it out"));
    }
}

fn matcher_fault(matcher: &Matcher, span: Range<usize>) -> Option<Fault> {
    let value = matcher.value.as_str();
    if matches!(matcher.op, MatchOp::Matches | MatchOp::NotMatches) {
        let error = regex_lite::Regex::new(&format!("^(?:{value})$")).err()?;
        let message = format!("\"{value}\" is no regular expression: {error}");
        return Some(Fault::new(span, message).hint("write for example \"gpt-.*\""));
    }
    let known: Vec<&str> = match matcher.dim {
        Dim::Retry => vec!["true", "false"],
        Dim::Cache => CacheOutcome::ALL.iter().map(|c| c.word()).collect(),
        Dim::Source => Source::ALL.iter().map(|s| s.word()).collect(),
        Dim::Protocol => Protocol::ALL.iter().map(|p| p.word()).collect(),
        _ => return None,
    };
    if known.contains(&value) {
        return None;
    }
    let message = format!("{} is never \"{value}\"", matcher.dim.word());
    let hint = if matcher.dim == Dim::Cache && value == "hit" {
        "write cache=~\"hit_.*\" for every kind of hit".to_owned()
    } else {
        let near = did_you_mean(value, known.iter().copied());
        near.unwrap_or_else(|| format!("it is {}", known.join(", ")))
    };
    Some(Fault::new(span, message).hint(hint))
}

fn window(series: &Series, at: &SeriesAt, faults: &mut Vec<Fault>) {
    let Some(over) = series.over else { return };
    let metric = series.metric;
    let word = metric.word();
    let mut fault = |message: String, hint: &str| {
        faults.push(Fault::new(at.over.clone(), message).hint(hint));
    };
    if over.0 == 0 {
        fault("`over 0s` is an empty window".to_owned(), "write for example `over 1h`");
    } else if is_gauge(metric) {
        fault(format!("{word} is a figure of the moment; it has no window"), "leave `over` out");
    } else if matches!(metric.window(), MetricWindow::PeriodMonth | MetricWindow::Period) {
        fault(
            format!("{word} runs from the start of its period; it has no other window"),
            "leave `over` out, or use daily_cost",
        );
    } else if series.calendar_day {
        fault("calendar=\"day\" is a window already".to_owned(), "leave one of them out");
    } else if metric.is_sum() && over.0 % DAY.0 != 0 {
        fault(
            format!("{word} over {} is not a number of complete days", print_duration(over)),
            "write `over 1d` or `over 7d`",
        );
    }
    length_fault(over, "`over`", &at.over, faults);
}

/// `no data` and `absent` ask whether samples arrive.
pub(super) fn has_stream(series: &Series, what: &str, at: &SeriesAt, faults: &mut Vec<Fault>) {
    if is_gauge(series.metric) {
        let message = format!("`{what}` on {}, which is there at every tick", series.metric.word());
        faults.push(
            Fault::new(at.metric.clone(), message).hint("write `throughput` for traffic at all"),
        );
    }
}

/// Only what adds up over a period can be extended to its end.
pub(super) fn has_forecast(
    series: &Series,
    ahead: Option<Micros>,
    at: &At,
    faults: &mut Vec<Fault>,
) {
    let metric = series.metric;
    let adds_up = matches!(
        metric,
        Metric::DailyCost | Metric::MonthlyCost | Metric::DailyTokens | Metric::BudgetUtilization
    );
    let mut fault = |span: &Range<usize>, message: String, hint: &str| {
        faults.push(Fault::new(span.clone(), message).hint(hint));
    };
    if !adds_up {
        let message = format!("{} does not add up, so it has no forecast", metric.word());
        let hint = "forecasts are of monthly_cost, daily_cost, daily_tokens or budget_utilization";
        fault(&at.series.metric, message, hint);
    } else if ahead.is_none() && metric == Metric::DailyTokens && !series.calendar_day {
        let message =
            "daily_tokens counts the last 24 hours, which have no end to forecast".to_owned();
        fault(
            &at.series.metric,
            message,
            "write daily_tokens{calendar=\"day\"}, or how far ahead: `, 7d`",
        );
    } else if ahead == Some(Micros(0)) {
        fault(&at.against, "a forecast 0s ahead".to_owned(), "write how far ahead, e.g. 7d");
    }
    length_fault(ahead.unwrap_or_default(), "the forecast", &at.against, faults);
}
