//! Requests that fail more than their limit allows, or more than before.

use super::super::facts::Facts;
use super::super::finding::{Cause, Evidence, Finding, Severity, whole};
use super::super::test_of_difference::{ALPHA, LEAST, shares};
use crate::call::ErrorClass;
use crate::kpi::{Kpi, Unit};
use crate::rollup::Rollup;

/// A rise of the error rate below this, in points of 0 to 1, is left to the rules.
const RISE: f64 = 0.02;
/// Where no limit is known: the guide's rule on the error rate (alert R3).
const LIMIT: f64 = 0.05;

/// The failures' main class, where the rate breaches its limit or rose.
#[must_use]
pub fn look(facts: &Facts) -> Vec<Finding> {
    let (before, now) = (facts.before.cells.whole(), facts.now.cells.whole());
    let (judged_before, judged_now) = (before.success + before.failure, now.success + now.failure);
    if judged_now < LEAST {
        return Vec::new();
    }
    let limit = Kpi::find("error_rate").and_then(|k| k.critical).map_or(LIMIT, |c| c / 100.0);
    let rate = whole(now.failure) / whole(judged_now);
    let breaches = rate > limit;
    let test = shares((before.failure, judged_before), (now.failure, judged_now));
    let rose = judged_before >= LEAST && test.is_some_and(|t| t.p <= ALPHA && t.difference >= RISE);
    if !breaches && !rose {
        return Vec::new();
    }
    let Some((class, of_class, of_class_before)) = main_class(&before, &now) else {
        return Vec::new();
    };
    let percent = |part: u64, all: u64| (all > 0).then(|| 100.0 * whole(part) / whole(all));
    let all = (percent(now.failure, judged_now), percent(before.failure, judged_before));
    let mut whole_rate = Evidence::change("error rate", Unit::Percent, all, judged_now);
    if let Some(test) = test {
        let relative =
            percent(before.failure, judged_before).and_then(|b| test.relative_to(b / 100.0));
        whole_rate = whole_rate.tested(test.p, relative);
    }
    let both = (percent(of_class, judged_now), percent(of_class_before, judged_before));
    let evidence = vec![
        whole_rate,
        Evidence::change(
            format!("requests ending in {}", class.word()),
            Unit::Percent,
            both,
            judged_now,
        ),
    ];
    let sentence = format!(
        "{:.1} % of requests fail, most with {} ({} of {} failures).",
        100.0 * rate,
        class.word(),
        of_class,
        now.failure
    );
    let severity = if breaches { Severity::Critical } else { Severity::Warning };
    let strength = (rate / limit).max(f64::MIN_POSITIVE).ln().max(0.0) + 1.0;
    let next = "flowgauge health errors --last 30min".to_owned();
    vec![Finding { cause: cause(class), severity, sentence, evidence, next, strength }]
}

/// The class that grew most: its count now and before.
fn main_class(before: &Rollup, now: &Rollup) -> Option<(ErrorClass, u64, u64)> {
    let count =
        |r: &Rollup, c: ErrorClass| r.by_class.get(usize::from(c.code())).copied().unwrap_or(0);
    let scale = whole(now.requests()) / whole(before.requests().max(1));
    let failing = ErrorClass::ALL.iter().copied().filter(|c| c.counts_as_failure());
    let grown = failing.map(|c| (c, count(now, c), count(before, c))).filter(|(_, n, _)| *n > 0);
    let growth = |(_, n, b): &(ErrorClass, u64, u64)| whole(*n) - scale * whole(*b);
    grown.max_by(|a, b| growth(a).total_cmp(&growth(b)))
}

const fn cause(class: ErrorClass) -> Cause {
    match class {
        ErrorClass::Upstream429 => Cause::RateLimited,
        ErrorClass::Timeout | ErrorClass::Unreachable => Cause::UpstreamUnreachable,
        ErrorClass::Gateway | ErrorClass::OwnLimit => Cause::GatewayErrors,
        ErrorClass::None
        | ErrorClass::Client4xx
        | ErrorClass::Upstream5xx
        | ErrorClass::InStream
        | ErrorClass::Truncated
        | ErrorClass::Reported => Cause::UpstreamErrors,
    }
}
