//! Burn rates against their objective: a factor that can be reached, windows that fit (alerting 13).

use super::super::super::condition::Predicate;
use super::super::super::rule::{Sli, Slo, SloPeriod};
use super::super::cursor::did_you_mean;
use super::super::lexer::{is_word, quote};
use super::super::print::print_duration;
use super::super::{Context, Fault};
use super::{At, length_fault};
use crate::unit::Micros;

/// One minute: windows in hints are whole minutes.
const MINUTE: f64 = 60e6;

/// The short window is a twelfth of the long one (alerting 13.1).
const SHORT: f64 = 12.0;

/// The faults of a burn rate.
pub(super) fn check(
    predicate: &Predicate,
    at: &At,
    context: &Context<'_>,
    faults: &mut Vec<Fault>,
) {
    let Predicate::BurnRate { slo: name, factor, long, short } = predicate else { return };
    length_fault(*long, "the long window", &at.series.over, faults);
    if short.0 == 0 || short >= long {
        let message =
            format!("the windows {} and {}", print_duration(*long), print_duration(*short));
        let hint = "write the long one first and the short one second, e.g. `over 1h and 5m`";
        faults.push(Fault::new(at.series.over.clone(), message).hint(hint));
    }
    if !(factor.is_finite() && *factor > 0.0) {
        let message = format!("a burn rate above {factor} says nothing");
        faults
            .push(Fault::new(at.bound.clone(), message).hint("write a factor above 0, e.g. 14.4"));
        return;
    }
    match context.slos.iter().find(|s| s.name == *name) {
        Some(slo) => faults.extend(unreachable(slo, *factor, *long, at)),
        None if context.shipped => {}
        None => faults.push(unknown(name, at, context)),
    }
}

fn unknown(name: &str, at: &At, context: &Context<'_>) -> Fault {
    let names = || context.slos.iter().map(|s| s.name.as_str());
    let hint = did_you_mean(name, names()).unwrap_or_else(|| {
        if context.slos.is_empty() {
            return "add it under `slos:`".to_owned();
        }
        format!("there are {}; add it under `slos:`", names().collect::<Vec<_>>().join(", "))
    });
    Fault::new(at.series.metric.clone(), format!("no objective is called \"{name}\"")).hint(hint)
}

/// The largest burn rate is 1/β, with everything failing; spending has no such limit.
fn unreachable(slo: &Slo, factor: f64, long: Micros, at: &At) -> Option<Fault> {
    if matches!(slo.sli, Sli::Spend { .. }) {
        return None;
    }
    let most = 1.0 / (1.0 - slo.objective);
    // 1 − 0.9 is 0.09999999999999998: a factor equal to the limit but for rounding is not below it.
    if !most.is_finite() || factor < most * (1.0 - 1e-9) {
        return None;
    }
    let objective = rounded(slo.objective * 100.0, 1e4);
    let message = format!(
        "with an objective of {objective}% the burn rate of {} is at most {}: it is never above {factor}",
        slo.name,
        rounded(most, 10.0),
    );
    Some(Fault::new(at.bound.clone(), message).hint(suggestion(slo, factor, long, most)))
}

/// The same share of the error budget, noticed with half the largest burn rate: F·w stays the same
/// (alerting 13.1).
fn suggestion(slo: &Slo, factor: f64, long: Micros, most: f64) -> String {
    let reachable = rounded((most / 2.0).max(1.0), 10.0);
    #[expect(clippy::cast_precision_loss, reason = "windows stay far below 2^53 µs")]
    let wanted = long.0 as f64 * factor / reachable;
    let period = match slo.period {
        SloPeriod::Rolling(days) => f64::from(days) * 86_400e6,
        SloPeriod::Month => 30.0 * 86_400e6,
    };
    if wanted >= period {
        return format!("write a factor below {}", rounded(most, 10.0));
    }
    let name = if is_word(&slo.name) { slo.name.to_string() } else { quote(&slo.name) };
    format!(
        "the same share of the error budget is `burn_rate({name}) > {reachable} over {} and {}`",
        print_duration(minutes(wanted)),
        print_duration(minutes(wanted / SHORT)),
    )
}

/// Whole minutes, at least one.
fn minutes(micros: f64) -> Micros {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "shorter than a period of an objective, and not negative"
    )]
    let minutes = (micros / MINUTE).round().max(1.0) as u64;
    Micros(minutes.saturating_mul(60_000_000))
}

fn rounded(number: f64, steps: f64) -> f64 {
    (number * steps).round() / steps
}
